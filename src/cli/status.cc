// `gorgon status`: one question to all listeners and originators of a cluster, or to those of the
// runs that this project has on this machine.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"
#include "cli/ask_listeners.h"
#include "cli/commands.h"
#include "cli/secrets.h"
#include "cli/signing_key.h"
#include "cli/status_text.h"
#include "config/project_config.h"
#include "originator/journal.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "report/look.h"
#include "report/terminal.h"
#include "results/exit_code.h"
#include "web/cluster_status.h"

namespace gorgon::cli {

namespace {

/// More machines than anybody has; whoever floods us with answers is not listened to for longer.
constexpr std::size_t kMaxAnswers = 10'000;

bool knows(const web::ClusterStatus& status, const std::string& job) {
  return std::ranges::find(status.jobs, job, &protocol::JobStatus::job) != status.jobs.end();
}

void take(web::ClusterStatus& status, const protocol::Message& answer) {
  if (const auto* job = std::get_if<protocol::JobStatus>(&answer)) {
    if (!knows(status, job->job)) status.jobs.push_back(*job);
  } else if (const auto* machine = std::get_if<protocol::ListenerStatus>(&answer)) {
    status.machines.push_back(*machine);
  }
}

/// `status` is the caller's, and outlives the call. `most` answers are expected.
Result<void> ask(web::ClusterStatus& status, Question question, std::size_t most) {
  question.topic = &protocol::status_topic;
  question.message = [](const std::string& queue) {
    return protocol::StatusRequest{.reply_queue = queue};
  };
  std::size_t answers = 0;
  question.answered = [&](const protocol::Message& answer) {
    take(status, answer);
    return ++answers == most;
  };
  asio::io_context io(1);
  return run_to_completion(io, ask_listeners(std::move(question)));
}

/// The runs that have a broker of their own. One that ends meanwhile is no more to be shown.
void ask_local_runs(web::ClusterStatus& status, config::ProjectConfig config,
                    const StatusCommand& command) {
  config.cluster.clear();
  const auto project = std::filesystem::absolute(command.config_file).parent_path();
  for (const auto& socket : originator::live_brokers(project.lexically_normal())) {
    constexpr std::size_t kOriginatorAndListener = 2;
    (void)ask(status,
              {.config = config,
               .address = broker::EmbeddedAddress{socket},
               .wait = std::chrono::duration<double>(command.wait_seconds)},
              kOriginatorAndListener);
  }
}

void print(const web::ClusterStatus& status, bool as_json) {
  if (as_json) {
    std::printf("%s\n", web::status_json(status).c_str());
    return;
  }
  const auto terminal = report::terminal_options(STDOUT_FILENO, report::Color::kAuto,
                                                 report::Verbosity::kNormal, &std::getenv);
  const std::size_t columns =
      ::isatty(STDOUT_FILENO) == 1 ? terminal.size().columns : std::numeric_limits<int>::max();
  (void)std::fputs(status_text(status, terminal.look, columns).c_str(), stdout);
}

}  // namespace

int status(const StatusCommand& command) {
  auto config = load_project(command.config_file, command.config_is_required);
  if (!config) return complain(config.error());
  if (command.cluster) config->cluster = *command.cluster;
  web::ClusterStatus status;
  if (config->connection) {
    auto key = signing_key(*config, command.config_file);
    if (!key) return complain(key.error());
    const auto asked = ask(status,
                           {.config = *config,
                            .signing_key = *std::move(key),
                            .wait = std::chrono::duration<double>(command.wait_seconds)},
                           kMaxAnswers);
    if (!asked) return complain(asked.error());
  } else {
    ask_local_runs(status, *config, command);
  }
  std::ranges::sort(status.jobs, std::ranges::greater(), &protocol::JobStatus::seconds);
  std::ranges::sort(status.machines, {}, &protocol::ListenerStatus::host);
  print(status, command.json);
  return status.machines.empty() ? results::kIncomplete : 0;
}

}  // namespace gorgon::cli
