#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "base/user.h"
#include "broker/broker.h"
#include "cli/commands.h"
#include "cli/host_name.h"
#include "cli/places.h"
#include "cli/secrets.h"
#include "config/listener_config.h"
#include "listener/gate.h"
#include "listener/listener.h"
#include "listener/workspace.h"

namespace gorgon::cli {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSlots = 1024;
constexpr auto kStopLimit = 30s;

/// Everything that the configuration left open, decided.
struct Settled {
  config::ListenerConfig config;
  std::size_t slots = 1;
};

Result<std::size_t> settle_slots(const ListenCommand& command,
                                 const config::ListenerConfig& config) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  if (!command.slots) return config.worker_slots == 0 ? cores : config.worker_slots;
  if (*command.slots == "auto") return cores;
  std::size_t slots = 0;
  const char* end = command.slots->data() + command.slots->size();
  const auto parsed = std::from_chars(command.slots->data(), end, slots);
  if (parsed.ec != std::errc() || parsed.ptr != end || slots < 1 || slots > kMaxSlots) {
    return fail(
        ErrorKind::kUsage,
        "--slots: expected a number from 1 to 1024 or \"auto\", found \"" + *command.slots + "\"");
  }
  return slots;
}

Result<void> run_as(const User& user, config::ListenerConfig& config) {
  std::error_code error;
  // Keys that root has trusted must not be lost with root's home: then every job would be run.
  const fs::path keys = default_trusted_keys();
  if (config.trusted_keys.empty() && fs::exists(keys, error)) config.trusted_keys = keys;
  if (auto became = become(user); !became) return with_context("run_as", std::move(became).error());
  keep_secrets();
  if (!config.trusted_keys.empty() && ::access(config.trusted_keys.c_str(), R_OK) != 0 &&
      errno == EACCES) {
    return fail(ErrorKind::kUsage, "run_as: " + user.name + " cannot read the trusted keys in " +
                                       config.trusted_keys.string() +
                                       ": name a file that it can read in \"trusted_keys\"");
  }
  return {};
}

Result<Settled> settle(const ListenCommand& command) {
  fs::path file;
  if (command.config_file) {
    file = *command.config_file;
  } else {
    GORGON_TRY_ASSIGN(file, config::find_listener_config());
  }
  Settled settled;
  GORGON_TRY_ASSIGN(settled.config, config::load_listener_config(file));
  config::ListenerConfig& config = settled.config;
  if (!command.stop) GORGON_TRY(add_password(config.connection));
  // --stop, too, as that user: the pid file is the user's, who could have root end any process by
  // it.
  if (config.run_as)
    GORGON_TRY(command.stop ? become(*config.run_as) : run_as(*config.run_as, config));
  GORGON_TRY_ASSIGN(settled.slots, settle_slots(command, config));
  if (config.log_file.empty()) config.log_file = state_directory() / "listener.log";
  if (config.pid_file.empty()) config.pid_file = state_directory() / "listener.pid";
  if (config.workspace_dir.empty()) config.workspace_dir = state_directory() / "workspaces";
  if (config.host_name.empty()) config.host_name = host_name();
  if (config.bin_gem_path.empty()) config.bin_gem_path = "gem";
  for (fs::path* path : {&config.log_file, &config.pid_file, &config.workspace_dir})
    *path = fs::absolute(*path);
  return settled;
}

/// The pid file, locked for as long as the listener lives: a lock cannot be stale.
Result<UniqueFd> lock_pid_file(const fs::path& file) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return fail_errno("cannot open the pid file " + file.string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto pid = read_file(file);
    return fail(ErrorKind::kRefused, "a listener runs already (pid " + pid.value_or("?") + ", " +
                                         file.string() + "); stop it with `gorgon listen --stop`");
  }
  return fd;
}

Result<void> write_pid(int fd) {
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail_errno("cannot write the pid file", errno);
  }
  return {};
}

int stop_listener(const fs::path& pid_file) {
  const UniqueFd fd(::open(pid_file.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
    return complain({ErrorKind::kNotFound, "no listener runs here (" + pid_file.string() + ")"});
  }
  const auto text = read_file(pid_file);
  const pid_t pid = text ? static_cast<pid_t>(std::atoi(text->c_str())) : 0;
  if (pid <= 1)
    return complain({ErrorKind::kIo, "the pid file " + pid_file.string() + " holds no process id"});
  ::kill(pid, SIGTERM);
  // The lock is free when the listener has ended, its jobs cancelled and its workspaces removed.
  const auto deadline = std::chrono::steady_clock::now() + kStopLimit;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      return complain(
          {ErrorKind::kTimeout, "the listener (pid " + *text + ") has not ended within 30 s"});
    }
    std::this_thread::sleep_for(20ms);
  }
  std::printf("the listener (pid %d) has stopped\n", pid);
  return 0;
}

/// Serves until a signal. `connected` is called once the first connection stands, or with the
/// error.
int serve(listener::ListenerOptions options, listener::GateOptions trust, bool takes_interrupts,
          const std::function<void(const Result<void>&)>& connected) {
  asio::io_context io(1);
  Cgroup::remove_abandoned();
  auto workspaces = listener::Workspaces::open(options.workspace_dir, options.keep_trees);
  if (!workspaces) {
    connected(std::unexpected(workspaces.error()));
    return complain(workspaces.error());
  }
  trust.cluster = options.cluster;
  auto gate = listener::Gate::open(std::move(trust));
  if (!gate) {
    connected(std::unexpected(gate.error()));
    return complain(gate.error());
  }
  listener::Listener listener(io.get_executor(), std::move(options), *std::move(workspaces),
                              *std::move(gate));
  asio::signal_set signals(io, SIGTERM);
  if (takes_interrupts) signals.add(SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) listener.stop();
  });
  const auto connection = run_to_completion(io, listener.connect());
  connected(connection);
  if (!connection) {
    log::error("{}", connection.error().message);
    return complain(connection.error());
  }
  const auto served = run_to_completion(io, listener.run());
  if (!served) log::error("{}", served.error().message);
  return served ? 0 : complain(served.error());
}

