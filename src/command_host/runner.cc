#include "command_host/runner.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "command_host/conversation.h"
#include "command_host/ctest_run.h"
#include "command_host/googletest_run.h"
#include "command_host/unit_run.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

constexpr int kTerminatedCode = 128 + SIGTERM;

/// Ends this process by the signal that its command has died of.
[[noreturn]] void die_of(int signal) {
  kill_descendants(::getpid());
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};  // The command has left one, if it was to.
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  std::_Exit(128 + signal);
}

/// What keeps a unit from being run, whatever the command is; empty: nothing.
std::string problem_of(const std::string& file) {
  const std::filesystem::path path(file);
  const bool leads_out = std::ranges::find(path, std::filesystem::path("..")) != path.end();
  if (path.empty() || path.is_absolute() || leads_out) return file + " is not in the workspace";
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? "" : "there is no file " + file;
}

class Runner {
 public:
  Runner(const asio::any_io_executor& executor, UnitCommand command, UniqueFd conversation)
      : command_(std::move(command)),
        conversation_(executor, std::move(conversation)),
        signals_(executor, SIGTERM) {
    watch_signals();
  }

  Task<int> serve() {
    conversation_.tell_ready();
    for (;;) {
      const std::string line = co_await conversation_.next_line();
      auto request = parse_request(line);
      if (!request) {
        log::error("the worker broke the protocol: {}", request.error().message);
        co_return 1;
      }
      if (std::holds_alternative<StopRequest>(*request)) {
        conversation_.tell_stopped();
        co_return 0;
      }
      co_await run(std::get<RunRequest>(std::move(*request)));
    }
  }

 private:
  Task<void> run(RunRequest request) {
    const auto started = std::chrono::steady_clock::now();
    ::setenv("GORGON_ATTEMPT", std::to_string(request.attempt).c_str(), 1);
    UnitEnd end;
    // A test of ctest has a name, and no file.
    const std::string problem =
        command_.kind == UnitKind::kCTest ? "" : problem_of(request.unit.file);
    if (!problem.empty()) {
      end.errors.push_back({.stage = "load", .exception_class = "", .message = problem});
    } else {
      const auto on_start = [this](pid_t pid) { running_ = pid; };
      switch (command_.kind) {
        case UnitKind::kCommand:
          end = co_await run_unit(command_, request.unit, conversation_, on_start);
          break;
        case UnitKind::kGoogleTest:
          end = co_await run_googletest_unit(command_, request.unit, conversation_, on_start);
          break;
        case UnitKind::kCTest:
          end = co_await run_ctest_unit(command_, request.unit, conversation_, on_start);
          break;
      }
    }
    running_ = 0;
    if (is_terminated_) end_at_once(kTerminatedCode);
    if (end.status && end.status->signal) die_of(*end.status->signal);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    const bool has_passed = end.errors.empty() && !end.has_bad_cases;
    conversation_.tell_finished(request.unit.id, has_passed, end.errors, took.count());
  }

  /// SIGTERM is for the command, which may clean up; this process ends with it.
  void watch_signals() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      if (running_ == 0) end_at_once(kTerminatedCode);
      is_terminated_ = true;
      ::kill(-running_, SIGTERM);  // It leads a session, and so a group.
      watch_signals();
    });
  }

  UnitCommand command_;
  Conversation conversation_;
  asio::signal_set signals_;
  pid_t running_ = 0;
  bool is_terminated_ = false;
};

}  // namespace

int run_runner(UnitCommand command, UniqueFd conversation) {
  // What a command leaves running stays below us, so that it ends with its unit.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  asio::io_context io(1);
  Runner runner(io.get_executor(), std::move(command), std::move(conversation));
  return run_to_completion(io, runner.serve());
}

}  // namespace gorgon::command_host
