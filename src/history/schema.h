// The tables of the record of runs.
#pragma once

#include <string_view>

#include "base/result.h"
#include "history/database.h"

namespace gorgon::history {

/// Makes the tables where there are none yet. kUsage: a newer gorgon has made others.
[[nodiscard]] Result<void> prepare_tables(Database& database);

/// Of a row of units: nobody had asked for a part of the file.
inline constexpr const char* kIsWholeFile =
    "only_cases = '[]' AND except_cases = '[]' AND places = '[]' AND names = '[]' "
    "AND tags = '[]' AND expression = '' "
    // Arguments of the framework may be filters.
    "AND NOT EXISTS (SELECT 1 FROM runs WHERE number = units.run AND arguments LIKE '%\"--\"%')";

/// Of a case's status as it is recorded: failed, or an error. A word of a later gorgon is neither.
[[nodiscard]] bool is_bad_status(std::string_view status);

}  // namespace gorgon::history
