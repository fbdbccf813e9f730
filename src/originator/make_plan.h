// Before the run: which units, in which order. After it: what to remember for the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/signature.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "originator/unit_rules.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"
#include "plan/partition.h"
#include "plan/runtimes.h"
#include "plan/schedule.h"
#include "results/job_state.h"
#include "results/quarantine.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::originator {

struct StartOptions {
  std::filesystem::path project;            ///< Absolute.
  std::string config_name = "gorgon.json";  ///< What the user calls the configuration file.
  config::ProjectConfig config;             ///< Options of the command line merged in.
  RuleBook rules;                           ///< Of `config`.
  std::vector<std::string> selection;  ///< Files, directories, globs, files with places; empty: all
                                       ///< of the configuration.
  std::vector<std::string> names;      ///< -e: CaseFilter::names
  std::vector<std::string> tags;       ///< -t: CaseFilter::tags
  std::optional<std::uint32_t> seed;   ///< RunnerSettings::seed
  std::string order;                   ///< RunnerSettings::order
  std::size_t iterations = 1;          ///< How often each unit runs.
  /// Paths relative to the project: files that have changed, and only tests in them are run.
  std::optional<std::set<std::string>> changed;
  std::vector<std::string>
      framework_arguments;  ///< Behind "--"; also at the end of config.runner_arguments.
  std::optional<std::size_t>
      max_failures;  ///< After so many failed cases, nothing further is begun.
  std::optional<plan::Filterset> filterset;    ///< -E, -k, --only-failures.
  std::vector<std::string> filterset_options;  ///< Which of them, as on the command line.
  /// What is recorded of a file, for `filterset` and `failed_first`; null: nothing is.
  std::function<Result<plan::FileRecord>(const std::string& file)> record_of;
  /// What an earlier run has left to do, and that is all that is run.
  std::optional<plan::Outstanding> outstanding;
  results::Quarantine quarantine;        ///< Whose failures do not decide.
  std::vector<results::Notice> notices;  ///< Told when the run starts.
  bool in_order = false;  ///< Files are handed out as they were selected, not the longest first.
  /// Its results are no news of the suite: neither runtimes nor failed files are kept, nor a
  /// journal.
  bool is_experiment = false;
  bool failed_first = false;  ///< Files with a failure on record are handed out before the others.
  std::optional<plan::Partition> partition;  ///< Of the selected files.
  std::vector<std::string> arguments;        ///< Of `gorgon start` as given, for `gorgon resume`.
  std::filesystem::path folder;              ///< Where it was called; absolute.
  bool shows_output = false;                 ///< --no-capture
  std::optional<PrivateKey> signing_key;     ///< What listeners are told is signed with it.
  std::optional<std::size_t>
      slots;  ///< -j: the most workers at once; on the embedded broker their number.
};

/// What will be run, in order, and what is known about it.
struct Plan {
  std::vector<results::Unit> units;
  std::vector<plan::PlannedFile> files;    ///< Beside `units`.
  std::size_t selected_files = 0;          ///< Before the partition was taken.
  std::optional<double> expected_seconds;  ///< Sum over all units; nullopt when one is not even
                                           ///< estimated, or not the whole of its file.
};
/// Without units when none of the selected files is in the partition. kNotFound: nothing matches.
/// kUsage.
[[nodiscard]] Result<Plan> make_plan(const StartOptions& options);

/// How the runners of these units are started: those of pytest, when no runner is configured and
/// all of their files are Python.
[[nodiscard]] config::RunnerSettings runner_settings(const StartOptions& options,
                                                     const std::vector<results::Unit>& units);

/// Takes what a unit has come to into `options.outstanding`, which is there.
void take_off(const results::Unit& unit, const results::UnitResult& result, StartOptions& options);
/// How many files of `options.outstanding` have something left; 0 without it.
[[nodiscard]] std::size_t files_left(const StartOptions& options);

/// The worker slots of a run on the embedded broker.
[[nodiscard]] std::size_t local_slots(const StartOptions& options);

/// What narrows a run down to some cases of its files, as it stands on the command line; empty:
/// nothing does.
[[nodiscard]] std::string filter_text(const StartOptions& options,
                                      std::span<const results::Unit> units);

/// Merges the measured runtimes into the history, and writes the failed files where the
/// configuration wants them; each whatever becomes of the other. A file that was killed at its
/// time limit counts as having taken that long, so that it is handed out first next time; one of
/// which some cases were wanted does not count, nor does any when the framework had arguments of
/// this run alone: they may be filters. kIo: the
/// message has a line for each thing that could not be written.
[[nodiscard]] Result<void> save_history(const StartOptions& options,
                                        const results::JobState& state);

}  // namespace gorgon::originator
