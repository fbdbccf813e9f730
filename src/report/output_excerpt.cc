#include "report/output_excerpt.h"

#include <fmt/core.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "report/display_text.h"

namespace gorgon::report {

namespace {

constexpr std::size_t kLines = 40;
constexpr std::size_t kLinesBeforeCrash = 10;
constexpr std::size_t kBytes = std::size_t{16} * 1024;
/// What Ruby's rb_bug() prints before everything else (error.c).
constexpr std::string_view kCrashMark = "[BUG] ";

void drop_empty_end(std::vector<std::string>& lines) {
  while (!lines.empty() && lines.back().find_first_not_of(' ') == std::string::npos) {
    lines.pop_back();
  }
}

/// Where the line with the mark begins, or the `lines_before`th line before it.
std::size_t begin_around(std::string_view text, std::size_t mark, std::size_t lines_before) {
  std::size_t begin = mark;
  for (std::size_t line = 0; line <= lines_before; ++line) {
    if (begin == 0) return 0;
    const std::size_t end_before = text.rfind('\n', begin - 1);
    if (end_before == std::string_view::npos) return 0;
    begin = end_before;
  }
  return begin + 1;
}

/// The last kBytes, from a line's beginning where there is one.
std::string_view end_of(std::string_view text) {
  if (text.size() <= kBytes) return text;
  text.remove_prefix(text.size() - kBytes);
  const std::size_t line_end = text.find('\n');
  if (line_end != std::string_view::npos && line_end + 1 < text.size()) {
    text.remove_prefix(line_end + 1);
  }
  return text;
}

OutputExcerpt around_crash(std::string_view text, std::size_t mark) {
  const std::size_t begin = begin_around(text, mark, kLinesBeforeCrash);
  OutputExcerpt excerpt{.lines = safe_lines(text.substr(begin, kBytes)), .note = {}};
  const bool is_cut = begin > 0 || begin + kBytes < text.size() || excerpt.lines.size() > kLines;
  if (excerpt.lines.size() > kLines) excerpt.lines.resize(kLines);
  drop_empty_end(excerpt.lines);
  if (is_cut) {
    excerpt.note = fmt::format("around the crash; -v shows all {} bytes of it", text.size());
  }
  return excerpt;
}

}  // namespace

OutputExcerpt excerpt_of_output(std::string_view text, bool wants_all) {
  if (!wants_all) {
    const std::size_t mark = text.find(kCrashMark);
    if (mark != std::string_view::npos) return around_crash(text, mark);
  }
  const std::string_view shown = wants_all ? text : end_of(text);
  OutputExcerpt excerpt{.lines = safe_lines(shown), .note = {}};
  drop_empty_end(excerpt.lines);
  const bool is_long = !wants_all && excerpt.lines.size() > kLines;
  const std::size_t left_out = is_long ? excerpt.lines.size() - kLines : 0;
  excerpt.lines.erase(excerpt.lines.begin(),
                      excerpt.lines.begin() + static_cast<std::ptrdiff_t>(left_out));
  if (shown.size() < text.size()) {
    excerpt.note = fmt::format("its end; -v shows all {} bytes of it", text.size());
  } else if (left_out > 0) {
    excerpt.note = fmt::format("its end; {} before it left out, -v shows {}",
                               count_of(left_out, "line"), left_out == 1 ? "it" : "them");
  }
  return excerpt;
}

}  // namespace gorgon::report
