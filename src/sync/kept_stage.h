// The stage of a project's last run, put by for the next one, which then copies only what has been
// touched since, and can tell machines what that was.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/tree_generation.h"
#include "sync/tree_marks.h"

namespace gorgon::sync {

/// What is known of a staged tree beside its files.
struct StageRecord {
  config::TreeGeneration generation;
  Marks project;  ///< Of the project's entries as they were copied. One that may be out of date is
                  ///< missing.
  Marks tree;     ///< Of the copies.
};

/// Where the stage of `project`, an absolute path, is put by below `root`: one place for each
/// project and set of rules of what belongs into its tree.
[[nodiscard]] fs::path kept_stage(const fs::path& root, const fs::path& project,
                                  const config::Sync& sync);

/// Moves the tree that is put by at `place` to `directory`/tree, for the caller alone. An empty
/// record, and an empty tree: there is none, or what is there cannot be used. kIo: no tree can be
/// made there.
[[nodiscard]] Result<StageRecord> take_kept_stage(const fs::path& place, const fs::path& directory);

/// Writes it beside the tree in `directory`. kIo.
[[nodiscard]] Result<void> write_stage_record(const fs::path& directory, const StageRecord& record);
/// Without an id: none has been written, or it cannot be read.
[[nodiscard]] config::TreeGeneration read_stage_generation(const fs::path& directory);

/// Puts the tree and its record by at `place`; what was there is in `directory` then, to be removed
/// with it. Without a record nothing is put by. Removes what other projects have put by beside it
/// and not used for kKeptFor. What fails is logged.
void keep_stage(const fs::path& directory, const fs::path& place);

/// The next generation: `tree` has come of that of `record`.
[[nodiscard]] config::TreeGeneration next_generation(const StageRecord& record, const Marks& tree);

}  // namespace gorgon::sync
