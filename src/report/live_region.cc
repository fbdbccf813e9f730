#include "report/live_region.h"

#include <fmt/core.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "report/live_frame.h"

namespace gorgon::report {

namespace {
constexpr std::string_view kEraseLine = "\x1b[K";
constexpr std::string_view kEraseBelow = "\x1b[J";
}  // namespace

std::string LiveRegion::draw(const std::vector<std::string>& lines, TerminalSize size) {
  const bool is_same_size = size.columns == size_.columns && size.rows == size_.rows;
  if (is_drawn_ && is_same_size && lines == lines_) return {};
  std::string text = "\r";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // Old lines are written over one by one, which does not flicker, unless they have moved.
    if (i == 1 && !is_same_size) text += kEraseBelow;
    text += lines[i];
    text += i + 1 < lines.size() ? kEraseLine : kEraseBelow;
    if (i + 1 < lines.size()) text += '\n';
  }
  if (lines.size() > 1) text += fmt::format("\x1b[{}A", lines.size() - 1);
  text += '\r';
  is_drawn_ = true;
  lines_ = lines;
  size_ = size;
  return text;
}

std::string LiveRegion::erase() {
  if (!is_drawn_) return {};
  is_drawn_ = false;
  return fmt::format("\r{}\n{}\x1b[A", kEraseLine, kEraseBelow);
}

}  // namespace gorgon::report
