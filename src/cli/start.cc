#include <signal.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <iostream>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "cli/commands.h"
#include "config/project_config.h"
#include "originator/originator.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

Result<originator::StartOptions> settle(const StartCommand& command) {
  originator::StartOptions options;
  GORGON_TRY_ASSIGN(options.config,
                    config::load_project_config(command.config_file, command.config_is_required));
  options.project = fs::absolute(command.config_file).parent_path().lexically_normal();
  options.selection = command.selection;
  options.slots = command.slots;
  if (command.cluster) options.config.cluster = *command.cluster;
  if (command.start_timeout)
    options.config.timeouts.start = std::chrono::duration<double>(*command.start_timeout);
  if (command.unit_timeout)
    options.config.timeouts.unit = std::chrono::duration<double>(*command.unit_timeout);
  return options;
}

class Tmp : public report::Reporter {
  void on(const results::RunEvent& e) override {
    if (auto* u = std::get_if<results::UnitFinished>(&e)) {
      std::printf("%s %s %zu cases %.3f s %s:%s\n",
                  std::string(name_of(u->result->verdict)).c_str(), u->unit->file.c_str(),
                  u->result->cases.size(), u->result->seconds, u->result->host.c_str(),
                  u->result->worker.c_str());
      for (auto& x : u->result->errors)
        std::printf("   %s %s %s\n", x.stage.c_str(), x.exception_class.c_str(), x.message.c_str());
    }
    if (auto* n = std::get_if<results::Notice>(&e)) std::printf("notice %s\n", n->text.c_str());
    if (auto* n = std::get_if<results::Waiting>(&e)) std::printf("waiting %s\n", n->reason.c_str());
    if (auto* n = std::get_if<results::RunFinished>(&e))
      std::printf("%zu units %zu cases %.3f s exit %d %s\n", n->units, n->cases, n->seconds,
                  n->exit_code, n->reason.c_str());
  }
};

}  // namespace

int start(const StartCommand& command) {
  auto options = settle(command);
  if (!options) return complain(options.error());
  if (!options->config.originator_log_file.empty()) {
    if (const auto opened = log::open(options->config.originator_log_file, log::Level::kInfo);
        !opened)
      return complain(opened.error());
  }
  auto plan = originator::make_plan(*options);
  if (!plan) return complain(plan.error());
  Tmp reporter;
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), *std::move(options), *std::move(plan),
                                    reporter);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int number) {
    if (error) return;
    originator.interrupt(number);
    // Whoever asks twice does not want to wait for the clean-up; children die with us.
    signals.async_wait([](const boost::system::error_code& again, int second) {
      if (!again) ::_exit(128 + second);
    });
  });
  return run_to_completion(io, originator.run());
}

}  // namespace gorgon::cli
