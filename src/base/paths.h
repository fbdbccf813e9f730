// Questions about paths that other machines name.
#pragma once

#include <string_view>

namespace gorgon {

/// Whether `path` can only lead to something below the folder that it starts from (links in that
/// folder aside): relative, not empty, no "..", no NUL.
[[nodiscard]] bool is_path_below(std::string_view path);

}  // namespace gorgon
