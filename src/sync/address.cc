#include "sync/address.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

namespace {

using Udp = asio::ip::udp;

constexpr std::chrono::seconds kNameServiceLimit{10};

Task<Result<Udp::endpoint>> resolve_endpoint(std::string host) {
  boost::system::error_code error;
  if (const auto address = asio::ip::make_address(host, error); !error)
    co_return Udp::endpoint(address, 9);
  const auto executor = co_await asio::this_coro::executor;
  const auto resolver = std::make_shared<Udp::resolver>(executor);
  asio::steady_timer timer(executor, kNameServiceLimit);
  timer.async_wait([watched = std::weak_ptr(resolver)](const boost::system::error_code& e) {
    if (const auto r = watched.lock(); r && !e) r->cancel();
  });
  // Any port will do: UDP's connect only chooses a route. 9 is "discard".
  const auto [failure, endpoints] = co_await resolver->async_resolve(host, "9", as_value);
  if (failure || endpoints.empty())
    co_return fail(ErrorKind::kUnavailable, "cannot find the host " + host + ": " +
                                                (failure ? failure.message() : "no address"));
  co_return endpoints.begin()->endpoint();
}

}  // namespace

Task<Result<std::string>> resolve(std::string host) {
  GORGON_CO_TRY_ASSIGN(const Udp::endpoint endpoint, co_await resolve_endpoint(std::move(host)));
  co_return endpoint.address().to_string();
}

Task<Result<std::string>> local_address_towards(std::string host) {
  if (host.empty()) co_return std::string("127.0.0.1");
  GORGON_CO_TRY_ASSIGN(const Udp::endpoint remote, co_await resolve_endpoint(host));
  Udp::socket socket(co_await asio::this_coro::executor);
  boost::system::error_code error;
  socket.open(remote.protocol(), error);
  if (!error) socket.connect(remote, error);
  Udp::endpoint local;
  if (!error) local = socket.local_endpoint(error);
  if (error)
    co_return fail(ErrorKind::kUnavailable, "no route to " + host + ": " + error.message());
  co_return local.address().to_string();
}

bool is_loopback(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

bool is_unspecified(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  return !error && parsed.is_unspecified();
}

std::string with_port(const std::string& address, int port) {
  const bool needs_brackets = address.contains(':');
  return (needs_brackets ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Result<ListeningSocket> listen_on(const std::string& address, int port) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) return fail(ErrorKind::kIo, address + " is not an address");
  asio::ip::tcp::endpoint endpoint(parsed, static_cast<std::uint16_t>(port));
  UniqueFd fd(::socket(endpoint.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("cannot make a socket", errno);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0)
    return fail_errno("cannot listen on " + with_port(address, port), errno);
  auto length = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(fd.get(), endpoint.data(), &length) != 0)
    return fail_errno("cannot listen on " + with_port(address, port), errno);
  return ListeningSocket{std::move(fd), endpoint.port()};
}

}  // namespace gorgon::sync
