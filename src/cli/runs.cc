#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/places.h"
#include "cli/presentation.h"
#include "cli/record_lines.h"
#include "history/compare.h"
#include "history/store.h"
#include "report/display_text.h"
#include "report/github.h"
#include "report/look.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"

namespace gorgon::cli {

namespace {

using history::CaseChange;

constexpr std::size_t kUsualCount = 20;
constexpr std::size_t kSlowestShown = 20;

/// Rows of cells, as columns: the widths are those of the widest cells; the last column is not
/// filled up.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { add(std::move(head)); }
  void add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], report::columns_of(cells[i]));
    rows_.push_back(std::move(cells));
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i)
        text += i + 1 < row.size() ? report::pad_right(row[i], widths_[i]) + "  " : row[i];
      text += '\n';
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> widths_;
};

void print(const std::string& text) { (void)std::fputs(text.c_str(), stdout); }

std::string local_time(double unix_seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                     fmt::localtime(static_cast<std::time_t>(unix_seconds)));
}

std::string result_text(const history::RunSummary& run) {
  if (!run.exit_code) return "cut off, or going on";
  if (*run.exit_code == results::kAllPassed) return "passed";
  if (*run.exit_code == results::kTestsFailed) return "failed";
  return fmt::format("exit {}", *run.exit_code);
}

std::string words(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments)
    text += (text.empty() ? "" : " ") + report::shell_quoted(argument);
  return text;
}

bool is_for_programs(const RunsCommand& command) {
  return command.presentation.format == MessageFormat::kJson;
}

template <class T>
Result<void> print_lines(const std::vector<T>& all) {
  for (const T& one : all) print(json_line(one));
  return {};
}

Result<void> list(history::Store& store, const RunsCommand& command) {
  GORGON_TRY_ASSIGN(const auto runs, store.runs(command.count.value_or(kUsualCount)));
  if (is_for_programs(command)) return print_lines(runs);
  Table table(
      {"RUN", "STARTED", "RESULT", "FILES", "CASES", "FAILED", "FLAKY", "TIME", "ARGUMENTS"});
  for (const history::RunSummary& run : runs) {
    table.add({std::to_string(run.number), local_time(run.started_at), result_text(run),
               std::to_string(run.files), std::to_string(run.cases), std::to_string(run.failures),
               std::to_string(run.flaky), run.seconds ? report::seconds_text(*run.seconds) : "-",
               words(run.arguments)});
  }
  print(table.text());
  return {};
}

Result<history::RunSummary> named_run(history::Store& store, const RunsCommand& command) {
  if (command.runs.size() > 1)
    return fail(ErrorKind::kUsage, "one run at a time: " + words(command.runs));
  return store.find(command.runs.empty() ? "latest" : command.runs.front());
}

Result<void> replay(history::Store& store, std::int64_t run,
                    std::unique_ptr<report::Reporter> reporter) {
  GORGON_TRY(store.replay(run, [&](const results::RunEvent& event) { reporter->on(event); }));
  if (end_report(*reporter, results::kAllPassed) == results::kAllPassed) return {};
  return fail(ErrorKind::kIo, "what was written is not whole");
}

Result<void> show(history::Store& store, const RunsCommand& command) {
  GORGON_TRY_ASSIGN(const auto run, named_run(store, command));
  Presentation presentation = command.presentation;
  if (presentation.format == MessageFormat::kHuman) {
    print(fmt::format("run {}, {}{}{}\n", run.number, local_time(run.started_at),
                      run.arguments.empty() ? "" : ": gorgon start ", words(run.arguments)));
    if (!run.tree.empty()) print("tree " + report::safe_line(run.tree) + "\n");
    (void)std::fflush(stdout);
    presentation.quiet = !presentation.verbose;
  }
  return replay(store, run.number, make_reporter(presentation, {}));
}

Result<void> export_events(history::Store& store, const RunsCommand& command) {
  GORGON_TRY_ASSIGN(const auto run, named_run(store, command));
  return replay(store, run.number, make_reporter({.format = MessageFormat::kJson}, {}));
}

std::string detail_of(const CaseChange& change) {
  switch (change.kind) {
    case CaseChange::Kind::kBroken:
    case CaseChange::Kind::kFixed:
      return fmt::format("{} -> {}", change.before.empty() ? "new" : change.before, change.after);
    case CaseChange::Kind::kSlower:
    case CaseChange::Kind::kFaster:
      return report::seconds_text(change.seconds_before) + " -> " +
             report::seconds_text(change.seconds_after);
    case CaseChange::Kind::kNew:
      return change.after;
    case CaseChange::Kind::kGone:
      return change.before;
  }
  return "";
}

