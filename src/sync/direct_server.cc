#include "sync/direct_server.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <charconv>
#include <list>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

namespace {

using asio::ip::tcp;
using asio::ip::udp;

constexpr const char* kModule = "job";
constexpr const char* kUser = "job";
/// 32 characters of 36: 165 bits.
constexpr std::size_t kSecretLength = 32;
/// More pulls at once only slow each other down; the others wait in the accept queue.
constexpr std::size_t kMaxTransfers = 64;
constexpr std::uint16_t kAnyServicePort = 9;  // Discard; a connected datagram socket sends nothing.

/// The local address of the route to `host`: what listeners that reach the same broker can most
/// likely reach, too.
Task<Result<asio::ip::address>> address_towards(std::string host) {
  const auto executor = co_await asio::this_coro::executor;
  udp::resolver resolver(executor);
  const auto [failed, found] =
      co_await resolver.async_resolve(host, std::to_string(kAnyServicePort), as_value);
  if (failed) co_return fail(ErrorKind::kSync, "cannot resolve " + host + ": " + failed.message());
  for (const auto& entry : found) {
    udp::socket socket(executor);
    boost::system::error_code error;
    socket.connect(entry.endpoint(), error);
    if (error) continue;
    const auto local = socket.local_endpoint(error);
    if (!error) co_return local.address();
  }
  co_return fail(ErrorKind::kSync, "no route to " + host + "; set job.sync.bind_address");
}

/// "10.0.0.5", "10.0.0.5:8740", "[::1]:8740".
Result<tcp::endpoint> parse_bind_address(const std::string& text) {
  std::string host = text;
  std::uint16_t port = 0;
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string::npos && (text.find(':') == colon || text[colon - 1] == ']');
  if (has_port) {
    host = text.substr(0, colon);
    const auto parsed = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
      return fail(ErrorKind::kSync, "job.sync.bind_address: \"" + text + "\" has no valid port");
    }
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error)
    return fail(ErrorKind::kSync, "job.sync.bind_address: \"" + text + "\" is not an IP address");
  return tcp::endpoint(address, port);
}

std::string configuration(const Stage& stage) {
  std::string text =
      "use chroot = no\nmunge symlinks = no\nlist = no\nreverse lookup = no\nforward lookup = "
      "no\ntimeout = 60\n";
  text += "log file = " + (stage.directory() / "rsyncd.log").string() + "\n";
  if (::getuid() == 0) text += "uid = 0\ngid = 0\n";
  text += std::string("[") + kModule + "]\npath = " + stage.tree().string() + "\nread only = yes\n";
  text += std::string("auth users = ") + kUser +
          "\nsecrets file = " + (stage.directory() / "secrets").string() + "\n";
  text += "refuse options = copy-links copy-unsafe-links copy-dirlinks keep-dirlinks delete\n";
  return text;
}

}  // namespace

struct DirectServer::State {
  State(const asio::any_io_executor& executor, fs::path file)
      : acceptor(executor), config_file(std::move(file)), changed(executor) {}
  tcp::acceptor acceptor;
  fs::path config_file;
  std::list<Subprocess> transfers;
  Signal changed;
  bool closed = false;
};

Task<Result<std::unique_ptr<DirectServer>>> DirectServer::start(const Stage& stage,
                                                                DirectServerOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::endpoint endpoint;
  if (options.bind_address.empty()) {
    GORGON_CO_TRY_ASSIGN(const auto address, co_await address_towards(options.broker_host));
    endpoint = tcp::endpoint(address, 0);
  } else {
    GORGON_CO_TRY_ASSIGN(endpoint, parse_bind_address(options.bind_address));
  }
  const std::string secret = random_id(kSecretLength);
  GORGON_CO_TRY(
      write_file(stage.directory() / "secrets", std::string(kUser) + ":" + secret + "\n", 0600));
  GORGON_CO_TRY(write_file(stage.directory() / "rsyncd.conf", configuration(stage), 0600));

  auto state = std::make_shared<State>(executor, stage.directory() / "rsyncd.conf");
  boost::system::error_code error;
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    co_return fail(ErrorKind::kSync, "cannot serve the tree on " + endpoint.address().to_string() +
                                         ": " + error.message() + "; set job.sync.bind_address");
  }
  const auto bound = state->acceptor.local_endpoint(error);
  const std::string host = bound.address().is_v6() ? "[" + bound.address().to_string() + "]"
                                                   : bound.address().to_string();
  config::SourceLocation location{.transport = config::Transport::kDirect,
                                  .source = std::string("rsync://") + kUser + "@" + host + ":" +
                                            std::to_string(bound.port()) + "/" + kModule + "/",
                                  .user = kUser,
                                  .password = secret,
                                  .compress = options.compress};
  spawn(executor, accept(state));
  co_return std::unique_ptr<DirectServer>(new DirectServer(std::move(state), std::move(location)));
}

DirectServer::~DirectServer() {
  state_->closed = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->changed.notify();
  // What it serves goes away with us; a transfer in progress cannot be completed.
  for (const Subprocess& transfer : state_->transfers) transfer.signal(15);
}

Task<void> DirectServer::accept(std::shared_ptr<State> state) {
  while (!state->closed) {
    while (state->transfers.size() >= kMaxTransfers && !state->closed)
      co_await state->changed.wait();
    auto [error, socket] = co_await state->acceptor.async_accept(as_value);
    if (state->closed) co_return;
    if (error) {
      log::warning("cannot accept a connection: {}", error.message());
      co_await sleep_for(
          std::chrono::milliseconds(50));  // Out of descriptors, most likely: others will end.
      continue;
    }
    spawn(state->acceptor.get_executor(), serve(state, socket.release()));
  }
}

/// rsync behaves as from inetd when its standard input is a socket.
Task<void> DirectServer::serve(std::shared_ptr<State> state, int socket) {
  UniqueFd connection(socket);
  // Asio made it non-blocking; rsync expects a plain one.
  int blocking = 0;
  ::ioctl(connection.get(), FIONBIO, &blocking);
  SpawnOptions options;
  options.argv = {"rsync", "--daemon", "--no-detach", "--config=" + state->config_file.string()};
  options.descriptors = {{0, connection.get()}, {1, connection.get()}};
  auto child = Subprocess::spawn(state->acceptor.get_executor(), options);
  connection.reset();
  if (!child) {
    log::warning("{}", child.error().message);
    co_return;
  }
  state->transfers.push_front(*std::move(child));
  const auto transfer = state->transfers.begin();
  co_await transfer->wait();
  state->transfers.erase(transfer);
  state->changed.notify();
}

}  // namespace gorgon::sync
