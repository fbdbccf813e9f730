// When a unit, or one of its cases, has run for too long. Decides; the RunnerProcess acts.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runner/runner_protocol.h"

namespace gorgon::runner {

/// Zero: no such limit.
struct RunLimits {
  std::chrono::duration<double> unit{0};
  std::chrono::duration<double> test_case{0};
  std::chrono::duration<double> grace{0};  ///< From SIGTERM to SIGKILL; zero: SIGKILL at once.
  std::chrono::duration<double> slow{0};   ///< Told of, and again when it has taken twice as long.
  std::chrono::duration<double> show{0};   ///< A case that has run for so long is shown.
};

/// What there is to tell of a unit that runs, and may take its time.
struct SlowUnit {
  double seconds = 0;
  std::string running_case;  ///< The one that has run for longest; empty: none runs.
  double case_seconds = 0;
};

class UnitClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  UnitClock(const RunLimits& limits, TimePoint now);

  void start_case(CaseStarted started, TimePoint now);
  /// A case that was not started ends whatever runs: runners need not give ids before the end.
  void end_case(const std::string& id);

  enum class Due { kNothing, kSlow, kShow, kCaseLimit, kUnitLimit };
  [[nodiscard]] Due due(TimePoint now) const;
  /// When due() will say something new, if nothing happens before.
  [[nodiscard]] TimePoint next() const;

  /// Where it is now.
  [[nodiscard]] SlowUnit position(TimePoint now) const;
  /// To be told when kSlow is due. The unit, or the case, is due again when its time has doubled.
  [[nodiscard]] SlowUnit tell_slow(TimePoint now);
  /// To be shown when kShow is due: the case that has run for longest, if for long enough; else
  /// none, since the one that was shown has ended.
  [[nodiscard]] SlowUnit tell_case(TimePoint now);

  struct RunningCase {
    CaseStarted started;
    TimePoint since;
    TimePoint slow_at;
  };
  /// The one that has run for longest; null: none. Cases may run side by side.
  [[nodiscard]] const RunningCase* oldest() const;
  /// The one that was started last; null: none.
  [[nodiscard]] const RunningCase* newest() const;

 private:
  /// When it is time to show the oldest case, or to show it no more.
  [[nodiscard]] TimePoint show_at() const;

  TimePoint start_;
  TimePoint unit_slow_at_ = TimePoint::max();
  std::chrono::steady_clock::duration slow_ = std::chrono::steady_clock::duration::max();
  TimePoint unit_limit_ = TimePoint::max();
  std::chrono::steady_clock::duration case_limit_ = std::chrono::steady_clock::duration::max();
  std::chrono::steady_clock::duration show_ = std::chrono::steady_clock::duration::max();
  TimePoint shown_since_ = TimePoint::max();  ///< Start of the case that is shown; max: none is.
  std::vector<RunningCase> running_;          ///< In the order of their start.
};

}  // namespace gorgon::runner
