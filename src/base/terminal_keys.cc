#include "base/terminal_keys.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/check.h"
#include "base/unique_fd.h"

// NOLINTBEGIN(misc-include-cleaner): <termios.h> and <signal.h> have more than that check knows.
namespace gorgon {

namespace {

constexpr std::array kCrashSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};

constexpr auto kLookInterval = std::chrono::milliseconds(300);

/// For the signal handler, which may only read what was there before it was installed.
struct CrashState {
  int fd = -1;
  termios original{};
  volatile sig_atomic_t is_taken = 0;
};
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a signal handler has no
// other.
CrashState crash_state;

/// tcsetattr and raise are async-signal-safe (POSIX.1, 2.4.3). SA_RESETHAND: the second signal ends
/// the process as it would have without us.
void give_back_and_crash(int signal) {
  if (crash_state.is_taken != 0) ::tcsetattr(crash_state.fd, TCSANOW, &crash_state.original);
  ::raise(signal);
}

/// While one lives, `signal` does not reach this thread.
class BlockedSignal {
 public:
  explicit BlockedSignal(int signal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  BlockedSignal(const BlockedSignal&) = delete;
  BlockedSignal& operator=(const BlockedSignal&) = delete;
  ~BlockedSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

bool is_in_foreground(int fd) {
  if (::isatty(fd) != 1) return false;
  const pid_t group = ::tcgetpgrp(fd);
  return group < 0 || group == ::getpgrp();
}

class TerminalKeys::State {
 public:
  State(const asio::any_io_executor& executor, UniqueFd fd, Events events)
      : events_(std::move(events)), terminal_(executor, fd.release()), signals_(executor) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() = default;

  static void start(const std::shared_ptr<State>& self) {
    self->catch_crashes();
    struct sigaction stop{};
    // Where nobody could continue it, it is not to be stopped.
    if (::sigaction(SIGTSTP, nullptr, &stop) == 0 && stop.sa_handler != SIG_IGN)
      self->signals_.add(SIGTSTP);
    self->signals_.add(SIGCONT);
    gorgon::spawn(self->terminal_.get_executor(), take_signals(self));
    take_terminal(self);
    await_foreground(self);
  }

  void close() {
    is_closed_ = true;
    give_back();
    boost::system::error_code ignored;
    signals_.cancel(ignored);
    signals_.clear(ignored);
    terminal_.close(ignored);
    release_crashes();
    crash_state.fd = -1;
  }

 private:
  [[nodiscard]] int fd() { return terminal_.native_handle(); }

  void catch_crashes() {
    struct sigaction action{};
    action.sa_handler = &give_back_and_crash;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kCrashSignals.size(); ++i) {
      struct sigaction before{};
      // A handler that somebody else has there, a sanitizer's say, has more to tell.
      if (::sigaction(kCrashSignals[i], nullptr, &before) != 0 || before.sa_handler != SIG_DFL)
        continue;
      catches_[i] = ::sigaction(kCrashSignals[i], &action, nullptr) == 0;
    }
  }
  void release_crashes() {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kCrashSignals.size(); ++i) {
      if (catches_[i]) ::sigaction(kCrashSignals[i], &action, nullptr);
    }
  }

  /// Also again, after a stop that could not be caught: shells give a job back another mode than it
  /// had, or the same.
  static void take_terminal(const std::shared_ptr<State>& self) {
    if (self->is_closed_ || !is_in_foreground(self->fd())) return;
    termios mode{};
    if (::tcgetattr(self->fd(), &mode) != 0) return;
    if (!self->is_taken_) {
      // Somebody else's mode: a second program of this job that takes keys. It gives the terminal
      // back, and what it had before is not ours to restore.
      if ((mode.c_lflag & ICANON) == 0) return;
      crash_state.original = mode;
    }
    mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    crash_state.fd = self->fd();
    crash_state.is_taken = 1;
    self->is_taken_ = true;
    ::tcsetattr(self->fd(), TCSADRAIN, &mode);
    if (!std::exchange(self->is_reading_, true))
      gorgon::spawn(self->terminal_.get_executor(), read_keys(self));
  }

