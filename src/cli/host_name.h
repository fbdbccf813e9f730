#pragma once

#include <string>

namespace gorgon::cli {

/// This machine's name up to the first dot.
[[nodiscard]] std::string host_name();

}  // namespace gorgon::cli
