#include "broker/amqp/frames.h"

#include <sys/time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/result.h"
#include "broker/amqp/library.h"
#include "broker/broker.h"

namespace gorgon::broker::amqp {

namespace {

template <class Method>
const Method& as(const amqp_method_t& method) {
  return *static_cast<const Method*>(method.decoded);
}

std::optional<std::int64_t> to_number(const amqp_field_value_t& value) {
  switch (value.kind) {
    case AMQP_FIELD_KIND_I64:
      return value.value.i64;
    case AMQP_FIELD_KIND_I32:
      return value.value.i32;
    case AMQP_FIELD_KIND_I16:
      return value.value.i16;
    case AMQP_FIELD_KIND_I8:
      return value.value.i8;
    case AMQP_FIELD_KIND_U32:
      return value.value.u32;
    default:
      return std::nullopt;
  }
}

/// What the headers of a delivery tell beyond its own frames.
void read_headers(const amqp_table_t& headers, Delivered& delivered) {
  for (int i = 0; i < headers.num_entries; ++i) {
    const amqp_table_entry_t& entry = headers.entries[i];
    const std::string_view key(static_cast<const char*>(entry.key.bytes), entry.key.len);
    if (key == "x-delivery-count") {
      // Quorum queues: failed deliveries so far; absent on the first.
      const std::int64_t count = to_number(entry.value).value_or(0);
      delivered.attempt =
          static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, 1'000'000)) + 1;
    } else if (key == "x-death") {
      delivered.is_dead_letter = true;
    }
  }
}

void read_properties(const amqp_basic_properties_t& properties, Delivered& delivered) {
  if ((properties._flags & AMQP_BASIC_HEADERS_FLAG) != 0)
    read_headers(properties.headers, delivered);
}

void read_properties(const amqp_basic_properties_t& properties, Returned& returned) {
  if ((properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG) == 0) return;
  const auto* first = static_cast<const char*>(properties.message_id.bytes);
  std::from_chars(first, first + properties.message_id.len, returned.sequence);
}

std::string reason_of(int status) {
  switch (status) {
    case AMQP_STATUS_HEARTBEAT_TIMEOUT:
      return "no heartbeat came from it";
    case AMQP_STATUS_CONNECTION_CLOSED:
    case AMQP_STATUS_SOCKET_CLOSED:
      return "it closed the connection";
    default:
      return amqp_error_string2(status);
  }
}

}  // namespace

Result<std::optional<Incoming>> FrameReader::next(State* state) {
  for (;;) {
    amqp_frame_t frame{};
    const timeval no_wait{};
    const int status = amqp_simple_wait_frame_noblock(state, &frame, &no_wait);
    if (status == AMQP_STATUS_TIMEOUT) return std::nullopt;
    if (status != AMQP_STATUS_OK) return fail(ErrorKind::kConnectionLost, reason_of(status));
    std::optional<Incoming> incoming = take(frame);
    // Everything that take() keeps is a copy.
    amqp_maybe_release_buffers(state);
    if (incoming) return incoming;
  }
}

std::optional<Incoming> FrameReader::take(const amqp_frame_t& frame) {
  switch (frame.frame_type) {
    case AMQP_FRAME_METHOD:
      return take_method(frame.channel, frame.payload.method);
    case AMQP_FRAME_HEADER:
      take_header(frame);
      return take_content_if_complete();
    case AMQP_FRAME_BODY:
      take_body(frame.payload.body_fragment);
      return take_content_if_complete();
    default:
      return std::nullopt;
  }
}

void FrameReader::take_body(amqp_bytes_t part) {
  if (!content_) return;
  Content& content = *content_;
  const std::uint64_t missing = content.missing_bytes.value_or(0);
  content.missing_bytes = missing - std::min<std::uint64_t>(part.len, missing);
  auto* delivered = std::get_if<Delivered>(&content.message);
  if (delivered != nullptr && !content.is_too_long)
    delivered->body.append(static_cast<const char*>(part.bytes),
                           std::min<std::uint64_t>(part.len, missing));
}

void FrameReader::take_header(const amqp_frame_t& frame) {
  if (!content_) return;
  const std::uint64_t size = frame.payload.properties.body_size;
  content_->missing_bytes = size;
  const auto* properties =
      static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded);
  if (auto* delivered = std::get_if<Delivered>(&content_->message)) {
    content_->is_too_long = size > kMaxMessageBytes;
    if (content_->is_too_long) {
      log::warning("a message of {} bytes is longer than the allowed {}; it counts as empty", size,
                   kMaxMessageBytes);
    } else {
      delivered->body.reserve(size);
    }
  }
  std::visit([&](auto& message) { read_properties(*properties, message); }, content_->message);
}

std::optional<Incoming> FrameReader::take_content_if_complete() {
  if (!content_ || content_->missing_bytes != 0) return std::nullopt;
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): checked above.
  Content content = *std::exchange(content_, std::nullopt);
  return std::visit([](auto& message) { return Incoming(std::move(message)); }, content.message);
}

std::optional<Incoming> FrameReader::take_method(amqp_channel_t channel,
                                                 const amqp_method_t& method) {
  switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD: {
      const auto& deliver = as<amqp_basic_deliver_t>(method);
      content_ = Content{.message = Delivered{.consumer_tag = to_string(deliver.consumer_tag),
                                              .tag = deliver.delivery_tag,
                                              .attempt = deliver.redelivered != 0 ? 2U : 1U},
                         .missing_bytes = std::nullopt};
      return std::nullopt;
    }
    case AMQP_BASIC_RETURN_METHOD:
      content_ = Content{.message = Returned{}, .missing_bytes = std::nullopt};
      return std::nullopt;
    case AMQP_BASIC_ACK_METHOD: {
      const auto& ack = as<amqp_basic_ack_t>(method);
      return Confirmed{ack.delivery_tag, ack.multiple != 0, true};
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto& nack = as<amqp_basic_nack_t>(method);
      return Confirmed{nack.delivery_tag, nack.multiple != 0, false};
    }
    case AMQP_BASIC_CANCEL_METHOD:
      return ConsumerCancelled{to_string(as<amqp_basic_cancel_t>(method).consumer_tag)};
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto& close = as<amqp_channel_close_t>(method);
      return ChannelClosed{channel, close.reply_code, to_string(close.reply_text)};
    }
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto& close = as<amqp_connection_close_t>(method);
      return ConnectionClosed{close.reply_code, to_string(close.reply_text)};
    }
    case AMQP_CONNECTION_BLOCKED_METHOD:
      return BlockedChanged{to_string(as<amqp_connection_blocked_t>(method).reason)};
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      return BlockedChanged{std::nullopt};
    case AMQP_CHANNEL_FLOW_METHOD:  // RabbitMQ has stopped sending it in 3.0.
      return std::nullopt;
    case AMQP_QUEUE_DECLARE_OK_METHOD:
      return Answer{channel, method.id, to_string(as<amqp_queue_declare_ok_t>(method).queue)};
    default:
      return Answer{channel, method.id, {}};
  }
}

}  // namespace gorgon::broker::amqp
