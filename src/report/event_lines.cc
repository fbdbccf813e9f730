#include "report/event_lines.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/display_text.h"
#include "report/look.h"
#include "report/summary.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::HostChanged;
using results::Notice;
using results::TestCase;
using results::UnitResult;
using results::Verdict;

namespace {

constexpr std::size_t kWordColumns = 7;
constexpr std::size_t kCasesAtOnce = 3;
constexpr std::size_t kAllLines = 1000;

std::string first_line_of(std::string_view message) {
  for (const std::string& line : safe_lines(message)) {
    std::string text = safe_line(line);
    if (!text.empty()) return text;
  }
  return {};
}

/// The first line of a failure's message. For a hook of RSpec's that says which hook it was, and
/// the next line what was raised.
std::string first_words_of(const results::Failure& failure) {
  if (failure.stage != "outside" && failure.stage != "suite") return first_line_of(failure.message);
  std::vector<std::string> words;
  for (const std::string& line : safe_lines(failure.message)) {
    std::string text = safe_line(line);
    if (!text.empty() && words.size() < 2) words.push_back(std::move(text));
  }
  if (words.size() == 2 && words.front().ends_with('.')) words.front().pop_back();
  return joined(words, ": ");
}

/// What a unit's line says between its name and its time.
std::string outcome_text(const UnitResult& result) {
  const std::size_t cases = result.cases.size();
  const auto failed = static_cast<std::size_t>(
      std::ranges::count_if(result.cases, [](const TestCase& c) { return is_bad(c.status); }));
  if (result.verdict == Verdict::kPassed) return count_of(cases, "case");
  std::vector<std::string> parts;
  if (failed > 0) parts.push_back(fmt::format("{} of {} failed", failed, count_of(cases, "case")));
  if (!result.errors.empty()) {
    const results::Failure& error = result.errors.front();
    const bool is_ours = error.stage == "crash" || error.stage == "timeout";
    parts.push_back(joined(
        {is_ours ? std::string() : safe_line(error.exception_class), first_words_of(error)}, ": "));
  }
  return joined(parts, ", ");
}

/// All lines behind `head`, the further ones under the first.
std::string block(std::string_view head, Style style, std::string_view message, const Look& look,
                  std::size_t max_lines) {
  const std::vector<std::string> lines = safe_lines(message);
  std::string text = painted(look, style, head);
  const std::size_t shown = std::min(lines.size(), max_lines);
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? " " : "    ") + lines[i] + "\n";
  if (shown == 0) text += '\n';
  if (shown < lines.size()) {
    text += fmt::format("    ({} more left out; -v shows them)\n",
                        count_of(lines.size() - shown, "line"));
  }
  return text;
}

}  // namespace

std::string started_line(const results::RunStarted& event, const Look& look) {
  std::set<std::string_view> files;
  for (const results::Unit& unit : event.units) files.insert(unit.file);
  std::string text = "gorgon: " + count_of(files.size(), "file");
  if (files.size() != event.units.size()) {
    text += fmt::format(" in {}", count_of(event.units.size(), "unit"));
  }
  if (event.expected_seconds) {
    text += fmt::format(", about {} of tests", seconds_text(*event.expected_seconds));
  }
  if (!look.is_local) text += ", job " + safe_line(event.job);
  return text + "\n";
}

std::string slow_line(const results::UnitSlow& event, const Look& look) {
  const std::string running_case =
      event.running_case.empty() ? std::string()
                                 : fmt::format("in \"{}\" for {}", safe_line(event.running_case),
                                               seconds_text(event.case_seconds));
  const std::string tail = joined({"runs for " + seconds_text(event.seconds), running_case,
                                   place_of(look, event.host, event.worker)},
                                  ", ");
  return fmt::format("{}  {}{}\n", painted(look, Style::kYellow, pad_right("SLOW", kWordColumns)),
                     safe_line(event.file), painted(look, Style::kDim, "  " + tail));
}

std::string tried_line(const results::UnitTried& event, const Look& look) {
  const std::string_view how =
      event.verdict == Verdict::kTimedOut ? "timed out" : results::name_of(event.verdict);
  const std::string tail = joined({fmt::format("{} in try {}", how, event.attempt),
                                   place_of(look, event.host, event.worker), "tried again"},
                                  ", ");
  return fmt::format("{}  {}{}\n", painted(look, Style::kYellow, pad_right("RETRY", kWordColumns)),
                     safe_line(event.file), painted(look, Style::kDim, "  " + tail));
}

