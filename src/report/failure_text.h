// What went wrong, told in full once, at the end of a run. Pure: values in, lines out.
#pragma once

#include <string>
#include <vector>

#include "report/look.h"
#include "report/summary.h"

namespace gorgon::report {

/// One numbered block a failed case, and one a unit that went wrong outside its cases, in the order
/// of `problems`; then one list of the units that were cancelled and one of those that were lost,
/// grouped by reason. Empty when nothing went wrong. Each line ends with "\n".
[[nodiscard]] std::string failures_text(const std::vector<Problem>& problems, const Look& look);

}  // namespace gorgon::report
