#include "sync/direct_server.h"

#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "sync/address.h"
#include "sync/daemon_config.h"
#include "sync/snapshot.h"

namespace gorgon::sync {

namespace {

constexpr std::string_view kModule = "tree";
constexpr std::string_view kUser = "job";
constexpr std::size_t kSecretLength = 32;  ///< Of 36 letters: 165 bits.
/// rsync's own time limit starts when the module is known. This one also ends connections that
/// never say anything; it is longer, so that rsync ends its own in its own words.
constexpr std::chrono::seconds kSilenceLimit{90};

bool is_silent(int socket) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return true;
  const auto last =
      std::chrono::milliseconds(std::min(info.tcpi_last_data_recv, info.tcpi_last_data_sent));
  return last > kSilenceLimit;
}

struct Addresses {
  std::string listen;
  std::string told;
  int port = 0;
};

/// Takes a port off "HOST:PORT" or "[IPV6]:PORT", and the brackets off "[IPV6]".
Result<int> take_port(std::string& host) {
  int port = 0;
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos &&
                        (host.find(':') == colon || (colon > 0 && host[colon - 1] == ']'));
  if (has_port) {
    const char* end = host.data() + host.size();
    const auto parsed = std::from_chars(host.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end || port < 1 || port > 65535)
      return fail(ErrorKind::kUsage, "job.sync.bind_address: \"" + host + "\" has no valid port");
    host.resize(colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return port;
}

Task<Result<Addresses>> choose_addresses(std::string bind_address, std::string broker_host) {
  if (bind_address.empty()) {
    GORGON_CO_TRY_ASSIGN(const std::string local, co_await local_address_towards(broker_host));
    co_return Addresses{.listen = local, .told = local};
  }
  GORGON_CO_TRY_ASSIGN(const int port, take_port(bind_address));
  GORGON_CO_TRY_ASSIGN(const std::string listen, co_await resolve(bind_address));
  if (!is_unspecified(listen)) co_return Addresses{.listen = listen, .told = listen, .port = port};
  GORGON_CO_TRY_ASSIGN(const std::string local, co_await local_address_towards(broker_host));
  co_return Addresses{.listen = listen, .told = local, .port = port};
}

/// Writes what the daemons read into `directory`, which is private.
Result<fs::path> write_daemon_files(const fs::path& directory, const fs::path& tree,
                                    const std::string& secret) {
  const fs::path secrets = directory / "secrets";
  GORGON_TRY(write_file(secrets, std::string(kUser) + ":" + secret + "\n", 0600));
  GORGON_TRY_ASSIGN(const std::string text, daemon_config_text({.module = std::string(kModule),
                                                                .path = tree,
                                                                .users = {std::string(kUser)},
                                                                .secrets_file = secrets,
                                                                .log_file = directory / "log"}));
  fs::path config = directory / "rsyncd.conf";
  GORGON_TRY(write_file(config, text, 0600));
  return config;
}

}  // namespace

struct DirectServer::State {
  asio::posix::stream_descriptor listener;
  Signal connection_ended;
  TempDir directory;
  fs::path config;
  int max_connections;
  int connections = 0;
  bool is_stopped = false;
  std::set<pid_t> daemons = {};  ///< Not reaped yet.

  /// Accepts until stopped.
  static Task<void> accept(std::shared_ptr<State> state);
  /// One connection, from its daemon's start to its end.
  static Task<void> serve(std::shared_ptr<State> state, UniqueFd connection);
};

Task<void> DirectServer::State::accept(std::shared_ptr<State> state) {
  const auto executor = state->listener.get_executor();
  while (!state->is_stopped) {
    if (state->connections >= state->max_connections) {
      co_await state->connection_ended.wait();
      continue;
    }
    const auto [error] =
        co_await state->listener.async_wait(asio::posix::stream_descriptor::wait_read, as_value);
    if (error || state->is_stopped) co_return;
    UniqueFd connection(::accept4(state->listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) {
      ++state->connections;
      spawn(executor, serve(state, std::move(connection)));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log::warning("cannot accept a connection to the stage: {}",
                   fail_errno("accept", errno).error().message);
      co_await sleep_for(std::chrono::milliseconds(200));
    }
  }
}

Task<void> DirectServer::State::serve(std::shared_ptr<State> state, UniqueFd connection) {
  const int socket = connection.get();
  const SpawnOptions options{
      .argv = {"rsync", "--daemon", "--no-detach", "--config=" + state->config.string()},
      .descriptors = {{0, socket}, {1, socket}}};
  auto daemon = Subprocess::spawn(state->listener.get_executor(), options);
  if (daemon) {
    state->daemons.insert(daemon->pid());
    std::optional<ExitStatus> status;
    while (!status) {
      const auto next_look = std::chrono::steady_clock::now() + std::chrono::seconds(15);
      status = co_await daemon->wait_until(next_look);
      if (!status && is_silent(socket)) kill_tree(daemon->pid());
    }
    state->daemons.erase(daemon->pid());
    if (!status->is_success() && !state->is_stopped) {
      const auto words = read_file(state->directory.path() / "log");
      // No more than a note: who pulled in vain reports it, and strangers may knock.
      log::info("a transfer of the stage failed ({}): {}", describe(*status),
                words ? valid_utf8(last_lines(*words, 1)) : "");
    }
  } else {
    log::error("cannot serve the stage: {}", daemon.error().message);
  }
  --state->connections;
  state->connection_ended.notify();
}

namespace {

std::unexpected<Error> as_sync_error(Error error) {
  return with_context("cannot serve the tree (see job.sync.bind_address)",
                      {ErrorKind::kSync, std::move(error.message)});
}

}  // namespace

Task<Result<std::string>> try_direct_address(DirectServerOptions options) {
  auto addresses = co_await choose_addresses(options.bind_address, options.broker_host);
  if (!addresses) co_return as_sync_error(std::move(addresses.error()));
  auto socket = listen_on(addresses->listen, addresses->port);
  if (!socket) co_return as_sync_error(std::move(socket.error()));
  co_return addresses->told;
}

Task<Result<std::unique_ptr<DirectServer>>> DirectServer::start(const Stage& stage,
                                                                DirectServerOptions options) {
  auto addresses = co_await choose_addresses(options.bind_address, options.broker_host);
  if (!addresses) co_return as_sync_error(std::move(addresses.error()));
  auto socket = listen_on(addresses->listen, addresses->port);
  if (!socket) co_return as_sync_error(std::move(socket.error()));
  auto directory = TempDir::make("direct-", stage.directory());
  if (!directory) co_return as_sync_error(std::move(directory.error()));
  const std::string secret = random_id(kSecretLength);
  auto config = write_daemon_files(directory->path(), stage.tree(), secret);
  if (!config) co_return as_sync_error(std::move(config.error()));

  const std::string source =
      "rsync://" + with_port(addresses->told, socket->port) + "/" + std::string(kModule) + "/";
  config::SourceLocation location{.transport = config::Transport::kDirect,
                                  .source = source,
                                  .user = std::string(kUser),
                                  .password = secret,
                                  .compress = options.compress};
  const auto executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(
      State{.listener = asio::posix::stream_descriptor(executor, socket->fd.release()),
            .connection_ended = Signal(executor),
            .directory = std::move(*directory),
            .config = std::move(*config),
            .max_connections = options.max_connections});
  spawn(executor, State::accept(state));
  log::info("serving the stage at {}", source);
  co_return std::unique_ptr<DirectServer>(new DirectServer(std::move(state), std::move(location)));
}

DirectServer::~DirectServer() {
  state_->is_stopped = true;
  boost::system::error_code ignored;
  state_->listener.close(ignored);
  // Their coroutines reap them when the event loop runs again.
  for (const pid_t pid : state_->daemons) kill_tree(pid);
  state_->directory.remove();
  state_->connection_ended.notify();
}

}  // namespace gorgon::sync
