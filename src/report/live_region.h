// The lines at the bottom of a terminal that are drawn over again and again, under text that
// scrolls up as usual.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/live_frame.h"

namespace gorgon::report {

/// Composes what to write to a terminal; writes nothing itself.
///
/// Between two drawings the cursor rests at the start of the region's first line. Whatever happens
/// to the window in between, and whatever another program prints, the next drawing begins where the
/// cursor is and erases everything below it, so that neither a resize (which some terminals answer
/// with wrapping the lines anew, some with cutting them) nor a stop and continue leaves old lines
/// behind. It does so from the second line on: tmux takes an erasure from the top left corner for
/// "clear the screen" and saves the old lines in its history. Uses CR, LF, CUU, EL and ED (ECMA-48
/// §8.3) alone, which every terminal that calls itself one has.
class LiveRegion {
 public:
  /// Draws `lines` over the region. Empty when they are there already.
  [[nodiscard]] std::string draw(const std::vector<std::string>& lines, TerminalSize size);
  /// Takes the region away; the cursor is then where it began. Empty when there is none.
  [[nodiscard]] std::string erase();
  [[nodiscard]] bool is_drawn() const { return is_drawn_; }

 private:
  bool is_drawn_ = false;
  std::vector<std::string> lines_;
  TerminalSize size_;
};

}  // namespace gorgon::report
