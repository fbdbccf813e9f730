// Earlier runs for a report: which there were, and what they said of a file's cases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "history/store.h"
#include "report/past.h"

namespace gorgon::history {

/// Of the newest `limit` runs, or of those before the run `before`. Keeps the store open for as
/// long as the result lives. A question that the record cannot answer later costs a line in the
/// log, and has no courses. kIo, kTimeout.
[[nodiscard]] Result<report::Past> past_runs(Store store, std::optional<std::int64_t> before,
                                             std::size_t limit);

}  // namespace gorgon::history
