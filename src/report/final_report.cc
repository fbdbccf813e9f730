#include "report/final_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "report/display_text.h"
#include "report/failure_text.h"
#include "report/look.h"
#include "report/summary.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::RunFinished;
using results::Verdict;

namespace {

/// More files than a person wants to read, when the command that ran them all says the same.
constexpr std::size_t kRerunFiles = 10;
constexpr std::size_t kCauseLines = 5;
constexpr std::size_t kExcusedRows = 20;
constexpr std::string_view kColon = ": ";
constexpr int kTerminated = 143;  // 128 + SIGTERM.

std::vector<std::string> filled_lines(std::string_view text) {
  std::vector<std::string> lines = safe_lines(text);
  std::erase_if(lines, [](const std::string& line) { return safe_line(line).empty(); });
  return lines;
}

std::string row(std::string_view label, std::string_view text, const Look& look) {
  return fmt::format("{}  {}\n", painted(look, Style::kDim, fmt::format("{:>7}", label)), text);
}

/// `head` and the first lines of `message`, the rest of which was shown when it came.
std::string rows(std::string_view label, std::string head, std::string_view message,
                 const Look& look) {
  const std::vector<std::string> lines = filled_lines(message);
  const std::size_t shown =
      look.verbosity == Verbosity::kVerbose ? lines.size() : std::min(lines.size(), kCauseLines);
  if (!lines.empty()) head += (head.empty() ? "" : ": ") + lines.front();
  std::string text = row(label, head, look);
  for (std::size_t i = 1; i < shown; ++i) text += row("", "  " + lines[i], look);
  if (shown < lines.size()) {
    text += row("", fmt::format("  ({} more, see above)", count_of(lines.size() - shown, "line")),
                look);
  }
  return text;
}

std::string_view word_of_exit(int code) {
  switch (code) {
    case results::kAllPassed:
      return "passed";
    case results::kTestsFailed:
      return "failed";
    case results::kIncomplete:
      return "incomplete";
    case results::kNothingSelected:
      return "nothing ran";
    case results::kInterrupted:
    case kTerminated:
      return "interrupted";
    default:
      return "stopped";
  }
}

std::string time_text(const Summary& summary, const RunFinished& finished) {
  std::string text = seconds_text(finished.seconds);
  const std::size_t workers = summary.workers_used();
  if (workers > 1) {
    text += fmt::format("; {} in tests, on {}", seconds_text(summary.unit_seconds()),
                        count_of(workers, "worker"));
    if (summary.hosts_used() > 1) text += " of " + count_of(summary.hosts_used(), "host");
  }
  return text;
}

std::string artifact_row(const results::Artifacts& artifacts, const Look& look) {
  if (artifacts.files + artifacts.left_out == 0) return "";
  const std::filesystem::path project = look.rerun.project;
  const std::string folder = (project / artifacts.folder).lexically_normal().string();
  std::string text =
      fmt::format("{} in {}", count_of(artifacts.files, "artifact"), safe_line(folder));
  if (artifacts.left_out > 0) text += fmt::format(", {} left out", artifacts.left_out);
  return row("kept", text, look);
}

std::string slowest_rows(const Summary& summary, const Look& look) {
  std::string text;
  for (const SlowUnit& unit : summary.slowest()) {
    text += row(text.empty() ? "slowest" : "",
                fmt::format("{:>8}  {}", seconds_text(unit.seconds), safe_line(unit.file)), look);
  }
  return text;
}

std::string excused_rows(std::string_view title, const ExcusedTests& tests, const Look& look) {
  std::string text;
  const std::size_t most =
      look.verbosity == Verbosity::kVerbose ? tests.first.size() : kExcusedRows;
  for (const ExcusedTest& test : tests.first | std::views::take(most)) {
    const std::string why = test.why.empty() ? "" : "  # " + safe_line(test.why);
    const std::string line =
        joined({safe_line(test.file), safe_line(test.name), safe_line(test.message)}, ": ");
    text += row(text.empty() ? title : "", line + why, look);
  }
  const std::size_t shown = std::min(most, tests.first.size());
  if (tests.count > shown) text += row("", fmt::format("and {} more", tests.count - shown), look);
  return text;
}

std::string unsteady_rows(const Summary& summary, const Look& look) {
  std::string text;
  for (const UnsteadyFile& file : summary.unsteady_files()) {
    text +=
        row(text.empty() ? "stress" : "",
            fmt::format("{} did not pass {} of {} times", safe_line(file.file), file.bad, file.ran),
            look);
  }
  return text;
}

/// What ended the run is told as its reason; once is enough.
bool is_the_reason(const RunFinished& finished, const std::string& message) {
  return !message.empty() && finished.reason.find(message) != std::string::npos;
}

std::string failed_host_rows(const Summary& summary, const RunFinished& finished,
                             const Look& look) {
  std::string text;
  for (const FailedHost& host : summary.failed_hosts()) {
    if (is_the_reason(finished, host.message)) continue;
    const std::string_view what =
        summary.has_worked(host.host) ? "took no further part" : "could not take part";
    text += rows("host", fmt::format("{} {}", safe_line(host.host), what), host.message, look);
  }
  return text;
}

std::string error_rows(const Summary& summary, const RunFinished& finished, const Look& look) {
  std::string text;
  for (const std::string& error : summary.errors()) {
    if (!is_the_reason(finished, error)) text += rows("error", "", error, look);
  }
  return text;
}

/// The lines that were printed when machines failed and errors came.
std::set<std::string> told_lines(const Summary& summary) {
  std::set<std::string> told;
  for (const FailedHost& host : summary.failed_hosts()) {
    std::vector<std::string> lines = filled_lines(host.message);
    if (!lines.empty()) told.insert(fmt::format("{}: {}", safe_line(host.host), lines.front()));
    std::ranges::move(lines, std::inserter(told, told.end()));
  }
  for (const std::string& error : summary.errors())
    std::ranges::move(filled_lines(error), std::inserter(told, told.end()));
  return told;
}

/// `line` up to the longest end of it that is told: "no worker could be started".
std::string_view untold_part(std::string_view line, const std::set<std::string>& told) {
  std::string_view part = line;
  for (const std::string& end : told) {
    const std::size_t size = end.size() + kColon.size();
    if (line.ends_with(end) && line.substr(0, line.size() - end.size()).ends_with(kColon))
      part = line.substr(0, std::min(part.size(), line.size() - size));
  }
  return part;
}

/// A reason of several lines (a callback's output, a backtrace), whose first one alone fits the
/// final line; without those that are told.
std::string reason_rows(const Summary& summary, const RunFinished& finished, const Look& look) {
  std::vector<std::string> lines = filled_lines(finished.reason);
  const std::set<std::string> told = told_lines(summary);
  std::erase_if(lines, [&](const std::string& line) { return told.contains(line); });
  std::string text;
  if (lines.size() < 2) return text;
  for (const std::string& line : lines)
    text += row(text.empty() ? "reason" : "", untold_part(line, told), look);
  return text;
}

std::string final_line(const Summary& summary, const RunFinished& finished, const Look& look) {
  const std::string_view word = word_of_exit(finished.exit_code);
  const Style style = finished.exit_code == results::kAllPassed ? Style::kGreen : Style::kBoldRed;
  std::string text = fmt::format("gorgon: {}", painted(look, style, word));
  if (finished.exit_code > results::kTestsFailed)
    text += fmt::format(" (exit {})", finished.exit_code);
  const std::vector<std::string> reason = filled_lines(finished.reason);
  if (!reason.empty() && reason.front() != word) {
    const std::string_view part = untold_part(reason.front(), told_lines(summary));
    const bool is_told = part.size() < reason.front().size();
    text += fmt::format(": {}{};", part, is_told ? ", see above" : "");
  } else {
    text += finished.exit_code == results::kAllPassed ? ',' : ':';
  }

  const std::size_t bad = summary.failing_files().size();
  const std::string_view noun =
      summary.planned_units() == summary.planned_files() ? "file" : "unit";
  std::vector<std::string> parts;
  if (summary.failures() > 0) {
    parts.push_back(fmt::format("{} in {} of {}", count_of(summary.failures(), "failure"), bad,
                                count_of(summary.planned_files(), "file")));
  } else {
    parts.push_back(count_of(summary.planned_files(), "file"));
  }
  for (const Verdict verdict : {Verdict::kLost, Verdict::kCancelled}) {
    if (const std::size_t count = summary.units()[verdict]; count > 0)
      parts.push_back(fmt::format("{} {}", count_of(count, noun), results::name_of(verdict)));
  }
  parts.push_back(count_of(summary.cases().total(), "case"));
  if (const std::size_t flaky = summary.flaky().count; flaky > 0)
    parts.push_back(fmt::format("{} flaky", flaky));
  if (const std::size_t quarantined = summary.quarantined().count; quarantined > 0)
    parts.push_back(fmt::format("{} in quarantine", quarantined));
  parts.push_back(seconds_text(finished.seconds));
  return text + " " + joined(parts, ", ") + "\n";
}

}  // namespace

