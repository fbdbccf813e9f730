// The data of the HTML report: events as the lines of JSON that its page reads. html_records.cc has
// their grammar.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/past.h"
#include "report/summary.h"
#include "results/run_event.h"

namespace gorgon::report {

/// How much text of tests a page still takes. What passed must not crowd out what failed.
struct TextBudget {
  std::size_t failure_bytes = std::size_t{32} * 1024 * 1024;  ///< Messages, backtraces, output.
  std::size_t passed_bytes = std::size_t{16} * 1024 * 1024;   ///< Output of what passed.
};

/// What is known of a run as a whole.
struct RunHead {
  std::string job;        ///< Empty: the run ended before it began.
  double started_at = 0;  ///< Unix seconds.
  std::vector<std::string> arguments;
  results::RunFinished finished;
  bool goes_on = false;  ///< Only `seconds` of `finished` says something.
  std::size_t flaky_cases = 0;
  std::string artifacts_link;  ///< Relative path to the folder of the artifacts; empty: no links.
};

/// Fit for a `script` element of any HTML page: without "<", and without the characters that end a
/// line of JavaScript. A JSON object.
[[nodiscard]] std::string head_json(const RunHead& head, const Summary& summary,
                                    std::span<const PastRun> past);
/// The same for one event, a JSON array; empty for events that the page does not show. What comes
/// once `budget` is used up is left out, and says so. `past`: for the cases of a UnitFinished.
[[nodiscard]] std::string record_json(const results::RunEvent& event, const Past& past,
                                      TextBudget& budget);

}  // namespace gorgon::report
