#include "sync/file_server.h"

#include <signal.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/subprocess.h"

namespace gorgon::sync {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kStartLimit = 5s;
constexpr auto kStopLimit = 5s;
constexpr auto kProbeInterval = 20ms;

fs::path pid_file(const fs::path& state) { return state / "rsyncd.pid"; }
fs::path log_file(const fs::path& state) { return state / "rsyncd.log"; }

/// The daemon's pid, if the one that the pid file names is an rsync that runs.
std::optional<pid_t> running_pid(const fs::path& state) {
  const auto text = read_file(pid_file(state));
  if (!text) return std::nullopt;
  const auto pid = static_cast<pid_t>(std::atoi(text->c_str()));
  if (pid <= 1) return std::nullopt;
  const auto name = read_file("/proc/" + std::to_string(pid) + "/comm", 64);
  if (!name || !name->starts_with("rsync")) return std::nullopt;
  return pid;
}

Result<std::string> configuration(const FileServerOptions& options) {
  const std::string directory = options.directory.string();
  // rsyncd.conf has no quoting: a value ends with its line, and %VAR% is expanded.
  if (directory.find_first_of("\n%") != std::string::npos ||
      options.secrets.string().find_first_of("\n%") != std::string::npos) {
    return fail(ErrorKind::kUsage,
                "rsync cannot serve a path with a newline or a percent sign in it: " + directory);
  }
  std::string text;
  text += "use chroot = no\n";
  text += "pid file = " + pid_file(options.state_directory).string() + "\n";
  text += "log file = " + log_file(options.state_directory).string() + "\n";
  text += "timeout = 120\nreverse lookup = no\nforward lookup = no\nmax connections = 200\n";
  if (::getuid() == 0) text += "uid = 0\ngid = 0\n";
  text += std::string("[") + kFileServerModule + "]\n";
  text += "path = " + directory + "\nread only = no\nlist = no\n";
  // Without chroot rsync would cut the leading slash off links that point outside. Munged they are
  // stored disarmed, lead no later push or pull out of the directory, and leave as they came.
  text += "munge symlinks = yes\n";
  text += "refuse options = copy-links copy-unsafe-links copy-dirlinks keep-dirlinks\n";
  if (!options.secrets.empty())
    text += "auth users = *\nsecrets file = " + options.secrets.string() + "\n";
  return text;
}

Task<bool> answers(const std::string& bind, std::uint16_t port) {
  using asio::ip::tcp;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(bind, error);
  if (error) co_return false;
  tcp::socket socket(co_await asio::this_coro::executor);
  const tcp::endpoint endpoint(address, port);
  const auto [failed] = co_await socket.async_connect(endpoint, as_value);
  co_return !failed;
}

Result<void> check(FileServerOptions& options) {
  std::error_code error;
  options.directory = fs::canonical(options.directory, error);
  if (error || !fs::is_directory(options.directory, error)) {
    return fail(ErrorKind::kUsage,
                options.directory.string() + " is not a directory; make it first");
  }
  if (options.secrets.empty()) return {};
  options.secrets = fs::canonical(options.secrets, error);
  if (error)
    return fail(ErrorKind::kUsage,
                "the secrets file " + options.secrets.string() + " does not exist");
  const auto mode = fs::status(options.secrets, error).permissions();
  if ((mode & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none) {
    return fail(ErrorKind::kUsage,
                "others can read the secrets file " + options.secrets.string() + ": chmod 600 it");
  }
  return {};
}

}  // namespace

Task<Result<void>> start_file_server(FileServerOptions options) {
  GORGON_CO_TRY(check(options));
  if (const auto pid = running_pid(options.state_directory)) {
    co_return fail(ErrorKind::kRefused, "a file server runs already (pid " + std::to_string(*pid) +
                                            "); stop it with `gorgon stop_rsync`");
  }
  const bool port_is_taken = co_await answers(options.bind, options.port);
  if (port_is_taken) {
    co_return fail(ErrorKind::kRefused, "something else listens on " + options.bind + ":" +
                                            std::to_string(options.port) +
                                            "; choose another --port");
  }
  GORGON_CO_TRY_ASSIGN(const std::string text, configuration(options));
  std::error_code ignored;
  fs::remove(pid_file(options.state_directory), ignored);
  const fs::path file = options.state_directory / "rsyncd.conf";
  GORGON_CO_TRY(write_file(file, text, 0600));
  RunOptions run;
  run.spawn.argv = {"rsync", "--daemon", "--config=" + file.string(), "--address=" + options.bind,
                    "--port=" + std::to_string(options.port)};
  run.spawn.death_signal.reset();
  run.timeout = kStartLimit;
  const auto started = co_await gorgon::run(std::move(run));
  if (!started) co_return std::unexpected(started.error());
  const auto deadline = steady_clock::now() + kStartLimit;
  while (started->status.is_success() && steady_clock::now() < deadline) {
    const bool is_up = co_await answers(options.bind, options.port);
    if (is_up && running_pid(options.state_directory)) co_return Result<void>();
    co_await sleep_for(kProbeInterval);
  }
  const auto logged = read_file(log_file(options.state_directory));
  co_return fail(ErrorKind::kSync, "the file server does not start: " +
                                       last_lines(started->errors + logged.value_or(""), 3));
}

Task<Result<void>> stop_file_server(fs::path state_directory) {
  const auto pid = running_pid(state_directory);
  if (!pid)
    co_return fail(ErrorKind::kNotFound,
                   "no file server runs here (" + pid_file(state_directory).string() + ")");
  ::kill(*pid, SIGTERM);
  const auto deadline = steady_clock::now() + kStopLimit;
  while (running_pid(state_directory)) {
    if (steady_clock::now() > deadline)
      co_return fail(ErrorKind::kTimeout,
                     "the file server (pid " + std::to_string(*pid) + ") does not end");
    co_await sleep_for(kProbeInterval);
  }
  std::error_code ignored;
  fs::remove(pid_file(state_directory), ignored);
  co_return Result<void>();
}

}  // namespace gorgon::sync
