// A secret that this process makes and later recognizes: who shows it has been told it.
#pragma once

#include <string>
#include <string_view>

namespace gorgon {

/// 43 characters of [A-Za-z0-9_-]: 32 bytes of the system's random source in unpadded base64url.
[[nodiscard]] std::string random_secret();

/// Whether both are the same; the time that takes tells of `shown` its length alone.
[[nodiscard]] bool is_secret(std::string_view secret, std::string_view shown);

}  // namespace gorgon
