// A run of the record, as one that is to be done again: what it was told, and what each of its
// workers did.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "history/sequence.h"
#include "history/store.h"
#include "originator/make_plan.h"

namespace gorgon::cli {

struct RecordedRun {
  history::RunSummary run;
  StartCommand start;  ///< Its `gorgon start`, as it was given.
  /// With its arguments for the framework and its limits, and today's configuration. Nothing is
  /// selected, nothing is tried again, and what comes of it is not kept.
  originator::StartOptions options;
  std::vector<history::WorkerSequence> sequences;
};
/// `name` as history::Store::find() takes it. kNotFound: no such run. kUsage, kIo.
[[nodiscard]] Result<RecordedRun> recorded_run(const std::filesystem::path& config_file,
                                               bool config_is_required, std::string_view name,
                                               const ParseStart& parse);

/// The file is still there.
[[nodiscard]] bool is_there(const RecordedRun& recorded, const std::string& file);
/// How many of `files` were written since the run began: what follows is of these, not of those.
[[nodiscard]] std::size_t changed_since(const RecordedRun& recorded,
                                        const std::vector<std::string>& files);

}  // namespace gorgon::cli
