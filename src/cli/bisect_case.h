// A case that failed in a recorded run, and all that ran before it in its process: what `gorgon
// bisect` searches. Values only; bisect.cc runs the candidates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "history/sequence.h"
#include "plan/bisection.h"
#include "results/verdict.h"

namespace gorgon::cli {

/// Where a case failed.
struct FailedCase {
  std::string worker;                          ///< HOST:N
  history::RanUnit unit;                       ///< Its file, as that worker ran it.
  std::optional<results::TestCase> test_case;  ///< Nullopt: the file failed outside its cases.
  /// What ran before it in its process: files, then cases of its own file.
  std::vector<history::RanUnit> files;
  std::vector<results::TestCase> cases;
  bool can_run_cases = true;     ///< False: its file always runs as a whole, and `cases` is empty.
  bool is_process_known = true;  ///< False: `files` are all that its worker ran before it.

  [[nodiscard]] std::size_t count() const { return files.size() + cases.size(); }
};

/// `name`: the id or the full name of a case, FILE:LINE, or FILE, meaning its first case that
/// failed. kNotFound: there is no such case, or it passed. kUsage: there are several.
[[nodiscard]] Result<FailedCase> find_failed_case(
    const std::vector<history::WorkerSequence>& sequences, std::string_view name);

/// The unit that runs `before`, places in files and then cases, and behind them the case. `seed`:
/// of all of its files, instead of those of the run.
[[nodiscard]] results::Unit candidate_of(const FailedCase& failed, const plan::Subset& before,
                                         std::optional<std::int64_t> seed = {});

[[nodiscard]] plan::Outcome outcome_of(const FailedCase& failed, const results::UnitResult& result);

/// "spec/a_spec.rb", or a case: "spec/c_spec.rb: cart counts".
[[nodiscard]] std::string describe(const FailedCase& failed, std::size_t place);
/// Of the case itself.
[[nodiscard]] std::string describe(const FailedCase& failed);

/// Repeats a candidate; `start` is that of the recorded run. Nullopt: no command line can say it.
[[nodiscard]] std::optional<std::string> command_for(const FailedCase& failed,
                                                     const plan::Subset& before,
                                                     const StartCommand& start);

}  // namespace gorgon::cli
