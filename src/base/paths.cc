#include "base/paths.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace gorgon {

bool is_path_below(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.contains('\0')) return false;
  return std::ranges::none_of(std::filesystem::path(path),
                              [](const std::filesystem::path& part) { return part == ".."; });
}

}  // namespace gorgon
