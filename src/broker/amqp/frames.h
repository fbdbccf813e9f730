// Frames from the broker, as values. Reads without ever waiting: rabbitmq-c's own readers of
// messages wait for a message's rest without a limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/result.h"
#include "broker/amqp/library.h"

namespace gorgon::broker::amqp {

struct Delivered {
  std::string consumer_tag;
  std::uint64_t tag = 0;
  std::uint32_t attempt = 1;
  bool is_dead_letter = false;
  std::string body;  ///< Empty when it was longer than kMaxMessageBytes.
};
/// A publisher confirm: the broker took the message, or could not.
struct Confirmed {
  std::uint64_t sequence = 0;
  bool and_all_before = false;
  bool is_accepted = true;
};
/// A mandatory message had no queue; its confirm follows.
struct Returned {
  std::uint64_t sequence = 0;  ///< From its message id, where outgoing messages carry it.
};
/// The broker ended a consumer.
struct ConsumerCancelled {
  std::string consumer_tag;
};
/// The broker's answer to one of our methods.
struct Answer {
  amqp_channel_t channel = 0;
  amqp_method_number_t method = 0;
  std::string name;  ///< The queue's, of a declare-ok.
};
struct ChannelClosed {
  amqp_channel_t channel = 0;
  int code = 0;
  std::string text;
};
struct ConnectionClosed {
  int code = 0;
  std::string text;
};
/// Nullopt: it takes messages again.
struct BlockedChanged {
  std::optional<std::string> reason;
};
using Incoming = std::variant<Delivered, Confirmed, Returned, ConsumerCancelled, Answer,
                              ChannelClosed, ConnectionClosed, BlockedChanged>;

class FrameReader {
 public:
  /// The next thing that has arrived as a whole, or nullopt when there is none now. Sends a
  /// heartbeat when one is due. kConnectionLost with the reason, a missed heartbeat among them.
  [[nodiscard]] Result<std::optional<Incoming>> next(State* state);

 private:
  /// A delivery or return whose header or body is still on its way.
  struct Content {
    std::variant<Delivered, Returned> message;
    std::optional<std::uint64_t> missing_bytes;  ///< Nullopt before the header.
    bool is_too_long = false;  ///< Its body is dropped as it comes: others than we may publish.
  };
  [[nodiscard]] std::optional<Incoming> take(const amqp_frame_t& frame);
  [[nodiscard]] std::optional<Incoming> take_method(amqp_channel_t channel,
                                                    const amqp_method_t& method);
  void take_header(const amqp_frame_t& frame);
  void take_body(amqp_bytes_t part);
  [[nodiscard]] std::optional<Incoming> take_content_if_complete();
  std::optional<Content> content_;
};

}  // namespace gorgon::broker::amqp
