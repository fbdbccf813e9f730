// What GitHub Actions shows of a run: annotations, which are lines that its runner takes out of the
// log, and the summary of the job, a Markdown file. docs/reports.md says what becomes of what.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/reporter.h"
#include "report/summary.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

struct GithubOptions {
  std::FILE* annotations = stderr;     ///< Borrowed.
  std::filesystem::path summary_file;  ///< $GITHUB_STEP_SUMMARY; empty: no summary is written.
  std::string project;  ///< The project's folder in the repository; empty: it is the repository.
};

/// A case that passed after it had failed.
struct FlakyCase {
  std::string file;  ///< Of its unit.
  results::TestCase test_case;
};

/// Writes both when RunFinished comes. What cannot be written is told on standard error and changes
/// nothing: it is only the look of a run.
class GithubReporter final : public Reporter {
 public:
  explicit GithubReporter(GithubOptions options) : options_(std::move(options)) {}

  void on(const results::RunEvent& event) override;

 private:
  void note_flaky(const results::UnitFinished& event);
  void append_summary();

  GithubOptions options_;
  Summary summary_;
  std::vector<FlakyCase> flaky_;  ///< The first kMostFlaky.
  std::size_t flaky_count_ = 0;
};

/// Of flaky cases, so many are told one by one: more than anyone repairs at a time.
inline constexpr std::size_t kMostFlaky = 100;

/// Annotations, a line each, and a last line that says how many more there would be: GitHub shows
/// ten errors and ten warnings of a step. `project` as in GithubOptions. The run is over.
[[nodiscard]] std::string github_annotations(const Summary& summary,
                                             const std::vector<FlakyCase>& flaky,
                                             std::size_t flaky_count, const std::string& project);
/// The summary of the job, of at most `most_bytes`: what does not fit is counted. Empty when
/// nothing at all fits. The run is over.
[[nodiscard]] std::string github_summary(const Summary& summary,
                                         const std::vector<FlakyCase>& flaky,
                                         std::size_t flaky_count, std::size_t most_bytes);

/// `text` as the message of a workflow command: "%", CR and LF are written as %25, %0D, %0A.
[[nodiscard]] std::string github_data(std::string_view text);
/// The same for a property, in which ":" and "," mean something, too.
[[nodiscard]] std::string github_property(std::string_view text);

}  // namespace gorgon::report
