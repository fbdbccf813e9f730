#include "base/asio.h"

#include <boost/asio/impl/src.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

namespace gorgon {

Task<void> sleep_for(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(as_value);
}

void spawn(const asio::any_io_executor& executor, Task<void> task) {
  asio::co_spawn(executor, std::move(task), [](const std::exception_ptr& error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "gorgon: unexpected exception: %s\n", e.what());
    }
    std::abort();
  });
}

void Signal::notify() {
  for (asio::steady_timer* timer : *waiting_) timer->cancel();
}

Task<void> Signal::wait() { co_await wait_until(std::chrono::steady_clock::time_point::max()); }

Task<bool> Signal::wait_until(std::chrono::steady_clock::time_point deadline) {
  const auto waiting = waiting_;  // Outlives the signal.
  asio::steady_timer timer(executor_, deadline);
  waiting->push_back(&timer);
  // Also when the wait is cancelled, which unwinds this coroutine by an exception of Asio's.
  struct Unregister {
    std::vector<asio::steady_timer*>& waiting;
    asio::steady_timer* timer;
    ~Unregister() { std::erase(waiting, timer); }
  } unregister{*waiting, &timer};
  const auto [error] = co_await timer.async_wait(as_value);
  co_return error == asio::error::operation_aborted;
}

}  // namespace gorgon
