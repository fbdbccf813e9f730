#include "report/live_frame.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/activity.h"
#include "report/display_text.h"
#include "report/look.h"
#include "report/summary.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::Verdict;

namespace {

constexpr std::size_t kMaxBarColumns = 30;
constexpr std::size_t kMinBarColumns = 8;
constexpr std::size_t kNarrowColumns = 30;
constexpr std::size_t kMaxRunning = 8;
constexpr std::size_t kMaxWaiting = 6;
constexpr std::string_view kGap = "  ";
constexpr std::size_t kAgeColumns = 7;  ///< "12m05s" and a blank in front.
constexpr std::size_t kMaxPlaceColumns = 24;
constexpr std::size_t kMinCaseColumns = 8;
/// What takes less is gone before it is read.
constexpr std::chrono::seconds kLongEnough{2};
constexpr std::string_view kKeysHint = "? for keys";

/// A piece of a line. Where there is not room for all, the one with the lowest importance goes.
struct Piece {
  std::string text;
  Style style = Style::kPlain;
  int importance = 0;
};

std::size_t width_of(const std::vector<Piece>& pieces) {
  std::size_t width = 0;
  for (const Piece& piece : pieces) {
    width += columns_of(piece.text) + (width > 0 ? kGap.size() : 0);
  }
  return width;
}

std::string_view mark_of(const Look& look) { return look.unicode ? "…" : "..."; }

/// Drops pieces until the rest fits into `columns`; cuts the last one that remains.
void fit(std::vector<Piece>& pieces, std::size_t columns, const Look& look) {
  std::erase_if(pieces, [](const Piece& piece) { return piece.text.empty(); });
  while (pieces.size() > 1 && width_of(pieces) > columns) {
    pieces.erase(std::ranges::min_element(pieces, {}, &Piece::importance));
  }
  if (!pieces.empty()) pieces.front().text = cut_end(pieces.front().text, columns, mark_of(look));
}

std::string line_of(const std::vector<Piece>& pieces, const Look& look) {
  std::string line;
  for (const Piece& piece : pieces) {
    if (!line.empty()) line += kGap;
    line += painted(look, piece.style, piece.text);
  }
  return line;
}

std::string bar(const Summary& summary, std::size_t columns, const Look& look) {
  const std::size_t planned = std::max<std::size_t>(1, summary.planned_units());
  const std::size_t ran = std::min(planned, summary.ran_units());
  const std::size_t full = columns * ran / planned;
  const Style style = summary.failures() > 0 ? Style::kRed : Style::kGreen;
  std::string done;
  std::string open;
  for (std::size_t i = 0; i < full; ++i) done += look.unicode ? "━" : "=";
  for (std::size_t i = full; i < columns; ++i) open += look.unicode ? "─" : "-";
  return painted(look, style, done) + painted(look, Style::kDim, open);
}

std::string progress_line(const Summary& summary, const Activity& activity, const Look& look,
                          std::size_t columns, TimePoint now) {
  const std::size_t planned = summary.planned_units();
  std::string_view noun = planned == summary.planned_files() ? " files" : " units";
  if (columns < kNarrowColumns) noun = {};  // How many failed says more.
  const std::string done = fmt::format("{}/{}", summary.ran_units(), planned);
  const double elapsed = activity.elapsed_seconds(now);
  const std::optional<double> remaining = activity.remaining_seconds(summary, now);
  std::vector<Piece> pieces;
  pieces.push_back({.text = done + std::string(noun), .importance = 9});
  if (summary.cases().total() > 0) {
    pieces.push_back({.text = count_of(summary.cases().total(), "case"), .importance = 4});
  }
  if (summary.failures() > 0) {
    pieces.push_back({.text = fmt::format("{} failed", summary.failures()),
                      .style = Style::kBoldRed,
                      .importance = 8});
  }
  for (const Verdict verdict : {Verdict::kLost, Verdict::kCancelled}) {
    const std::size_t count = summary.units()[verdict];
    if (count == 0) continue;
    pieces.push_back({.text = fmt::format("{} {}", count, results::name_of(verdict)),
                      .style = style_of(verdict),
                      .importance = 7});
  }
  pieces.push_back({.text = clock_text(elapsed), .importance = 6});
  if (remaining && *remaining >= 1) {  // Whoever is late after that, nothing foretold it.
    pieces.push_back({.text = fmt::format("about {} left", clock_text(*remaining)),
                      .style = Style::kDim,
                      .importance = 5});
  }
  fit(pieces, columns, look);
  const std::size_t used = width_of(pieces) + kGap.size();
  const std::size_t room = columns > used ? std::min(columns - used, kMaxBarColumns) : 0;
  if (room < kMinBarColumns || planned == 0) return line_of(pieces, look);
  return bar(summary, room, look) + std::string(kGap) + line_of(pieces, look);
}

std::string hosts_text(const Activity& activity, const Look& look) {
  std::vector<std::string> parts;
  if (!look.is_local && activity.ready_hosts() > 0) {
    parts.push_back("on " + count_of(activity.ready_hosts(), "host"));
  }
  if (activity.preparing_hosts() > 0) {
    parts.push_back(look.is_local ? "preparing"
                                  : count_of(activity.preparing_hosts(), "host") + " preparing");
  }
  if (activity.failed_hosts() > 0) {
    parts.push_back(count_of(activity.failed_hosts(), "host") + " failed");
  }
  return joined(parts, ", ");
}

/// What the run waits for, whole: it tells the reader what to do.
std::vector<std::string> waiting_lines(const Activity& activity, const Look& look,
                                       std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& part : safe_lines("waiting " + activity.waiting())) {
    for (std::string& line : wrapped(part, columns)) lines.push_back(std::move(line));
  }
  if (lines.size() > kMaxWaiting) {
    lines.resize(kMaxWaiting);
    lines.back() = cut_end(lines.back() + " " + std::string(mark_of(look)), columns, mark_of(look));
  }
  for (std::string& line : lines) line = painted(look, Style::kYellow, line);
  return lines;
}

