#include "command_host/host.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "base/version.h"
#include "command_host/runner.h"
#include "command_host/unit_run.h"
#include "config/project_config.h"

namespace gorgon::command_host {

namespace {

constexpr std::size_t kDescriptors = 3;  ///< Of a fork: conversation, output, status.

struct ForkRequest {
  std::uint32_t worker = 1;
  std::vector<std::pair<std::string, std::optional<std::string>>> env;
  std::string cgroup;  ///< Empty: none.
};

Result<ForkRequest> read_fork(ObjectReader& in) {
  ForkRequest request;
  request.worker =
      static_cast<std::uint32_t>(in.integer("worker", {.least = 1, .most = 1'000'000}));
  request.cgroup = in.text_or("cgroup", "");
  in.members("env", [&](const std::string& name, std::optional<std::string> value) {
    request.env.emplace_back(name, std::move(value));
  });
  GORGON_TRY(in.status());
  return request;
}

void set_variable(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
}

void write_status(const UniqueFd& status, const Json& line) {
  const std::string text = line.dump() + "\n";
  // The worker that asked may be gone; its runner will notice by itself.
  [[maybe_unused]] const ssize_t written = ::write(status.get(), text.data(), text.size());
}

/// The place of a fresh fork among processes, its descriptors and its environment.
void settle(pid_t host, const ForkRequest& request, const UniqueFd& output) {
  if (!request.cgroup.empty()) {
    std::ofstream processes(request.cgroup + "/cgroup.procs");
    // Killing by process tree remains.
    if (!(processes << "0" << std::flush)) log::warning("cannot join {}", request.cgroup);
  }
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != host) std::_Exit(1);
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ::dup2(nothing.get(), STDIN_FILENO);
  ::dup2(output.get(), STDOUT_FILENO);
  ::dup2(output.get(), STDERR_FILENO);
  set_variable("GORGON_WORKER_ID", std::to_string(request.worker));
  set_variable("TEST_ENV_NUMBER", request.worker == 1 ? "" : std::to_string(request.worker));
  for (const auto& [name, value] : request.env) {
    if (value) {
      set_variable(name, *value);
    } else {
      ::unsetenv(name.c_str());
    }
  }
}

class Host {
 public:
  Host(UniqueFd control, std::filesystem::path scratch)
      : control_(std::move(control)), scratch_(std::move(scratch)) {
    ::sigemptyset(&child_signal_);
    ::sigaddset(&child_signal_, SIGCHLD);
  }

