#include "report/look.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "report/display_text.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::Verdict;

namespace {

std::string_view code_of(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "1";
    case Style::kDim:
      return "2";
    case Style::kRed:
      return "31";
    case Style::kBoldRed:
      return "1;31";
    case Style::kGreen:
      return "32";
    case Style::kYellow:
      return "33";
  }
  return "";
}

}  // namespace

std::string painted(const Look& look, Style style, std::string_view text) {
  if (!look.color || style == Style::kPlain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(style), text);
}

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "PASS";
    case Verdict::kFailed:
      return "FAIL";
    case Verdict::kCrashed:
      return "CRASH";
    case Verdict::kTimedOut:
      return "TIMEOUT";
    case Verdict::kCancelled:
      return "CANCEL";
    case Verdict::kLost:
      return "LOST";
  }
  return "LOST";
}

Style style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return Style::kGreen;
    case Verdict::kCancelled:
      return Style::kYellow;
    case Verdict::kFailed:
    case Verdict::kCrashed:
    case Verdict::kTimedOut:
    case Verdict::kLost:
      return Style::kBoldRed;
  }
  return Style::kBoldRed;
}

std::string title_of(const results::Unit& unit) {
  std::string title;
  for (const std::string& word : results::words_for(unit.file, unit.filter.places))
    title += (title.empty() ? "" : " ") + safe_line(word);
  if (!unit.only.empty()) {
    title += fmt::format(" ({} of its cases)", unit.only.size());
  } else if (!unit.except.empty()) {
    title += fmt::format(" (all but {} of its cases)", unit.except.size());
  }
  if (!unit.iteration().empty()) title += fmt::format(" #{}", safe_line(unit.iteration()));
  return title;
}

std::string place_of(const Look& look, std::string_view host, std::string_view worker) {
  const std::string slot = safe_line(worker);
  if (look.is_local || host.empty()) return slot.empty() ? slot : "worker " + slot;
  const std::string name = safe_line(host);
  return slot.empty() ? name : name + ":" + slot;
}

std::string slot_of(const Look& look, std::string_view host, std::string_view worker) {
  if (look.is_local) return "worker " + safe_line(worker);
  return safe_line(host) + ":" + safe_line(worker);
}

std::string age_text(double seconds) {
  seconds = std::clamp(seconds, 0.0, 86400.0 * 99);
  if (seconds < 60) return fmt::format("{:.1f}s", std::floor(seconds * 10) / 10);
  const auto whole = static_cast<long>(seconds);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

std::string clock_text(double seconds) {
  // A day's worth of limit keeps the display short whatever a clock says.
  const auto whole = static_cast<long>(std::clamp(seconds, 0.0, 86400.0 * 99));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
}

std::string seconds_text(double seconds) {
  return human_duration(std::chrono::duration<double>(seconds));
}

}  // namespace gorgon::report
