#include "base/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/unique_fd.h"

extern char** environ;

namespace gorgon {

ExitStatus ExitStatus::from_wait_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {.signal = WTERMSIG(wait_status)};
  return {.code = WEXITSTATUS(wait_status)};
}

std::string describe(const ExitStatus& status) {
  if (status.signal) {
    const char* name = ::sigabbrev_np(*status.signal);
    return "signal " + std::to_string(*status.signal) +
           (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
  }
  return "exit code " + std::to_string(status.code.value_or(0));
}

namespace {

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return {};
}

/// Where C would end a string early, and something else than what was meant would run.
bool holds_nul(const SpawnOptions& options) {
  const auto has_nul = [](const std::string& text) { return text.contains('\0'); };
  return std::ranges::any_of(options.argv, has_nul) ||
         has_nul(options.working_directory.string()) ||
         std::ranges::any_of(options.environment, [&](const auto& variable) {
           return has_nul(variable.first) || (variable.second && has_nul(*variable.second));
         });
}

std::vector<std::string> changed_environment(const SpawnOptions& options) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : options.environment) {
    if (value) {
      variables.insert_or_assign(name, *value);
    } else {
      variables.erase(name);
    }
  }
  std::vector<std::string> result;
  result.reserve(variables.size());
  for (const auto& [name, value] : variables) result.emplace_back(name).append("=").append(value);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What the child needs, made before the fork: between fork and exec only async-signal-safe calls
/// are allowed.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* working_directory;
  const SpawnOptions* options;
  const std::vector<std::pair<int, int>>* descriptors;
  pid_t parent;
  int report;  ///< Write end of the pipe that carries errno back.
};

[[noreturn]] void fail_child(const ChildPlan& plan, char step) {
  const std::array<int, 2> report = {step, errno};
  [[maybe_unused]] const ssize_t ignored = ::write(plan.report, report.data(), sizeof(report));
  ::_exit(127);
}

void place_descriptors(ChildPlan& plan) {
  // First out of the way of all target numbers, then each to its own; dup2 clears close-on-exec.
  int highest = 2;
  for (const auto& [target, source] : *plan.descriptors) highest = std::max(highest, target);
  plan.report = ::fcntl(plan.report, F_DUPFD_CLOEXEC, highest + 1);
  std::array<int, 16> moved;
  std::size_t count = 0;
  for (const auto& [target, source] : *plan.descriptors) {
    moved[count] = ::fcntl(source, F_DUPFD_CLOEXEC, highest + 1);
    if (moved[count++] < 0) fail_child(plan, 'd');
  }
  count = 0;
  for (const auto& [target, source] : *plan.descriptors) {
    if (::dup2(moved[count++], target) < 0) fail_child(plan, 'd');
  }
  for (int fd = 0; fd <= 2; ++fd) {
    if (std::ranges::any_of(*plan.descriptors, [&](const auto& pair) { return pair.first == fd; }))
      continue;
    const int null = ::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (null < 0 || (null != fd && ::dup2(null, fd) < 0)) fail_child(plan, 'd');
    if (null > 2) ::close(null);
  }
}

[[noreturn]] void become_child(ChildPlan plan) {
  const SpawnOptions& options = *plan.options;
  if (options.new_session) ::setsid();
  if (options.adopts_orphans) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (options.death_signal) {
    ::prctl(PR_SET_PDEATHSIG, *options.death_signal);
    if (::getppid() != plan.parent) ::_exit(127);  // The parent died before the call above.
  }
  place_descriptors(plan);
  if (!limit_this_process(options.limits)) fail_child(plan, 'l');
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0)
    fail_child(plan, 'c');
  struct sigaction defaults{};
  defaults.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGQUIT, SIGUSR1, SIGUSR2}) {
    ::sigaction(number, &defaults, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.program, plan.argv, plan.environment);
  fail_child(plan, 'e');
}

