#include "originator/make_plan.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/own_folder.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "plan/failed_files.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"
#include "plan/partition.h"
#include "plan/runtimes.h"
#include "plan/schedule.h"
#include "plan/test_files.h"
#include "report/display_text.h"
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

plan::Language language_of(const config::ProjectConfig& config) {
  if (config.runner == "pytest") return plan::Language::kPython;
  if (config.runner == "node") return plan::Language::kNode;
  if (config.runner == "command") return plan::Language::kOther;
  const bool is_unknown = config.runner.empty() && config.runner_command.empty();
  return is_unknown ? plan::Language::kUnknown : plan::Language::kRuby;
}

/// One host runs all files of a job, so they are of one language.
Result<void> check_languages(const std::vector<plan::TestFile>& files,
                             const StartOptions& options) {
  if (language_of(options.config) != plan::Language::kUnknown) return {};
  const auto is_python = [](const plan::TestFile& file) { return plan::is_python(file.path); };
  const auto python = std::ranges::find_if(files, is_python);
  const auto other = std::ranges::find_if_not(files, is_python);
  if (python == files.end() || other == files.end()) return {};
  return fail(ErrorKind::kUsage,
              fmt::format("{} and {} are of different languages: run them one after the other, or "
                          "with \"files\" and \"runner\" in {}",
                          python->path, other->path, options.config_name));
}

/// The top folders of the files; "." for files that are in none.
std::vector<std::string> top_folders(const std::vector<results::Unit>& units) {
  std::set<std::string> folders;
  for (const results::Unit& unit : units) {
    const auto slash = unit.file.find('/');
    folders.insert(slash == std::string::npos ? "." : unit.file.substr(0, slash));
  }
  return {folders.begin(), folders.end()};
}

/// Node's test runner is a command like another.
config::TestCommand node_command() {
  return {.run = {"node", "--test", "--test-reporter=tap", "{arguments}", "{file}"},
          .results = config::ResultFormat::kTap};
}

}  // namespace

config::RunnerSettings runner_settings(const config::ProjectConfig& config,
                                       const std::vector<results::Unit>& units) {
  config::RunnerSettings settings = {.framework = config.runner,
                                     .arguments = config.runner_arguments,
                                     .command = config.runner_command,
                                     .test_command = config.test_command,
                                     .python = config.runner_python,
                                     .folders = {},
                                     .preload = config.job.preload,
                                     .callbacks = config.job.callbacks,
                                     .env = config.job.env};
  if (language_of(config) == plan::Language::kUnknown &&
      std::ranges::all_of(units,
                          [](const results::Unit& unit) { return plan::is_python(unit.file); })) {
    settings.framework = "pytest";
  }
  if (settings.framework == "node") {
    settings.framework = "command";
    settings.test_command = node_command();
  }
  if (settings.framework == "pytest") settings.folders = top_folders(units);
  return settings;
}

namespace {

Result<plan::FileRecord> record_of(const std::string& file, const StartOptions& options) {
  if (!options.record_of) return plan::FileRecord();
  return options.record_of(file);
}

/// CaseFilter::expression by file.
using Expressions = std::map<std::string, std::string>;

/// What runs of one file; nullopt: nothing.
Result<std::optional<std::string>> expression_for(const std::string& file,
                                                  const StartOptions& options) {
  std::vector<plan::Filterset> parts;
  if (options.outstanding) {
    const auto left = options.outstanding->find(file);
    if (left == options.outstanding->end()) return std::nullopt;
    if (!left->second.empty() && config::can_run_cases(options.config))
      parts.push_back(plan::Filterset::of_cases(left->second));
  }
  if (options.filterset) parts.push_back(*options.filterset);
  const plan::Filterset all = plan::all_of(std::move(parts));
  plan::FileRecord record;
  if (all.asks_the_record()) {
    GORGON_TRY_ASSIGN(record, record_of(file, options));
    // Whoever runs whole files runs those with a failure.
    if (!config::can_run_cases(options.config) && !record.failed.empty())
      record.has_failed_as_a_whole = true;
  }
  return all.applied_to(file, record);
}

/// Leaves out the files of which nothing runs.
Result<Expressions> take_filterset(std::vector<plan::TestFile>& files,
                                   const StartOptions& options) {
  Expressions expressions;
  if (!options.filterset && !options.outstanding) return expressions;
  std::vector<plan::TestFile> taken;
  for (plan::TestFile& file : files) {
    GORGON_TRY_ASSIGN(auto expression, expression_for(file.path, options));
    if (!expression) continue;
    if (!expression->empty()) expressions.emplace(file.path, *std::move(expression));
    taken.push_back(std::move(file));
  }
  files = std::move(taken);
  if (!files.empty()) return expressions;
  return fail(ErrorKind::kNotFound, "no file has a case that is wanted: nothing to run");
}

/// Otherwise in their order.
Result<void> put_failed_first(std::vector<plan::PlannedFile>& files, const StartOptions& options) {
  std::set<std::string> failed;
  for (const plan::PlannedFile& file : files) {
    GORGON_TRY_ASSIGN(const plan::FileRecord record, record_of(file.path, options));
    if (record.has_failed_as_a_whole || !record.failed.empty()) failed.insert(file.path);
  }
  std::ranges::stable_partition(
      files, [&](const plan::PlannedFile& file) { return failed.contains(file.path); });
  return {};
}

}  // namespace