  /// Until the listener says `finish` or is gone; in a runner, until that has ended.
  int serve() {
    ::sigprocmask(SIG_BLOCK, &child_signal_, nullptr);
    ended_children_ = UniqueFd(::signalfd(-1, &child_signal_, SFD_CLOEXEC | SFD_NONBLOCK));
    while (!exit_code_) {
      std::array<pollfd, 2> wait = {
          {{.fd = control_.get(), .events = POLLIN, .revents = 0},
           {.fd = ended_children_.get(), .events = POLLIN, .revents = 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return 1;
      if (wait[1].revents != 0) reap();
      if (wait[0].revents != 0) obey_next();
    }
    if (!is_runner_) kill_descendants(::getpid());
    return *exit_code_;
  }

 private:
  void obey_next() {
    auto datagram = receive_datagram(control_.get());
    if (!datagram && datagram.error().kind == ErrorKind::kTimeout) return;
    if (!datagram) {  // The listener is gone, or is none.
      exit_code_ = 1;
      return;
    }
    if (const auto obeyed = obey(*datagram); !obeyed)
      log::error("the listener broke the protocol: {}", obeyed.error().message);
  }

  Result<void> obey(Datagram& datagram) {
    GORGON_TRY_ASSIGN(const Json json, parse_json(datagram.bytes));
    ObjectReader in(json, "listener");
    const std::string type = in.text("type");
    GORGON_TRY(in.status());
    if (type == "init") return take_init(in);
    if (type == "finish") {
      tell({{"type", "finished"}});
      exit_code_ = 0;
      return {};
    }
    if (type != "fork")
      return fail(ErrorKind::kProtocol, "a message of unknown type \"" + type + "\"");
    if (datagram.descriptors.size() != kDescriptors)
      return fail(ErrorKind::kProtocol, "a fork needs three descriptors");
    GORGON_TRY_ASSIGN(const ForkRequest request, read_fork(in));
    fork_runner(request, datagram.descriptors);
    return {};
  }

  Result<void> take_init(ObjectReader& in) {
    const auto started = std::chrono::steady_clock::now();
    set_variable("GORGON_JOB_ID", in.text("job"));
    set_variable("GORGON_HOST", in.text("host"));
    command_.workspace = std::filesystem::current_path();
    set_variable("GORGON_WORKSPACE", command_.workspace);
    command_.arguments = in.texts("arguments");
    const std::string framework = in.text_or("framework", "");
    if (framework == "googletest") command_.kind = UnitKind::kGoogleTest;
    if (framework == "ctest") command_.kind = UnitKind::kCTest;
    in.object("test_command", [&](ObjectReader& command) {
      command_.command.run = command.texts("run");
      command_.command.results = config::result_format_named(command.text("results"))
                                     .value_or(config::ResultFormat::kExitCode);
    });
    const std::string class_file = in.text_or("callbacks_class_file", "");
    GORGON_TRY(in.status());
    if (command_.kind != UnitKind::kGoogleTest && command_.command.run.empty()) {
      give_up("preload", "the job names no test_command");
    } else if (!class_file.empty()) {
      give_up("callbacks_class_file",
              class_file +
                  " is Ruby, and this job runs none: write its hooks as shell "
                  "commands, the other keys of job.callbacks");
    } else {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
      tell({{"type", "ready"},
            {"pid", ::getpid()},
            {"language", "gorgon " + std::string(kVersion)},
            {"threads", 1},
            {"seconds", took.count()}});
    }
    return {};
  }

  void give_up(std::string_view stage, const std::string& message) {
    tell({{"type", "failed"},
          {"stage", stage},
          {"error", {{"stage", stage}, {"message", message}, {"backtrace", Json::array()}}}});
    exit_code_ = 1;
  }

  void fork_runner(const ForkRequest& request, std::vector<UniqueFd>& descriptors) {
    UniqueFd conversation = std::move(descriptors[0]);
    const UniqueFd output = std::move(descriptors[1]);
    UniqueFd status = std::move(descriptors[2]);
    const pid_t host = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return log::error("cannot fork a runner");  // Its status ends without a line.
    if (pid > 0) {
      write_status(status, {{"pid", pid}});
      statuses_.emplace(pid, std::move(status));
      return;
    }
    is_runner_ = true;
    settle(host, request, output);
    ::sigprocmask(SIG_UNBLOCK, &child_signal_, nullptr);
    control_.reset();
    ended_children_.reset();
    statuses_.clear();  // Its siblings are none of its business.
    status.reset();
    command_.output_file = scratch_ / ("results-" + std::to_string(::getpid()));
    exit_code_ = run_runner(command_, std::move(conversation));
  }

  /// Runners, and whoever else became our child: orphans of theirs.
  void reap() {
    signalfd_siginfo signal{};
    while (::read(ended_children_.get(), &signal, sizeof signal) > 0) continue;
    int how = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &how, WNOHANG)) > 0;) {
      const auto status = statuses_.extract(pid);
      if (status.empty()) continue;
      const ExitStatus ended = ExitStatus::from_wait_status(how);
      write_status(status.mapped(), ended.signal ? Json{{"signal", *ended.signal}}
                                                 : Json{{"exit", ended.code.value_or(1)}});
    }
  }

  void tell(const Json& message) {
    if (!send_datagram(control_.get(), dump_json(message))) exit_code_ = 1;
  }

  UniqueFd control_;
  std::filesystem::path scratch_;
  sigset_t child_signal_{};
  UniqueFd ended_children_;  ///< A signalfd for SIGCHLD.
  UnitCommand command_;
  std::map<pid_t, UniqueFd> statuses_;  ///< Status pipes of runners that have not ended.
  std::optional<int> exit_code_;
  bool is_runner_ = false;
};

}  // namespace

int run_host(UniqueFd control, const std::filesystem::path& scratch) {
  return Host(std::move(control), scratch).serve();
}

}  // namespace gorgon::command_host
