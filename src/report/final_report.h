// The end of a run as a person reads it: failures, counts, time, what to do next. Pure.
#pragma once

#include <string>

#include "report/look.h"
#include "report/summary.h"

namespace gorgon::report {

/// All of it, each line ending with "\n". `summary` has seen RunFinished. The last line begins with
/// "gorgon: " and a word for the result, so that a script finds it:
/// `^gorgon: (passed|failed|incomplete|interrupted|stopped)`.
[[nodiscard]] std::string final_report(const Summary& summary, const Look& look);

/// "gorgon start --config ci/gorgon.json spec/a_spec.rb 'spec/b c_spec.rb'", quoted for a shell:
/// what runs all files again that have not passed, from the same working directory. Where many and
/// all of them have not, the selection of this run stands for them. Empty when all passed.
[[nodiscard]] std::string rerun_command(const Summary& summary, const Look& look);

/// "45 passed, 2 failed, 1 crashed"; what there is none of is left out.
[[nodiscard]] std::string counts_text(const VerdictCounts& counts, const Look& look);
[[nodiscard]] std::string counts_text(const CaseCounts& counts, const Look& look);

}  // namespace gorgon::report
