#include "report/terminal.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/terminal_keys.h"
#include "base/text.h"
#include "report/event_lines.h"
#include "report/failure_text.h"
#include "report/final_report.h"
#include "report/live_frame.h"
#include "report/look.h"
#include "report/reporter.h"
#include "report/summary.h"
#include "report/watched_text.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::report {

using results::HostChanged;
using results::Notice;
using results::Verdict;

namespace {

/// Where there is no live display: so many progress lines over a run, but not for small steps.
constexpr std::size_t kProgressLines = 20;
constexpr std::size_t kProgressStep = 5;
/// Of tests' output, while its reader is busy.
constexpr std::size_t kMostWaitingBytes = std::size_t{1} * 1024 * 1024;
/// Files whose failures a key shows.
constexpr std::size_t kShownProblems = 20;

TerminalSize size_of_terminal(int fd) {
  winsize size{};
  // NOLINTNEXTLINE(misc-include-cleaner): <sys/ioctl.h> is there.
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

std::string_view value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// POSIX, Base Definitions §8.2: the first of these that is set and not empty decides.
bool is_utf8_locale(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(value_of(environment, name));
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

/// A log that somebody reads later, even if it goes through a terminal.
bool is_ci(const Environment& environment) {
  const std::string_view ci = value_of(environment, "CI");
  return !ci.empty() && ci != "false" && ci != "0";
}

bool wants_color(Color color, bool is_capable, const Environment& environment) {
  switch (color) {
    case Color::kAlways:
      return true;
    case Color::kNever:
      return false;
    case Color::kAuto: {
      if (!value_of(environment, "NO_COLOR").empty()) return false;
      const std::string_view force = value_of(environment, "CLICOLOR_FORCE");
      return is_capable || (!force.empty() && force != "0");
    }
  }
  return false;
}

}  // namespace

std::optional<Color> color_named(std::string_view name) {
  if (name == "auto") return Color::kAuto;
  if (name == "always") return Color::kAlways;
  if (name == "never") return Color::kNever;
  return std::nullopt;
}

TerminalOptions terminal_options(int fd, Color color, Verbosity verbosity,
                                 const Environment& environment) {
  const std::string_view term = value_of(environment, "TERM");
  const bool is_capable = ::isatty(fd) == 1 && !term.empty() && term != "dumb";
  TerminalOptions options;
  options.look.color = wants_color(color, is_capable, environment);
  options.look.unicode = is_capable && is_utf8_locale(environment);
  options.look.verbosity = verbosity;
  options.is_live = is_capable && verbosity != Verbosity::kQuiet && !is_ci(environment);
  options.size = [fd] { return size_of_terminal(fd); };
  if (is_capable) options.is_in_foreground = [fd] { return gorgon::is_in_foreground(fd); };
  return options;
}

TerminalReporter::TerminalReporter(int fd, TerminalOptions options)
    : output_(fd), options_(std::move(options)), look_(options_.look) {}

TerminalReporter::~TerminalReporter() { output_.write(region_.erase()); }

void TerminalReporter::on(const results::RunEvent& event) {
  summary_.add(event);
  activity_.add(event, options_.now());
  const bool is_quiet = look_.verbosity == Verbosity::kQuiet;
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    look_.is_local = started->is_local;
    if (!is_quiet) print(started_line(*started, look_));
  } else if (const auto* waiting = std::get_if<results::Waiting>(&event)) {
    on_waiting(*waiting);
  } else if (const auto* host = std::get_if<HostChanged>(&event)) {
    // The live display shows how many there are; a log should say which.
    const bool is_shown_live = options_.is_live && look_.verbosity == Verbosity::kNormal &&
                               host->state == HostChanged::State::kReady;
    const bool is_failure = host->state == HostChanged::State::kFailed;
    if (is_failure || (!is_quiet && !is_shown_live)) print(host_lines(*host, look_));
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    on_unit_finished(*unit);
  } else if (const auto* slow = std::get_if<results::UnitSlow>(&event)) {
    if (!is_quiet) print(slow_line(*slow, look_));
  } else if (const auto* tried = std::get_if<results::UnitTried>(&event)) {
    if (!is_quiet) print(tried_line(*tried, look_));
  } else if (const auto* notice = std::get_if<Notice>(&event)) {
    if (!is_quiet || notice->level != Notice::Level::kInfo) print(notice_lines(*notice, look_));
  } else if (std::holds_alternative<results::RunFinished>(event)) {
    is_over_ = true;
    print(final_report(summary_, look_));
  }
  // A printed line has taken the display away; everything else can wait for the next tick().
  if (options_.is_live && !is_over_ && !region_.is_drawn()) draw();
}

void TerminalReporter::on_waiting(const results::Waiting& event) {
  if (options_.is_live || look_.verbosity == Verbosity::kQuiet) return;
  if (event.reason == last_waiting_ || event.reason.empty()) return;
  last_waiting_ = event.reason;
  print(waiting_lines(event));
}

void TerminalReporter::on_unit_finished(const results::UnitFinished& event) {
  if (look_.verbosity == Verbosity::kQuiet) return;
  const Verdict verdict = event.result->verdict;
  // Units that did not run may be thousands; the end of the run lists them.
  if (is_unfinished(verdict)) return;
  const bool is_of_note = verdict != Verdict::kPassed || has_flaky_part(*event.result);
  if (look_.verbosity == Verbosity::kVerbose || is_of_note) {
    std::string lines = unit_line(*event.unit, *event.result, look_);
    if (options_.is_live) lines += case_lines(*event.result, look_, columns());
    print(lines);
  }
  if (!options_.is_live && look_.verbosity == Verbosity::kNormal) show_progress();
}

void TerminalReporter::show_progress() {
  const std::size_t planned = summary_.planned_units();
  const std::size_t ran = summary_.ran_units();
  const std::size_t step = std::max(kProgressStep, (planned + kProgressLines - 1) / kProgressLines);
  if (ran % step != 0 || ran >= planned) return;
  print(progress_text(summary_, activity_.elapsed_seconds(options_.now())));
}

std::size_t TerminalReporter::columns() const { return options_.size().columns; }

void TerminalReporter::print(std::string_view lines) {
  if (lines.empty()) return;
  output_.add(region_.erase());
  output_.add(lines);
  // With a live display it follows at once in the same write, so that it does not flicker.
  if (!options_.is_live || is_over_) output_.pump();
}

void TerminalReporter::draw() {
  if (options_.is_in_foreground && !options_.is_in_foreground()) return output_.pump();
  // A frame for a terminal that has not taken the last one would only make it later.
  if (!output_.is_behind() || !region_.is_drawn()) {
    const TerminalSize size = options_.size();
    output_.add(region_.draw(live_frame(summary_, activity_, look_, size, options_.now()), size));
  }
  output_.pump();
}

void TerminalReporter::watch(const results::Watched& news) {
  if (const auto* output = std::get_if<results::OutputLines>(&news)) {
    show_output(*output);
  } else if (const auto* running = std::get_if<results::RunningTests>(&news)) {
    print(running_tests_text(*running, look_));
  } else if (const auto* long_case = std::get_if<results::LongCase>(&news)) {
    activity_.add(*long_case, options_.now());
  }
  if (is_live() && !region_.is_drawn()) draw();
}

/// Reports must be complete; this need not be.
void TerminalReporter::show_output(const results::OutputLines& output) {
  if (is_over_) return;
  if (output_.waiting_bytes() > kMostWaitingBytes) {
    unread_bytes_ += output.text.size() + output.left_out_bytes;
    return;
  }
  if (unread_bytes_ > 0) {
    print(fmt::format("[{} of output left out: the reader did not keep up]\n",
                      count_of(std::exchange(unread_bytes_, 0), "byte")));
  }
  print(output_text(output, look_));
}

void TerminalReporter::show(View view) {
  if (is_over_) return;
  switch (view) {
    case View::kProgress:
      print(progress_text(summary_, activity_.elapsed_seconds(options_.now())));
      break;
    case View::kFailures:
      print(failures_so_far());
      break;
    case View::kWorkers:
      print(workers_text(activity_, look_, options_.now()));
      break;
    case View::kKeys:
      print(keys_text());
      break;
  }
  if (is_live() && !region_.is_drawn()) draw();
}

std::string TerminalReporter::failures_so_far() const {
  const std::vector<Problem>& problems = summary_.problems();
  const std::size_t left_out = problems.size() - std::min(problems.size(), kShownProblems);
  const std::vector<Problem> last(problems.begin() + static_cast<std::ptrdiff_t>(left_out),
                                  problems.end());
  std::string text = failures_text(last, look_);
  if (text.empty()) return "no failures so far\n";
  if (left_out > 0)
    text += fmt::format("\nthe last {} of {}\n", last.size(), count_of(problems.size(), "file"));
  return text + "\n";
}

void TerminalReporter::hide() { output_.write(region_.erase()); }

void TerminalReporter::tick() {
  if (options_.is_live && !is_over_) {
    output_.pump();
    draw();
  } else {
    output_.pump();
  }
}

bool TerminalReporter::flush(std::chrono::milliseconds at_most) { return output_.drain(at_most); }

}  // namespace gorgon::report
