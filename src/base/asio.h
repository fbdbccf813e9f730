// The few aliases and helpers over Boost.Asio that all coroutines use. One thread runs one
// io_context; nothing here locks.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gorgon {

namespace asio = boost::asio;
template <class T>
using Task = asio::awaitable<T>;

/// Completion token: errors come back as values, `auto [error, n] = co_await
/// socket.async_read_some(b, as_value)`.
inline constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

/// Waits. Ends early only when the coroutine's cancellation is asked for.
[[nodiscard]] Task<void> sleep_for(std::chrono::steady_clock::duration duration);

/// Starts a coroutine that nobody waits for. An exception that leaves it ends the program with a
/// message: nothing of ours throws.
void spawn(const asio::any_io_executor& executor, Task<void> task);

/// Runs `task` on a fresh event loop of this thread until it is done, and gives its result.
template <class T>
T run_to_completion(asio::io_context& io, Task<T> task) {
  std::optional<T> result;
  io.restart();  // An earlier call may have left it stopped, out of work.
  spawn(io.get_executor(), [](Task<T> inner, std::optional<T>& out) -> Task<void> {
    out = co_await std::move(inner);
  }(std::move(task), result));
  while (!result && io.run_one() > 0) {
  }
  return *std::move(result);
}

/// A condition that coroutines wait for: notify() wakes all who wait now. Waiters must check their
/// condition again. May be destroyed while coroutines wait on it; they then wait on (wait_until: up
/// to their deadline).
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor)
      : executor_(std::move(executor)),
        waiting_(std::make_shared<std::vector<asio::steady_timer*>>()) {}
  void notify();
  [[nodiscard]] Task<void> wait();
  /// False when `deadline` came first.
  [[nodiscard]] Task<bool> wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  asio::any_io_executor executor_;
  std::shared_ptr<std::vector<asio::steady_timer*>>
      waiting_;  ///< One timer per waiter, in its coroutine frame.
};

/// An unbounded queue between coroutines of one thread, with one reader.
template <class T>
class Channel {
 public:
  explicit Channel(const asio::any_io_executor& executor) : signal_(executor) {}
  void push(T value) {
    values_.push_back(std::move(value));
    signal_.notify();
  }
  /// No more values will come: pop() gives nullopt once the queue is empty.
  void close() {
    closed_ = true;
    signal_.notify();
  }
  [[nodiscard]] Task<std::optional<T>> pop() {
    while (values_.empty() && !closed_) co_await signal_.wait();
    co_return take();
  }
  /// Nullopt also when `deadline` came first.
  [[nodiscard]] Task<std::optional<T>> pop_until(std::chrono::steady_clock::time_point deadline) {
    while (values_.empty() && !closed_) {
      // Named first: GCC 12 lays out the frame wrongly when a coroutine without locals of its own
      // has the co_await in an if condition.
      const bool is_in_time = co_await signal_.wait_until(deadline);
      if (!is_in_time) break;
    }
    co_return take();
  }
  /// Nullopt when nothing is queued now.
  [[nodiscard]] std::optional<T> try_pop() { return take(); }
  [[nodiscard]] bool is_closed() const { return closed_; }
  [[nodiscard]] bool is_empty() const { return values_.empty(); }

 private:
  std::optional<T> take() {
    if (values_.empty()) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    return value;
  }
  std::deque<T> values_;
  bool closed_ = false;
  Signal signal_;
};

}  // namespace gorgon
