// What went wrong in a unit outside of its cases, and what belongs to a case: each fault counts
// once, in every report. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {

/// Stands for the name of a case where none is known to have been running.
inline constexpr std::string_view kOutsideOfCases = "(outside of the cases)";

/// The errors of the unit that no case tells. A test that ends its process, or is killed at its
/// time limit, has failed, and its unit has for the same reason.
[[nodiscard]] std::vector<Failure> errors_outside(const UnitResult& result);
/// Whether there is more to tell of the unit than its failed cases.
[[nodiscard]] bool went_wrong_outside(const UnitResult& result);
/// The failed case that is to be read with the output of its unit: the last of those that say
/// nothing else of why, or were killed. Null: no case is, or that output belongs to what went wrong
/// outside.
[[nodiscard]] const TestCase* case_with_output(const UnitResult& result);

/// As one more case. It is an error, with all messages in its failure, or has passed after earlier
/// tries that did not. Named and placed as the case that was running, if known. Nullopt when
/// nothing went wrong; a unit that has not passed has this, or a case that failed.
[[nodiscard]] std::optional<TestCase> case_outside(const UnitResult& result);

}  // namespace gorgon::results
