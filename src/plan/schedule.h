// In which order the files of a job are handed out, and how long the whole will take. Pure
// functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plan/runtimes.h"
#include "plan/test_files.h"

namespace gorgon::plan {

struct PlannedFile {
  std::string path;
  std::optional<std::chrono::duration<double>> expected;  ///< Nullopt: no history to judge by.
  bool is_recorded = false;  ///< `expected` is this file's own runtime, not an estimate.
  std::vector<std::string> places = {};  ///< As of the test file.
  friend bool operator==(const PlannedFile&, const PlannedFile&) = default;
};

/// Longest expected runtime first; ties, and files without any expectation, in their given order.
///
/// A recorded file is expected to run as long as it did. For one without a record the best guess is
/// its size times the median seconds per byte of the recorded files of this job: test files of one
/// project are alike in style, so that size orders them better than their names do, and the median
/// shrugs off the few files that sleep or start a browser. The estimate stays within the shortest
/// and longest recorded runtime, because a large file is more often a table of cases than hours of
/// work. With no record at all the given order stays: size alone would be a guess about a project
/// that we know nothing of.
///
/// When each free slot takes the next file, the makespan is at most 4/3 - 1/(3m) of the best
/// possible one for m equal slots and exact runtimes (Graham, "Bounds on Multiprocessing Timing
/// Anomalies", SIAM J. Appl. Math. 17 (2), 1969); for any order it is at most 2 - 1/m.
[[nodiscard]] std::vector<PlannedFile> longest_first(std::span<const TestFile> files,
                                                     const Runtimes& recorded);

/// How long `slots` (at least 1) equal slots need for `files`, each free slot taking the next one
/// in this order. Nullopt when the runtime of a file is not even estimated.
[[nodiscard]] std::optional<std::chrono::duration<double>> estimated_makespan(
    std::span<const PlannedFile> files, std::size_t slots);

}  // namespace gorgon::plan
