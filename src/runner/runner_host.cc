#include "runner/runner_host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "runner/embedded_files.h"
#include "runner/runner_protocol.h"

namespace gorgon::runner {

namespace {

constexpr int kControlFd = 3;
constexpr std::size_t kOutputTailBytes = 8 * 1024;

fs::path output_file(const fs::path& scratch) { return scratch / "host.out"; }

/// The Python of the project: as configured, else that of a virtual environment in its usual place.
std::vector<std::string> python_command(const HostOptions& options) {
  std::vector<std::string> argv = options.settings.python;
  const fs::path virtual_environment = options.workspace / ".venv/bin/python";
  std::error_code error;
  if (argv.empty())
    argv.push_back(fs::exists(virtual_environment, error) ? virtual_environment.string()
                                                          : "python3");
  argv.push_back((options.scratch / "python/gorgon_main.py").string());
  return argv;
}

/// How the host of these options is started; puts Gorgon's own where it can be.
Result<std::vector<std::string>> host_command(const HostOptions& options) {
  if (!options.settings.command.empty()) return options.settings.command;
  const std::string& framework = options.settings.framework;
  if (framework == "command" || framework == "googletest" || framework == "ctest")
    return std::vector<std::string>{"/proc/self/exe", "command-host", options.scratch.string()};
  GORGON_TRY(unpack_embedded_files(options.scratch));
  if (framework == "pytest") return python_command(options);
  return ruby_command(options.workspace, options.scratch / "ruby/host.rb");
}

}  // namespace

std::vector<std::string> ruby_command(const fs::path& workspace, const fs::path& script) {
  std::vector<std::string> argv = {"ruby"};
  std::error_code error;
  // `bundle exec ruby` is two processes; requiring the set-up gives the same gems and the same
  // RUBYOPT for children.
  if (fs::exists(workspace / "Gemfile", error) || std::getenv("BUNDLE_GEMFILE") != nullptr)
    argv.emplace_back("-rbundler/setup");
  argv.push_back(script.string());
  return argv;
}

Task<Result<std::unique_ptr<RunnerHost>>> RunnerHost::start(HostOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  SpawnOptions spawn;
  GORGON_CO_TRY_ASSIGN(spawn.argv, host_command(options));
  GORGON_CO_TRY_ASSIGN(SocketPair control, make_socket_pair(SocketType::kSeqPacket));
  const UniqueFd output(::open(output_file(options.scratch).c_str(),
                               O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!output) co_return fail_errno("cannot write " + output_file(options.scratch).string(), errno);

  for (const auto& [name, value] : options.settings.env)
    spawn.environment.emplace_back(name, value);
  spawn.environment.emplace_back("GORGON_HOST_FD", std::to_string(kControlFd));
  spawn.working_directory = options.workspace;
  spawn.limits = options.limits;
  spawn.descriptors = {{1, output.get()}, {2, output.get()}, {kControlFd, control.theirs.get()}};
  spawn.adopts_orphans = true;  // Daemons that tests leave behind stay below the host, where the
                                // end of the job finds them.
  GORGON_CO_TRY_ASSIGN(Subprocess process, Subprocess::spawn(executor, spawn));
  control.theirs.reset();

  asio::posix::stream_descriptor stream(executor, control.ours.release());
  std::unique_ptr<RunnerHost> host(
      new RunnerHost(std::move(options), std::move(process), std::move(stream)));
  const HostOptions& known = host->options_;
  const std::string init = init_datagram(known.job, known.host, known.workspace.string(),
                                         (known.scratch / "inputs").string(), known.settings);
  GORGON_CO_TRY(send_datagram(host->control_.native_handle(), init));

  const auto deadline = std::chrono::steady_clock::now() + known.timeout;
  auto message = co_await host->next_message(deadline);
  if (!message) co_return std::unexpected(host->with_output(message.error()));
  if (auto* ready = std::get_if<HostReady>(&*message)) {
    host->ready_ = *ready;
    co_return host;
  }
  Error failed{ErrorKind::kCallback, "the runner host ended before it was ready"};
  if (const auto* reason = std::get_if<HostFailed>(&*message)) {
    failed.message = reason->stage + " failed: " + describe(reason->error);
  }
  co_return std::unexpected(host->with_output(std::move(failed)));
}

Result<void> RunnerHost::fork_runner(const std::string& datagram,
                                     const std::vector<int>& descriptors) {
  return send_datagram(control_.native_handle(), datagram, descriptors);
}

void RunnerHost::rest() {
  kill_descendants(process_.pid());
  (void)send_datagram(control_.native_handle(), job_datagram(std::nullopt));
}

Result<void> RunnerHost::begin(const std::string& job) {
  if (!is_alive()) return fail(ErrorKind::kConnectionLost, "the runner host has ended");
  (void)::truncate(output_file(options_.scratch).c_str(), 0);
  options_.job = job;
  return send_datagram(control_.native_handle(), job_datagram(job));
}

bool RunnerHost::is_alive() {
  pollfd control{.fd = control_.native_handle(), .events = 0, .revents = 0};
  return ::poll(&control, 1, 0) == 0;
}

Task<Result<void>> RunnerHost::finish() {
  // It ends right after its answer, and then nothing leads from it to the orphans it has adopted.
  const HeldTree left_behind(process_.pid());
  auto finished = co_await end();
  left_behind.kill();
  co_return finished;
}

Task<Result<void>> RunnerHost::end() {
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  GORGON_CO_TRY(send_datagram(control_.native_handle(), finish_datagram()));
  auto message = co_await next_message(deadline);
  if (!message) co_return std::unexpected(with_output(message.error()));
  if (const auto* reason = std::get_if<HostFailed>(&*message)) {
    Error failed{ErrorKind::kCallback, reason->stage + " failed: " + describe(reason->error)};
    co_return std::unexpected(with_output(std::move(failed)));
  }
  // For at_exit hooks, as long as a runner has for its own.
  const auto exit_by = std::min(deadline, std::chrono::steady_clock::now() + kExitLimit);
  const auto ended = co_await process_.wait_until(exit_by);
  if (!ended) co_await process_.stop(std::chrono::seconds(5));
  co_return Result<void>();
}

Task<Result<HostMessage>> RunnerHost::next_message(std::chrono::steady_clock::time_point deadline) {
  // Shared, and told of the end of this coroutine, also when it is cancelled: the handler may run
  // after it, and after the host.
  struct Watch {
    bool is_over = false;
    bool has_expired = false;
  };
  struct Guard {
    std::shared_ptr<Watch> watch = std::make_shared<Watch>();
    ~Guard() { watch->is_over = true; }
  };
  const Guard guard;
  asio::steady_timer timer(control_.get_executor(), deadline);
  timer.async_wait([this, watch = guard.watch](const boost::system::error_code& error) {
    if (error || watch->is_over) return;
    watch->has_expired = true;
    boost::system::error_code ignored;
    control_.cancel(ignored);
  });
  Result<HostMessage> message = fail(ErrorKind::kTimeout, "the runner host did not answer in time");
  for (;;) {
    auto datagram = receive_datagram(control_.native_handle());
    if (datagram) {
      message = parse_host_datagram(datagram->bytes);
      break;
    }
    if (datagram.error().kind != ErrorKind::kTimeout) {
      message = fail(ErrorKind::kConnectionLost, "the runner host ended");
      break;
    }
    if (guard.watch->has_expired) break;
    co_await control_.async_wait(asio::posix::stream_descriptor::wait_read, as_value);
  }
  co_return message;
}

Error RunnerHost::with_output(Error error) const {
  const UniqueFd output(::open(output_file(options_.scratch).c_str(), O_RDONLY | O_CLOEXEC));
  if (!output) return error;
  const off_t size = ::lseek(output.get(), 0, SEEK_END);
  const std::string tail = read_range(
      output.get(), std::max<off_t>(0, size - static_cast<off_t>(kOutputTailBytes)), size);
  if (!tail.empty()) error.message += "\n  output:\n" + last_lines(tail, 40);
  return error;
}

}  // namespace gorgon::runner
