// Where reports go: a descriptor that may be slow, full or closed, and must not stop the run.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace gorgon::report {

/// Writes text to a descriptor without ever waiting for it: what it does not take now is kept and
/// offered again by the next call. When the reader is gone or a write fails, further text is
/// dropped, see error(); the process must ignore SIGPIPE.
///
/// The kept text has no limit, since a report must be complete; it is bounded by what the run
/// reports, whose captured output is capped.
class Output {
 public:
  /// Writes to `fd`, which is borrowed and must stay open. Its O_NONBLOCK flag is not touched,
  /// because that would change it for every process that shares the terminal or pipe: terminals and
  /// pipes are opened a second time, and where that is refused they are polled before each small
  /// write.
  explicit Output(int fd);

  /// Keeps `text` for the next pump().
  void add(std::string_view text) { pending_ += text; }
  /// Writes as much as the descriptor takes without blocking.
  void pump();
  /// add() and pump().
  void write(std::string_view text);
  /// Pumps until everything is written or the descriptor has failed (true), or `at_most` is over
  /// (false).
  [[nodiscard]] bool drain(std::chrono::milliseconds at_most);

  /// Text waits for a slow reader.
  [[nodiscard]] bool is_behind() const { return sent_ < pending_.size(); }
  [[nodiscard]] std::size_t waiting_bytes() const { return pending_.size() - sent_; }
  /// Text can no longer be written.
  [[nodiscard]] bool is_broken() const { return error_ != 0; }
  /// Why, as errno; 0 while all is well, and when the reader has merely gone: it had enough.
  [[nodiscard]] int error() const { return error_ == EPIPE || error_ == ECONNRESET ? 0 : error_; }

 private:
  [[nodiscard]] int target() const { return own_ ? own_.get() : fd_; }
  /// Bytes written; 0 when it would block or has failed.
  std::size_t write_some(std::string_view text);

  int fd_;
  UniqueFd own_;  ///< The same file opened again, non-blocking; empty where that does not work.
  bool is_socket_ = false;
  bool is_regular_ = false;
  int error_ = 0;  ///< errno of the write that failed.
  std::string pending_;
  std::size_t sent_ = 0;  ///< Bytes of pending_ that are written already.
};

}  // namespace gorgon::report
