#include "cli/presentation.h"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "cli/watching.h"
#include "history/past.h"
#include "history/store.h"
#include "report/github.h"
#include "report/html.h"
#include "report/json_events.h"
#include "report/junit.h"
#include "report/look.h"
#include "report/past.h"
#include "report/reporter.h"
#include "report/spooled_file.h"
#include "report/tap.h"
#include "report/terminal.h"
#include "report/trace.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

/// How often the wait for a slow reader of our output looks whether it has gone.
constexpr auto kFlushStep = std::chrono::seconds(1);
/// In the history of a case.
constexpr std::size_t kPastRuns = 20;

/// kNotFound: nothing is recorded yet, or not this run.
Result<report::Past> past_before(const std::filesystem::path& project,
                                 const std::optional<std::string>& run) {
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(project, false));
  std::optional<std::int64_t> before;
  if (run) {
    GORGON_TRY_ASSIGN(const auto summary, store.find(*run));
    before = summary.number;
  }
  return history::past_runs(std::move(store), before, kPastRuns);
}

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// From `top` to `folder`; empty when that is `top` itself or not below it.
std::string folder_below(const std::filesystem::path& top, const std::filesystem::path& folder) {
  std::error_code error;
  const auto canonical_top = std::filesystem::canonical(top, error);
  if (error) return {};
  const auto canonical_folder = std::filesystem::canonical(folder, error);
  if (error) return {};
  const auto below = canonical_folder.lexically_relative(canonical_top);
  return below == "." || *below.begin() == ".." ? std::string() : below.string();
}

/// As far as it is there; empty when nobody can say.
std::filesystem::path real_path(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::weakly_canonical(path, error);
}

/// `path` may be empty: nothing is added.
template <class FileReporter>
Result<void> add_report(report::Reporters& reporters, const std::filesystem::path& path) {
  if (path.empty()) return {};
  GORGON_TRY_ASSIGN(auto file, report::SpooledFile::make(path));
  reporters.add_file(std::make_unique<FileReporter>(std::move(file)));
  return {};
}

Result<void> add_page(report::Reporters& reporters, const ReportFiles& files) {
  if (files.html.empty()) return {};
  GORGON_TRY_ASSIGN(auto file, report::SpooledFile::make(files.html));
  report::HtmlContext context = files.html_context();
  // Either may be named by way of a link.
  context.project = real_path(context.project);
  context.page_folder = real_path(std::filesystem::absolute(files.html).parent_path());
  reporters.add_file(std::make_unique<report::HtmlReporter>(std::move(file), std::move(context)));
  return {};
}

/// By which two paths of one file are the same, whether or not it is there.
std::filesystem::path place_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(file).lexically_normal();
  const auto folder = std::filesystem::weakly_canonical(absolute.parent_path(), error);
  return error ? absolute : folder / absolute.filename();
}

/// The report that would be written last would be the only one.
Result<void> require_files_of_their_own(const ReportFiles& files) {
  std::set<std::filesystem::path> places;
  for (const auto& file : {files.junit, files.html, files.tap, files.trace}) {
    if (!file.empty() && !places.insert(place_of(file)).second)
      return fail(ErrorKind::kUsage, "two reports cannot be one file: " + file.string());
  }
  return {};
}

}  // namespace

std::unique_ptr<report::Reporter> make_reporter(const Presentation& presentation,
                                                ShownProject project) {
  if (presentation.format == MessageFormat::kJson)
    return std::make_unique<report::JsonEventsReporter>(STDOUT_FILENO);
  const auto verbosity = presentation.quiet     ? report::Verbosity::kQuiet
                         : presentation.verbose ? report::Verbosity::kVerbose
                                                : report::Verbosity::kNormal;
  auto terminal =
      report::terminal_options(STDOUT_FILENO, presentation.color, verbosity, &std::getenv);
  terminal.look.has_keys = has_keys();
  terminal.look.project_root = std::move(project.root);
  terminal.look.rerun = std::move(project.rerun);
  return std::make_unique<report::TerminalReporter>(STDOUT_FILENO, std::move(terminal));
}

Result<void> add_reports(report::Reporters& reporters, const ReportFiles& files) {
  GORGON_TRY(require_files_of_their_own(files));
  Result<void> added;
  const auto note = [&](Result<void> one) {
    if (added) added = std::move(one);
  };
  note(add_report<report::JunitReporter>(reporters, files.junit));
  note(add_page(reporters, files));
  note(add_report<report::TapReporter>(reporters, files.tap));
  note(add_report<report::TraceReporter>(reporters, files.trace));
  return added;
}

bool is_in_github() { return environment_value("GITHUB_ACTIONS") == "true"; }

report::GithubOptions github_options(const std::filesystem::path& project) {
  return {.summary_file = environment_value("GITHUB_STEP_SUMMARY"),
          .project = folder_below(environment_value("GITHUB_WORKSPACE"), project)};
}

report::HtmlContext html_context(const std::filesystem::path& project,
                                 std::vector<std::string> arguments,
                                 const std::optional<std::string>& run) {
  report::HtmlContext context{.arguments = std::move(arguments), .project = project};
  auto past = past_before(project, run);
  if (past) {
    context.past = *std::move(past);
  } else if (past.error().kind != ErrorKind::kNotFound) {
    std::fprintf(stderr, "gorgon: earlier runs are not in the report: %s\n",
                 past.error().message.c_str());
  }
  return context;
}

int end_report(report::Reporter& reporter, int exit_code) {
  while (!reporter.flush(kFlushStep)) continue;
  const int error = reporter.write_error();
  if (error == 0) return exit_code;
  std::fprintf(stderr, "gorgon: the report cannot be written: %s\n", std::strerror(error));
  return exit_code == 0 ? static_cast<int>(results::kOriginatorError) : exit_code;
}

}  // namespace gorgon::cli
