// Where the tests of a project stand, by what is recorded of them: the last of each file's cases,
// and what a run, with those that took up its failures, has left to do.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "history/store.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"

namespace gorgon::history {

/// The last of each case of `file`. Cases that its last whole run did not have are gone from it.
[[nodiscard]] Result<plan::FileRecord> record_of(Store& store, const std::string& file);

/// What has not passed in `run`; of a run that took up what another had left, also what neither of
/// them has passed.
[[nodiscard]] Result<plan::Outstanding> outstanding_of(Store& store, std::int64_t run);

}  // namespace gorgon::history