std::string workers_line(const Summary& summary, const Activity& activity, const Look& look,
                         std::size_t columns) {
  const std::size_t workers = activity.workers();
  const std::string busy = workers > 0 ? fmt::format("{}/{} busy", activity.running().size(),
                                                     count_of(workers, "worker"))
                                       : std::string();
  std::string text = joined({busy, hosts_text(activity, look)}, " ");
  const std::size_t finished = summary.units().total();
  if (text.empty()) {
    text = finished == 0                         ? "starting"
           : finished >= summary.planned_units() ? "finishing"
                                                 : "no worker is there now";
  }
  if (columns_of(text) > columns && !busy.empty()) text = busy;
  const bool has_room = columns_of(text) + kGap.size() + kKeysHint.size() <= columns;
  if (!look.has_keys || !has_room) return cut_end(text, columns, mark_of(look));
  return text + std::string(kGap) + painted(look, Style::kDim, kKeysHint);
}

/// Units in which something has run for long enough to be of interest, the longest first.
std::vector<RunningUnit> long_running(const Activity& activity, TimePoint now) {
  std::vector<RunningUnit> units;
  std::ranges::copy_if(activity.running(), std::back_inserter(units), [&](const RunningUnit& unit) {
    return now - unit.longest_since() >= kLongEnough;
  });
  std::ranges::stable_sort(units, {}, &RunningUnit::longest_since);
  return units;
}

std::string place_text(const RunningUnit& unit, const Look& look) {
  std::string place = slot_of(look, unit.host, unit.worker);
  if (unit.attempt > 1) place += fmt::format(" try {}", unit.attempt);
  return place;
}

/// What a row has beside the age. The file keeps its end, where it differs from others.
std::string row_text(const RunningUnit& unit, const Look& look, std::size_t columns) {
  std::string file = safe_line(unit.file);
  std::string name = safe_line(unit.running_case);
  const std::size_t file_columns = columns_of(file);
  std::size_t file_room = columns;
  if (!name.empty()) {
    const std::size_t wanted = columns_of(name) + kGap.size();
    const std::size_t half = std::max(columns / 2, columns - std::min(columns, wanted));
    file_room = std::min(file_columns, half);
    const std::size_t rest = columns - std::min(columns, file_room + kGap.size());
    if (rest < kMinCaseColumns && rest < wanted) {
      name.clear();
      file_room = columns;
    } else {
      name = std::string(kGap) + painted(look, Style::kBold, cut_end(name, rest, mark_of(look)));
    }
  }
  return cut_start(file, file_room, mark_of(look)) + name;
}

/// One row a unit: age, who runs it, file and case, in columns.
std::vector<std::string> running_lines(const std::vector<RunningUnit>& units, const Look& look,
                                       std::size_t columns, TimePoint now) {
  std::size_t place_columns = 0;
  for (const RunningUnit& unit : units)
    place_columns = std::max(place_columns, columns_of(place_text(unit, look)));
  place_columns = std::min(place_columns, kMaxPlaceColumns);
  const std::size_t front = kAgeColumns + kGap.size();
  std::size_t room = columns > front ? columns - front : 0;
  // The place is worth showing while the file keeps most of the line.
  const bool has_place = (place_columns + kGap.size()) * 3 <= room;
  if (has_place) room -= place_columns + kGap.size();
  std::vector<std::string> lines;
  for (const RunningUnit& unit : units) {
    const double age = std::chrono::duration<double>(now - unit.longest_since()).count();
    const std::string clock = pad_left(age_text(age), kAgeColumns);
    if (room == 0) {
      lines.push_back(cut_end(clock, columns, ""));
      continue;
    }
    std::string line = painted(look, Style::kYellow, clock) + std::string(kGap);
    if (has_place) {
      // What tells the machines of one domain apart stands in front, the worker at the end.
      const std::string place = cut_start(place_text(unit, look), place_columns, mark_of(look));
      line += painted(look, Style::kDim, pad_right(place, place_columns)) + std::string(kGap);
    }
    lines.push_back(line + row_text(unit, look, room));
  }
  return lines;
}

}  // namespace

std::vector<std::string> live_frame(const Summary& summary, const Activity& activity,
                                    const Look& look, TerminalSize size, TimePoint now) {
  const std::size_t columns = std::max<std::size_t>(size.columns, 2) - 1;
  std::vector<std::string> lines;
  lines.emplace_back();
  lines.push_back(progress_line(summary, activity, look, columns, now));
  if (activity.waiting().empty()) {
    lines.push_back(workers_line(summary, activity, look, columns));
  } else {
    for (std::string& line : waiting_lines(activity, look, columns)) {
      lines.push_back(std::move(line));
    }
  }
  // A third of the window: what is printed above should stay in sight.
  std::vector<RunningUnit> units = long_running(activity, now);
  units.resize(std::min({size.rows / 3, kMaxRunning, units.size()}));
  for (std::string& line : running_lines(units, look, columns, now))
    lines.push_back(std::move(line));
  const std::size_t allowed = std::max<std::size_t>(size.rows, 2) - 1;
  if (lines.size() > allowed) {
    // A window of a few rows: no empty line above, the progress first.
    lines.erase(lines.begin());
    lines.resize(std::min(lines.size(), allowed));
  }
  return lines;
}

}  // namespace gorgon::report
