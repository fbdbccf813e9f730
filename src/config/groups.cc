#include "config/groups.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace gorgon::config {

bool is_group_name(std::string_view name) {
  constexpr std::size_t kMostCharacters = 64;
  return !name.empty() && name.size() <= kMostCharacters && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace gorgon::config
