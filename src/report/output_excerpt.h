// Which part of a test's captured output is worth reading first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gorgon::report {

struct OutputExcerpt {
  std::vector<std::string> lines;  ///< Made safe for a terminal; no empty lines at the end.
  std::string note;                ///< What the lines are, when they are not all; else empty.
};

/// All of `text`, or when it is long its last 40 lines: what a test printed last stands nearest to
/// its failure. An interpreter's own crash report ("[BUG] Segmentation fault …" and a thousand
/// lines of memory maps) tells most at its beginning, so there the 40 lines are those around it.
[[nodiscard]] OutputExcerpt excerpt_of_output(std::string_view text, bool wants_all);

}  // namespace gorgon::report
