// The lines that a run leaves behind as it goes, the same on a terminal and in a log. Pure.
#pragma once

#include <string>

#include "report/look.h"
#include "report/summary.h"
#include "results/run_event.h"

namespace gorgon::report {

/// One line: what the run is about to do.
[[nodiscard]] std::string started_line(const results::RunStarted& event, const Look& look);
/// "SLOW     spec/a_spec.rb  runs for 2 min 05 s, in "A works" for 1 min 00 s, build1:2".
/// A try that is not the last.
[[nodiscard]] std::string tried_line(const results::UnitTried& event, const Look& look);
[[nodiscard]] std::string slow_line(const results::UnitSlow& event, const Look& look);
/// "FAIL     spec/a_spec.rb  2 of 14 cases failed, 2.31 s, build1:2".
[[nodiscard]] std::string unit_line(const results::Unit& unit, const results::UnitResult& result,
                                    const Look& look);
/// One line a failed case: its name and the first line of its message, cut to `columns`; at most
/// three, and how many more there are.
[[nodiscard]] std::string case_lines(const results::UnitResult& result, const Look& look,
                                     std::size_t columns);
/// Empty when the change is not worth a line at this verbosity.
[[nodiscard]] std::string host_lines(const results::HostChanged& event, const Look& look);
[[nodiscard]] std::string waiting_lines(const results::Waiting& event);
[[nodiscard]] std::string notice_lines(const results::Notice& notice, const Look& look);
/// "progress: 40 of 200 files, 812 cases, 3 failures, 12.1 s".
[[nodiscard]] std::string progress_text(const Summary& summary, double elapsed_seconds);

}  // namespace gorgon::report