std::string unit_line(const results::Unit& unit, const UnitResult& result, const Look& look) {
  const bool is_flaky = has_flaky_part(result);
  const Style style = is_flaky ? Style::kYellow : style_of(result.verdict);
  const std::string word =
      pad_right(is_flaky ? "FLAKY" : std::string(word_of(result.verdict)), kWordColumns);
  const std::string attempt =
      result.attempt > 1 ? fmt::format("attempt {}", result.attempt) : std::string();
  const std::string tail =
      joined({outcome_text(result), result.seconds > 0 ? seconds_text(result.seconds) : "",
              place_of(look, result.host, result.worker), attempt},
             ", ");
  return fmt::format("{}  {}{}\n", painted(look, style, word), title_of(unit),
                     tail.empty() ? "" : painted(look, Style::kDim, "  " + tail));
}

std::string case_lines(const UnitResult& result, const Look& look, std::size_t columns) {
  const std::string indent(kWordColumns + 2, ' ');
  const std::string_view mark = look.unicode ? "…" : "...";
  const std::size_t room = columns > indent.size() + 1 ? columns - indent.size() - 1 : 1;
  std::string text;
  std::size_t failed = 0;
  for (const TestCase& test_case : result.cases) {
    if (!is_bad(test_case.status) || ++failed > kCasesAtOnce) continue;
    const std::string name = cut_end(safe_line(test_case.name), room, mark);
    const std::size_t left = room - columns_of(name);
    const std::string message =
        test_case.failure ? first_line_of(test_case.failure->message) : std::string();
    text += indent + name;
    if (!message.empty() && left > 12) {
      text += "  " + painted(look, Style::kRed, cut_end(message, left - 2, mark));
    }
    text += '\n';
  }
  if (failed > kCasesAtOnce) text += fmt::format("{}and {} more\n", indent, failed - kCasesAtOnce);
  return text;
}

std::string host_lines(const HostChanged& event, const Look& look) {
  const bool is_verbose = look.verbosity == Verbosity::kVerbose;
  const std::string name = "host " + safe_line(event.host);
  switch (event.state) {
    case HostChanged::State::kPreparing:
      return is_verbose ? name + ": preparing\n" : std::string();
    case HostChanged::State::kReady:
      if (look.is_local && !is_verbose) return {};
      if (event.workers == 0) return name + ": ready\n";  // They are still being started.
      return fmt::format("{}: ready, {}\n", name, count_of(event.workers, "worker"));
    case HostChanged::State::kLeft:
      if (look.is_local && !is_verbose) return {};
      return name + ": left\n";
    case HostChanged::State::kFailed:
      // Whole: the end of the run does not say it again.
      return block(name + ": failed:", Style::kBoldRed, event.message, look,
                   is_verbose ? event.message.size() : kAllLines);
  }
  return {};
}

std::string waiting_lines(const results::Waiting& event) {
  return block("waiting", Style::kPlain, event.reason, Look(), kAllLines);
}

std::string notice_lines(const Notice& notice, const Look& look) {
  switch (notice.level) {
    case Notice::Level::kInfo:
      return block("note:", Style::kDim, notice.text, look, kAllLines);
    case Notice::Level::kWarning:
      return block("warning:", Style::kYellow, notice.text, look, kAllLines);
    case Notice::Level::kError:
      return block("error:", Style::kBoldRed, notice.text, look, kAllLines);
  }
  return {};
}

std::string progress_text(const Summary& summary, double elapsed_seconds) {
  const std::string_view noun =
      summary.planned_units() == summary.planned_files() ? "file" : "unit";
  const std::string failures =
      summary.failures() > 0 ? count_of(summary.failures(), "failure") : std::string();
  std::vector<std::string> parts = {
      fmt::format("{} of {}", summary.ran_units(), count_of(summary.planned_units(), noun)),
      count_of(summary.cases().total(), "case"), failures};
  for (const Verdict verdict : {Verdict::kLost, Verdict::kCancelled}) {
    if (const std::size_t count = summary.units()[verdict]; count > 0)
      parts.push_back(fmt::format("{} {}", count, results::name_of(verdict)));
  }
  parts.push_back(seconds_text(elapsed_seconds));
  return fmt::format("progress: {}\n", joined(parts, ", "));
}

}  // namespace gorgon::report
