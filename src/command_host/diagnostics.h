// The YAML block behind a test point of TAP. What producers write there is often not quite YAML
// (node-tap, tape, Node's own), so it is read by lines: what cannot be understood is text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

/// Keys of the block's first level, with their values as text: quotes and block marks taken off,
/// what is nested below a key as it stands.
using Diagnostics = std::map<std::string, std::string, std::less<>>;

/// `lines`: those between "---" and "...", without their common indentation.
[[nodiscard]] Diagnostics read_diagnostics(const std::vector<std::string>& lines);

/// Empty when there is no such key.
[[nodiscard]] std::string value_of(const Diagnostics& diagnostics, std::string_view key);
/// Of "duration_ms"; 0 when there is none.
[[nodiscard]] double seconds_of(const Diagnostics& diagnostics);
/// Where the test stands, "path:line", as far as the block tells; else the unit's file.
[[nodiscard]] std::string location_of(const Diagnostics& diagnostics, const ReadUnit& unit);
/// Why it failed; `fallback` is the message when the block has none.
[[nodiscard]] results::Failure failure_of(const Diagnostics& diagnostics, const ReadUnit& unit,
                                          const std::string& fallback);

}  // namespace gorgon::command_host
