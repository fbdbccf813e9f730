#include "report/display_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace gorgon::report {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr char32_t kEscape = 0x1B;
constexpr std::size_t kTabColumns = 8;

struct Range {
  char32_t first;
  char32_t last;
};

// Unicode 15, general categories Mn, Me and Cf and the Hangul vowels and finals that join the
// syllable before them, runs merged where only unassigned code points lie between.
constexpr std::array kZeroWidth = std::to_array<Range>({
    {0x0300, 0x036F},   {0x0483, 0x0489},   {0x0591, 0x05BD},   {0x05BF, 0x05BF},
    {0x05C1, 0x05C2},   {0x05C4, 0x05C5},   {0x05C7, 0x05C7},   {0x0610, 0x061A},
    {0x064B, 0x065F},   {0x0670, 0x0670},   {0x06D6, 0x06DC},   {0x06DF, 0x06E4},
    {0x06E7, 0x06E8},   {0x06EA, 0x06ED},   {0x0711, 0x0711},   {0x0730, 0x074A},
    {0x07A6, 0x07B0},   {0x07EB, 0x07F3},   {0x0816, 0x0819},   {0x081B, 0x0823},
    {0x0825, 0x0827},   {0x0829, 0x082D},   {0x0859, 0x085B},   {0x0898, 0x089F},
    {0x08CA, 0x08E1},   {0x08E3, 0x0902},   {0x093A, 0x093A},   {0x093C, 0x093C},
    {0x0941, 0x0948},   {0x094D, 0x094D},   {0x0951, 0x0957},   {0x0962, 0x0963},
    {0x0981, 0x0981},   {0x09BC, 0x09BC},   {0x09C1, 0x09C4},   {0x09CD, 0x09CD},
    {0x0A01, 0x0A02},   {0x0A3C, 0x0A3C},   {0x0A41, 0x0A51},   {0x0A70, 0x0A71},
    {0x0ABC, 0x0ABC},   {0x0AC1, 0x0AC8},   {0x0ACD, 0x0ACD},   {0x0B3C, 0x0B3C},
    {0x0B3F, 0x0B3F},   {0x0B41, 0x0B44},   {0x0B4D, 0x0B56},   {0x0BC0, 0x0BC0},
    {0x0BCD, 0x0BCD},   {0x0C3C, 0x0C3C},   {0x0C3E, 0x0C40},   {0x0C46, 0x0C56},
    {0x0CBC, 0x0CBC},   {0x0CCC, 0x0CCD},   {0x0D3B, 0x0D3C},   {0x0D41, 0x0D44},
    {0x0D4D, 0x0D4D},   {0x0DCA, 0x0DCA},   {0x0DD2, 0x0DD6},   {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A},   {0x0E47, 0x0E4E},   {0x0EB1, 0x0EB1},   {0x0EB4, 0x0EBC},
    {0x0EC8, 0x0ECE},   {0x0F18, 0x0F19},   {0x0F35, 0x0F35},   {0x0F37, 0x0F37},
    {0x0F39, 0x0F39},   {0x0F71, 0x0F7E},   {0x0F80, 0x0F84},   {0x0F86, 0x0F87},
    {0x0F8D, 0x0FBC},   {0x102D, 0x1030},   {0x1032, 0x1037},   {0x1039, 0x103A},
    {0x103D, 0x103E},   {0x1058, 0x1059},   {0x1160, 0x11FF},   {0x135D, 0x135F},
    {0x1712, 0x1714},   {0x17B4, 0x17B5},   {0x17B7, 0x17BD},   {0x17C6, 0x17C6},
    {0x17C9, 0x17D3},   {0x17DD, 0x17DD},   {0x180B, 0x180F},   {0x1885, 0x1886},
    {0x18A9, 0x18A9},   {0x1920, 0x1922},   {0x1AB0, 0x1ACE},   {0x1B00, 0x1B03},
    {0x1B34, 0x1B34},   {0x1B36, 0x1B3A},   {0x1B6B, 0x1B73},   {0x1DC0, 0x1DFF},
    {0x200B, 0x200F},   {0x2060, 0x2064},   {0x206A, 0x206F},   {0x20D0, 0x20F0},
    {0x2CEF, 0x2CF1},   {0x2DE0, 0x2DFF},   {0x302A, 0x302D},   {0x3099, 0x309A},
    {0xA66F, 0xA672},   {0xA674, 0xA67D},   {0xA69E, 0xA69F},   {0xA6F0, 0xA6F1},
    {0xA802, 0xA802},   {0xA8E0, 0xA8F1},   {0xA926, 0xA92D},   {0xFB1E, 0xFB1E},
    {0xFE00, 0xFE0F},   {0xFE20, 0xFE2F},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},
    {0x101FD, 0x101FD}, {0x1D167, 0x1D169}, {0x1D173, 0x1D182}, {0x1D185, 0x1D18B},
    {0x1E8D0, 0x1E8D6}, {0x1E944, 0x1E94A}, {0xE0001, 0xE007F}, {0xE0100, 0xE01EF},
});

