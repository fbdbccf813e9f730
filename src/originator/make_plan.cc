#include "originator/make_plan.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
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
#include "base/text.h"
#include "config/artifacts.h"
#include "config/own_folder.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "originator/artifact_store.h"
#include "plan/failed_files.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"
#include "plan/partition.h"
#include "plan/runtimes.h"
#include "plan/schedule.h"
#include "plan/test_files.h"
#include "report/display_text.h"
#include "results/case_outside.h"
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
  if (config.runner == "googletest") return plan::Language::kGoogleTest;
  if (config.runner == "ctest") return plan::Language::kCTest;
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

/// Who runs others knows how to put their cases in order; a command line of theirs does, too.
Result<void> check_order(const std::vector<plan::TestFile>& files, const StartOptions& options) {
  if (!options.seed && options.order.empty()) return {};
  const plan::Language language = language_of(options.config);
  const bool is_ruby = language == plan::Language::kRuby && options.config.runner_command.empty();
  const bool is_found_out = language == plan::Language::kUnknown && !files.empty() &&
                            !plan::is_python(files.front().path);
  if (is_ruby || is_found_out) return {};
  return fail(ErrorKind::kUsage,
              "--seed and --order are for RSpec, Minitest and test-unit; of other frameworks, give "
              "their own options behind --");
}

/// By file, CaseFilter::expression.
using Expressions = std::map<std::string, std::string>;

/// What somebody who runs whole files was asked to select by.
std::vector<std::string> selects_cases_by(const std::vector<plan::TestFile>& files,
                                          const Expressions& expressions,
                                          const StartOptions& options) {
  std::vector<std::string> words;
  const auto placed =
      std::ranges::find_if(files, [](const plan::TestFile& file) { return !file.places.empty(); });
  if (placed != files.end()) words.push_back(placed->path + placed->places.front());
  if (!options.names.empty()) words.emplace_back("-e");
  if (!options.tags.empty()) words.emplace_back("-t");
  if (!expressions.empty()) words.emplace_back("-E and -k over cases");
  return words;
}

/// For people; empty: its cases may have tags.
std::string_view framework_without_tags(const config::ProjectConfig& config) {
  if (config.runner == "minitest") return "Minitest";
  if (config.runner == "test_unit") return "test-unit";
  return config.runner == "googletest" ? "GoogleTest" : "";
}

