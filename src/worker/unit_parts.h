// A unit of which cases are killed at their own time limit: it goes on behind each of them in
// another runner, and all of that is one result. Decides; the worker acts.
#pragma once

#include <utility>
#include <vector>

#include "results/verdict.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"

namespace gorgon::worker {

class UnitParts {
 public:
  UnitParts(results::Unit unit, const runner::RunLimits& limits);

  /// What is still to run. Its limit is what those before have left of the unit's.
  [[nodiscard]] const results::Unit& rest() const { return rest_; }
  [[nodiscard]] const runner::RunLimits& limits() const { return limits_; }
  /// Of the parts so far.
  [[nodiscard]] double seconds() const { return result_.seconds; }
  /// Takes a part's result. True when there is a rest to run.
  [[nodiscard]] bool add(runner::UnitRun run);
  [[nodiscard]] results::UnitResult take_result() { return std::move(result_); }

 private:
  enum class Rest { kSome, kNone, kUnknown };
  [[nodiscard]] Rest leave_out(const std::vector<results::TestCase>& cases);

  results::Unit rest_;
  runner::RunLimits limits_;
  results::UnitResult result_;
  bool is_first_ = true;
};

}  // namespace gorgon::worker
