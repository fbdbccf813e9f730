// What a unit writes, as it writes it: whole lines off the end of its output file, no faster than a
// broker and a reader can bear. Decides and reads; does not wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gorgon::runner {

class OutputTail {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// A worker's lines: so many at once, and so many a second on average. Two hundred workers that
  /// print without end stay below what a small RabbitMQ takes (some 20 MB/s of such messages) and a
  /// terminal shows; four hundred lines a second are more than anyone reads.
  static constexpr std::int64_t kBurstBytes = std::int64_t{64} * 1024;
  static constexpr std::int64_t kBytesPerSecond = std::int64_t{32} * 1024;
  /// What has no end of line by then is taken for a line.
  static constexpr std::int64_t kMaxLineBytes = std::int64_t{8} * 1024;

  struct Lines {
    std::string text;                  ///< Whole lines, valid UTF-8; the last ends in "\n".
    std::int64_t from = 0;             ///< Where `text` begins in what the unit has written.
    std::uint64_t left_out_bytes = 0;  ///< In front of it.
    bool is_held = false;              ///< There is something that may only be taken later.
    [[nodiscard]] bool is_empty() const { return text.empty() && left_out_bytes == 0; }
  };

  /// `fd` is the output file, borrowed for the call, as it is now; `is_end`: the unit writes no
  /// more, and a line without an end counts as one. Where there is more than may be taken, its end
  /// is taken and the rest left out.
  [[nodiscard]] Lines take(int fd, TimePoint now, bool is_end);
  /// The file is, or is about to be, empty again.
  void restart() { position_ = 0; }

 private:
  [[nodiscard]] std::int64_t allowance(TimePoint now);

  std::int64_t position_ = 0;  ///< Of the first byte that was neither taken nor left out.
  std::int64_t allowance_ = kBurstBytes;
  TimePoint counted_at_{};
};

}  // namespace gorgon::runner