/// The parent waits for the daemon's word that it is connected, so that `gorgon listen` fails when
/// the listener does.
class DaemonReport {
 public:
  static Result<DaemonReport> make() {
    GORGON_TRY_ASSIGN(Pipe pipe, make_pipe());
    return DaemonReport(std::move(pipe));
  }
  void say(const Result<void>& result) {
    const std::string text = result ? "ok" : result.error().message;
    if (pipe_.write) [[maybe_unused]]
      const ssize_t ignored = ::write(pipe_.write.get(), text.data(), text.size());
    pipe_.write.reset();
  }
  [[nodiscard]] std::string hear() {
    pipe_.write.reset();
    std::string text(4096, '\0');
    ssize_t count = 0;
    while ((count = ::read(pipe_.read.get(), text.data(), text.size())) < 0 && errno == EINTR) {
    }
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

 private:
  explicit DaemonReport(Pipe pipe) : pipe_(std::move(pipe)) {}
  Pipe pipe_;
};

int detach_standard_streams() {
  ::setsid();
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null.get(), fd);
  return 0;
}

}  // namespace

int listen(const ListenCommand& command) {
  auto settled = settle(command);
  if (!settled) return complain(settled.error());
  const config::ListenerConfig& config = settled->config;
  if (command.stop) return stop_listener(config.pid_file);

  auto pid_lock = lock_pid_file(config.pid_file);
  if (!pid_lock) return complain(pid_lock.error());
  const fs::path log_file = command.foreground ? fs::path() : config.log_file;
  std::error_code error;
  if (!log_file.empty()) fs::create_directories(log_file.parent_path(), error);
  const std::string scope = broker::describe(config.connection) + "/" +
                            config.connection.virtual_host + "/" + config.cluster_id;
  const auto host = claim_host_name(config.host_name, scope);
  if (!host) return complain(host.error());
  log::set_name("listener " + host->name);
  if (const auto opened = log::open(log_file, log::Level::kInfo); !opened)
    return complain(opened.error());
  if (::geteuid() == 0 && !config.run_as)
    log::warning("tests run as root here: \"run_as\" in gorgon_listener.json names another user");

  listener::ListenerOptions options{.address = config.connection,
                                    .host = host->name,
                                    .cluster = config.cluster_id,
                                    .slots = settled->slots,
                                    .limits = config.worker_limits,
                                    .workspace_dir = config.workspace_dir,
                                    .keep_trees = config.keep_trees,
                                    .log_file = log_file,
                                    .once = command.once,
                                    .allow_gem_command = config.allow_gem_command,
                                    .gem_program = config.bin_gem_path};
  listener::GateOptions trust{
      .trusted_keys = config.trusted_keys.empty() ? default_trusted_keys() : config.trusted_keys,
      .is_required = !config.trusted_keys.empty(),
      // The lock on the pid file makes it this listener's own.
      .memory = fs::path(config.pid_file).replace_extension(".seen")};
  if (command.foreground) {
    if (const auto written = write_pid(pid_lock->get()); !written) return complain(written.error());
    const int code = serve(std::move(options), std::move(trust), true, [](const Result<void>&) {});
    ::unlink(config.pid_file.c_str());
    return code;
  }
  auto report = DaemonReport::make();
  if (!report) return complain(report.error());
  const pid_t daemon = ::fork();
  if (daemon < 0) return complain(fail_errno("cannot fork", errno).error());
  if (daemon > 0) {
    const std::string said = report->hear();
    if (said != "ok")
      return complain(
          {ErrorKind::kUnavailable,
           said.empty() ? "the listener ended at once; see " + log_file.string() : said});
    std::printf("listening as %s with %s (pid %d, log %s)\n", host->name.c_str(),
                count_of(settled->slots, "slot").c_str(), daemon, log_file.c_str());
    return 0;
  }
  detach_standard_streams();
  if (const auto written = write_pid(pid_lock->get()); !written) report->say(written);
  const int code = serve(std::move(options), std::move(trust), true,
                         [&](const Result<void>& connected) { report->say(connected); });
  ::unlink(config.pid_file.c_str());
  return code;
}

int local_listener(const LocalListenerCommand& command) {
  log::set_name("local listener");
  if (!command.log_file.empty()) {
    if (const auto opened = log::open(command.log_file, log::Level::kInfo); !opened)
      return complain(opened.error());
  }
  const pid_t originator = ::getppid();
  // Ctrl-C is for the originator, which may let its workers finish.
  ::signal(SIGINT, SIG_IGN);
  const int exit_code = serve({.address = broker::EmbeddedAddress{command.socket},
                               .host = host_name(),
                               .cluster = {},
                               .slots = command.slots,
                               .workspace_dir = command.directory / "workspaces",
                               .log_file = command.log_file},
                              // Only this user's originator reaches the broker's socket.
                              listener::GateOptions{}, false, [](const Result<void>&) {});
  // A killed originator cannot remove its folder any more.
  if (::getppid() != originator) (void)remove_tree(command.directory);
  return exit_code;
}

}  // namespace gorgon::cli
