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

UnitClock::UnitClock(const RunLimits& limits, TimePoint now) : start_(now) {
  if (limits.slow.count() > 0) {
    slow_ = limited(limits.slow);
    unit_slow_at_ = now + slow_;
  }
  if (limits.show.count() > 0) show_ = limited(limits.show);
  if (limits.unit.count() > 0) unit_limit_ = now + limited(limits.unit);
  if (limits.test_case.count() > 0) case_limit_ = limited(limits.test_case);
}

void UnitClock::start_case(CaseStarted started, TimePoint now) {
  const bool can_be_slow = slow_ != steady_clock::duration::max();
  running_.push_back({.started = std::move(started),
                      .since = now,
                      .slow_at = can_be_slow ? now + slow_ : TimePoint::max()});
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
  const bool is_slow =
      now >= unit_slow_at_ ||
      std::ranges::any_of(running_, [&](const RunningCase& one) { return now >= one.slow_at; });
  if (is_slow) return Due::kSlow;
  return now >= show_at() ? Due::kShow : Due::kNothing;
}

UnitClock::TimePoint UnitClock::show_at() const {
  if (show_ == steady_clock::duration::max()) return TimePoint::max();
  const bool is_shown = shown_since_ != TimePoint::max();
  const bool is_same = !running_.empty() && running_.front().since == shown_since_;
  if (is_shown) return is_same ? TimePoint::max() : start_;
  return running_.empty() ? TimePoint::max() : running_.front().since + show_;
}

UnitClock::TimePoint UnitClock::next() const {
  TimePoint next = std::min({unit_limit_, unit_slow_at_, show_at()});
  for (const RunningCase& one : running_) next = std::min(next, one.slow_at);
  if (!running_.empty() && case_limit_ != steady_clock::duration::max())
    next = std::min(next, running_.front().since + case_limit_);
  return next;
}

SlowUnit UnitClock::tell_slow(TimePoint now) {
  // A unit and its first case are due at nearly the same time: told once.
  const TimePoint soon = now + slow_ / 2;
  const auto double_if_due = [soon](TimePoint& at, TimePoint since) {
    while (soon >= at) at = since + 2 * (at - since);
  };
  double_if_due(unit_slow_at_, start_);
  for (RunningCase& one : running_) double_if_due(one.slow_at, one.since);
  return position(now);
}

SlowUnit UnitClock::tell_case(TimePoint now) {
  SlowUnit shown = position(now);
  const RunningCase* one = oldest();
  const bool is_long = one != nullptr && now - one->since >= show_;
  shown_since_ = is_long ? one->since : TimePoint::max();
  if (!is_long) {
    shown.running_case.clear();
    shown.case_seconds = 0;
  }
  return shown;
}

SlowUnit UnitClock::position(TimePoint now) const {
  const auto seconds_since = [now](TimePoint since) {
    return std::chrono::duration<double>(now - since).count();
  };
  SlowUnit slow{.seconds = seconds_since(start_)};
  if (const RunningCase* one = oldest()) {
    slow.running_case = one->started.name;
    slow.case_seconds = seconds_since(one->since);
  }
  return slow;
}

const UnitClock::RunningCase* UnitClock::oldest() const {
  return running_.empty() ? nullptr : &running_.front();
}

const UnitClock::RunningCase* UnitClock::newest() const {
  return running_.empty() ? nullptr : &running_.back();
}

}  // namespace gorgon::runner