// Unicode 15, East Asian Width W and F, runs merged where only unassigned code points lie between.
constexpr std::array kWide = std::to_array<Range>({
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},
    {0x23F0, 0x23F0},   {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},
    {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},
    {0x3041, 0x3247},   {0x3250, 0x4DBF},   {0x4E00, 0xA4C6},   {0xA960, 0xA97C},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6B},
    {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x1B2FB}, {0x1F004, 0x1F004},
    {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320},
    {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA},
    {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E},
    {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E},
    {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4},
    {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2},
    {0x1F6D5, 0x1F6DF}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7F0},
    {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FAFF},
    {0x20000, 0x3FFFD},
});

bool is_in(std::span<const Range> ranges, char32_t c) {
  // NOLINTNEXTLINE(misc-include-cleaner): <algorithm> is there.
  const auto after = std::ranges::upper_bound(ranges, c, {}, &Range::first);
  return after != ranges.begin() && c <= std::prev(after)->last;
}

std::size_t columns_of_character(char32_t c) {
  if (c < 0x300) return 1;
  if (is_in(kZeroWidth, c)) return 0;
  return is_in(kWide, c) ? 2 : 1;
}

/// Takes the first character off valid UTF-8 text.
char32_t take_char(std::string_view& text) {
  const auto byte = [&](std::size_t i) -> char32_t { return static_cast<unsigned char>(text[i]); };
  const char32_t first = byte(0);
  char32_t c = first;
  std::size_t length = 1;
  if (first >= 0xF0) {
    c = (first & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U |
        (byte(3) & 0x3FU);
    length = 4;
  } else if (first >= 0xE0) {
    c = (first & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
    length = 3;
  } else if (first >= 0xC0) {
    c = (first & 0x1FU) << 6U | (byte(1) & 0x3FU);
    length = 2;
  }
  text.remove_prefix(length);
  return c;
}

/// Takes a control string's text up to and with its end: BEL, ESC \ or U+009C. Gives false, and
/// takes nothing, where it does not end on its line: the rest of an output is not worth hiding.
bool skip_control_string(std::string_view& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const char32_t c = take_char(rest);
    if (c == '\n') return false;
    const bool ends = c == 0x07 || c == 0x9C || (c == kEscape && rest.starts_with('\\'));
    if (!ends) continue;
    if (c == kEscape) rest.remove_prefix(1);
    text = rest;
    return true;
  }
  return false;
}

/// Takes the rest of the escape sequence (ECMA-48 §5.4, §5.6) whose ESC was taken already. Gives
/// false, and takes nothing, where none follows.
bool skip_escape_sequence(std::string_view& text) {
  if (text.empty()) return false;
  const char kind = text.front();
  if (kind == '[') {
    std::string_view rest = text.substr(1);
    while (!rest.empty() && rest.front() >= 0x20 && rest.front() <= 0x3F) rest.remove_prefix(1);
    if (rest.empty() || rest.front() < 0x40 || rest.front() > 0x7E) return false;
    text = rest.substr(1);
    return true;
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    std::string_view rest = text.substr(1);
    if (!skip_control_string(rest)) return false;
    text = rest;
    return true;
  }
  std::string_view rest = text;
  while (!rest.empty() && rest.front() >= 0x20 && rest.front() <= 0x2F) rest.remove_prefix(1);
  if (rest.empty() || rest.front() < 0x30 || rest.front() > 0x7E) return false;
  text = rest.substr(1);
  return true;
}

bool is_line_end(char32_t c) {
  return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/// Characters that reorder the text around them (Unicode Bidirectional Algorithm, UAX #9 §2): one
/// in a test's name could turn our own words around.
bool is_reordering(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
         c == 0x200F || c == 0x061C;
}

/// Appends a character that is no line end, tab or escape.
void append_visible(std::string& line, char32_t c, std::string_view as_written) {
  if (c < 0x20 || c == 0x7F) {
    // U+2400…U+241F picture the C0 controls, U+2421 DEL.
    const auto picture = static_cast<unsigned char>(c == 0x7F ? 0x21 : c);
    line += "\xE2\x90";
    line += static_cast<char>(0x80 + picture);
  } else if ((c >= 0x80 && c < 0xA0) || is_reordering(c)) {
    line += kReplacement;
  } else {
    line += as_written;
  }
}

/// Where to cut `text` so that at most `columns` remain in front.
std::size_t prefix_within(std::string_view text, std::size_t columns) {
  std::string_view rest = text;
  std::size_t used = 0;
  std::size_t end = 0;
  while (!rest.empty()) {
    used += columns_of_character(take_char(rest));
    if (used > columns) break;
    end = text.size() - rest.size();
  }
  return end;
}

}  // namespace

std::vector<std::string> safe_lines(std::string_view text) {
  const std::string valid = valid_utf8(text);
  std::vector<std::string> lines;
  std::string line;
  std::string_view rest = valid;
  bool is_open = false;  // A line has begun, even if nothing of it is visible.
  while (!rest.empty()) {
    const std::string_view before = rest;
    const char32_t c = take_char(rest);
    is_open = true;
    if (is_line_end(c)) {
      if (c == '\r' && rest.starts_with('\n')) rest.remove_prefix(1);
      lines.push_back(std::exchange(line, {}));
      is_open = false;
    } else if (c == '\t') {
      line.append(kTabColumns - columns_of(line) % kTabColumns, ' ');
    } else if (c != kEscape || !skip_escape_sequence(rest)) {
      append_visible(line, c, before.substr(0, before.size() - rest.size()));
    }
  }
  if (is_open) lines.push_back(std::move(line));
  return lines;
}

std::string safe_line(std::string_view text) {
  std::string joined;
  for (const std::string& line : safe_lines(text)) {
    for (const char c : line) {
      if (c != ' ') {
        joined += c;
      } else if (!joined.empty() && joined.back() != ' ') {
        joined += ' ';
      }
    }
    if (!joined.empty() && joined.back() != ' ') joined += ' ';
  }
  if (!joined.empty() && joined.back() == ' ') joined.pop_back();
  return joined;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) columns += columns_of_character(take_char(text));
  return columns;
}