/// Each file would fail, if its framework cannot select in this way, with nothing said of its
/// tests. Of Ruby's frameworks it may not be known before a file is loaded.
Result<void> check_selection(const std::vector<plan::TestFile>& files,
                             const Expressions& expressions, const StartOptions& options) {
  const config::ProjectConfig& config = options.config;
  if (!config.runner_command.empty()) return {};
  if (config.runner == "command" || config.runner == "node") {
    const auto words = selects_cases_by(files, expressions, options);
    if (words.empty()) return {};
    return fail(ErrorKind::kUsage,
                fmt::format("{}: {} runs whole files; give it arguments of its own behind --",
                            fmt::join(words, ", "),
                            config.runner == "node" ? "Node's test runner" : "a test command"));
  }
  const bool has_tag_term = options.filterset && options.filterset->asks_for_tags();
  if (has_tag_term && config.runner == "ctest")
    return fail(ErrorKind::kUsage,
                "tag(): an expression knows no labels of ctest; give them to -t");
  const std::string_view framework = framework_without_tags(config);
  if (framework.empty() || (options.tags.empty() && !has_tag_term)) return {};
  return fail(ErrorKind::kUsage,
              fmt::format("{}: {} has no tags; select by file or by name, with -e",
                          has_tag_term ? "tag()" : "-t", framework));
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

config::RunnerSettings runner_settings(const StartOptions& options,
                                       const std::vector<results::Unit>& units) {
  const config::ProjectConfig& config = options.config;
  config::RunnerSettings settings = {.framework = config.runner,
                                     .arguments = config.runner_arguments,
                                     .seed = options.seed,
                                     .order = options.order,
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
  if (settings.framework == "ctest")
    settings.test_command = {.run = {config.ctest_directory},
                             .results = config::ResultFormat::kJunit};
  if (settings.framework == "pytest") settings.folders = top_folders(units);
  return settings;
}

namespace {

Result<plan::FileRecord> record_of(const std::string& file, const StartOptions& options) {
  if (!options.record_of) return plan::FileRecord();
  return options.record_of(file);
}

/// What an earlier run wanted of a file of which it has left all; null: nothing of the kind.
const results::CaseFilter* wanted_before(const std::string& file, const StartOptions& options) {
  if (!options.outstanding) return nullptr;
  const auto left = options.outstanding->files.find(file);
  if (left == options.outstanding->files.end() || !left->second.cases.empty()) return nullptr;
  return &left->second.wanted;
}

/// CaseFilter::expression of what both let pass.
std::string both_of(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a + b;
  return fmt::format(R"(["and",{},{}])", a, b);
}

/// What runs of one file; nullopt: nothing.
Result<std::optional<std::string>> expression_for(const std::string& file,
                                                  const StartOptions& options) {
  std::vector<plan::Filterset> parts;
  if (options.outstanding) {
    const auto left = options.outstanding->files.find(file);
    if (left == options.outstanding->files.end()) return std::nullopt;
    if (!left->second.cases.empty() && config::can_run_cases(options.config))
      parts.push_back(plan::Filterset::of_cases(left->second.cases));
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
  auto expression = all.applied_to(file, record);
  const results::CaseFilter* wanted = wanted_before(file, options);
  if (expression && wanted != nullptr) expression = both_of(wanted->expression, *expression);
  return expression;
}

/// As they can be typed again.
std::string shell_text(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  std::ranges::transform(words, std::back_inserter(quoted), report::shell_quoted);
  return fmt::format("{}", fmt::join(quoted, " "));
}

/// Which option has left nothing of this many files.
std::string nothing_wanted(const StartOptions& options, std::size_t files) {
  const std::string all = count_of(files, "selected file");
  const std::string by = shell_text(options.filterset_options);
  if (!options.outstanding) return fmt::format("{} leaves no case of {}: nothing to run", by, all);
  if (options.outstanding->files.empty()) return "the run has left nothing: nothing to run";
  if (!options.filterset)
    return fmt::format("what the run has left is not in {}: nothing to run", all);
  return fmt::format("{} leaves no case of what the run has left in {}: nothing to run", by, all);
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
  if (taken.empty()) return fail(ErrorKind::kNotFound, nothing_wanted(options, files.size()));
  files = std::move(taken);
  return expressions;
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

/// What a rerun is about: the files of that run, not those that a run of today would have.
std::optional<std::vector<std::string>> files_of_rerun(const StartOptions& options) {
  if (!options.outstanding) return std::nullopt;
  std::vector<std::string> files;
  for (const auto& [file, left] : options.outstanding->files) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(options.project / file, ignored)) files.push_back(file);
  }
  return files;
}

/// As they were selected.
void put_in_order(std::vector<plan::PlannedFile>& planned,
                  const std::vector<plan::TestFile>& selected) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < selected.size(); ++i) places.emplace(selected[i].path, i);
  std::ranges::sort(planned, {},
                    [&](const plan::PlannedFile& file) { return places.at(file.path); });
}

/// What has changed is known of files, not what depends on it.
Result<void> take_changed(std::vector<plan::TestFile>& files, const StartOptions& options) {
  if (!options.changed) return {};
  const plan::Language language = language_of(options.config);
  if (language == plan::Language::kCTest || language == plan::Language::kGoogleTest) {
    return fail(ErrorKind::kUsage,
                "--changed looks at test files, and this project's tests are programs, which git "
                "does not know: name them, or use -k or -t");
  }
  std::erase_if(files,
                [&](const plan::TestFile& file) { return !options.changed->contains(file.path); });
  if (!files.empty()) return {};
  return fail(ErrorKind::kNotFound,
              options.changed->empty()
                  ? "nothing has changed: nothing to run"
                  : count_of(options.changed->size(), "file") +
                        " changed, none of them is a selected test file: nothing to run");
}

Result<void> check_artifacts(const config::Artifacts& artifacts) {
  const auto rules = artifact_rules(artifacts);
  if (!rules) return fail(ErrorKind::kUsage, "artifacts: " + rules.error().message);
  return {};
}

/// A run keeps about a kilobyte of each.
constexpr std::size_t kMostUnits = 1'000'000;

/// Of a file that an earlier run has left as a whole, what that wanted, unless it is named anew.
void take_wanted(results::Unit& unit, const StartOptions& options) {
  const results::CaseFilter* wanted = wanted_before(unit.file, options);
  if (wanted == nullptr) return;
  if (unit.filter.places.empty()) unit.filter.places = wanted->places;
  if (unit.filter.names.empty()) unit.filter.names = wanted->names;
  if (unit.filter.tags.empty()) unit.filter.tags = wanted->tags;
}

/// All that runs, once, or several times in a row.
void add_units(Plan& plan, const Expressions& expressions, const StartOptions& options) {
  const std::vector<plan::PlannedFile> files = std::exchange(plan.files, {});
  // A test of ctest is a file: it is selected by then.
  const bool selects_cases = language_of(options.config) != plan::Language::kCTest;
  double expected = 0;
  bool is_known = true;
  for (std::size_t iteration = 1; iteration <= options.iterations; ++iteration) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const plan::PlannedFile& file = files[i];
      results::Unit unit{
          .id = std::to_string(i + 1),
          .file = file.path,
          .filter = {.places = file.places,
                     .names = selects_cases ? options.names : std::vector<std::string>(),
                     .tags = selects_cases ? options.tags : std::vector<std::string>()}};
      take_wanted(unit, options);
      if (options.iterations > 1) unit.id += fmt::format(".{}", iteration);
      if (const auto expression = expressions.find(file.path); expression != expressions.end())
        unit.filter.expression = expression->second;
      is_known = is_known && file.expected && unit.filter.is_empty();
      if (file.expected) expected += file.expected->count();
      plan.units.push_back(std::move(unit));
      plan.files.push_back(file);
    }
  }
  if (is_known) plan.expected_seconds = expected;
}

}  // namespace