  /// Nothing tells a job that runs that it was put in front: shells send SIGCONT to stopped ones
  /// alone. So a background job looks, and only that does.
  static void await_foreground(const std::shared_ptr<State>& self) {
    if (self->is_taken_ || std::exchange(self->is_waiting_, true)) return;
    gorgon::spawn(self->terminal_.get_executor(), look_for_foreground(self));
  }

  static Task<void> look_for_foreground(std::shared_ptr<State> self) {
    while (!self->is_closed_ && !self->is_taken_) {
      co_await sleep_for(kLookInterval);
      take_terminal(self);
    }
    self->is_waiting_ = false;
  }

  void give_back() {
    if (!is_taken_) return;
    is_taken_ = false;
    // In the background it is somebody else's, who has put it as they want it.
    if (is_in_foreground(fd())) ::tcsetattr(fd(), TCSADRAIN, &crash_state.original);
    crash_state.is_taken = 0;
    boost::system::error_code ignored;
    terminal_.cancel(ignored);
  }

  static Task<void> read_keys(std::shared_ptr<State> self) {
    while (self->is_taken_) {
      const auto [error] =
          co_await self->terminal_.async_wait(asio::posix::stream_descriptor::wait_read, as_value);
      // Given back, and perhaps taken again since.
      if (error && error != asio::error::operation_aborted) break;
      if (!self->is_taken_) break;
      if (!error && !self->take_keys()) break;
    }
    self->is_reading_ = false;
  }

  /// False when there will be none: hung up, or the terminal is no more ours.
  [[nodiscard]] bool take_keys() {
    if (!is_in_foreground(fd())) return false;
    std::array<char, 64> keys{};
    ssize_t count = 0;
    {
      // A shell may take the terminal away just now: then the read fails instead of stopping us.
      const BlockedSignal blocked(SIGTTIN);
      count = ::read(fd(), keys.data(), keys.size());
    }
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    // An arrow or function key is one key, and none of ours.
    if (keys[0] == '\x1b') return true;
    for (ssize_t i = 0; i < count && is_taken_; ++i)
      events_.on_key(keys[static_cast<std::size_t>(i)]);
    return count > 0;
  }

  static Task<void> take_signals(std::shared_ptr<State> self) {
    for (;;) {
      const auto [error, signal] = co_await self->signals_.async_wait(as_value);
      if (error || self->is_closed_) co_return;
      if (signal == SIGTSTP) self->suspend();
      // After a stop both lead here.
      take_terminal(self);
      await_foreground(self);
      self->events_.on_continue();
    }
  }

  /// Stops this process as the signal would have done at once. Comes back when it is continued.
  void suspend() {
    events_.on_suspend();
    give_back();
    boost::system::error_code ignored;
    signals_.remove(SIGTSTP, ignored);
    ::raise(SIGTSTP);
    signals_.add(SIGTSTP, ignored);
  }

  Events events_;
  asio::posix::stream_descriptor terminal_;
  asio::signal_set signals_;
  std::array<bool, kCrashSignals.size()> catches_{};
  bool is_taken_ = false;    ///< In our mode.
  bool is_reading_ = false;  ///< A coroutine waits for keys.
  bool is_waiting_ = false;  ///< A coroutine looks whether we are in the foreground.
  bool is_closed_ = false;
};

std::unique_ptr<TerminalKeys> TerminalKeys::open(const asio::any_io_executor& executor, int fd,
                                                 Events events) {
  // Without a session's group in front there is nobody to tell us whose turn it is.
  if (::isatty(fd) != 1 || ::tcgetpgrp(fd) < 0) return nullptr;
  // Opened a second time: O_NONBLOCK would be everybody's who shares the first.
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  UniqueFd own(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  termios mode{};
  if (!own || ::tcgetattr(own.get(), &mode) != 0) return nullptr;
  if (is_in_foreground(own.get()) && (mode.c_lflag & ICANON) == 0) return nullptr;
  GORGON_CHECK(crash_state.fd == -1);
  auto state = std::make_shared<State>(executor, std::move(own), std::move(events));
  State::start(state);
  return std::unique_ptr<TerminalKeys>(new TerminalKeys(std::move(state)));
}

TerminalKeys::~TerminalKeys() { state_->close(); }

}  // namespace gorgon
// NOLINTEND(misc-include-cleaner)
