// Lists of texts in one column.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gorgon::history {

/// A JSON array.
[[nodiscard]] std::string as_column(const std::vector<std::string>& texts);
/// What as_column() has made; empty for anything else.
[[nodiscard]] std::vector<std::string> texts_in(std::string_view column);

}  // namespace gorgon::history
