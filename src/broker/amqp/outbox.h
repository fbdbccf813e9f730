// Frames to the broker, written as far as the socket takes them: rabbitmq-c itself would wait for
// a full socket without a limit, and the event loop with it.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "base/result.h"
#include "broker/amqp/library.h"

namespace gorgon::broker::amqp {

class Outbox {
 public:
  /// Sends frames of a few hundred bytes; gives a status of the library. Owns what it sends.
  using Send = std::move_only_function<int(State*)>;

  void push(Send send) { push(std::move(send), {}); }
  /// A message: `send` sends its method and header; the body follows in frames.
  void push(Send send, std::string body);
  /// Writes until the socket is full or everything is out. Gives whether anything was written.
  /// kConnectionLost with the reason.
  [[nodiscard]] Result<bool> write(State* state);
  [[nodiscard]] bool is_empty() const { return items_.empty(); }
  /// Of bodies, not written yet.
  [[nodiscard]] std::size_t unwritten_bytes() const { return unwritten_bytes_; }

 private:
  struct Item {
    Send send;  ///< Empty once it has been called.
    std::string body;
    std::size_t written = 0;  ///< Of the body.
  };
  [[nodiscard]] int write_step(State* state, Item& item);
  std::deque<Item> items_;
  std::size_t unwritten_bytes_ = 0;
};

/// Whether a small frame can be written without waiting. True also for a broken connection, whose
/// error the write then shows.
[[nodiscard]] bool is_writable(int socket);

}  // namespace gorgon::broker::amqp
