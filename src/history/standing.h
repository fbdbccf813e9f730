// Where the tests of a project stand, by what is recorded of them: the last of each file's cases,
// and what a run, with those that took up its failures, has left to do.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/store.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"

namespace gorgon::history {

/// The last of each case of `file`. Cases that its last whole run did not have are gone from it.
[[nodiscard]] Result<plan::FileRecord> record_of(Store& store, const std::string& file);

/// What the cases of a file were called when it last ran whole.
struct KnownCases {
  std::int64_t run = 0;
  std::set<std::string> names;  ///< Their names, and their ids.
};
/// Nullopt: `file` has not run whole and to its end since it went wrong as a whole, or ever.
[[nodiscard]] Result<std::optional<KnownCases>> known_cases(Store& store, const std::string& file);

/// What has not passed in `run`; of a run that took up what another had left, also what neither of
/// them has passed.
[[nodiscard]] Result<plan::Outstanding> outstanding_of(Store& store, std::int64_t run);

/// The further arguments that the framework had in `run`; of a run that took up what another had
/// left, in the first of them.
[[nodiscard]] Result<std::vector<std::string>> framework_arguments_of(Store& store,
                                                                      std::int64_t run);

}  // namespace gorgon::history