std::string counts_text(const VerdictCounts& counts, const Look& look) {
  struct Word {
    Verdict verdict;
    std::string_view text;
  };
  constexpr std::array kWords = std::to_array<Word>({{Verdict::kPassed, "passed"},
                                                     {Verdict::kFailed, "failed"},
                                                     {Verdict::kCrashed, "crashed"},
                                                     {Verdict::kTimedOut, "timed out"},
                                                     {Verdict::kCancelled, "cancelled"},
                                                     {Verdict::kLost, "lost"}});
  std::vector<std::string> parts;
  for (const auto& [verdict, word] : kWords) {
    if (counts[verdict] == 0) continue;
    parts.push_back(painted(look, style_of(verdict), fmt::format("{} {}", counts[verdict], word)));
  }
  return joined(parts, ", ");
}

std::string counts_text(const CaseCounts& counts, const Look& look) {
  std::vector<std::string> parts;
  const auto add = [&](CaseStatus status, Style style, const std::string& text) {
    if (counts[status] > 0) parts.push_back(painted(look, style, text));
  };
  const auto number = [&](CaseStatus status) { return counts[status]; };
  add(CaseStatus::kPassed, Style::kGreen, fmt::format("{} passed", number(CaseStatus::kPassed)));
  add(CaseStatus::kFailed, Style::kBoldRed, fmt::format("{} failed", number(CaseStatus::kFailed)));
  add(CaseStatus::kError, Style::kBoldRed, count_of(number(CaseStatus::kError), "error"));
  add(CaseStatus::kSkipped, Style::kYellow,
      fmt::format("{} skipped", number(CaseStatus::kSkipped)));
  add(CaseStatus::kPending, Style::kYellow,
      fmt::format("{} pending", number(CaseStatus::kPending)));
  add(CaseStatus::kQuarantined, Style::kYellow,
      fmt::format("{} in quarantine", number(CaseStatus::kQuarantined)));
  return joined(parts, ", ");
}

