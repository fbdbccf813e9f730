// Text that tests and machines wrote, made fit for a terminal: harmless bytes, widths in columns.
// Knows nothing of runs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::report {

/// `text` as lines (without their ends) that can be written to any terminal: whole escape sequences
/// (ECMA-48 CSI, OSC, DCS and the like) are taken out, other control characters become their
/// visible picture (U+2400…), bytes that are not UTF-8, C1 controls and characters that reorder the
/// text around them become U+FFFD. "\r\n", "\r" and the Unicode line separators end a line as "\n"
/// does. Tabs become spaces up to the next multiple of eight columns. A line end at the very end
/// starts no further line; an empty text has no lines.
[[nodiscard]] std::vector<std::string> safe_lines(std::string_view text);

/// The same on one line: line ends and runs of blanks become one space, blanks at the ends go away.
[[nodiscard]] std::string safe_line(std::string_view text);

/// Columns that `text` (valid UTF-8 without control characters, as the functions above give it)
/// takes on a terminal: 2 for East Asian wide characters and emoji, 0 for combining ones. From the
/// C++ program's own table, so that it does not depend on the locale.
[[nodiscard]] std::size_t columns_of(std::string_view text);

/// `text` cut to at most `columns` columns; a cut text ends in `mark` ("…" or "..."), never in half
/// a character. Where not even the mark fits, the text is cut without it.
[[nodiscard]] std::string cut_end(std::string_view text, std::size_t columns,
                                  std::string_view mark);
/// As cut_end, but keeps the end of the text: what tells long paths apart stands there.
[[nodiscard]] std::string cut_start(std::string_view text, std::size_t columns,
                                    std::string_view mark);

/// `text` (as for columns_of, one line) in lines of at most `columns` columns, broken at blanks
/// where it has some and within words that are too long. Empty text has no lines; `columns` is at
/// least 2.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// `text` with blanks behind (or in front) up to `columns` columns; longer text stays as it is.
[[nodiscard]] std::string pad_right(std::string text, std::size_t columns);
[[nodiscard]] std::string pad_left(std::string text, std::size_t columns);

/// `argument` as one word of a POSIX shell's command line: as it is when nothing in it is special,
/// else in single quotes; with control characters or invalid UTF-8, in $'…' quotes, which bash,
/// zsh, ksh and POSIX 2024 know.
[[nodiscard]] std::string shell_quoted(std::string_view argument);

}  // namespace gorgon::report