Result<Plan> make_plan(const StartOptions& options) {
  if (options.config.artifacts) GORGON_TRY(check_artifacts(*options.config.artifacts));
  const plan::Selection selection{.project = options.project,
                                  .config_name = options.config_name,
                                  .language = language_of(options.config),
                                  .globs = options.config.files,
                                  .arguments = options.selection,
                                  .files = files_of_rerun(options),
                                  .names = options.names,
                                  .tags = options.tags,
                                  .ctest_directory = options.config.ctest_directory,
                                  .ctest_arguments = options.config.runner_arguments,
                                  .working_directory = std::filesystem::current_path()};
  GORGON_TRY_ASSIGN(auto files, plan::select_test_files(selection));
  GORGON_TRY(check_languages(files, options));
  GORGON_TRY(check_order(files, options));
  GORGON_TRY(take_changed(files, options));
  GORGON_TRY_ASSIGN(const Expressions expressions, take_filterset(files, options));
  GORGON_TRY(check_selection(files, expressions, options));
  Plan plan;
  plan.selected_files = files.size();
  if (options.partition) files = plan::take_partition(std::move(files), *options.partition);
  plan.files = plan::longest_first(files, plan::load_runtimes(runtime_file(options)));
  if (options.in_order) put_in_order(plan.files, files);
  if (options.failed_first) GORGON_TRY(put_failed_first(plan.files, options));
  if (plan.files.size() * options.iterations > kMostUnits) {
    return fail(ErrorKind::kUsage,
                fmt::format("{} {} times are more than {} units: ask for fewer",
                            count_of(plan.files.size(), "file"), options.iterations, kMostUnits));
  }
  add_units(plan, expressions, options);
  return plan;
}

void take_off(const results::Unit& unit, const results::UnitResult& result, StartOptions& options) {
  using results::Verdict;
  const bool has_failed_case = std::ranges::any_of(
      result.cases, [](const results::TestCase& one) { return is_bad(one.status); });
  plan::Progress progress{
      .file = unit.file,
      .filter = unit.filter,
      .is_part = !unit.only.empty() || !unit.except.empty() ||
                 plan::may_be_part(*options.outstanding, options.framework_arguments),
      .came_to_its_end =
          result.verdict == Verdict::kPassed ||
          (result.verdict == Verdict::kFailed && result.errors.empty() && has_failed_case)};
  for (const results::TestCase& one : result.cases) {
    progress.passes[one.id] = !is_bad(one.status);
    progress.is_excused |=
        one.status == results::CaseStatus::kQuarantined && one.id == results::kOutsideOfCases;
  }
  plan::take(*options.outstanding, progress);
}

std::size_t files_left(const StartOptions& options) {
  if (!options.outstanding) return 0;
  const auto& files = options.outstanding->files;
  if (language_of(options.config) == plan::Language::kCTest) return files.size();
  // Files that are gone cannot pass any more.
  return static_cast<std::size_t>(std::ranges::count_if(files, [&](const auto& left) {
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
  std::ranges::for_each(options.filterset_options, add);
  if (options.outstanding) words.emplace_back("what the run has left");
  if (!options.framework_arguments.empty()) add("--");
  std::ranges::for_each(options.framework_arguments, add);
  return fmt::format("{}", fmt::join(words, " "));
}

Result<void> save_history(const StartOptions& options, const results::JobState& state) {
  using results::Verdict;
  plan::Runtimes measured;
  std::vector<std::string> failed;
  std::set<std::string_view> failed_before;
  const auto iterations = static_cast<double>(options.iterations);
  for (const results::Unit& unit : state.units()) {
    const auto outcome = state.outcome(unit.id);
    if (!outcome) continue;
    if (outcome->verdict != Verdict::kPassed && failed_before.insert(unit.file).second)
      failed.push_back(unit.file);
    // Some of its cases do not take as long as the file.
    if (!unit.is_whole_file() || !options.framework_arguments.empty()) continue;
    // A crash says nothing about how long the file takes; a kill at a limit says that it takes at
    // least that.
    if (outcome->own == Verdict::kPassed || outcome->own == Verdict::kFailed ||
        outcome->own == Verdict::kTimedOut)
      measured[unit.file] += std::chrono::duration<double>(outcome->seconds) / iterations;
  }
  std::string problems;
  const auto note = [&](std::string_view what, const Result<void>& done) {
    if (done) return;
    if (!problems.empty()) problems += '\n';
    problems += fmt::format("{} not written: {}", what, done.error().message);
  };
  if (!measured.empty()) {
    // A test of ctest is no file that could be gone.
    const bool are_files = language_of(options.config) != plan::Language::kCTest;
    note("runtimes were",
         plan::record_runtimes(runtime_file(options),
                               are_files ? options.project : std::filesystem::path(), measured));
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
