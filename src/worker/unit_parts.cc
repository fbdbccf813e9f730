#include "worker/unit_parts.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"

namespace gorgon::worker {

namespace {

using results::Verdict;

/// Of all parts together; each has its own limit below it.
constexpr std::size_t kMaxOutputBytes = 1024 * 1024;

void append(results::UnitResult& to, results::UnitResult from) {
  std::ranges::move(from.cases, std::back_inserter(to.cases));
  std::ranges::move(from.errors, std::back_inserter(to.errors));
  if (to.output.size() + from.output.size() <= kMaxOutputBytes) to.output += from.output;
  to.seconds += from.seconds;
  to.running_case = std::move(from.running_case);
  to.running_location = std::move(from.running_location);
  // A later part does not make good what an earlier one has not done.
  to.verdict = from.verdict == Verdict::kCrashed ? Verdict::kCrashed : Verdict::kTimedOut;
}

}  // namespace

UnitParts::UnitParts(results::Unit unit, const runner::RunLimits& limits)
    : rest_(std::move(unit)), limits_(limits) {}

bool UnitParts::add(runner::UnitRun run) {
  const bool was_cut = run.end == runner::RunEnd::kCaseTimedOut;
  const Rest rest = was_cut ? leave_out(run.result.cases) : Rest::kNone;
  const std::chrono::duration<double> used(run.result.seconds);
  const bool is_over = limits_.unit.count() > 0 && used >= limits_.unit;
  const bool goes_on = rest == Rest::kSome && !is_over;
  if (limits_.unit.count() > 0) limits_.unit -= used;
  if (std::exchange(is_first_, false)) {
    result_ = std::move(run.result);
  } else {
    append(result_, std::move(run.result));
  }
  if (!goes_on && rest != Rest::kNone) {
    result_.errors.push_back({.stage = "timeout",
                              .exception_class = "",
                              .message = "the cases behind it, if any, did not run",
                              .backtrace = {}});
  }
  return goes_on;
}

/// Of the rest. kUnknown: it cannot be told from what has run, and the same case would be killed
/// again and again.
UnitParts::Rest UnitParts::leave_out(const std::vector<results::TestCase>& cases) {
  const std::string& killed = cases.back().id;
  const bool is_known = std::ranges::find(rest_.except, killed) != rest_.except.end();
  if (killed.empty() || is_known) return Rest::kUnknown;
  const bool has_list = !rest_.only.empty();
  std::erase_if(rest_.only, [&](const std::string& id) {
    return std::ranges::find(cases, id, &results::TestCase::id) != cases.end();
  });
  if (has_list && rest_.only.empty()) return Rest::kNone;
  for (const results::TestCase& ran : cases) rest_.except.push_back(ran.id);
  return Rest::kSome;
}

}  // namespace gorgon::worker
