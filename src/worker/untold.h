// What the units of one message have come to, until it is told: short ones share a confirmation.
// Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages.h"

namespace gorgon::worker {

class Untold {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  void start(protocol::UnitStarted started, TimePoint now);
  /// The unit that was started last.
  void finish(protocol::UnitFinished finished, TimePoint now);

  /// Starts that were not told, and results that are not known to have arrived.
  [[nodiscard]] bool is_empty() const { return units_.empty(); }
  /// Of all results, about.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// All of it as one body, `lines_of` protocol/codec, with how long ago each was at `now`. A start
  /// that is told twice would be a second try: the next body is without those that are in this one.
  [[nodiscard]] std::string tell(TimePoint now);
  struct Ended {
    protocol::UnitFinished finish;
    TimePoint at;
  };
  /// In the order of their ends. Nothing is left.
  [[nodiscard]] std::vector<Ended> take_results();

 private:
  struct Unit {
    std::optional<protocol::UnitStarted> start;
    TimePoint started_at;
    std::optional<protocol::UnitFinished> finish;
    TimePoint finished_at;
  };
  std::vector<Unit> units_;
  std::size_t bytes_ = 0;
};

}  // namespace gorgon::worker
