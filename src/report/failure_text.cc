#include "report/failure_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/backtrace.h"
#include "report/display_text.h"
#include "report/look.h"
#include "report/output_excerpt.h"
#include "report/summary.h"
#include "results/case_outside.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Failure;
using results::TestCase;
using results::UnitResult;
using results::Verdict;

namespace {

constexpr std::size_t kMessageLines = 120;
constexpr std::size_t kListedUnits = 20;
constexpr std::string_view kIndent = "   ";

/// Writes the blocks of one report: numbering and indentation in one place.
class FailureWriter {
 public:
  explicit FailureWriter(const Look& look) : look_(look) {}

  void add_case(const Problem& problem, const TestCase& test_case);
  void add_error(const Problem& problem, const Failure& error, bool is_last);
  void add_ended_unit(const Problem& problem);
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  [[nodiscard]] bool is_verbose() const { return look_.verbosity == Verbosity::kVerbose; }
  [[nodiscard]] std::string where(const UnitResult& result, double seconds) const;
  void line(std::string_view text, Style style = Style::kPlain);
  void blank() { text_ += '\n'; }
  void title(std::string_view word, std::string_view name);
  void failure(const Failure& failure);
  void message_lines(const std::vector<std::string>& lines, std::string_view indent);
  void backtrace(const std::vector<std::string>& frames);
  void output(std::string_view heading, std::string_view text);

