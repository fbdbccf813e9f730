// What a report may say of earlier runs. Values, and one question; whoever has a record of runs
// brings them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::report {

struct PastRun {
  std::int64_t number = 0;        ///< As people name it.
  double started_at = 0;          ///< Unix seconds.
  std::optional<double> seconds;  ///< Nullopt: it was cut off, or goes on.
  std::optional<int> exit_code;   ///< Beside `seconds`.
  std::size_t cases = 0;
  std::size_t failures = 0;  ///< As Summary counts them,
  std::size_t flaky = 0;     ///< and these.
};

struct PastStatus {
  results::CaseStatus status = results::CaseStatus::kPassed;
  bool is_flaky = false;
};
/// What a case came to in each of the past runs, an error where its file crashed or took too long
/// while it ran; nullopt: it was not in that one. What went wrong outside of a file's cases has
/// results::kOutsideOfCases for a name.
using Course = std::vector<std::optional<PastStatus>>;

struct Past {
  std::vector<PastRun> runs;  ///< The oldest first.
  /// The courses of a file's cases by their names, each as long as `runs`; a case that was in none
  /// of them has none. Null when there are no runs.
  std::function<std::map<std::string, Course>(const std::string& file)> courses_of;
};

}  // namespace gorgon::report
