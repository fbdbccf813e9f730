#include "sync/file_server.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "sync/address.h"
#include "sync/daemon_config.h"

namespace gorgon::sync {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartLimit{5};
constexpr std::chrono::seconds kStopLimit{4};
constexpr std::chrono::milliseconds kProbeInterval{20};
constexpr std::size_t kMaxArgvBytes{64UL * 1024UL};
constexpr std::size_t kMaxSecretsBytes{1024UL * 1024UL};

fs::path config_file(const fs::path& state) { return state / "rsyncd.conf"; }
fs::path pid_file(const fs::path& state) { return state / "rsyncd.pid"; }
fs::path log_file(const fs::path& state) { return state / "rsyncd.log"; }
fs::path secrets_file(const fs::path& state) { return state / "rsyncd.secrets"; }

/// Whether `pid` is the daemon that `state` belongs to, and not another program that got its
/// number.
bool is_our_daemon(pid_t pid, const fs::path& state) {
  const auto argv = read_file("/proc/" + std::to_string(pid) + "/cmdline", kMaxArgvBytes);
  return argv && argv->contains("--config=" + config_file(state).string() + std::string(1, '\0'));
}

std::optional<pid_t> running_pid(const fs::path& state) {
  const auto text = read_file(pid_file(state), 64);
  if (!text) return std::nullopt;
  pid_t pid = 0;
  std::from_chars(text->data(), text->data() + text->size(), pid);
  if (pid <= 1 || !is_our_daemon(pid, state)) return std::nullopt;
  return pid;
}

/// Held while a server is started or stopped, so that two commands at once do not mix.
Result<UniqueFd> take_turn(const fs::path& state) {
  std::error_code error;
  fs::create_directories(state, error);
  const fs::path path = state / "rsyncd.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("cannot open " + path.string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorKind::kRefused, "another start_rsync or stop_rsync is at work");
  return fd;
}

Result<fs::path> usable_directory(const fs::path& given) {
  std::error_code error;
  fs::path directory = fs::canonical(given, error);
  if (error || !fs::is_directory(directory, error))
    return fail(ErrorKind::kUsage, given.string() + " is not a directory; make it first");
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0)
    return fail(ErrorKind::kUsage, "we may not write to " + directory.string());
  return directory;
}

/// The users in the text of a secrets file, rsyncd.conf(5): "user:password" lines, # for comments.
std::vector<std::string> users_in(std::string_view secrets) {
  std::vector<std::string> users;
  while (!secrets.empty()) {
    const std::size_t end = secrets.find('\n');
    const std::string_view line = secrets.substr(0, end);
    const std::size_t colon = line.find(':');
    if (!line.starts_with('#') && colon != std::string_view::npos && colon > 0)
      users.emplace_back(line.substr(0, colon));
    secrets.remove_prefix(end == std::string_view::npos ? secrets.size() : end + 1);
  }
  return users;
}

/// Copies the secrets file to where the daemon reads it; gives the users. rsync would refuse one
/// that root does not own from a server started by root, and says so only in its log.
Result<std::vector<std::string>> install_secrets(const fs::path& given, const fs::path& state) {
  struct stat info{};
  if (::stat(given.c_str(), &info) != 0)
    return fail(ErrorKind::kUsage, "the secrets file " + given.string() + " does not exist");
  if ((info.st_mode & 077) != 0)
    return fail(ErrorKind::kUsage,
                "others can read the secrets file " + given.string() + ": chmod 600 it");
  const auto text = read_file(given, kMaxSecretsBytes);
  if (!text) return fail(ErrorKind::kUsage, text.error().message);
  std::vector<std::string> users = users_in(*text);
  const bool are_fine = !users.empty() && std::ranges::all_of(users, [](const std::string& user) {
    return user.find_first_of(" ,@\t\r") == std::string::npos;
  });
  if (!are_fine)
    return fail(ErrorKind::kUsage, given.string() + ": expected lines of the form user:password");
  GORGON_TRY(write_file(secrets_file(state), *text, 0600));
  return users;
}

/// Whether an rsync daemon greets us at `address` within a second.
Task<bool> greets(std::string address, int port) {
  using asio::ip::tcp;
  boost::system::error_code error;
  auto parsed = asio::ip::make_address(address, error);
  if (error) co_return false;
  if (parsed.is_unspecified() && parsed.is_v4()) parsed = asio::ip::address_v4::loopback();
  if (parsed.is_unspecified()) parsed = asio::ip::address_v6::loopback();
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = std::make_shared<tcp::socket>(executor);
  asio::steady_timer timer(executor, std::chrono::seconds(1));
  timer.async_wait([watched = std::weak_ptr(socket)](const boost::system::error_code& e) {
    boost::system::error_code ignored;
    if (const auto s = watched.lock(); s && !e) s->close(ignored);
  });
  const tcp::endpoint endpoint(parsed, static_cast<std::uint16_t>(port));
  const auto [failed] = co_await socket->async_connect(endpoint, as_value);
  if (failed) co_return false;
  close_on_exec(socket->native_handle());
  std::array<char, 64> buffer;
  const auto [unread, count] = co_await socket->async_read_some(asio::buffer(buffer), as_value);
  co_return !unread && std::string_view(buffer.data(), count).starts_with("@RSYNCD:");
}

