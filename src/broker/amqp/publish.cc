// Session: messages out, and what is done with those that came in.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "broker/amqp/library.h"
#include "broker/amqp/outbox.h"
#include "broker/amqp/session.h"
#include "broker/broker.h"
#include "broker/waiting.h"

namespace gorgon::broker::amqp {

namespace {

/// publish() waits while more than this has not gone out.
constexpr std::size_t kPublishRoomBytes = std::size_t{1} * 1024 * 1024;
/// post() drops its message while more than this has not gone out.
constexpr std::size_t kMaxPostBytes = std::size_t{16} * 1024 * 1024;

/// The method and header of a message.
int send_head(State* state, const Destination& to, std::uint64_t sequence, bool is_mandatory,
              std::size_t body_bytes) {
  const bool is_topic = to.kind == Destination::Kind::kTopic;
  amqp_basic_publish_t method{};
  method.exchange = to_bytes(is_topic ? to.name : std::string_view());
  method.routing_key = to_bytes(is_topic ? std::string_view() : to.name);
  method.mandatory = is_mandatory ? 1 : 0;
  const int status = amqp_send_method(state, kMainChannel, AMQP_BASIC_PUBLISH_METHOD, &method);
  if (status != AMQP_STATUS_OK) return status;
  const std::string id = std::to_string(sequence);
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
  properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  // By this a returned message is found again: a return does not say which one it was.
  properties.message_id = to_bytes(id);
  amqp_frame_t frame{};
  frame.frame_type = AMQP_FRAME_HEADER;
  frame.channel = kMainChannel;
  frame.payload.properties.class_id = AMQP_BASIC_CLASS;
  frame.payload.properties.body_size = body_bytes;
  frame.payload.properties.decoded = &properties;
  return amqp_send_frame(state, &frame);
}

}  // namespace

Result<void> Session::send(Outbox::Send method) {
  if (lost_) return std::unexpected(*lost_);
  outbox_.push(std::move(method));
  flush();
  if (lost_) return std::unexpected(*lost_);
  return {};
}

void Session::send_message(Message message, std::shared_ptr<PublishBatch> batch) {
  const std::uint64_t sequence = next_sequence_++;
  const bool is_mandatory = batch && message.to.kind == Destination::Kind::kQueue;
  if (batch) ++batch->in_flight;
  unconfirmed_.emplace(sequence, Unconfirmed{.batch = std::move(batch), .queue = message.to.name});
  const std::size_t size = message.body.size();
  outbox_.push([to = std::move(message.to), sequence, is_mandatory,
                size](State* state) { return send_head(state, to, sequence, is_mandatory, size); },
               std::move(message.body));
  flush();
}

/// Waits until at most `limit` messages of the batch are unconfirmed, or one has failed.
Task<Result<void>> Session::wait_until_confirmed(std::shared_ptr<PublishBatch> batch,
                                                 std::size_t limit) {
  const auto start = Clock::now();
  while (batch->in_flight > limit && !batch->error) {
    const bool is_in_time =
        co_await wait_for_broker(batch->changed, std::max(start, last_progress_));
    if (!is_in_time && Clock::now() - last_progress_ > kAnswerLimit)
      co_return give_up("confirmation of a message");
  }
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): checked by the if.
  if (batch->error) co_return std::unexpected(*batch->error);
  co_return Result<void>();
}

/// Waits while the broker takes no messages, or too much has not gone out yet.
Task<Result<void>> Session::wait_until_sendable() {
  const auto start = Clock::now();
  pump();
  while (!lost_ && (blocked_ || outbox_.unwritten_bytes() > kPublishRoomBytes)) {
    const bool is_in_time =
        co_await wait_for_broker(writable_again_, std::max(start, last_progress_));
    if (!is_in_time && Clock::now() - last_progress_ > kAnswerLimit)
      co_return give_up("sign of reading what we send");
  }
  if (lost_) co_return std::unexpected(*lost_);
  co_return Result<void>();
}

Task<Result<void>> Session::publish(std::vector<Message> messages) {
  for (const Message& message : messages) GORGON_CO_TRY(check_message(message));
  const auto batch = std::make_shared<PublishBatch>(executor_);
  for (Message& message : messages) {
    GORGON_CO_TRY(co_await wait_until_confirmed(batch, kPublishWindow - 1));
    GORGON_CO_TRY(co_await wait_until_sendable());
    send_message(std::move(message), batch);
  }
  GORGON_CO_TRY(co_await wait_until_confirmed(batch, 0));
  co_return Result<void>();
}

Result<void> Session::post(Message message) {
  pump();
  if (lost_) return std::unexpected(*lost_);
  if (const auto valid = check_message(message); !valid) {
    log::warning("dropped a message: {}", valid.error().message);
  } else if (blocked_ || outbox_.unwritten_bytes() > kMaxPostBytes) {
    log::debug("dropped a message for {}: broker {} takes none now", message.to.name, where_);
  } else {
    send_message(std::move(message), nullptr);
    if (lost_) return std::unexpected(*lost_);
  }
  return {};
}

Result<void> Session::ack(std::uint64_t tag) {
  return send([tag](State* state) { return amqp_basic_ack(state, kMainChannel, tag, 0); });
}

Result<void> Session::give_back(std::uint64_t tag, GiveBack how) {
  // From RabbitMQ 4.3 on only a reject counts towards the delivery limit; before, both do.
  if (how == GiveBack::kFailed)
    return send([tag](State* state) { return amqp_basic_reject(state, kMainChannel, tag, 1); });
  return send([tag](State* state) { return amqp_basic_nack(state, kMainChannel, tag, 0, 1); });
}

}  // namespace gorgon::broker::amqp