std::string cut_end(std::string_view text, std::size_t columns, std::string_view mark) {
  if (columns_of(text) <= columns) return std::string(text);
  const std::size_t mark_columns = columns_of(mark);
  if (columns < mark_columns) return std::string(text.substr(0, prefix_within(text, columns)));
  return std::string(text.substr(0, prefix_within(text, columns - mark_columns))) +
         std::string(mark);
}

std::string cut_start(std::string_view text, std::size_t columns, std::string_view mark) {
  std::size_t width = columns_of(text);
  if (width <= columns) return std::string(text);
  const std::size_t mark_columns = columns_of(mark);
  const bool has_mark = columns >= mark_columns;
  const std::size_t room = has_mark ? columns - mark_columns : columns;
  while (width > room) width -= columns_of_character(take_char(text));
  // What joins the character just cut would join the mark instead.
  while (!text.empty()) {
    std::string_view rest = text;
    if (columns_of_character(take_char(rest)) != 0) break;
    text = rest;
  }
  return (has_mark ? std::string(mark) : std::string()) + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  columns = std::max<std::size_t>(columns, 2);  // The widest character there is.
  std::vector<std::string> lines;
  std::size_t used = columns;  // Of the last line; there is none yet.
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!lines.empty() && used + 1 + columns_of(word) <= columns) {
      lines.back() += ' ';
      lines.back() += word;
      used += 1 + columns_of(word);
      continue;
    }
    while (!word.empty()) {
      const std::size_t length = prefix_within(word, columns);
      lines.emplace_back(word.substr(0, length));
      used = columns_of(lines.back());
      word.remove_prefix(length);
    }
  }
  return lines;
}

std::string pad_right(std::string text, std::size_t columns) {
  const std::size_t width = columns_of(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

std::string pad_left(std::string text, std::size_t columns) {
  const std::size_t width = columns_of(text);
  if (width < columns) text.insert(0, columns - width, ' ');
  return text;
}

std::string shell_quoted(std::string_view argument) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (argument.empty()) return "''";
  if (argument.find_first_not_of(kPlain) == std::string_view::npos) return std::string(argument);
  const bool is_printable = valid_utf8(argument) == argument &&
                            safe_lines(argument) == std::vector{std::string(argument)};
  std::string quoted = is_printable ? "'" : "$'";
  for (const char c : argument) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_printable) {
      quoted += c == '\'' ? "'\\''" : std::string(1, c);
    } else if (c == '\'' || c == '\\') {
      quoted += std::string("\\") + c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      quoted += fmt::format("\\{:03o}", byte);  // Octal: \x takes further digits in some shells.
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace gorgon::report
