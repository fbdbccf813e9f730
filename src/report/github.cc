// An annotation is a workflow command, `::error file=F,line=N,title=T::MESSAGE`; GitHub documents
// them, and the escapes are those of its own toolkit (@actions/core, command.ts). The summary is
// Markdown, in which all that tests have written stands in HTML, each block of it on one line:
// there is nothing that Markdown could take for its own.
#include "report/github.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "base/unique_fd.h"
#include "report/case_facts.h"
#include "report/display_text.h"
#include "report/final_report.h"
#include "report/junit.h"
#include "report/look.h"
#include "report/output_excerpt.h"
#include "report/summary.h"
#include "results/case_outside.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::Failure;
using results::TestCase;

namespace {

/// Of each kind, in a step; GitHub leaves out what comes later.
constexpr std::size_t kMostAnnotations = 10;
/// Of a step's summary; GitHub refuses a larger one as a whole.
constexpr std::size_t kMostSummaryBytes = std::size_t{1024} * 1024;
/// GitHub takes 255 characters.
constexpr std::size_t kTitleColumns = 250;
constexpr std::size_t kAnnotationLines = 40;
constexpr std::size_t kCellColumns = 200;
constexpr std::size_t kUnitsInSummary = 200;

/// RSpec's messages begin with an empty line.
std::string sentence_of(const Failure& failure) {
  const std::size_t begin = failure.message.find_first_not_of(" \n");
  return joined({failure.exception_class,
                 begin == std::string::npos ? std::string() : failure.message.substr(begin)},
                ": ");
}

std::string title_of_case(const TestCase& test_case) {
  return test_case.name.empty() ? test_case.id : test_case.name;
}

/// At most `most` lines of `text`, made safe.
std::string first_lines(std::string_view text, std::size_t most) {
  std::vector<std::string> lines = safe_lines(text);
  const std::size_t left_out = lines.size() - std::min(lines.size(), most);
  lines.resize(lines.size() - left_out);
  if (left_out > 0) lines.push_back(fmt::format("({} more)", count_of(left_out, "line")));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

/// The cases that are to be told as failures: those that failed, and what went wrong outside.
std::vector<TestCase> failures_of(const Problem& problem) {
  if (is_unfinished(problem.result.verdict)) return {};
  std::vector<TestCase> failures = problem.result.cases;
  if (auto outside = results::case_outside(problem.result)) failures.push_back(*std::move(outside));
  return failures;
}

// ---- annotations ----

struct Annotation {
  SourcePlace place;  ///< Without a file: of the whole run.
  std::string title;
  std::string message;
};

/// All of one kind; those that GitHub would not show are only counted.
class Annotations {
 public:
  Annotations(std::string kind, std::string project)
      : kind_(std::move(kind)), project_(std::move(project)) {}

  void add(const Annotation& annotation) {
    if (++count_ > kMostAnnotations) return;
    std::vector<std::string> properties;
    const auto add_property = [&](std::string_view name, const std::string& value) {
      if (!value.empty()) properties.push_back(fmt::format("{}={}", name, github_property(value)));
    };
    add_property("file", in_repository(annotation.place.file));
    add_property("line", annotation.place.line);
    add_property("title", cut_end(safe_line(annotation.title), kTitleColumns, "…"));
    text_ += fmt::format("::{} {}::{}\n", kind_, fmt::join(properties, ","),
                         github_data(first_lines(annotation.message, kAnnotationLines)));
  }
  void count_further(std::size_t further) { count_ += further; }
  [[nodiscard]] const std::string& text() const { return text_; }
  /// "3 more errors"; empty when all are shown.
  [[nodiscard]] std::string rest() const {
    if (count_ <= kMostAnnotations) return {};
    return count_of(count_ - kMostAnnotations, "more " + kind_);
  }

 private:
  [[nodiscard]] std::string in_repository(const std::string& file) const {
    if (file.empty() || file.starts_with('/') || project_.empty()) return safe_line(file);
    return safe_line(project_ + "/" + file);
  }

  std::string kind_;
  std::string project_;
  std::string text_;
  std::size_t count_ = 0;
};

}  // namespace

std::string github_data(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n') {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string github_property(std::string_view text) {
  std::string escaped;
  for (const char c : github_data(text)) {
    if (c == ':' || c == ',') {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string github_annotations(const Summary& summary, const std::vector<FlakyCase>& flaky,
                               std::size_t flaky_count, const std::string& project) {
  Annotations errors("error", project);
  const results::RunFinished finished = summary.finished().value_or(results::RunFinished());
  if (finished.exit_code != results::kAllPassed && !finished.reason.empty())
    errors.add({.place = {}, .title = "gorgon", .message = finished.reason});
  for (const std::string& error : summary.errors())
    errors.add({.place = {}, .title = "gorgon", .message = error});
  for (const Problem& problem : summary.problems()) {
    for (const TestCase& failed : failures_of(problem)) {
      errors.add({.place = source_place(failed, problem.unit.file),
                  .title = title_of_case(failed),
                  .message = failed.failure ? sentence_of(*failed.failure) : "failed"});
    }
  }
  Annotations warnings("warning", project);
  for (const auto& [file, test_case] : flaky) {
    warnings.add({.place = source_place(test_case, file),
                  .title = "flaky: " + title_of_case(test_case),
                  .message = "passed after it had failed with\n" +
                             sentence_of(test_case.earlier_failures.back())});
  }
  warnings.count_further(flaky_count - flaky.size());
  const std::string rest = joined({errors.rest(), warnings.rest()}, " and ");
  return errors.text() + warnings.text() +
         (rest.empty() ? "" : fmt::format("::notice title=gorgon::{} in the log\n", rest));
}

// ---- the summary ----

namespace {

/// Any text as HTML on one line, for the inside of an element.
std::string as_html(std::string_view text) { return xml_attribute(text); }
std::string html_table_cell(std::string_view text) {
  return fmt::format("<td>{}</td>", as_html(cut_end(safe_line(text), kCellColumns, "…")));
}

std::string folded_html(const std::string& summary, const std::string& text) {
  return fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n\n", summary,
                     as_html(text));
}

std::string summary_head(const Summary& summary) {
  const results::RunFinished finished = summary.finished().value_or(results::RunFinished());
  std::string text = "## gorgon: ";
  text += finished.exit_code == results::kAllPassed ? "passed" : "failed";
  if (finished.exit_code > results::kTestsFailed)
    text += fmt::format(" (exit code {})", finished.exit_code);
  text += "\n\n";
  if (!finished.reason.empty()) text += fmt::format("<p>{}</p>\n\n", as_html(finished.reason));
  const auto row = [&](std::string_view label, std::size_t total, const std::string& counts) {
    text += fmt::format("| {} | {} | {} |\n", label, total, counts);
  };
  text += "| | | |\n|---|---|---|\n";
  row("files", summary.planned_files(), counts_text(summary.files(), Look()));
  row("cases", summary.cases().total(), counts_text(summary.cases(), Look()));
  text += fmt::format("| time | {} | {} in tests |\n\n", seconds_text(finished.seconds),
                      seconds_text(summary.unit_seconds()));
  for (const std::string& error : summary.errors())
    text += fmt::format("<p>error: {}</p>\n\n", as_html(first_lines(error, kAnnotationLines)));
  return text;
}

std::string unfinished_html(const Summary& summary) {
  std::vector<std::string> lines;
  std::size_t count = 0;
  for (const Problem& problem : summary.problems()) {
    if (!is_unfinished(problem.result.verdict)) continue;
    if (++count > kUnitsInSummary) continue;
    const std::string why =
        problem.result.errors.empty() ? "" : safe_line(problem.result.errors.front().message);
    lines.push_back(
        joined({title_of(problem.unit), std::string(results::name_of(problem.result.verdict)),
                cut_end(why, kCellColumns, "…")},
               ": "));
  }
  if (count == 0) return {};
  if (count > lines.size()) lines.push_back(fmt::format("({} more)", count - lines.size()));
  return folded_html(count_of(count, "unit") + " without a verdict",
                     fmt::format("{}", fmt::join(lines, "\n")));
}

std::string flaky_html(const std::vector<FlakyCase>& flaky, std::size_t count) {
  if (flaky.empty()) return {};
  std::string rows;
  for (const auto& [file, test_case] : flaky) {
    rows += "<tr>" + html_table_cell(title_of_case(test_case)) + html_table_cell(file) +
            html_table_cell(sentence_of(test_case.earlier_failures.back())) + "</tr>";
  }
  std::string text = fmt::format(
      "### Flaky: {}\n\n<table><tr><th>case</th><th>file</th><th>had failed with</th></tr>{}"
      "</table>\n\n",
      count, rows);
  if (count > flaky.size()) text += fmt::format("({} more)\n\n", count - flaky.size());
  return text;
}

std::string quarantine_html(const ExcusedTests& tests) {
  if (tests.count == 0) return {};
  std::string rows;
  for (const ExcusedTest& test : tests.first | std::views::take(kMostFlaky)) {
    rows += "<tr>" + html_table_cell(test.name) + html_table_cell(test.file) +
            html_table_cell(test.message) + html_table_cell(test.why) + "</tr>";
  }
  return fmt::format(
      "### In quarantine: {}\n\n<table><tr><th>case</th><th>file</th><th>failed with</th>"
      "<th>why</th></tr>{}</table>\n\n",
      tests.count, rows);
}

std::string slowest_html(const Summary& summary) {
  if (summary.slowest().empty()) return {};
  std::string rows;
  for (const SlowUnit& unit : summary.slowest())
    rows +=
        "<tr>" + html_table_cell(seconds_text(unit.seconds)) + html_table_cell(unit.file) + "</tr>";
  return "### Slowest files\n\n<table>" + rows + "</table>\n\n";
}

std::string failure_html(const Problem& problem, const TestCase& failed) {
  const SourcePlace place = source_place(failed, problem.unit.file);
  std::string text;
  if (failed.failure) {
    text = sentence_of(*failed.failure);
    for (const std::string& frame : failed.failure->backtrace) text += "\n" + frame;
  }
  const OutputExcerpt output =
      excerpt_of_output(failed.output.empty() ? problem.result.output : failed.output, false);
  if (!output.lines.empty()) text += "\n\noutput:";
  for (const std::string& line : output.lines) text += "\n| " + line;
  return folded_html(fmt::format("<code>{}</code> {}", as_html(safe_line(title_of_case(failed))),
                                 as_html(safe_line(joined({place.file, place.line}, ":")))),
                     fmt::format("{}", fmt::join(safe_lines(text), "\n")));
}

/// As many as fit.
std::string failures_html(const Summary& summary, std::size_t most_bytes) {
  constexpr std::size_t kNoteBytes = 200;
  std::string text = fmt::format("### Failures: {}\n\n", summary.failures());
  std::size_t left_out = 0;
  for (const Problem& problem : summary.problems()) {
    for (const TestCase& failed : failures_of(problem)) {
      const std::string one = failure_html(problem, failed);
      if (text.size() + one.size() + kNoteBytes > most_bytes) {
        ++left_out;
      } else {
        text += one;
      }
    }
  }
  if (left_out > 0) {
    text += fmt::format("{} left out: GitHub takes no more than 1 MiB. The log has all.\n\n",
                        count_of(left_out, "failure"));
  }
  return text.size() > most_bytes ? std::string() : text;
}

}  // namespace

std::string github_summary(const Summary& summary, const std::vector<FlakyCase>& flaky,
                           std::size_t flaky_count, std::size_t most_bytes) {
  const std::string top = summary_head(summary) + unfinished_html(summary);
  const std::string bottom = flaky_html(flaky, flaky_count) +
                             quarantine_html(summary.quarantined()) + slowest_html(summary);
  const std::size_t used = top.size() + bottom.size();
  if (used > most_bytes) return {};
  if (summary.failures() == 0) return top + bottom;
  return top + failures_html(summary, most_bytes - used) + bottom;
}

void GithubReporter::on(const results::RunEvent& event) {
  summary_.add(event);
  if (const auto* unit = std::get_if<results::UnitFinished>(&event)) note_flaky(*unit);
  if (!std::holds_alternative<results::RunFinished>(event)) return;
  const std::string lines = github_annotations(summary_, flaky_, flaky_count_, options_.project);
  (void)std::fputs(lines.c_str(), options_.annotations);
  if (!options_.summary_file.empty()) append_summary();
}

void GithubReporter::note_flaky(const results::UnitFinished& event) {
  const auto note = [&](const TestCase& test_case) {
    if (!results::is_flaky(test_case)) return;
    ++flaky_count_;
    if (flaky_.size() < kMostFlaky)
      flaky_.push_back({.file = event.unit->file, .test_case = test_case});
  };
  for (const TestCase& test_case : event.result->cases) note(test_case);
  if (const auto outside = results::case_outside(*event.result)) note(*outside);
}

/// Behind what other programs of the step have written.
void GithubReporter::append_summary() {
  const char* file = options_.summary_file.c_str();
  const UniqueFd fd(::open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    std::fprintf(stderr, "gorgon: no job summary: cannot open %s: %s\n", file,
                 std::strerror(errno));
    return;
  }
  const auto taken = static_cast<std::size_t>(status.st_size);
  const std::size_t left = kMostSummaryBytes - std::min(taken, kMostSummaryBytes);
  const std::string text = github_summary(summary_, flaky_, flaky_count_, left);
  if (text.empty()) {
    std::fprintf(stderr, "gorgon: no job summary: %s has 1 MiB, and GitHub takes no more\n", file);
  } else if (std::cmp_not_equal(::write(fd.get(), text.data(), text.size()), text.size())) {
    std::fprintf(stderr, "gorgon: the job summary is not whole: %s: %s\n", file,
                 std::strerror(errno));
  }
}

}  // namespace gorgon::report
