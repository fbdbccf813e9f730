// Session: what the broker sends.
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "broker/amqp/frames.h"
#include "broker/amqp/handshake.h"
#include "broker/amqp/library.h"
#include "broker/amqp/outbox.h"
#include "broker/amqp/session.h"
#include "broker/broker.h"
#include "broker/waiting.h"

namespace gorgon::broker::amqp {

namespace {

constexpr int kNotFound = 404;

Error to_error(const ChannelClosed& closed) {
  const ErrorKind kind = closed.code == kNotFound ? ErrorKind::kNotFound : ErrorKind::kRefused;
  return {kind, fmt::format("the broker says: {}", closed.text)};
}

}  // namespace

void Session::handle(Delivered delivered) {
  const auto consumer = consumers_.find(delivered.consumer_tag);
  if (consumer == consumers_.end()) return lose("it delivered to a consumer that is not ours");
  events_.push(Delivery{.queue = consumer->second,
                        .tag = delivered.tag,
                        .attempt = delivered.attempt,
                        .is_dead_letter = delivered.is_dead_letter,
                        .body = std::move(delivered.body)});
}

void Session::handle(const Confirmed& confirmed) {
  last_progress_ = Clock::now();
  if (!confirmed.and_all_before) return settle(confirmed.sequence, confirmed.is_accepted);
  while (!unconfirmed_.empty() && unconfirmed_.begin()->first <= confirmed.sequence)
    settle(unconfirmed_.begin()->first, confirmed.is_accepted);
}

void Session::settle(std::uint64_t sequence, bool is_accepted) {
  const auto message = unconfirmed_.extract(sequence);
  if (message.empty() || !message.mapped().batch) return;
  const std::string& queue = message.mapped().queue;
  std::optional<Error> error;
  if (!is_accepted) {
    error = Error{ErrorKind::kRefused,
                  fmt::format("broker {} could not store a message for {}", where_, queue)};
  } else if (message.mapped().is_returned) {
    error = no_such_queue_to_publish(queue);
  }
  message.mapped().batch->settle(std::move(error));
}

void Session::handle(const Returned& returned) {
  if (const auto found = unconfirmed_.find(returned.sequence); found != unconfirmed_.end())
    found->second.is_returned = true;
}

void Session::handle(const ConsumerCancelled& cancelled) {
  const auto consumer = consumers_.find(cancelled.consumer_tag);
  if (consumer == consumers_.end()) return;
  const auto consumed = consumed_.find(consumer->second);
  // Else we have stopped consuming meanwhile.
  if (consumed == consumed_.end() || consumed->second != cancelled.consumer_tag) return;
  consumed_.erase(consumed);
  spawn(executor_, find_out_why_cancelled(shared_from_this(), consumer->second));
}

/// Most often the queue was deleted. But RabbitMQ also cancels consumers when a queue's leader
/// moves and, from 4.3 on, when a message is held for too long; to take that for the end of the
/// queue would lose a job's workers one by one.
Task<void> Session::find_out_why_cancelled(std::shared_ptr<Session> self, std::string queue) {
  using std::chrono::milliseconds;
  // A quorum queue cancels its consumers a moment before it is gone from the broker's tables.
  for (const milliseconds pause :
       {milliseconds(0), milliseconds(20), milliseconds(200), milliseconds(1000)}) {
    if (pause > milliseconds(0)) co_await sleep_for(pause);
    const Result<bool> exists = co_await self->queue_exists(queue);
    if (self->lost_) co_return;
    if (exists && !*exists) {
      self->events_.push(QueueCancelled{queue});
      co_return;
    }
  }
  self->lose(
      fmt::format("it ended our consumer of queue {}, which still exists; was a message held "
                  "for too long?",
                  queue));
}

void Session::handle(Answer answer) {
  if (answer.method == AMQP_CONNECTION_CLOSE_OK_METHOD) return lose("it was closed");
  if (answer.method == AMQP_CHANNEL_OPEN_OK_METHOD) is_scratch_open_ = true;
  Call& call = call_on(answer.channel);
  if (call.owed_answers > 0) {
    --call.owed_answers;
    return call.changed.notify();
  }
  call.outcome = std::move(answer);
  call.changed.notify();
}

void Session::handle(const ChannelClosed& closed) {
  // Unconsumed deliveries and open answers went with the main channel; starting over on a new
  // connection is the one path for that, and it is tested.
  if (closed.channel == kMainChannel) return lose(fmt::format("{} {}", closed.code, closed.text));
  is_scratch_open_ = false;
  scratch_call_.owed_answers = 0;
  outbox_.push([](State* state) {
    amqp_channel_close_ok_t method{};
    return amqp_send_method(state, kScratchChannel, AMQP_CHANNEL_CLOSE_OK_METHOD, &method);
  });
  scratch_call_.outcome = std::unexpected(to_error(closed));
  scratch_call_.changed.notify();
}

void Session::handle(const ConnectionClosed& closed) {
  if (is_writable(amqp_get_sockfd(state_.get()))) {
    amqp_connection_close_ok_t method{};
    amqp_send_method(state_.get(), 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &method);
  }
  lose(fmt::format("{} {}", closed.code, closed.text));
}

void Session::handle(BlockedChanged changed) {
  blocked_ = std::move(changed.reason);
  unblocked_at_ = Clock::now();
  if (blocked_) {
    log::warning("broker {} takes no messages: {}", where_, *blocked_);
    // It may stop reading for as long as it likes; that is no dead link.
    limit_unacknowledged(amqp_get_sockfd(state_.get()), std::chrono::milliseconds(0));
    return;
  }
  log::info("broker {} takes messages again", where_);
  limit_unacknowledged(amqp_get_sockfd(state_.get()), 3 * heartbeat_);
  // Everybody's time starts again.
  main_call_.changed.notify();
  scratch_call_.changed.notify();
  writable_again_.notify();
  for (const auto& [sequence, message] : unconfirmed_) {
    if (message.batch) message.batch->changed.notify();
  }
}

}  // namespace gorgon::broker::amqp
