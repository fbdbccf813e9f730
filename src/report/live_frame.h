// What the live display shows at one moment. Pure: state in, lines out.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/activity.h"
#include "report/look.h"
#include "report/summary.h"

namespace gorgon::report {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The lines of the display, each at most `size.columns - 1` columns wide (a full line would leave
/// the cursor in the terminal's wrap-pending state), and fewer than `size.rows`. The first is
/// empty: it parts the display from what was printed above, and the cursor rests there.
[[nodiscard]] std::vector<std::string> live_frame(const Summary& summary, const Activity& activity,
                                                  const Look& look, TerminalSize size,
                                                  TimePoint now);

}  // namespace gorgon::report
