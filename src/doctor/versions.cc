#include "doctor/versions.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <vector>

namespace gorgon::doctor {

std::vector<std::uint32_t> numbers_of(std::string_view version) {
  std::vector<std::uint32_t> numbers;
  const char* at = version.data();
  const char* const end = at + version.size();
  for (;;) {
    std::uint32_t number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return numbers;
    numbers.push_back(number);
    if (rest == end || *rest != '.') return numbers;
    at = rest + 1;
  }
}

bool is_older(std::string_view version, std::string_view than) {
  return std::ranges::lexicographical_compare(numbers_of(version), numbers_of(than));
}

Distance distance(std::string_view one, std::string_view other, std::size_t series) {
  if (one == other) return Distance::kSame;
  std::vector<std::uint32_t> left = numbers_of(one);
  std::vector<std::uint32_t> right = numbers_of(other);
  left.resize(series);
  right.resize(series);
  return left == right ? Distance::kPatch : Distance::kSeries;
}

}  // namespace gorgon::doctor
