// The parts of the HTML report's page: src/report/page, as it was when this binary was built.
#pragma once

#include <span>

#include "base/embedded_file.h"

namespace gorgon::report {

/// In the order of their names.
[[nodiscard]] std::span<const EmbeddedFile> page_files();

}  // namespace gorgon::report
