// The tables of the record of runs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "history/database.h"

namespace gorgon::history {

/// Makes the tables where there are none yet. kUsage: a newer gorgon has made others.
[[nodiscard]] Result<void> prepare_tables(Database& database);

/// Of a row of units: it did not come to its end, and quarantine excuses that
/// (results/quarantine.cc).
inline constexpr const char* kIsExcused =
    "EXISTS (SELECT 1 FROM cases JOIN tests ON test = tests.id WHERE cases.run = units.run "
    "AND cases.unit = units.position AND status = 'quarantined' "
    "AND case_id = '(outside of the cases)')";

/// Of a row of units: nobody had asked for a part of the file, and it came to its end if it passed.
[[nodiscard]] std::string is_whole_file();

/// Of a row of units: it ran, and nothing went wrong outside of its cases. One that failed without
/// saying which of them did not.
inline constexpr const char* kCameToItsEnd =
    "(verdict = 'passed' OR (verdict = 'failed' AND "
    "NOT EXISTS (SELECT 1 FROM failures WHERE failures.run = units.run AND "
    "failures.unit = units.position AND case_position < 0 AND try = 0) AND "
    "EXISTS (SELECT 1 FROM cases WHERE cases.run = units.run AND cases.unit = units.position AND "
    "status IN ('failed', 'error'))))";

/// A table for queries: how it went outside of each unit's cases, as one more case of it
/// (results/case_outside.h). Columns run, unit (its position), file, name, status ("passed",
/// "error", "crashed", "timed_out") and is_flaky. Has no row for a unit that was cancelled or lost,
/// of which nothing is known, and none where quarantine has made a case of what went wrong.
[[nodiscard]] std::string cases_outside();

/// Of a row of cases or cases_outside(): it did not pass, whether or not quarantine excuses that.
inline constexpr const char* kHasGoneWrong =
    "status IN ('failed', 'error', 'quarantined', 'crashed', 'timed_out')";

/// Of a case's status as it is recorded: failed, or an error. A word of a later gorgon is neither.
[[nodiscard]] bool is_bad_status(std::string_view status);

}  // namespace gorgon::history
