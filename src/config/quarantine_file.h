// gorgon_quarantine.json: the tests whose failures do not decide a run, who has to mend them, why,
// and for how long they may stay so. docs/quarantine.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/key_row.h"

namespace gorgon::config {

inline constexpr std::string_view kQuarantineFile = "gorgon_quarantine.json";

struct QuarantineEntry {
  std::string file;       ///< Relative to the project, as reports have it.
  std::string test_case;  ///< Name or id of one case; empty: all of the file.
  std::string owner;
  std::string reason;
  std::chrono::year_month_day expires;  ///< The last day on which it holds.
  std::size_t line = 0;                 ///< Where it stands in the file.
};

/// In the order of the file; none without one. kUsage: every mistake, with file, line and key.
[[nodiscard]] Result<std::vector<QuarantineEntry>> load_quarantine(
    const std::filesystem::path& project);

/// Today, where this machine is.
[[nodiscard]] std::chrono::year_month_day local_date();
[[nodiscard]] inline bool is_expired(const QuarantineEntry& entry,
                                     std::chrono::year_month_day today) {
  return entry.expires < today;
}
/// "2026-12-31"
[[nodiscard]] std::string text_of(std::chrono::year_month_day date);
/// "spec/pay_spec.rb: pays with a card", or the file alone.
[[nodiscard]] std::string title_of(const QuarantineEntry& entry);

[[nodiscard]] std::vector<KeyRow> quarantine_rows();

}  // namespace gorgon::config