std::string describe_failed_step(char step, const SpawnOptions& options) {
  switch (step) {
    case 'c':
      return "cannot enter " + options.working_directory.string();
    case 'l':
      return "cannot limit " + options.argv[0];
    case 'd':
      return "cannot place the descriptors of " + options.argv[0];
    default:
      return "cannot start " + options.argv[0];
  }
}

}  // namespace

Result<Subprocess> Subprocess::spawn(const asio::any_io_executor& executor,
                                     const SpawnOptions& options) {
  if (holds_nul(options)) {
    return fail(ErrorKind::kUsage, "cannot start " + std::string(options.argv.at(0).c_str()) +
                                       ": an argument, a folder or the environment holds a NUL");
  }
  const std::string program = find_program(options.argv.at(0));
  if (program.empty()) {
    return fail(ErrorKind::kNotFound,
                "cannot start " + options.argv[0] + ": it is not in PATH; is it installed?");
  }
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> environment = changed_environment(options);
  const std::vector<char*> argv_pointers = pointers_to(argv);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  GORGON_TRY_ASSIGN(Pipe report, make_pipe());

  const ChildPlan plan{.program = program.c_str(),
                       .argv = argv_pointers.data(),
                       .environment = environment_pointers.data(),
                       .working_directory = options.working_directory.empty()
                                                ? nullptr
                                                : options.working_directory.c_str(),
                       .options = &options,
                       .descriptors = &options.descriptors,
                       .parent = ::getpid(),
                       .report = report.write.get()};
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork for " + options.argv[0], errno);
  if (pid == 0) become_child(plan);

  report.write.reset();
  std::array<int, 2> failure{};
  ssize_t count = 0;
  while ((count = ::read(report.read.get(), failure.data(), sizeof(failure))) < 0 &&
         errno == EINTR) {
  }
  if (count == sizeof(failure)) {
    ::waitpid(pid, nullptr, 0);
    Error error =
        fail_errno(describe_failed_step(static_cast<char>(failure[0]), options), failure[1])
            .error();
    if (failure[1] == ENOENT) error.kind = ErrorKind::kNotFound;
    return std::unexpected(std::move(error));
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail_errno("cannot watch " + options.argv[0], reason);
  }
  return Subprocess(pid, std::make_shared<asio::posix::stream_descriptor>(executor, pidfd));
}

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    pid_ = other.pid_;
    pidfd_ = std::move(other.pidfd_);
    status_ = other.status_;
  }
  return *this;
}

Subprocess::~Subprocess() { kill_and_reap(); }

void Subprocess::kill_and_reap() {
  if (!pidfd_ || status_) return;
  kill_tree(pid_);
  int wait_status = 0;
  while (::waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
  }
  status_ = ExitStatus::from_wait_status(wait_status);
}

Task<ExitStatus> Subprocess::wait() {
  const auto status = co_await wait_until(std::chrono::steady_clock::time_point::max());
  GORGON_CHECK(status);
  co_return *status;
}

Task<std::optional<ExitStatus>> Subprocess::wait_until(
    std::chrono::steady_clock::time_point deadline) {
  asio::steady_timer timer(pidfd_->get_executor(), deadline);
  // The handler may run after this coroutine has gone on, so it holds the descriptor weakly.
  timer.async_wait([watched = std::weak_ptr(pidfd_)](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (const auto pidfd = watched.lock(); pidfd && !error) pidfd->cancel(ignored);
  });
  while (!status_) {
    const auto [error] =
        co_await pidfd_->async_wait(asio::posix::stream_descriptor::wait_read, as_value);
    if (status_) break;
    int wait_status = 0;
    if (::waitpid(pid_, &wait_status, WNOHANG) == pid_) {
      status_ = ExitStatus::from_wait_status(wait_status);
      pidfd_->close();
    } else if (error && (error != asio::error::operation_aborted ||
                         std::chrono::steady_clock::now() >= deadline)) {
      co_return std::nullopt;
    }  // Aborted before its time: the deadline was that of another who waits for this process.
  }
  co_return status_;
}

void Subprocess::signal(int signal) const {
  if (!status_) ::kill(pid_, signal);
}

