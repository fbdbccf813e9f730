#include "runner/unit_clock.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "runner/runner_protocol.h"

namespace gorgon::runner {

namespace {

using std::chrono::steady_clock;

/// Limits come as seconds of any size.
steady_clock::duration limited(std::chrono::duration<double> limit) {
  constexpr std::chrono::duration<double> kLongest = std::chrono::years(10);
  return std::chrono::ceil<steady_clock::duration>(std::min(limit, kLongest));
}

}  // namespace

UnitClock::UnitClock(const RunLimits& limits, TimePoint now) {
  if (limits.unit.count() > 0) unit_limit_ = now + limited(limits.unit);
  if (limits.test_case.count() > 0) case_limit_ = limited(limits.test_case);
}

void UnitClock::start_case(CaseStarted started, TimePoint now) {
  running_.push_back({.started = std::move(started), .since = now});
}

void UnitClock::end_case(const std::string& id) {
  const auto ended =
      std::ranges::find(running_, id, [](const RunningCase& one) { return one.started.id; });
  if (ended == running_.end()) {
    running_.clear();
  } else {
    running_.erase(ended);
  }
}

UnitClock::Due UnitClock::due(TimePoint now) const {
  if (now >= unit_limit_) return Due::kUnitLimit;
  if (!running_.empty() && now - running_.front().since >= case_limit_) return Due::kCaseLimit;
  return Due::kNothing;
}

UnitClock::TimePoint UnitClock::next() const {
  if (running_.empty() || case_limit_ == steady_clock::duration::max()) return unit_limit_;
  return std::min(unit_limit_, running_.front().since + case_limit_);
}

const UnitClock::RunningCase* UnitClock::oldest() const {
  return running_.empty() ? nullptr : &running_.front();
}

const UnitClock::RunningCase* UnitClock::newest() const {
  return running_.empty() ? nullptr : &running_.back();
}

}  // namespace gorgon::runner
