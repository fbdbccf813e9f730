// How a run is shown on standard output, while it runs or once more.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "report/github.h"
#include "report/html.h"
#include "report/look.h"
#include "report/reporter.h"

namespace gorgon::cli {

/// What a report on the terminal says of the project.
struct ShownProject {
  std::string root;  ///< Absolute; taken off the paths in backtraces. Empty: they stay whole.
  report::Rerun rerun;
};

/// Writes to standard output, as `presentation` says.
[[nodiscard]] std::unique_ptr<report::Reporter> make_reporter(const Presentation& presentation,
                                                              ShownProject project);

/// Files for CI and people; empty: not written.
struct ReportFiles {
  std::filesystem::path junit;
  std::filesystem::path html;
  std::filesystem::path tap;
  std::filesystem::path trace;
  /// Asked for when `html` is written.
  std::function<report::HtmlContext()> html_context = [] { return report::HtmlContext(); };
  [[nodiscard]] bool are_none() const {
    return junit.empty() && html.empty() && tap.empty() && trace.empty();
  }
};
/// Context for the page of a run of `project` with these arguments of `gorgon start`. `run`, a
/// number or a job's id: where the earlier runs end; without it all that are recorded are earlier.
[[nodiscard]] report::HtmlContext html_context(const std::filesystem::path& project,
                                               std::vector<std::string> arguments,
                                               const std::optional<std::string>& run);
/// Adds what writes them, when RunFinished comes. kIo, kUsage: one of them cannot be made; the
/// others are added all the same. kUsage, and none is: two of them are one file.
[[nodiscard]] Result<void> add_reports(report::Reporters& reporters, const ReportFiles& files);

/// Whether GitHub Actions runs this.
[[nodiscard]] bool is_in_github();
/// What the environment says of a report for GitHub Actions; `project` is absolute.
[[nodiscard]] report::GithubOptions github_options(const std::filesystem::path& project);

/// Waits for a slow reader, without limit. Gives `exit_code`, or that of an originator's error when
/// it is 0 and the report could not be written: one that nobody can read is no good end.
[[nodiscard]] int end_report(report::Reporter& reporter, int exit_code);

}  // namespace gorgon::cli
