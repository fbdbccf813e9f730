#include "base/secret.h"

#include <sodium.h>

#include <array>
#include <string>
#include <string_view>

#include "base/check.h"

namespace gorgon {

std::string random_secret() {
  GORGON_CHECK(::sodium_init() >= 0);
  std::array<unsigned char, 32> bytes{};
  ::randombytes_buf(bytes.data(), bytes.size());
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kVariant);
  text.pop_back();  // The NUL that the library counts.
  ::sodium_memzero(bytes.data(), bytes.size());
  return text;
}

bool is_secret(std::string_view secret, std::string_view shown) {
  return secret.size() == shown.size() &&
         ::sodium_memcmp(secret.data(), shown.data(), secret.size()) == 0;
}

}  // namespace gorgon
