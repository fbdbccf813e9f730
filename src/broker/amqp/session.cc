#include "broker/amqp/session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/asio.h"
#include "base/result.h"
#include "broker/amqp/frames.h"
#include "broker/amqp/library.h"
#include "broker/amqp/outbox.h"

namespace gorgon::broker::amqp {

using asio::posix::stream_descriptor;

Result<std::shared_ptr<Session>> Session::start(const asio::any_io_executor& executor,
                                                UniqueState state, std::string where) {
  const int socket = ::fcntl(amqp_get_sockfd(state.get()), F_DUPFD_CLOEXEC, 0);
  if (socket < 0) return fail_errno("cannot watch the connection to broker " + where, errno);
  std::shared_ptr<Session> session(new Session(executor, std::move(state), std::move(where),
                                               stream_descriptor(executor, socket)));
  spawn(executor, read_loop(session));
  spawn(executor, heartbeat_loop(session));
  return session;
}

Session::Session(const asio::any_io_executor& executor, UniqueState state, std::string where,
                 stream_descriptor socket)
    : executor_(executor),
      where_(std::move(where)),
      state_(std::move(state)),
      heartbeat_(amqp_get_heartbeat(state_.get())),
      socket_(std::move(socket)),
      events_(executor),
      lost_signal_(executor),
      main_call_(executor),
      scratch_call_(executor),
      writable_again_(executor),
      unblocked_at_(Clock::now()),
      last_progress_(unblocked_at_),
      last_sent_(unblocked_at_) {}

Session::~Session() = default;

void Session::lose(const std::string& reason) {
  if (lost_) return;
  lost_ = Error{ErrorKind::kConnectionLost,
                fmt::format("lost the connection to broker {}: {}", where_, reason)};
  // The state itself goes with the session: this may run inside one of the library's calls' loops.
  ::shutdown(amqp_get_sockfd(state_.get()), SHUT_RDWR);
  boost::system::error_code ignored;
  socket_.close(ignored);
  blocked_.reset();
  for (Call* call : {&main_call_, &scratch_call_}) {
    call->outcome = std::unexpected(*lost_);
    call->changed.notify();
  }
  for (const auto& [sequence, message] : std::exchange(unconfirmed_, {})) {
    if (message.batch) message.batch->settle(lost_);
  }
  writable_again_.notify();
  lost_signal_.notify();
  events_.end(*lost_);
}

std::string Session::product() const {
  std::string text;
  const amqp_table_t& properties = *amqp_get_server_properties(state_.get());
  for (const char* wanted : {"product", "version"}) {
    for (int i = 0; i < properties.num_entries; ++i) {
      const amqp_table_entry_t& entry = properties.entries[i];
      if (entry.value.kind != AMQP_FIELD_KIND_UTF8 || to_string(entry.key) != wanted) continue;
      text += (text.empty() ? "" : " ") + to_string(entry.value.value.bytes);
    }
  }
  return text;
}

Task<void> Session::read_loop(std::shared_ptr<Session> self) {
  while (!self->lost_) {
    self->pump();
    if (self->lost_) co_return;
    // While we may not read, what has arrived must not wake us.
    const auto event =
        self->is_stalled() ? stream_descriptor::wait_write : stream_descriptor::wait_read;
    co_await self->socket_.async_wait(event, as_value);
  }
}

/// Wakes often enough for the library to send heartbeats in time and to notice missed ones.
Task<void> Session::heartbeat_loop(std::shared_ptr<Session> self) {
  using std::chrono::milliseconds;
  const auto interval =
      std::max<milliseconds>(milliseconds(self->heartbeat_) / 4, milliseconds(100));
  while (!self->lost_) {
    co_await self->lost_signal_.wait_until(Clock::now() + interval);
    self->check_stall();
    self->pump();
  }
}

/// Reads until nothing is left. Called before every wait, since the library may hold frames that
/// the socket no longer shows, and before every publish.
void Session::pump() {
  while (!lost_ && !is_stalled()) {
    Result<std::optional<Incoming>> read = reader_.next(state_.get());
    if (!read) return lose(read.error().message);
    std::optional<Incoming> incoming = *std::move(read);
    if (!incoming) break;
    std::visit([this](auto& arrived) { handle(std::move(arrived)); }, *incoming);
  }
  flush();
}

void Session::flush() {
  if (lost_ || outbox_.is_empty()) return;
  const Result<bool> has_written = outbox_.write(state_.get());
  if (!has_written) return lose(has_written.error().message);
  if (*has_written) {
    last_sent_ = last_progress_ = Clock::now();
    writable_again_.notify();
  }
  if (outbox_.is_empty() || is_writing_) return;
  is_writing_ = true;
  spawn(executor_, write_loop(shared_from_this()));
}

Task<void> Session::write_loop(std::shared_ptr<Session> self) {
  while (!self->lost_ && !self->outbox_.is_empty()) {
    co_await self->socket_.async_wait(stream_descriptor::wait_write, as_value);
    self->flush();
  }
  self->is_writing_ = false;
}

/// The socket is full and a heartbeat is due: reading would send it, and wait for the socket. That
/// happens when the broker has stopped reading, which it does during an alarm.
bool Session::is_stalled() const {
  return Clock::now() - last_sent_ > heartbeat_ - std::chrono::milliseconds(200) &&
         !is_writable(amqp_get_sockfd(state_.get()));
}

/// During a stall the library cannot tell a broker that only does not read, and still sends
/// heartbeats, from a dead one.
void Session::check_stall() {
  if (lost_) return;
  if (!is_stalled()) {
    stalled_since_.reset();
    return;
  }
  int unread = 0;
  ::ioctl(amqp_get_sockfd(state_.get()), FIONREAD, &unread);
  if (!stalled_since_ || unread != unread_bytes_) {
    stalled_since_ = Clock::now();
    unread_bytes_ = unread;
  } else if (Clock::now() - *stalled_since_ > 2 * heartbeat_) {
    lose("it neither reads nor sends anything");
  }
}

}  // namespace gorgon::broker::amqp
