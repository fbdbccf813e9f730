// Versions of programs as they name themselves, and how far two are apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gorgon::doctor {

/// Of rsync: what the options that Gorgon gives it want, on every machine.
inline constexpr const char* kOldestRsync = "3.2";

/// "3.10.8-rc.1" as 3, 10, 8: the numbers up to the first part that begins with none.
[[nodiscard]] std::vector<std::uint32_t> numbers_of(std::string_view version);

/// 3.9 comes before 3.10, and 3.10 before 3.10.1.
[[nodiscard]] bool is_older(std::string_view version, std::string_view than);

enum class Distance : std::uint8_t {
  kSame,    ///< Word for word.
  kPatch,   ///< The same series: 3.1.2 and 3.1.4.
  kSeries,  ///< Programs of the one need not run with the other.
};
/// `series` numbers make a series: two of Ruby and Python, one of Node.
[[nodiscard]] Distance distance(std::string_view one, std::string_view other, std::size_t series);

}  // namespace gorgon::doctor
