// A file that travels inside this binary, as it was when that was built: cmake/embed_files.cmake.
#pragma once

#include <string_view>

namespace gorgon {

struct EmbeddedFile {
  std::string_view name;  ///< Below the folder that was embedded.
  std::string_view bytes;
};

}  // namespace gorgon
