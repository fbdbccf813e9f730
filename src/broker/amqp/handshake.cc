#include "broker/amqp/handshake.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "broker/amqp/library.h"
#include "broker/amqp/table.h"
#include "broker/amqp/tls.h"
#include "broker/broker.h"
#include "broker/waiting.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kMaxChannels = 2047;
/// What RabbitMQ offers itself; 4.1 and later refuse less than 8192.
constexpr int kMaxFrameBytes = 131072;
constexpr int kAccessRefused = 403;
constexpr int kNotAllowed = 530;

/// What is left until `deadline`, and never nothing: the library takes zero for "at once".
timeval time_until(Clock::time_point deadline) {
  const auto left =
      std::max<Clock::duration>(deadline - Clock::now(), std::chrono::milliseconds(1));
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(left).count();
  return {.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000};
}

std::unexpected<Error> cannot_open(const config::Connection& address, int status) {
  const std::string where = describe(Address(address));
  const std::string reason = amqp_error_string2(status);
  switch (status) {
    case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED:
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot connect to broker {}: the host name is unknown (see \"host\" "
                              "of \"connection\")",
                              where));
    case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
    case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
    case AMQP_STATUS_SSL_CONNECTION_FAILED:
    case AMQP_STATUS_SSL_ERROR:
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot connect to broker {}: the TLS handshake failed: {} (its "
                              "certificate must be signed by {} and name \"{}\"; is this its TLS "
                              "port?)",
                              where, reason, address.tls.value_or(config::Tls{}).ca_file.string(),
                              address.host));
    case AMQP_STATUS_TIMEOUT:
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot connect to broker {}: it did not answer in time (is there a "
                              "firewall between us?)",
                              where));
    default:
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot connect to broker {}: {} (is RabbitMQ running there? see "
                              "\"connection\")",
                              where, reason));
  }
}

std::unexpected<Error> refused_by_broker(const config::Connection& address,
                                         const amqp_method_t& method) {
  const std::string where = describe(Address(address));
  if (method.id != AMQP_CONNECTION_CLOSE_METHOD)
    return fail(ErrorKind::kUnavailable, fmt::format("broker {} ended the log in", where));
  const auto& close = *static_cast<const amqp_connection_close_t*>(method.decoded);
  const std::string text = to_string(close.reply_text);
  if (close.reply_code == kAccessRefused) {
    return fail(ErrorKind::kRefused,
                fmt::format("broker {} refused user \"{}\" (check \"user\" and \"password\" of "
                            "\"connection\"): {}",
                            where, address.user, text));
  }
  if (close.reply_code == kNotAllowed) {
    return fail(ErrorKind::kRefused,
                fmt::format("broker {} refused virtual host \"{}\" (check \"vhost\" of "
                            "\"connection\", and the user's permissions): {}",
                            where, address.virtual_host, text));
  }
  return fail(ErrorKind::kUnavailable,
              fmt::format("broker {} ended the log in: {} {}", where, close.reply_code, text));
}

Result<void> check_reply(const config::Connection& address, const amqp_rpc_reply_t& reply) {
  switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
      return {};
    case AMQP_RESPONSE_SERVER_EXCEPTION:
      return refused_by_broker(address, reply.reply);
    case AMQP_RESPONSE_NONE:
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
      break;
  }
  // With TLS 1.3 a refused client certificate shows only now, after the handshake.
  const char* hint = address.tls
                         ? "does it want another client certificate, and is this its TLS port?"
                         : "is it RabbitMQ, and is this not its TLS port?";
  return fail(ErrorKind::kUnavailable,
              fmt::format("cannot log in at broker {}: {} ({})", describe(Address(address)),
                          amqp_error_string2(reply.library_error), hint));
}

amqp_rpc_reply_t send_login(State* state, const config::Connection& address,
                            const std::string& name) {
  Table capabilities;
  // Without the first a consumer never learns that its queue was deleted.
  capabilities.set_true("consumer_cancel_notify");
  capabilities.set_true("connection.blocked");
  Table properties;
  properties.set("capabilities", capabilities);
  properties.set("connection_name", name);
  properties.set("product", "gorgon");
  const amqp_table_t table = properties.get();
  return amqp_login_with_properties(state, address.virtual_host.c_str(), kMaxChannels,
                                    kMaxFrameBytes, static_cast<int>(address.heartbeat.count()),
                                    &table, AMQP_SASL_METHOD_PLAIN, address.user.c_str(),
                                    address.password.c_str());
}

