// `gorgon doctor`: one check after the other, each with a bound on what it waits for, and what was
// found.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/version.h"
#include "broker/broker.h"
#include "cli/ask_listeners.h"
#include "cli/commands.h"
#include "cli/detect_runner.h"
#include "cli/secrets.h"
#include "cli/signing_key.h"
#include "config/project_config.h"
#include "doctor/broker_check.h"
#include "doctor/environment.h"
#include "doctor/finding.h"
#include "doctor/machines.h"
#include "doctor/project.h"
#include "doctor/report.h"
#include "doctor/transport.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "report/look.h"
#include "report/terminal.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

namespace fs = std::filesystem;
using doctor::Area;
using doctor::Finding;
using doctor::Findings;
using doctor::Remedy;

void append(Findings& all, Findings some) { std::ranges::move(some, std::back_inserter(all)); }

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Nullopt in `key`: there is none, or it cannot be used.
Finding check_key(const config::ProjectConfig& config, const fs::path& config_file,
                  std::optional<PrivateKey>& key) {
  auto loaded = signing_key(config, config_file);
  if (!loaded) {
    return Finding::problem(Area::kProject, "signing key", loaded.error().message,
                            Remedy("chmod 600 the file, or make a new key: gorgon keygen"));
  }
  key = *std::move(loaded);
  if (key) return Finding::ok(Area::kProject, "signing key", key->public_key().text());
  return Finding::ok(Area::kProject, "signing key",
                     "none: machines with trusted keys refuse jobs from here");
}

/// All listeners that answer a ping, by name.
Result<std::vector<doctor::Machine>> ping_all(asio::io_context& io,
                                              const config::ProjectConfig& config) {
  std::vector<doctor::Machine> machines;
  Question question{
      .config = config,
      .message = [](const std::string& queue) { return protocol::Ping{.reply_queue = queue}; },
      .answered =
          [&](const protocol::Message& answer) {
            if (const auto* pong = std::get_if<protocol::Pong>(&answer))
              machines.push_back({.pong = *pong});
            return false;
          },
      .wait = kPingWait};
  GORGON_TRY(run_to_completion(io, ask_listeners(std::move(question))));
  std::ranges::sort(machines, {}, [](const auto& machine) { return machine.pong.host; });
  return machines;
}

/// Puts an answer to the first of its machines that has none; true when all have one.
bool take(std::vector<doctor::Machine>& machines, const protocol::Message& answer) {
  const auto* status = std::get_if<protocol::ListenerStatus>(&answer);
  if (status == nullptr) return false;
  const auto is_its = [&](const doctor::Machine& machine) {
    return !machine.status && machine.pong.host == status->host;
  };
  const auto machine = std::ranges::find_if(machines, is_its);
  if (machine == machines.end()) return false;  // It has come since.
  machine->status = *status;
  machine->answered_at = unix_now();
  return std::ranges::all_of(machines, [](const auto& one) { return one.status.has_value(); });
}

Result<std::vector<doctor::Machine>> ask_machines(asio::io_context& io,
                                                  const config::ProjectConfig& config,
                                                  const std::optional<PrivateKey>& key,
                                                  double wait_seconds) {
  GORGON_TRY_ASSIGN(std::vector<doctor::Machine> machines, ping_all(io, config));
  if (machines.empty()) return machines;
  Question question{
      .config = config,
      .signing_key = key,
      .topic = &protocol::status_topic,
      .message =
          [](const std::string& queue) {
            return protocol::StatusRequest{.reply_queue = queue, .asks_machine = true};
          },
      .answered = [&](const protocol::Message& answer) { return take(machines, answer); },
      .wait = std::chrono::duration<double>(wait_seconds)};
  GORGON_TRY(run_to_completion(io, ask_listeners(std::move(question))));
  return machines;
}

/// Everything that lies beyond this machine. False: the broker cannot be used.
bool check_cluster(asio::io_context& io, const config::ProjectConfig& config,
                   const doctor::Environment& environment, const std::optional<PrivateKey>& key,
                   double wait_seconds, Findings& findings) {
  doctor::BrokerCheck broker = run_to_completion(
      io, doctor::check_broker(*config.connection, config.cluster, config.timeouts.unit));
  append(findings, std::move(broker.findings));
  const config::Sync& sync = config.job.sync;
  // Where the way to the broker is what is told, and there is none, that says it all.
  if (broker.is_reached || sync.transport != config::Transport::kDirect ||
      !sync.bind_address.empty())
    append(findings, run_to_completion(io, doctor::check_transport(config)));
  if (!broker.is_reached) return false;
  auto machines = ask_machines(io, config, key, wait_seconds);
  if (!machines) {
    findings.push_back(Finding::problem(Area::kMachines, "listeners", machines.error().message,
                                        Remedy("see the broker's log, and ask again")));
    return true;
  }
  append(findings, doctor::judge_machines(
                       *machines, {.version = std::string(kVersion),
                                   .cluster = config.cluster,
                                   .broker = broker::describe(*config.connection),
                                   .public_key = key ? key->public_key().text() : "",
                                   .environment = environment,
                                   .needs_rsync = sync.transport != config::Transport::kNone}));
  return true;
}

int check(const DoctorCommand& command, Findings& findings) {
  const fs::path folder = fs::absolute(command.config_file).parent_path().lexically_normal();
  findings = doctor::check_secret_file(folder);
  auto config = load_project(command.config_file, command.config_is_required);
  if (!config) {
    findings.push_back(Finding::problem(
        Area::kProject, "configuration", config.error().message,
        Remedy("mend what is named here, and ask again: nothing else can be checked before. "
               "docs/configuration.md explains every key")));
    return results::kUsageError;
  }
  if (command.cluster) config->cluster = *command.cluster;
  detect_runner(*config, folder);
  std::error_code ignored;
  findings.push_back(
      Finding::ok(Area::kProject, "configuration",
                  command.config_file.string() + (fs::exists(command.config_file, ignored)
                                                      ? " can be used"
                                                      : " is not there: the defaults count")));
  const doctor::Project project{
      .folder = folder, .config_name = command.config_file.string(), .config = *config};
  append(findings, doctor::check_places(project));
  std::optional<PrivateKey> key;
  if (config->connection) findings.push_back(check_key(*config, command.config_file, key));
  asio::io_context io(1);
  append(findings, run_to_completion(io, doctor::check_tools(project)));
  doctor::Suite suite = run_to_completion(io, doctor::check_suite(project));
  append(findings, std::move(suite.findings));
  if (!config->connection) {
    findings.push_back(Finding::ok(Area::kBroker, "connection",
                                   "none is configured: runs are on this machine alone"));
  } else if (!check_cluster(io, *config, suite.environment, key, command.wait_seconds, findings)) {
    return results::kOriginatorError;
  }
  return doctor::has_problem(findings) ? results::kTestsFailed : results::kAllPassed;
}

}  // namespace

int doctor(const DoctorCommand& command) {
  Findings findings;
  const int exit_code = check(command, findings);
  if (command.json) {
    std::printf("%s\n", doctor::json_of(findings).c_str());
    return exit_code;
  }
  const auto terminal = report::terminal_options(STDOUT_FILENO, report::Color::kAuto,
                                                 report::Verbosity::kNormal, &std::getenv);
  const std::size_t columns =
      ::isatty(STDOUT_FILENO) == 1 ? terminal.size().columns : std::numeric_limits<int>::max();
  (void)std::fputs(doctor::text_of(findings, terminal.look, columns).c_str(), stdout);
  return exit_code;
}

}  // namespace gorgon::cli
