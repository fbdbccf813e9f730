// What the broker's tests share: a bounded event loop for coroutines that throw instead of
// asserting, and short forms of the calls that a test makes again and again.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker {

/// The value of a result; an error fails the test.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
/// The error of a result that must be one.
template <class T>
Error must_fail(const Result<T>& result) {
  if (result) throw std::runtime_error("an error was expected");
  return result.error();
}

/// Runs the coroutine that `make_test` gives until it ends, at most `limit`; what it throws fails
/// the test.
template <class MakeTest>
void run_test(asio::io_context& io, MakeTest make_test,
              std::chrono::seconds limit = std::chrono::seconds(60)) {
  bool has_ended = false;
  asio::co_spawn(io, make_test(), [&](const std::exception_ptr& thrown) {
    has_ended = true;
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!has_ended && std::chrono::steady_clock::now() < deadline) io.run_one_until(deadline);
  EXPECT_TRUE(has_ended) << "the test did not end within " << limit.count() << " s";
}

inline Task<Delivery> next_delivery(Connection& connection) {
  Event event = must(co_await connection.next_event());
  if (!std::holds_alternative<Delivery>(event)) throw std::runtime_error("the queue was cancelled");
  co_return std::get<Delivery>(std::move(event));
}

inline Task<std::string> next_cancelled(Connection& connection) {
  const Event event = must(co_await connection.next_event());
  if (!std::holds_alternative<QueueCancelled>(event))
    throw std::runtime_error("delivered: " + std::get<Delivery>(event).body);
  co_return std::get<QueueCancelled>(event).queue;
}

// Lists by function call: GCC 12 miscompiles braced lists inside co_await expressions.
/// "a b" gives {"a", "b"}.
inline std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}
inline std::vector<std::string> one(std::string text) {
  std::vector<std::string> result;
  result.push_back(std::move(text));
  return result;
}

inline std::vector<Message> messages_to(const std::string& queue,
                                        const std::vector<std::string>& bodies) {
  std::vector<Message> messages;
  messages.reserve(bodies.size());
  for (const std::string& body : bodies) messages.push_back({to_queue(queue), body});
  return messages;
}

inline Task<void> publish_to(Connection& connection, std::string queue,
                             std::vector<std::string> bodies) {
  must(co_await connection.publish(messages_to(queue, bodies)));
}

}  // namespace gorgon::broker
