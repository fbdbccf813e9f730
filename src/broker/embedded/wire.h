// The frames between the embedded broker and its clients: values here, bytes in wire.cc, where the
// grammar stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker::embedded {

inline constexpr std::uint8_t kWireVersion = 1;
/// The largest frame, without its length: a message and its names.
inline constexpr std::size_t kMaxFrameBytes = kMaxMessageBytes + std::size_t{64} * 1024;
/// Topics of one own queue.
inline constexpr std::size_t kMaxTopics = 64;

// Client to broker. `request` comes back in the Reply.
struct Hello {
  std::uint8_t version = kWireVersion;
  std::string name;
  bool operator==(const Hello&) const = default;
};
struct DeclareTopic {
  std::uint64_t request = 0;
  std::string name;
  bool operator==(const DeclareTopic&) const = default;
};
struct DeclareWorkQueue {
  std::uint64_t request = 0;
  std::string name;
  std::uint32_t max_deliveries = 0;
  std::string dead_letter_to;
  std::uint64_t expires_seconds = 0;
  bool operator==(const DeclareWorkQueue&) const = default;
};
struct DeclareReplyQueue {
  std::uint64_t request = 0;
  std::string name;
  std::uint64_t expires_seconds = 0;
  bool operator==(const DeclareReplyQueue&) const = default;
};
struct DeclareOwnQueue {
  std::uint64_t request = 0;
  std::vector<std::string> topics;
  bool operator==(const DeclareOwnQueue&) const = default;
};
struct QueueExists {
  std::uint64_t request = 0;
  std::string name;
  bool operator==(const QueueExists&) const = default;
};
struct DeleteQueue {
  std::uint64_t request = 0;
  std::string name;
  bool operator==(const DeleteQueue&) const = default;
};
struct PurgeQueue {
  std::uint64_t request = 0;
  std::string name;
  bool operator==(const PurgeQueue&) const = default;
};
struct Consume {
  std::uint64_t request = 0;
  std::string queue;
  std::uint16_t prefetch = 0;
  bool operator==(const Consume&) const = default;
};
struct StopConsuming {
  std::uint64_t request = 0;
  std::string queue;
  bool operator==(const StopConsuming&) const = default;
};
/// `request` 0: a post, which gets no reply.
struct Publish {
  std::uint64_t request = 0;
  bool to_topic = false;
  std::string name;
  std::string body;
  bool operator==(const Publish&) const = default;
};
struct Ack {
  std::uint64_t tag = 0;
  bool operator==(const Ack&) const = default;
};
struct Return {
  std::uint64_t tag = 0;
  bool failed = false;
  bool operator==(const Return&) const = default;
};

// Broker to client.
enum class Status : std::uint8_t { kOk, kNotFound, kUnroutable, kRefused };
/// `text`: the name of an own queue; or the reason of a refusal.
struct Reply {
  std::uint64_t request = 0;
  Status status = Status::kOk;
  std::string text;
  bool operator==(const Reply&) const = default;
};
struct Deliver {
  std::uint64_t tag = 0;
  std::uint32_t attempt = 1;
  bool is_dead_letter = false;
  std::string queue;
  std::string body;
  bool operator==(const Deliver&) const = default;
};
struct Cancelled {
  std::string queue;
  bool operator==(const Cancelled&) const = default;
};

using Frame = std::variant<Hello, DeclareTopic, DeclareWorkQueue, DeclareReplyQueue,
                           DeclareOwnQueue, QueueExists, DeleteQueue, Consume, StopConsuming,
                           Publish, Ack, Return, Reply, Deliver, Cancelled, PurgeQueue>;

/// The whole frame, its length in front.
[[nodiscard]] std::string encode(const Frame& frame);
/// `bytes` is a frame without its length. kProtocol when it is not exactly one well-formed frame.
[[nodiscard]] Result<Frame> decode(std::string_view bytes);

}  // namespace gorgon::broker::embedded
