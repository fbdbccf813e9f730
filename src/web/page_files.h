// What the pages of `gorgon web` have beside the HTML report's: src/web/page, as it was when this
// binary was built.
#pragma once

#include <span>

#include "base/embedded_file.h"

namespace gorgon::web {

/// In the order of their names.
[[nodiscard]] std::span<const EmbeddedFile> page_files();

}  // namespace gorgon::web
