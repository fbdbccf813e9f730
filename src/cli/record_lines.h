// What is asked of the record of runs, for programs: a JSON object a line. docs/history.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "history/compare.h"
#include "history/store.h"

namespace gorgon::cli {

[[nodiscard]] std::string json_line(const history::RunSummary& run);
[[nodiscard]] std::string json_line(const history::CaseChange& change);
[[nodiscard]] std::string json_line(const history::Slowness& one);
[[nodiscard]] std::string json_line(const history::Flakiness& one);
/// In front of so many changes between two runs.
[[nodiscard]] std::string json_line_of_diff(std::int64_t before, std::int64_t after,
                                            std::size_t changes);
[[nodiscard]] std::string json_line_of_prune(std::int64_t removed);

/// "broken", "slower".
[[nodiscard]] std::string_view name_of(history::CaseChange::Kind kind);

}  // namespace gorgon::cli
