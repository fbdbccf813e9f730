// Bytes as text: base64 with padding (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gorgon {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nullopt: it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace gorgon