Task<ExitStatus> Subprocess::stop(std::chrono::steady_clock::duration grace) {
  signal(SIGTERM);
  if (const auto status = co_await wait_until(std::chrono::steady_clock::now() + grace))
    co_return *status;
  kill_tree(pid_);
  co_return co_await wait();
}

namespace {

Task<void> drain(asio::posix::stream_descriptor& pipe, std::string& into, std::size_t max_bytes) {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const auto [error, count] = co_await pipe.async_read_some(asio::buffer(buffer), as_value);
    if (error) co_return;
    into.append(buffer.data(), std::min(count, max_bytes - std::min(max_bytes, into.size())));
  }
}

}  // namespace

Task<Result<RunOutput>> run(RunOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  GORGON_CO_TRY_ASSIGN(Pipe input, make_pipe());
  GORGON_CO_TRY_ASSIGN(Pipe output, make_pipe());
  GORGON_CO_TRY_ASSIGN(Pipe errors, make_pipe());
  options.spawn.descriptors.emplace_back(0, input.read.get());
  options.spawn.descriptors.emplace_back(1, output.write.get());
  options.spawn.descriptors.emplace_back(2, errors.write.get());
  GORGON_CO_TRY_ASSIGN(Subprocess child, Subprocess::spawn(executor, options.spawn));
  input.read.reset();
  output.write.reset();
  errors.write.reset();

  // Shared with the readers: a grandchild may keep a pipe open after the child's end, and then they
  // are left behind.
  struct Streams {
    asio::posix::stream_descriptor input, output, errors;
    std::string output_text, errors_text;
    int open_readers = 2;
    Signal finished;
  };
  auto streams = std::make_shared<Streams>(
      Streams{asio::posix::stream_descriptor(executor, input.write.release()),
              asio::posix::stream_descriptor(executor, output.read.release()),
              asio::posix::stream_descriptor(executor, errors.read.release()),
              {},
              {},
              2,
              Signal(executor)});
  const std::size_t max_bytes = options.max_output_bytes;
  spawn(executor, [](std::shared_ptr<Streams> s, std::string text) -> Task<void> {
    co_await asio::async_write(s->input, asio::buffer(text), as_value);
    s->input.close();
  }(streams, std::move(options.input)));
  spawn(executor, [](std::shared_ptr<Streams> s, std::size_t max) -> Task<void> {
    co_await drain(s->output, s->output_text, max);
    --s->open_readers;
    s->finished.notify();
  }(streams, max_bytes));
  spawn(executor, [](std::shared_ptr<Streams> s, std::size_t max) -> Task<void> {
    co_await drain(s->errors, s->errors_text, max);
    --s->open_readers;
    s->finished.notify();
  }(streams, max_bytes));

  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  const auto status = co_await child.wait_until(deadline);
  if (!status) kill_tree(child.pid());
  // What the child wrote is in the pipes already; a leaked grandchild that holds them open must not
  // hold us up.
  const auto drained_by = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (streams->open_readers > 0) {
    const bool in_time = co_await streams->finished.wait_until(drained_by);
    if (!in_time) break;
  }
  boost::system::error_code ignored;
  streams->input.close(ignored);
  streams->output.close(ignored);
  streams->errors.close(ignored);
  if (!status) {
    co_return fail(
        ErrorKind::kTimeout,
        options.spawn.argv[0] + " did not end within " +
            std::to_string(
                std::chrono::duration_cast<std::chrono::seconds>(options.timeout).count()) +
            " s and was killed");
  }
  co_return RunOutput{*status, std::move(streams->output_text), std::move(streams->errors_text)};
}

std::string last_lines(std::string_view text, std::size_t count) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  std::size_t start = text.size();
  for (std::size_t line = 0; line < count && start != std::string_view::npos && start > 0; ++line) {
    start = text.rfind('\n', start - 1);
  }
  if (start == std::string_view::npos || count == 0) return std::string(count == 0 ? "" : text);
  return std::string(text.substr(start == 0 ? 0 : start + 1));
}

}  // namespace gorgon