  const Look& look_;
  std::string text_;
  std::string file_;  ///< Of the block being written.
  std::size_t number_ = 0;
};

std::string_view phrase_of_stage(std::string_view stage) {
  if (stage == "load") return "while loading the file";
  if (stage == "selection") return "while looking for the selected cases";
  if (stage == "suite") return "in a hook around the suite";
  if (stage == "exit") return "when the process ended";
  return "outside the test cases";
}

void FailureWriter::line(std::string_view text, Style style) {
  if (!text.empty()) {
    text_ += kIndent;
    text_ += painted(look_, style, text);
  }
  text_ += '\n';
}

void FailureWriter::title(std::string_view word, std::string_view name) {
  ++number_;
  text_ += fmt::format("\n{}) {}  {}\n", number_, painted(look_, Style::kBoldRed, word),
                       painted(look_, Style::kBold, name));
}

std::string FailureWriter::where(const UnitResult& result, double seconds) const {
  const std::string attempt =
      result.attempt > 1 ? fmt::format("attempt {}", result.attempt) : std::string();
  const std::string host = look_.is_local ? std::string() : safe_line(result.host);
  const std::string worker =
      result.worker.empty() ? std::string() : "worker " + safe_line(result.worker);
  std::string place = joined({host, worker}, ", ");
  if (!place.empty()) place.insert(0, "on ");
  const bool shows_seed = look_.verbosity == Verbosity::kVerbose && result.seed;
  const std::string seed = shows_seed ? fmt::format("seed {}", *result.seed) : std::string();
  return joined({place, seconds > 0 ? seconds_text(seconds) : std::string(), attempt, seed}, ", ");
}

void FailureWriter::message_lines(const std::vector<std::string>& lines, std::string_view indent) {
  const std::size_t shown = is_verbose() ? lines.size() : std::min(lines.size(), kMessageLines);
  for (std::size_t i = 0; i < shown; ++i) {
    if (lines[i].empty()) {
      blank();
    } else {
      line(std::string(indent) + lines[i], Style::kRed);
    }
  }
  if (shown < lines.size()) {
    line(fmt::format("({} more left out; -v shows them)", count_of(lines.size() - shown, "line")),
         Style::kDim);
  }
}

void FailureWriter::failure(const Failure& failure) {
  std::vector<std::string> lines = safe_lines(failure.message);
  const auto is_blank = [](const std::string& text) {
    return text.find_first_not_of(' ') == std::string::npos;
  };
  while (!lines.empty() && is_blank(lines.back())) lines.pop_back();
  lines.erase(lines.begin(), std::ranges::find_if_not(lines, is_blank));
  const std::string name = safe_line(failure.exception_class);
  if (!name.empty() || !lines.empty()) blank();
  if (lines.empty() && !name.empty()) {
    line(name, Style::kRed);
  } else if (lines.size() == 1 && !name.empty()) {
    line(name + ": " + lines.front(), Style::kRed);
  } else if (!lines.empty()) {
    if (!name.empty()) line(name + ":", Style::kRed);
    message_lines(lines, name.empty() ? "" : "  ");
  }
  backtrace(failure.backtrace);
}

void FailureWriter::backtrace(const std::vector<std::string>& frames) {
  if (frames.empty()) return;
  const CutBacktrace cut = is_verbose() ? CutBacktrace{.lines = frames, .left_out = 0}
                                        : cut_to_project(frames, file_, look_.project_root);
  blank();
  for (const std::string& frame : cut.lines) line(safe_line(frame));
  if (cut.left_out > 0) {
    line(fmt::format("({} outside the project left out; -v shows {})",
                     count_of(cut.left_out, "frame"), cut.left_out == 1 ? "it" : "them"),
         Style::kDim);
  }
}

void FailureWriter::output(std::string_view heading, std::string_view text) {
  const OutputExcerpt excerpt = excerpt_of_output(text, is_verbose());
  if (excerpt.lines.empty()) return;
  blank();
  line(excerpt.note.empty() ? std::string(heading) : fmt::format("{} ({})", heading, excerpt.note));
  for (const std::string& shown : excerpt.lines) line(shown.empty() ? "|" : "| " + shown);
}

void FailureWriter::add_case(const Problem& problem, const TestCase& test_case) {
  file_ = problem.unit.file;
  const std::string name = safe_line(test_case.name.empty() ? test_case.id : test_case.name);
  title(test_case.status == CaseStatus::kError ? "ERROR" : "FAIL", name);
  const std::string location =
      safe_line(test_case.location.empty() ? problem.unit.file : test_case.location);
  const std::string_view iteration = problem.unit.iteration();
  const std::string time = iteration.empty() ? "" : "#" + safe_line(iteration);
  line(joined({location, time, where(problem.result, test_case.seconds)}, " "), Style::kDim);
  if (test_case.failure) failure(*test_case.failure);
  const bool needs_all = &test_case == results::case_with_output(problem.result);
  output("output:", needs_all ? problem.result.output : test_case.output);
}

void FailureWriter::add_error(const Problem& problem, const Failure& error, bool is_last) {
  file_ = problem.unit.file;
  title("ERROR", title_of(problem.unit));
  line(joined({std::string(phrase_of_stage(error.stage)), where(problem.result, 0)}, ", "),
       Style::kDim);
  failure(error);
  if (is_last) output("output:", problem.result.output);
}

void FailureWriter::add_ended_unit(const Problem& problem) {
  const UnitResult& result = problem.result;
  file_ = problem.unit.file;
  title(word_of(result.verdict), title_of(problem.unit));
  line(where(result, result.seconds), Style::kDim);
  if (result.errors.empty()) {
    blank();
    line(result.verdict == Verdict::kTimedOut ? "killed at its time limit"
         : result.verdict == Verdict::kFailed ? "failed without saying why"
                                              : "its runner died without saying how",
         Style::kRed);
  }
  for (const Failure& error : result.errors) {
    Failure shown = error;
    // "crash" and "timeout" are Gorgon's own words for it, no exception of the project's.
    if (shown.stage == "crash" || shown.stage == "timeout") shown.exception_class.clear();
    failure(shown);
  }
  const bool is_named = std::ranges::any_of(result.errors, [&](const Failure& error) {
    return error.message.find(result.running_case) != std::string::npos;
  });
  if (!result.running_case.empty() && !is_named) {
    line("while running: " + safe_line(result.running_case));
  }
  if (const std::size_t finished = problem.cases.total(); finished > 0) {
    const std::string_view when = result.running_case.empty() ? "" : " before";
    line(fmt::format("{} had finished{}", count_of(finished, "case"), when), Style::kDim);
  }
  output("last output:", result.output);
}

/// Units that ended in `verdict`, by what is said about why, in order of appearance.
using UnitsByReason = std::vector<std::pair<std::string, std::vector<std::string>>>;
UnitsByReason by_reason(const std::vector<Problem>& problems, Verdict verdict) {
  UnitsByReason groups;
  for (const Problem& problem : problems) {
    if (problem.result.verdict != verdict) continue;
    const std::string reason = problem.result.errors.empty()
                                   ? std::string()
                                   : safe_line(problem.result.errors.front().message);
    auto group = std::ranges::find(groups, reason, &UnitsByReason::value_type::first);
    if (group == groups.end()) group = groups.insert(group, {reason, {}});
    group->second.push_back(title_of(problem.unit));
  }
  return groups;
}

std::string units_list(const UnitsByReason& groups, Verdict verdict, std::string_view what,
                       const Look& look) {
  const bool shows_all = look.verbosity == Verbosity::kVerbose;
  std::string text;
  for (const auto& [reason, titles] : groups) {
    text +=
        fmt::format("\n{}  {} {}{}\n", painted(look, style_of(verdict), word_of(verdict)),
                    count_of(titles.size(), "unit"), what, reason.empty() ? ":" : ": " + reason);
    const std::size_t shown = shows_all ? titles.size() : std::min(kListedUnits, titles.size());
    for (std::size_t i = 0; i < shown; ++i) text += fmt::format("{}{}\n", kIndent, titles[i]);
    if (shown < titles.size()) {
      text += fmt::format("{}(and {} more; -v shows all)\n", kIndent, titles.size() - shown);
    }
  }
  return text;
}

void add_problem(FailureWriter& writer, const Problem& problem) {
  for (const TestCase& test_case : problem.result.cases) writer.add_case(problem, test_case);
  if (!results::went_wrong_outside(problem.result)) return;
  const std::vector<Failure> errors = results::errors_outside(problem.result);
  switch (problem.result.verdict) {
    case Verdict::kCrashed:
    case Verdict::kTimedOut:
      writer.add_ended_unit(problem);
      break;
    case Verdict::kFailed:
      for (const Failure& error : errors)
        writer.add_error(problem, error, &error == &errors.back());
      if (errors.empty()) writer.add_ended_unit(problem);
      break;
    case Verdict::kPassed:
    case Verdict::kCancelled:
    case Verdict::kLost:
      break;
  }
}

}  // namespace

std::string failures_text(const std::vector<Problem>& problems, const Look& look) {
  FailureWriter writer(look);
  for (const Problem& problem : problems) add_problem(writer, problem);
  std::string text = writer.take();
  text += units_list(by_reason(problems, Verdict::kCancelled), Verdict::kCancelled,
                     "did not finish", look);
  text += units_list(by_reason(problems, Verdict::kLost), Verdict::kLost, "could not be run", look);
  return text;
}

}  // namespace gorgon::report
