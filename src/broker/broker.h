// Queues with acknowledgement and redelivery: the interface that the rest of Gorgon sees. Two
// implementations, amqp/ and embedded/, and one suite over both (contract_test.cc).
//
// A Connection belongs to one event loop. Several coroutines may wait on it at once, but only one
// in next_event(). When the connection is lost, every waiting call ends with kConnectionLost, all
// tags are void, and the object is of no further use: connect again. What was published without a
// confirm may or may not have arrived.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "config/connection.h"

namespace gorgon::broker {

/// Where a message goes: one queue by name, or a topic, which copies it to every queue bound to it.
struct Destination {
  enum class Kind : std::uint8_t { kQueue, kTopic };
  Kind kind = Kind::kQueue;
  std::string name;
};
[[nodiscard]] inline Destination to_queue(std::string name) {
  return {Destination::Kind::kQueue, std::move(name)};
}
[[nodiscard]] inline Destination to_topic(std::string name) {
  return {Destination::Kind::kTopic, std::move(name)};
}

struct Message {
  Destination to;
  std::string body;  ///< At most kMaxMessageBytes.
};
/// RabbitMQ 4 refuses messages over 16 MiB; we stay at half of it.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{8} * 1024 * 1024;

/// Units wait here. AMQP: a durable quorum queue. Survives the broker's restart, and its consumers'
/// deaths.
struct WorkQueue {
  std::string name;
  std::uint32_t max_deliveries =
      3;  ///< A message whose consumers failed that often goes to `dead_letter_to`.
  std::string dead_letter_to;         ///< A queue's name.
  std::chrono::seconds expires{120};  ///< Deleted when it had no consumer for so long.
};
/// Results wait here. AMQP: a durable classic queue, persistent messages.
struct ReplyQueue {
  std::string name;
  std::chrono::seconds expires{120};
};

struct Delivery {
  std::string queue;            ///< The queue it was consumed from.
  std::uint64_t tag = 0;        ///< For ack() and give_back() on this connection.
  std::uint32_t attempt = 1;    ///< 1 on the first delivery. A hint: brokers count differently.
  bool is_dead_letter = false;  ///< It came from a work queue whose max_deliveries it had used up.
  std::string body;
};
/// The consumed queue is gone: deleted, or expired.
struct QueueCancelled {
  std::string queue;
};
using Event = std::variant<Delivery, QueueCancelled>;

enum class GiveBack : std::uint8_t {
  kUntried,  ///< It was not started; does not count as a delivery where the broker can tell.
  kFailed,   ///< The try failed; counts towards max_deliveries.
};

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Drops the connection; unacked deliveries go back to their queues.
  virtual ~Connection() = default;

  // Every Task below ends within the connection's own time limit (10 s for an answer of the broker)
  // with kTimeout, or with kConnectionLost; while blocked_reason() says something that clock stands
  // still. The embedded broker has all the time that its originator has: it may be suspended, and
  // its end is seen at once. Declaring again with the same arguments does nothing; with others it
  // is kRefused.

  [[nodiscard]] virtual Task<Result<void>> declare_topic(std::string name) = 0;
  [[nodiscard]] virtual Task<Result<void>> declare_work_queue(WorkQueue queue) = 0;
  [[nodiscard]] virtual Task<Result<void>> declare_reply_queue(ReplyQueue queue) = 0;
  /// A queue for this connection alone, gone with it, bound to `topics` (which must exist). Gives
  /// the name that the broker chose.
  [[nodiscard]] virtual Task<Result<std::string>> declare_own_queue(
      std::vector<std::string> topics) = 0;
  /// RabbitMQ takes the question for a use: it starts the queue's `expires` again.
  [[nodiscard]] virtual Task<Result<bool>> queue_exists(std::string name) = 0;
  /// Consumers of the queue get QueueCancelled. Deleting a queue that does not exist succeeds.
  [[nodiscard]] virtual Task<Result<void>> delete_queue(std::string name) = 0;
  /// Removes what waits in the queue; what has been delivered stays with its consumers. In a queue
  /// that does not exist, nothing waits.
  [[nodiscard]] virtual Task<Result<void>> purge_queue(std::string name) = 0;

  /// Starts deliveries from `queue`: at most `prefetch` unacked at a time. kNotFound when there is
  /// no such queue; kRefused when it is another connection's own, or consumed by this one already.
  [[nodiscard]] virtual Task<Result<void>> consume(std::string queue, std::uint16_t prefetch) = 0;
  /// Ends them; deliveries already on their way may still come, and are to be given back.
  [[nodiscard]] virtual Task<Result<void>> stop_consuming(std::string queue) = 0;
  /// The next delivery or cancellation, in order of arrival. Waits without limit.
  [[nodiscard]] virtual Task<Result<Event>> next_event() = 0;

  /// Publishes persistently, in the given order, and waits until the broker has confirmed all of
  /// them (no limit on the number; windows of 100 are in flight). Queue destinations are mandatory:
  /// kUnroutable when such a queue does not exist; the messages after that one may not be published
  /// then. A topic must have been declared, by anyone: RabbitMQ ends the connection otherwise.
  /// kRefused: a message is too long, or the broker could not store it.
  [[nodiscard]] virtual Task<Result<void>> publish(std::vector<Message> messages) = 0;
  /// Publishes without waiting or knowing: for what may be lost, such as progress. kConnectionLost
  /// only.
  virtual Result<void> post(Message message) = 0;
  /// kConnectionLost only. A tag may be settled once, by either of the two; the broker ends the
  /// connection over one that it does not know.
  virtual Result<void> ack(std::uint64_t tag) = 0;
  virtual Result<void> give_back(std::uint64_t tag, GiveBack how) = 0;

  /// What the broker calls itself: "RabbitMQ 3.10.8", "the embedded broker". Of bytes that came
  /// from there.
  [[nodiscard]] virtual std::string product() const = 0;
  /// Nullopt when the broker takes messages; otherwise why it holds them back (memory or disk
  /// alarm).
  [[nodiscard]] virtual std::optional<std::string> blocked_reason() const = 0;
  /// Says goodbye; waits at most a second.
  [[nodiscard]] virtual Task<void> close() = 0;
};

/// A broker that gives no answer in time is given up: the connection is lost in either case.
[[nodiscard]] inline bool means_outage(const Error& error) {
  return error.kind == ErrorKind::kConnectionLost || error.kind == ErrorKind::kTimeout;
}

/// The embedded broker's socket.
struct EmbeddedAddress {
  std::filesystem::path socket;
};
using Address = std::variant<config::Connection, EmbeddedAddress>;
/// "mq.example:5672", "the embedded broker".
[[nodiscard]] std::string describe(const Address& address);

/// Between two tries to connect again to a broker that is away: no longer than others take for a
/// dead peer's heartbeat, and five seconds.
[[nodiscard]] std::chrono::milliseconds longest_pause(const Address& address);

/// Connects and logs in. `name` is shown in the broker's list of connections. Waits at most 10 s
/// and never blocks the event loop. kUnavailable: nobody answers, or the TLS handshake fails.
/// kRefused: wrong user, password or virtual host. Messages name the address and what to check.
[[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(Address address, std::string name);

}  // namespace gorgon::broker
