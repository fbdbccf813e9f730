// Recorded runtimes: how long each test file took, kept from run to run in "runtime_file".
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"

namespace gorgon::plan {

/// A file's path, relative to the project, and how long it ran.
using Runtimes = std::map<std::string, std::chrono::duration<double>, std::less<>>;

/// Reads the Ruby Gorgon's format: one JSON object, path to seconds. A missing or empty file gives
/// none. Entries that are not seconds (negative, not a number) are left out. A file that is no such
/// object is set aside as FILE.corrupt, with a warning in the log, and gives none: a broken history
/// must not stop a run.
[[nodiscard]] Runtimes load_runtimes(const std::filesystem::path& file);

/// `recorded` with the runtimes of `newest` in place of or beside its own. The newest measurement
/// wins: a mean would need several runs to follow a file that was split or made slow, while an
/// outlier is gone after the next run.
[[nodiscard]] Runtimes merge_runtimes(Runtimes recorded, const Runtimes& newest);

/// Without the files that are gone from `project`. Files that only did not take part stay.
[[nodiscard]] Runtimes prune_runtimes(Runtimes runtimes, const std::filesystem::path& project);

/// The text of the file: longest first, ties by path, one file a line.
[[nodiscard]] std::string format_runtimes(const Runtimes& runtimes);

/// Loads, merges `newest`, prunes (unless `project` is empty) and replaces `file` in one step. To
/// be called after every run, also a partial or cancelled one, with the units that ended by
/// themselves. Of two runs that record in the same millisecond one may win. kIo.
[[nodiscard]] Result<void> record_runtimes(const std::filesystem::path& file,
                                           const std::filesystem::path& project,
                                           const Runtimes& newest);

}  // namespace gorgon::plan