Result<Plan> make_plan(const StartOptions& options) {
  const plan::Selection selection{.project = options.project,
                                  .config_name = options.config_name,
                                  .language = language_of(options.config),
                                  .globs = options.config.files,
                                  .arguments = options.selection,
                                  .working_directory = std::filesystem::current_path()};
  GORGON_TRY_ASSIGN(auto files, plan::select_test_files(selection));
  GORGON_TRY(check_languages(files, options));
  GORGON_TRY_ASSIGN(const Expressions expressions, take_filterset(files, options));
  Plan plan;
  plan.selected_files = files.size();
  if (options.partition) files = plan::take_partition(std::move(files), *options.partition);
  plan.files = plan::longest_first(files, plan::load_runtimes(runtime_file(options)));
  if (options.failed_first) GORGON_TRY(put_failed_first(plan.files, options));
  double expected = 0;
  bool is_known = true;
  for (const plan::PlannedFile& file : plan.files) {
    plan.units.push_back(
        {.id = std::to_string(plan.units.size() + 1),
         .file = file.path,
         .filter = {.places = file.places, .names = options.names, .tags = options.tags}});
    if (const auto expression = expressions.find(file.path); expression != expressions.end())
      plan.units.back().filter.expression = expression->second;
    if (file.expected && plan.units.back().filter.is_empty()) {
      expected += file.expected->count();
    } else {
      is_known = false;
    }
  }
  if (is_known) plan.expected_seconds = expected;
  return plan;
}

void take_off(const results::Unit& unit, const results::UnitResult& result, StartOptions& options) {
  using results::Verdict;
  const bool has_failed_case = std::ranges::any_of(
      result.cases, [](const results::TestCase& one) { return is_bad(one.status); });
  plan::Progress progress{
      .file = unit.file,
      // Of a file that is left as a whole, all was wanted.
      .is_whole_file = unit.is_whole_file() && options.framework_arguments.empty(),
      .came_to_its_end =
          result.verdict == Verdict::kPassed ||
          (result.verdict == Verdict::kFailed && result.errors.empty() && has_failed_case)};
  for (const results::TestCase& one : result.cases) progress.passes[one.id] = !is_bad(one.status);
  plan::take(*options.outstanding, progress);
}

std::size_t files_left(const StartOptions& options) {
  if (!options.outstanding) return 0;
  // Files that are gone cannot pass any more.
  return static_cast<std::size_t>(
      std::ranges::count_if(*options.outstanding, [&](const auto& left) {
        std::error_code ignored;
        return std::filesystem::exists(options.project / left.first, ignored);
      }));
}

std::size_t local_slots(const StartOptions& options) {
  return options.slots.value_or(std::max(1U, std::thread::hardware_concurrency()));
}

std::string filter_text(const StartOptions& options, std::span<const results::Unit> units) {
  std::vector<std::string> words;
  const auto add = [&](const std::string& word) { words.push_back(report::shell_quoted(word)); };
  for (const results::Unit& unit : units) {
    if (unit.filter.places.empty()) continue;
    std::ranges::for_each(results::words_for(unit.file, unit.filter.places), add);
  }
  for (const std::string& name : options.names) {
    add("-e");
    add(name);
  }
  for (const std::string& tag : options.tags) {
    add("-t");
    add(tag);
  }
  if (options.filterset) words.emplace_back("-E, -k or --only-failures");
  if (options.outstanding) words.emplace_back("what the run has left");
  if (!options.framework_arguments.empty()) add("--");
  std::ranges::for_each(options.framework_arguments, add);
  return fmt::format("{}", fmt::join(words, " "));
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
    if (!unit.is_whole_file() || !options.framework_arguments.empty()) continue;
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
