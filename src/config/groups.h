// "groups" and "overrides" of gorgon.json: which test files must not run beside which others, and
// have limits of their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::config {

/// Test files that share something there is not enough of.
struct Group {
  std::optional<std::uint32_t> per_host;  ///< At most so many at a time on one machine,
  std::optional<std::uint32_t> total;     ///< and in the whole run.
  bool alone = false;                     ///< Beside no other file of the run on its machine.
  friend bool operator==(const Group&, const Group&) = default;
};
using Groups = std::map<std::string, Group>;

/// For the files that it names. Of several that match, the first that says something counts.
struct Override {
  std::vector<std::string> files;                        ///< As ProjectConfig::files.
  std::string group;                                     ///< A key of Groups; empty: says nothing.
  std::optional<std::chrono::duration<double>> timeout;  ///< Timeouts::unit
  std::optional<std::chrono::duration<double>> case_timeout;  ///< Timeouts::test_case
};

/// 1 to 64 of a-z, A-Z, 0-9, "_" and "-": they become names of files.
[[nodiscard]] bool is_group_name(std::string_view name);

}  // namespace gorgon::config