std::string rerun_command(const Summary& summary, const Look& look) {
  const std::vector<results::Unit> units = summary.units_to_rerun();
  if (units.empty()) return {};
  std::vector<std::string> words = {"gorgon", "start"};
  std::ranges::copy(look.rerun.options, std::back_inserter(words));
  if (units.size() <= kRerunFiles || units.size() < summary.planned_files()) {
    const std::filesystem::path project = look.rerun.project;
    for (const results::Unit& unit : units) {
      const std::string file = (project / unit.file).lexically_normal().string();
      // A name with a dash in front would be read as an option, one with "!" as files to leave out.
      const bool is_odd = file.starts_with('-') || file.starts_with('!');
      std::ranges::move(results::words_for(is_odd ? "./" + file : file, unit.filter.places),
                        std::back_inserter(words));
    }
  } else {
    std::ranges::copy(look.rerun.selection, std::back_inserter(words));
  }
  if (!look.rerun.framework_arguments.empty()) words.emplace_back("--");
  std::ranges::copy(look.rerun.framework_arguments, std::back_inserter(words));
  for (std::string& word : words) word = shell_quoted(word);
  return joined(words, " ");
}

std::string final_report(const Summary& summary, const Look& look) {
  const RunFinished finished = summary.finished().value_or(RunFinished());
  std::string text = failures_text(summary.problems(), look);
  text += '\n';
  if (look.verbosity == Verbosity::kVerbose) text += slowest_rows(summary, look);
  text += unsteady_rows(summary, look);
  text += excused_rows("flaky", summary.flaky(), look);
  text += excused_rows("excused", summary.quarantined(), look);
  text += failed_host_rows(summary, finished, look);
  text += error_rows(summary, finished, look);
  if (const std::size_t cut = summary.cut_problems(); cut > 0) {
    text += row("note",
                fmt::format("{} cut short above, for want of memory: --message-format json tells "
                            "all of it as it comes",
                            count_of(cut, "problem")),
                look);
  }
  if (summary.planned_units() > 0) {
    std::string files = counts_text(summary.files(), look);
    const std::size_t open = summary.planned_files() - summary.files().total();
    if (open > 0) files = joined({files, fmt::format("{} not finished", open)}, ", ");
    text += row("files", fmt::format("{}: {}", summary.planned_files(), files), look);
    const std::size_t cases = summary.cases().total();
    text +=
        row("cases",
            cases == 0 ? "none" : fmt::format("{}: {}", cases, counts_text(summary.cases(), look)),
            look);
  }
  text += row("time", time_text(summary, finished), look);
  text += artifact_row(finished.artifacts, look);
  text += reason_rows(summary, finished, look);
  const std::string rerun = rerun_command(summary, look);
  if (!rerun.empty()) text += row("rerun", rerun, look);
  return text + "\n" + final_line(summary, finished, look);
}

}  // namespace gorgon::report
