#include "report/watched_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/activity.h"
#include "report/backtrace.h"
#include "report/display_text.h"
#include "report/look.h"
#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::report {

using results::HostChanged;
using results::RunningTest;

namespace {

constexpr std::string_view kIndent = "   ";
/// Of what each test has written, and of tests; -v has all.
constexpr std::size_t kOutputLines = 12;
constexpr std::size_t kTests = 20;

std::string line(std::string_view text) {
  return text.empty() ? "\n" : fmt::format("{}{}\n", kIndent, text);
}

std::string frames_text(const std::vector<std::string>& frames, const RunningTest& test,
                        const Look& look) {
  const CutBacktrace cut = look.verbosity == Verbosity::kVerbose
                               ? CutBacktrace{.lines = frames, .left_out = 0}
                               : cut_to_project(frames, test.file, look.project_root);
  std::string text;
  for (const std::string& frame : cut.lines) text += line(safe_line(frame));
  if (cut.left_out > 0) {
    text += line(painted(look, Style::kDim,
                         fmt::format("({} outside the project left out; with -v they are shown)",
                                     count_of(cut.left_out, "frame"))));
  }
  return text;
}

std::string threads_text(const RunningTest& test, const Look& look) {
  switch (test.stacks) {
    case RunningTest::Stacks::kTold:
      break;
    case RunningTest::Stacks::kSilent:
      return "\n" + line(
                        "it does not say where it is: it is in native code that lets no other "
                        "code run, or is stopped");
    case RunningTest::Stacks::kUnable:
      return "\n" + line("its runner cannot say where it is");
  }
  std::string text;
  for (const results::ThreadStack& thread : test.threads) {
    text += "\n";
    if (!thread.is_main) {
      const std::string name = joined({"thread", safe_line(thread.name)}, " ");
      text += line(fmt::format("{} ({}):", name, safe_line(thread.status)));
    }
    text += frames_text(thread.backtrace, test, look);
  }
  return text;
}

std::string written_text(const RunningTest& test, const Look& look) {
  const std::vector<std::string> lines = safe_lines(test.output);
  if (lines.empty()) return "\n" + line("no output so far");
  const std::size_t most =
      look.verbosity == Verbosity::kVerbose ? lines.size() : std::min(lines.size(), kOutputLines);
  const bool is_all = test.output_bytes <= test.output.size() && most == lines.size();
  std::string text =
      "\n" + line(is_all ? "output so far:"
                         : fmt::format("the end of its output so far, which is {} long:",
                                       count_of(test.output_bytes, "byte")));
  for (std::size_t i = lines.size() - most; i < lines.size(); ++i)
    text += line(lines[i].empty() ? "|" : "| " + lines[i]);
  return text;
}

std::string heading(std::string_view file, const std::string& tail, const Look& look) {
  return fmt::format("\n{}  {}{}\n", painted(look, Style::kYellow, "RUNNING"),
                     painted(look, Style::kBold, safe_line(file)),
                     painted(look, Style::kDim, "  " + tail));
}

std::string test_text(const RunningTest& test, const Look& look) {
  const std::string tail =
      fmt::format("for {}, {}", seconds_text(test.seconds), place_of(look, test.host, test.worker));
  std::string text = heading(test.file, tail, look);
  if (!test.running_case.empty()) {
    text += line(fmt::format("in \"{}\" for {}", safe_line(test.running_case),
                             seconds_text(test.case_seconds)));
  }
  return text + threads_text(test, look) + written_text(test, look);
}

std::string_view phrase_of(HostChanged::State state) {
  switch (state) {
    case HostChanged::State::kPreparing:
      return "preparing";
    case HostChanged::State::kReady:
      return "ready";
    case HostChanged::State::kFailed:
      return "failed";
    case HostChanged::State::kLeft:
      return "has left";
  }
  return "";
}

}  // namespace

std::string running_tests_text(const results::RunningTests& running, const Look& look) {
  if (running.tests.empty() && running.silent.empty()) return "no test runs at this moment\n";
  std::string text;
  const bool shows_all = look.verbosity == Verbosity::kVerbose;
  const std::size_t shown =
      shows_all ? running.tests.size() : std::min(kTests, running.tests.size());
  for (std::size_t i = 0; i < shown; ++i) text += test_text(running.tests[i], look);
  if (shown < running.tests.size()) {
    text += fmt::format("\nand {} that have run for less time; with -v they are shown\n",
                        running.tests.size() - shown);
  }
  for (const auto& silent : running.silent) {
    text += heading(silent.file, place_of(look, silent.host, silent.worker), look);
    text += line("no answer from there within " + seconds_text(running.waited_seconds));
  }
  return text + "\n";
}

std::string output_text(const results::OutputLines& output, const Look& look) {
  const std::string prefix = painted(
      look, Style::kDim, fmt::format("{}:{}", safe_line(output.host), safe_line(output.worker)));
  std::string text;
  if (output.left_out_bytes > 0) {
    text += fmt::format("{} [{} left out: more than can be carried]\n", prefix,
                        count_of(output.left_out_bytes, "byte"));
  }
  for (const std::string& shown : safe_lines(output.text)) text += prefix + " " + shown + "\n";
  return text;
}

std::string workers_text(const Activity& activity, const Look& look, TimePoint now) {
  std::string text;
  for (const Activity::HostEntry& host : activity.hosts()) {
    std::vector<RunningUnit> units;
    for (const RunningUnit& unit : activity.running()) {
      if (unit.host == host.host) units.push_back(unit);
    }
    std::ranges::sort(units, {}, [](const RunningUnit& unit) {
      return std::pair(number_of<std::size_t>(unit.worker), unit.worker);
    });
    const std::size_t idle = host.workers > units.size() ? host.workers - units.size() : 0;
    text += fmt::format(
        "{}  {}\n",
        painted(look, Style::kBold, look.is_local ? "this machine" : safe_line(host.host)),
        joined({std::string(phrase_of(host.state)),
                host.workers > 0 ? count_of(host.workers, "worker") : std::string(),
                idle > 0 ? fmt::format("{} idle", idle) : std::string()},
               ", "));
    for (const RunningUnit& unit : units) {
      const auto seconds = [now](TimePoint since) {
        return age_text(std::chrono::duration<double>(now - since).count());
      };
      text += fmt::format("{:>4}  {:>6}  {}", safe_line(unit.worker), seconds(unit.since),
                          safe_line(unit.file));
      if (!unit.running_case.empty()) {
        text += fmt::format("  {}{}", painted(look, Style::kBold, safe_line(unit.running_case)),
                            painted(look, Style::kDim, "  for " + seconds(unit.case_since)));
      }
      text += '\n';
    }
  }
  return text.empty() ? "no machine has answered yet\n" : text;
}

std::string keys_text() {
  return "t      what the tests do that run now: their stacks, and their output so far\n"
         "f      the failures so far\n"
         "w      the machines, and what each worker does\n"
         "Enter  how far the run is\n"
         "?, h   these keys\n"
         "Ctrl-C what runs is finished, nothing further is begun; twice: it is ended\n";
}

}  // namespace gorgon::report