/// Waits until the daemon has written its pid and greets. Nullopt: it does not.
Task<std::optional<pid_t>> wait_until_up(fs::path state, std::string address, int port) {
  const auto deadline = steady_clock::now() + kStartLimit;
  while (steady_clock::now() < deadline) {
    if (const auto pid = running_pid(state)) {
      const bool is_up = co_await greets(address, port);
      if (is_up && running_pid(state) == pid) co_return pid;
    }
    co_await sleep_for(kProbeInterval);
  }
  co_return std::nullopt;
}

/// What the log says since it was `known` bytes long.
std::string new_log_lines(const fs::path& state, std::size_t known) {
  const auto log = read_file(log_file(state));
  if (!log) return "";
  return valid_utf8(last_lines(std::string_view(*log).substr(std::min(known, log->size())), 3));
}

Task<Result<void>> start_daemon(fs::path state, std::string address, int port) {
  std::error_code error;
  fs::remove(pid_file(state), error);
  const auto log_size = fs::file_size(log_file(state), error);
  const std::size_t known = error ? 0 : static_cast<std::size_t>(log_size);
  RunOptions options{
      .spawn = {.argv = {"rsync", "--daemon", "--config=" + config_file(state).string()},
                .working_directory = "/",
                .death_signal = std::nullopt},
      .timeout = kStartLimit};
  // It puts itself in the background; what we wait for here is the process that does so.
  const auto started = co_await gorgon::run(std::move(options));
  if (!started)
    co_return fail(ErrorKind::kSync, "the file server does not start: " + started.error().message);
  if (started->status.is_success()) {
    const auto pid = co_await wait_until_up(state, address, port);
    if (pid) co_return Result<void>{};
  }
  if (const auto pid = running_pid(state)) kill_tree(*pid);
  co_return fail(ErrorKind::kSync,
                 "the file server does not start: " + last_lines(started->errors, 3) +
                     new_log_lines(state, known));
}

Result<void> check_port(const std::string& address, int port) {
  if (port < 1) return fail(ErrorKind::kUsage, "a file server needs a port of its own");
  auto probe = listen_on(address, port);
  if (probe) return {};
  return fail(ErrorKind::kRefused,
              probe.error().message + "; choose another --port or --bind, or end what is there");
}

}  // namespace

Task<Result<void>> start_file_server(FileServerOptions options) {
  GORGON_CO_TRY_ASSIGN(const fs::path directory, usable_directory(options.directory));
  std::error_code error;
  const fs::path state = fs::absolute(options.state_directory, error).lexically_normal();
  GORGON_CO_TRY_ASSIGN(const UniqueFd turn, take_turn(state));
  if (const auto pid = running_pid(state)) {
    co_return fail(ErrorKind::kRefused,
                   fmt::format("a file server runs already (pid {}, see {}); `gorgon stop_rsync` "
                               "ends it",
                               *pid, config_file(state).string()));
  }
  auto address = co_await resolve(options.bind);
  if (!address) co_return fail(ErrorKind::kUsage, "--bind: " + address.error().message);
  GORGON_CO_TRY(check_port(*address, options.port));
  DaemonConfig config{.module = kFileServerModule,
                      .path = directory,
                      .is_writable = true,
                      .log_file = log_file(state),
                      .pid_file = pid_file(state),
                      .address = *address,
                      .port = options.port};
  if (!options.secrets.empty()) {
    GORGON_CO_TRY_ASSIGN(config.users, install_secrets(options.secrets, state));
    config.secrets_file = secrets_file(state);
  }
  GORGON_CO_TRY_ASSIGN(const std::string text, daemon_config_text(config));
  GORGON_CO_TRY(write_file(config_file(state), text, 0600));
  co_return co_await start_daemon(state, *address, options.port);
}

Task<Result<void>> stop_file_server(fs::path state_directory) {
  std::error_code error;
  const fs::path state = fs::absolute(state_directory, error).lexically_normal();
  GORGON_CO_TRY_ASSIGN(const UniqueFd turn, take_turn(state));
  const auto pid = running_pid(state);
  if (!pid) {
    co_return fail(ErrorKind::kNotFound,
                   "no file server of ours runs (" + pid_file(state).string() + ")");
  }
  // Transfers are processes of their own, which a killed daemon would leave behind.
  kill_descendants(*pid);
  ::kill(*pid, SIGTERM);
  const auto deadline = steady_clock::now() + kStopLimit;
  bool is_killed = false;
  while (running_pid(state) == pid) {
    if (steady_clock::now() > deadline && is_killed) {
      co_return fail(ErrorKind::kTimeout,
                     fmt::format("the file server (pid {}) does not end", *pid));
    }
    if (steady_clock::now() > deadline - kStopLimit / 2 && !is_killed) {
      kill_tree(*pid);
      is_killed = true;
    }
    co_await sleep_for(kProbeInterval);
  }
  for (const fs::path& path : {pid_file(state), secrets_file(state)}) fs::remove(path, error);
  co_return Result<void>{};
}

}  // namespace gorgon::sync
