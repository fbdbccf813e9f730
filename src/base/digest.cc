#include "base/digest.h"

#include <sodium.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"

namespace gorgon {

namespace {
constexpr std::size_t kBytes = 32;
}  // namespace

struct Digest::State {
  crypto_generichash_state library{};
};

Digest::Digest() : state_(std::make_unique<State>()) {
  GORGON_CHECK(::sodium_init() >= 0);
  ::crypto_generichash_init(&state_->library, nullptr, 0, kBytes);
}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::add(std::string_view bytes) {
  ::crypto_generichash_update(&state_->library,
                              reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string Digest::finish() {
  std::array<unsigned char, kBytes> bytes{};
  ::crypto_generichash_final(&state_->library, bytes.data(), bytes.size());
  std::array<char, 2 * kBytes + 1> digits{};
  ::sodium_bin2hex(digits.data(), digits.size(), bytes.data(), bytes.size());
  return std::string("blake2b:") + digits.data();
}

std::string sha256_base64(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  ::crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size());
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::array<char, sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, kVariant)> text{};
  ::sodium_bin2base64(text.data(), text.size(), hash.data(), hash.size(), kVariant);
  return text.data();
}

}  // namespace gorgon
