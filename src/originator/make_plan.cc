#include "originator/make_plan.h"

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/own_folder.h"
#include "plan/failed_files.h"
#include "plan/runtimes.h"
#include "plan/schedule.h"
#include "plan/test_files.h"
#include "results/job_state.h"
#include "results/verdict.h"

namespace gorgon::originator {

namespace {

std::filesystem::path runtime_file(const StartOptions& options) {
  const auto& configured = options.config.runtime_file;
  return options.project / (configured.empty()
                                ? std::filesystem::path(config::kOwnFolder) / "runtimes.json"
                                : configured);
}

}  // namespace

Result<Plan> make_plan(const StartOptions& options) {
  const plan::Selection selection{.project = options.project,
                                  .config_name = options.config_name,
                                  .globs = options.config.files,
                                  .arguments = options.selection,
                                  .working_directory = std::filesystem::current_path()};
  GORGON_TRY_ASSIGN(const auto files, plan::select_test_files(selection));
  Plan plan;
  plan.files = plan::longest_first(files, plan::load_runtimes(runtime_file(options)));
  double expected = 0;
  bool is_known = true;
  for (const plan::PlannedFile& file : plan.files) {
    plan.units.push_back({.id = std::to_string(plan.units.size() + 1),
                          .file = file.path,
                          .filter = {.places = file.places}});
    if (file.expected) {
      expected += file.expected->count();
    } else {
      is_known = false;
    }
  }
  if (is_known) plan.expected_seconds = expected;
  return plan;
}

Result<void> save_history(const StartOptions& options, const results::JobState& state) {
  using results::Verdict;
  plan::Runtimes measured;
  std::vector<std::string> failed;
  for (const results::Unit& unit : state.units()) {
    const auto outcome = state.outcome(unit.id);
    if (!outcome) continue;
    if (outcome->verdict != Verdict::kPassed) failed.push_back(unit.file);
    // Some of its cases do not take as long as the file.
    if (!unit.filter.is_empty()) continue;
    // A crash says nothing about how long the file takes; a kill at a limit says that it takes at
    // least that.
    if (outcome->verdict == Verdict::kPassed || outcome->verdict == Verdict::kFailed ||
        outcome->verdict == Verdict::kTimedOut)
      measured[unit.file] += std::chrono::duration<double>(outcome->seconds);
  }
  std::string problems;
  const auto note = [&](std::string_view what, const Result<void>& done) {
    if (done) return;
    if (!problems.empty()) problems += '\n';
    problems += fmt::format("{} not written: {}", what, done.error().message);
  };
  if (!measured.empty()) {
    note("runtimes were", plan::record_runtimes(runtime_file(options), options.project, measured));
  }
  note(".gorgon/.gitignore was", config::hide_own_folder(options.project));
  if (!options.config.failed_files.empty()) {
    note("the failed files were",
         plan::write_failed_files(options.project / options.config.failed_files, failed));
  }
  if (!problems.empty()) return fail(ErrorKind::kIo, std::move(problems));
  return {};
}

}  // namespace gorgon::originator
