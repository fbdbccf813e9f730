// A unit that failed and is tried again: what to run, and what the tries come to together.
#pragma once

#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {

/// What a try that is not the last leaves to the next: the ids of the cases that did not pass.
/// Empty when the whole unit is to run again: something went wrong outside its cases, or it did not
/// come to its end.
[[nodiscard]] std::vector<std::string> cases_to_try_again(const UnitResult& result);

/// The result of a unit that was tried before, with `earlier` as the result of all tries until
/// then. Of each case the last try that ran it decides; how it failed before is in its
/// earlier_failures. Seconds add up. A last try without a verdict (cancelled, lost) takes none away
/// that was there.
[[nodiscard]] UnitResult with_earlier_tries(UnitResult last, UnitResult earlier);

}  // namespace gorgon::results
