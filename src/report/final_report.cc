#include "report/final_report.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <cstddef>
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

constexpr std::size_t kRerunFiles = 10;
constexpr int kTerminated = 143;  // 128 + SIGTERM.

std::string seconds_text(double seconds) {
  return human_duration(std::chrono::duration<double>(seconds));
}

std::string row(std::string_view label, std::string_view text, const Look& look) {
  return fmt::format("{}  {}\n", painted(look, Style::kDim, fmt::format("{:>7}", label)), text);
}

std::string_view word_of_exit(int code) {
  switch (code) {
    case results::kAllPassed:
      return "passed";
    case results::kTestsFailed:
      return "failed";
    case results::kIncomplete:
      return "incomplete";
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

std::string slowest_rows(const Summary& summary, const Look& look) {
  std::string text;
  for (const SlowUnit& unit : summary.slowest()) {
    text += row(text.empty() ? "slowest" : "",
                fmt::format("{:>8}  {}", seconds_text(unit.seconds), safe_line(unit.file)), look);
  }
  return text;
}

std::string failed_host_rows(const Summary& summary, const Look& look) {
  std::string text;
  for (const FailedHost& host : summary.failed_hosts()) {
    const std::vector<std::string> lines = safe_lines(host.message);
    text +=
        row("host",
            fmt::format("{} could not take part{}", safe_line(host.host),
                        lines.empty() ? "" : ": " + cut_end(safe_line(lines.front()), 200, "...")),
            look);
  }
  return text;
}

std::vector<std::string> reason_lines(const RunFinished& finished) {
  std::vector<std::string> lines = safe_lines(finished.reason);
  std::erase_if(lines, [](const std::string& line) { return safe_line(line).empty(); });
  return lines;
}

/// A reason of several lines (a callback's output, a backtrace), whose first one alone fits the
/// final line.
std::string reason_rows(const RunFinished& finished, const Look& look) {
  const std::vector<std::string> lines = reason_lines(finished);
  std::string text;
  if (lines.size() < 2) return text;
  for (const std::string& line : lines) text += row(text.empty() ? "reason" : "", line, look);
  return text;
}

std::string final_line(const Summary& summary, const RunFinished& finished, const Look& look) {
  const std::string_view word = word_of_exit(finished.exit_code);
  const Style style = finished.exit_code == results::kAllPassed ? Style::kGreen : Style::kBoldRed;
  std::string text = fmt::format("gorgon: {}", painted(look, style, word));
  if (finished.exit_code > results::kTestsFailed)
    text += fmt::format(" (exit {})", finished.exit_code);
  const std::vector<std::string> reason = reason_lines(finished);
  if (!reason.empty() && reason.front() != word) {
    text += fmt::format(": {};", reason.front());
  } else {
    text += finished.exit_code == results::kAllPassed ? ',' : ':';
  }

  const std::size_t bad = summary.failing_files().size();
  std::vector<std::string> parts;
  if (summary.failures() > 0) {
    parts.push_back(fmt::format("{} in {} of {}", count_of(summary.failures(), "failure"), bad,
                                count_of(summary.planned_files(), "file")));
  } else {
    parts.push_back(count_of(summary.planned_files(), "file"));
  }
  parts.push_back(count_of(summary.cases().total(), "case"));
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
  return joined(parts, ", ");
}

std::string rerun_command(const std::vector<std::string>& files, const Look& look) {
  if (files.empty()) return {};
  const bool is_long = files.size() > kRerunFiles && !look.failed_files.empty();
  const std::size_t shown = is_long ? kRerunFiles : files.size();
  std::string command = "gorgon start";
  for (std::size_t i = 0; i < shown; ++i) {
    // A name with a dash in front would be read as an option.
    command += " " + shell_quoted(files[i].starts_with('-') ? "./" + files[i] : files[i]);
  }
  if (is_long) {
    command += fmt::format("  # and {} more, listed in {}", files.size() - shown,
                           shell_quoted(look.failed_files));
  }
  return command;
}

std::string final_report(const Summary& summary, const Look& look) {
  const RunFinished finished = summary.finished().value_or(RunFinished());
  std::string text = failures_text(summary.problems(), look);
  text += '\n';
  if (look.verbosity == Verbosity::kVerbose) text += slowest_rows(summary, look);
  text += failed_host_rows(summary, look);
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
  text += reason_rows(finished, look);
  const std::string rerun = rerun_command(summary.failing_files(), look);
  if (!rerun.empty()) text += row("rerun", rerun, look);
  return text + "\n" + final_line(summary, finished, look);
}

}  // namespace gorgon::report