Result<void> open_main_channel(State* state, const config::Connection& address) {
  amqp_channel_open(state, kMainChannel);
  GORGON_TRY(check_reply(address, amqp_get_rpc_reply(state)));
  amqp_confirm_select(state, kMainChannel);
  GORGON_TRY(check_reply(address, amqp_get_rpc_reply(state)));
  amqp_maybe_release_buffers(state);
  return {};
}

/// A dead link must end reads and writes even where the library waits without a limit: its publish
/// hangs on one (rabbitmq-c #780, fixed in 0.14).
void watch_link(int socket, std::chrono::seconds heartbeat) {
  const int on = 1;
  const int seconds = static_cast<int>(heartbeat.count());
  const int probes = 2;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
  limit_unacknowledged(socket, 3 * heartbeat);
}

Result<UniqueState> log_in_blocking(const config::Connection& address, const std::string& name,
                                    Clock::time_point deadline) {
  UniqueState state(amqp_new_connection());
  if (!state) return fail(ErrorKind::kIo, "out of memory for a broker connection");
  amqp_socket_t* socket = nullptr;
  if (address.tls) {
    GORGON_TRY_ASSIGN(socket, make_tls_socket(state.get(), *address.tls, address.host));
  } else {
    socket = amqp_tcp_socket_new(state.get());
  }
  const timeval open_limit = time_until(deadline);
  const int status =
      amqp_socket_open_noblock(socket, address.host.c_str(), address.port, &open_limit);
  if (status != AMQP_STATUS_OK) return cannot_open(address, status);
  const timeval limit = time_until(deadline);
  amqp_set_handshake_timeout(state.get(), &limit);
  amqp_set_rpc_timeout(state.get(), &limit);
  GORGON_TRY(check_reply(address, send_login(state.get(), address, name)));
  GORGON_TRY(open_main_channel(state.get(), address));
  watch_link(amqp_get_sockfd(state.get()), address.heartbeat);
  return state;
}

/// Shared by the thread and the coroutine that waits for it, since either may be the last. The
/// thread writes `outcome`, then `has_outcome`, then the event.
struct Attempt {
  config::Connection address;
  std::string name;
  UniqueFd finished;
  std::optional<Result<UniqueState>> outcome = std::nullopt;
  std::atomic<bool> has_outcome = false;
};

void run_attempt(const std::shared_ptr<Attempt>& attempt, Clock::time_point deadline) {
  attempt->outcome = log_in_blocking(attempt->address, attempt->name, deadline);
  attempt->has_outcome.store(true, std::memory_order_release);
  ::eventfd_write(attempt->finished.get(), 1);
}

/// Detached: the library's look-up of host names has no limit, and nobody must wait for it. The
/// signals of the program are for its main thread.
Result<void> start_thread(std::shared_ptr<Attempt> attempt, Clock::time_point deadline) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<void> started;
  try {
    std::thread([attempt = std::move(attempt), deadline] {
      run_attempt(attempt, deadline);
    }).detach();
  } catch (const std::system_error& e) {
    started = fail(ErrorKind::kIo, std::string("cannot start a thread: ") + e.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace

void limit_unacknowledged(int socket, std::chrono::milliseconds limit) {
  const auto milliseconds = static_cast<unsigned>(limit.count());
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
}

Task<Result<UniqueState>> log_in(config::Connection address, std::string name) {
  const auto executor = co_await asio::this_coro::executor;
  const auto deadline = Clock::now() + kAnswerLimit;
  const auto attempt = std::make_shared<Attempt>(
      std::move(address), std::move(name), UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  // Each side has a descriptor of its own: an abandoned thread still writes to its one.
  const int watched = ::fcntl(attempt->finished.get(), F_DUPFD_CLOEXEC, 0);
  if (watched < 0) co_return fail_errno("cannot watch a broker connection", errno);
  const auto finished = std::make_shared<asio::posix::stream_descriptor>(executor, watched);
  // Half a second less than ours: its message says more than that it did not answer.
  GORGON_CO_TRY(start_thread(attempt, deadline - std::chrono::milliseconds(500)));
  asio::steady_timer limit(executor, deadline);
  limit.async_wait([weak = std::weak_ptr(finished)](const boost::system::error_code& error) {
    if (const auto waiting = weak.lock(); waiting && !error) waiting->cancel();
  });
  co_await finished->async_wait(asio::posix::stream_descriptor::wait_read, as_value);
  if (!attempt->has_outcome.load(std::memory_order_acquire))
    co_return cannot_open(attempt->address, AMQP_STATUS_TIMEOUT);
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): set before has_outcome.
  co_return *std::move(attempt->outcome);
}

}  // namespace gorgon::broker::amqp
