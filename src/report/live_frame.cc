#include "report/live_frame.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
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

namespace gorgon::report {

namespace {

constexpr std::size_t kMaxBarColumns = 30;
constexpr std::size_t kMinBarColumns = 8;
constexpr std::size_t kNarrowColumns = 30;
constexpr std::size_t kMaxRunning = 8;
constexpr std::size_t kMaxWaiting = 6;
constexpr std::string_view kGap = "  ";

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
  const std::size_t finished = std::min(planned, summary.units().total());
  const std::size_t full = columns * finished / planned;
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
  const std::string done = fmt::format("{}/{}", summary.units().total(), planned);
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
  return cut_end(columns_of(text) > columns && !busy.empty() ? busy : text, columns, mark_of(look));
}

std::string running_line(const RunningUnit& unit, const Look& look, std::size_t columns,
                         TimePoint now) {
  const double age = std::chrono::duration<double>(now - unit.since).count();
  const std::string clock = pad_left(clock_text(age), 6);
  std::string place = place_of(look, unit.host, unit.worker);
  if (unit.attempt > 1) place += fmt::format(", attempt {}", unit.attempt);
  const std::string file = safe_line(unit.file);
  std::size_t room =
      columns > clock.size() + kGap.size() ? columns - clock.size() - kGap.size() : 0;
  // The place is worth showing while the file keeps most of the line.
  const std::size_t place_columns = columns_of(place) + kGap.size();
  const bool has_place = !place.empty() && place_columns * 3 <= room;
  if (has_place) room -= place_columns;
  std::string line =
      painted(look, Style::kDim, clock) + std::string(kGap) + cut_start(file, room, mark_of(look));
  if (has_place) line += std::string(kGap) + painted(look, Style::kDim, place);
  return room == 0 ? cut_end(clock, columns, "") : line;
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
  // At most half of the window: what is printed above should stay in sight.
  const std::size_t room = size.rows / 2 > lines.size() ? size.rows / 2 - lines.size() : 0;
  const std::size_t shown = std::min({room, kMaxRunning, activity.running().size()});
  for (std::size_t i = 0; i < shown; ++i) {
    lines.push_back(running_line(activity.running()[i], look, columns, now));
  }
  const std::size_t allowed = std::max<std::size_t>(size.rows, 2) - 1;
  if (lines.size() > allowed) {
    // A window of a few rows: no empty line above, the progress first.
    lines.erase(lines.begin());
    lines.resize(std::min(lines.size(), allowed));
  }
  return lines;
}

}  // namespace gorgon::report