Result<void> diff(history::Store& store, const RunsCommand& command) {
  if (command.runs.size() > 2)
    return fail(ErrorKind::kUsage, "two runs at most: " + words(command.runs));
  const std::string before = command.runs.empty() ? "~1" : command.runs[0];
  const std::string after = command.runs.size() < 2 ? "latest" : command.runs[1];
  GORGON_TRY_ASSIGN(const auto old_run, store.find(before));
  GORGON_TRY_ASSIGN(const auto new_run, store.find(after));
  GORGON_TRY_ASSIGN(const auto changes,
                    history::changes_between(store, old_run.number, new_run.number));
  if (is_for_programs(command)) {
    print(json_line_of_diff(old_run.number, new_run.number, changes.size()));
    return print_lines(changes);
  }
  print(fmt::format(
      "run {} -> run {}: {}\n", old_run.number, new_run.number,
      changes.empty() ? "no case changed" : count_of(changes.size(), "case") + " changed"));
  Table table({});
  for (const CaseChange& change : changes) {
    table.add({std::string(name_of(change.kind)), detail_of(change), report::safe_line(change.file),
               report::safe_line(change.name)});
  }
  if (!changes.empty()) print(table.text().substr(1));
  return {};
}

Result<void> slow(history::Store& store, const RunsCommand& command) {
  GORGON_TRY_ASSIGN(const auto slowest, history::slowest(store, command.count.value_or(kUsualCount),
                                                         command.files, kSlowestShown));
  if (is_for_programs(command)) return print_lines(slowest);
  Table table({"MEDIAN", "MOST", "RUNS", "FILE", "CASE"});
  for (const history::Slowness& one : slowest) {
    table.add({report::seconds_text(one.median_seconds), report::seconds_text(one.most_seconds),
               std::to_string(one.runs), report::safe_line(one.file), report::safe_line(one.name)});
  }
  print(table.text());
  return {};
}

Result<void> flaky(history::Store& store, const RunsCommand& command) {
  GORGON_TRY_ASSIGN(const auto cases,
                    history::flaky_cases(store, command.count.value_or(kUsualCount)));
  if (is_for_programs(command)) return print_lines(cases);
  if (cases.empty()) {
    print("no case was flaky, or changed its mind more than once\n");
    return {};
  }
  Table table({"FLAKY", "CHANGED", "RUNS", "FILE", "CASE"});
  for (const history::Flakiness& one : cases) {
    table.add({std::to_string(one.flaky), std::to_string(one.changes), std::to_string(one.runs),
               report::safe_line(one.file), report::safe_line(one.name)});
  }
  print(table.text());
  return {};
}

Result<void> prune(history::Store& store, const RunsCommand& command) {
  if (!command.count) return fail(ErrorKind::kUsage, "prune needs -n N: how many runs stay");
  GORGON_TRY_ASSIGN(const auto gone, store.prune(static_cast<std::int64_t>(*command.count)));
  print(is_for_programs(command) ? json_line_of_prune(gone)
                                 : count_of(static_cast<std::size_t>(gone), "run") + " removed\n");
  return {};
}

Result<void> act(history::Store& store, const RunsCommand& command) {
  using Action = RunsCommand::Action;
  const bool takes_runs = command.action == Action::kShow || command.action == Action::kExport ||
                          command.action == Action::kDiff;
  if (!takes_runs && !command.runs.empty())
    return fail(ErrorKind::kUsage, "only show, export and diff take a RUN: " + words(command.runs));
  switch (command.action) {
    case Action::kList:
      return list(store, command);
    case Action::kShow:
      return show(store, command);
    case Action::kExport:
      return export_events(store, command);
    case Action::kDiff:
      return diff(store, command);
    case Action::kSlow:
      return slow(store, command);
    case Action::kFlaky:
      return flaky(store, command);
    case Action::kPrune:
      return prune(store, command);
  }
  return {};
}

Result<void> open_and_act(const RunsCommand& command) {
  GORGON_TRY_ASSIGN(const auto project,
                    project_folder(command.config_file, command.config_is_required));
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(project, false));
  return act(store, command);
}

/// Like complain(); of what the user has named, there is nothing.
int complain_of_record(const Error& error) {
  const int code = complain(error);
  return error.kind == ErrorKind::kNotFound ? static_cast<int>(results::kNothingSelected) : code;
}

Result<int> write_reports(const ReportCommand& command) {
  ReportFiles files{.junit = command.junit.value_or(""),
                    .html = command.html.value_or(""),
                    .tap = command.tap.value_or(""),
                    .trace = command.trace.value_or("")};
  if (files.are_none() && !command.github) {
    return fail(ErrorKind::kUsage,
                "which report? --junit FILE, --html FILE, --tap FILE, --trace FILE, --github");
  }
  GORGON_TRY_ASSIGN(const auto project,
                    project_folder(command.config_file, command.config_is_required));
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(project, false));
  GORGON_TRY_ASSIGN(const auto run, store.find(command.run));
  files.html_context = [&] { return html_context(project, run.arguments, run.job); };
  report::Reporters reporters;
  GORGON_TRY(add_reports(reporters, files));
  if (command.github) {
    report::GithubOptions options = github_options(project);
    options.annotations = stdout;
    reporters.add(std::make_unique<report::GithubReporter>(std::move(options)));
  }
  GORGON_TRY(store.replay(run.number, [&](const auto& event) { reporters.on(event); }));
  return end_report(reporters, results::kAllPassed);
}

}  // namespace

int report(const ReportCommand& command) {
  const auto written = write_reports(command);
  return written ? *written : complain_of_record(written.error());
}

int runs(const RunsCommand& command) {
  const auto done = open_and_act(command);
  return done ? static_cast<int>(results::kAllPassed) : complain_of_record(done.error());
}

}  // namespace gorgon::cli
