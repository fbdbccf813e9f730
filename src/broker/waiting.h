// What both implementations' sessions wait on: the queue of events, the batch of messages that one
// publish() has in flight, and the helper that keeps a session alive while somebody waits on it.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker {

/// How long a broker may take for one answer.
inline constexpr std::chrono::seconds kAnswerLimit{10};
/// Unconfirmed messages of one publish().
inline constexpr std::size_t kPublishWindow = 100;
/// AMQP's short string; the embedded broker keeps the same limit.
inline constexpr std::size_t kMaxNameBytes = 255;

/// Runs a member coroutine of `session` and holds the session until it has ended: a Connection may
/// be destroyed while others wait in it.
template <class Session, class T>
Task<T> keep_alive([[maybe_unused]] std::shared_ptr<Session> session, Task<T> task) {
  co_return co_await std::move(task);
}

/// Deliveries and cancellations that nobody has taken yet; one reader.
class EventQueue {
 public:
  explicit EventQueue(const asio::any_io_executor& executor) : arrived_(executor) {}
  void push(Event event) {
    events_.push_back(std::move(event));
    arrived_.notify();
  }
  /// Ends the queue: next() gives `error` from now on. Waiting events are dropped, since their tags
  /// are void.
  void end(Error error) {
    events_.clear();
    error_ = std::move(error);
    arrived_.notify();
  }
  [[nodiscard]] Task<Result<Event>> next() {
    while (events_.empty() && !error_) co_await arrived_.wait();
    if (error_) co_return std::unexpected(*error_);
    Event event = std::move(events_.front());
    events_.pop_front();
    co_return event;
  }

 private:
  Signal arrived_;
  std::deque<Event> events_;
  std::optional<Error> error_;
};

/// The messages of one publish() that the broker has not confirmed yet.
struct PublishBatch {
  explicit PublishBatch(const asio::any_io_executor& executor) : changed(executor) {}
  /// One message less in flight; the first error of a batch stays.
  void settle(std::optional<Error> problem) {
    --in_flight;
    if (problem && !error) error = std::move(problem);
    changed.notify();
  }
  std::size_t in_flight = 0;
  std::optional<Error> error;
  Signal changed;
};

/// An error when `name` cannot be the name of a queue or topic.
[[nodiscard]] Result<void> check_name(const std::string& name);
/// An error when `message` is too large or badly addressed.
[[nodiscard]] Result<void> check_message(const Message& message);
/// The error of a mandatory message whose queue does not exist.
[[nodiscard]] Error no_such_queue_to_publish(const std::string& queue);

}  // namespace gorgon::broker
