// The tables of the record of runs.
#pragma once

#include "base/result.h"
#include "history/database.h"

namespace gorgon::history {

/// Makes the tables where there are none yet. kUsage: a newer gorgon has made others.
[[nodiscard]] Result<void> prepare_tables(Database& database);

}  // namespace gorgon::history
