// Ed25519 signatures: who vouches for some bytes. Knows nothing of what the bytes mean.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gorgon {

/// Says who has signed; everybody may have it.
class PublicKey {
 public:
  /// "ed25519:" and 43 characters of unpadded base64url (RFC 4648 §5). kUsage: anything else, also
  /// bytes that are no key, as after most slips of the hand.
  [[nodiscard]] static Result<PublicKey> parse(std::string_view text);
  /// As parse() takes it.
  [[nodiscard]] std::string text() const;
  /// Whether `signature` is what PrivateKey::sign() of this pair gives for exactly these bytes.
  [[nodiscard]] bool verifies(std::string_view signature, std::string_view bytes) const;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  friend class PrivateKey;
  std::array<unsigned char, 32> bytes_{};
};

/// Signs. Wiped from memory by the destructor.
class PrivateKey {
 public:
  /// From the system's random source.
  [[nodiscard]] static PrivateKey generate();
  /// Reads what save() wrote. kNotFound: there is no such file. kRefused: others than its owner may
  /// read or write it, or it belongs to somebody else. kUsage: it holds no key. kIo.
  [[nodiscard]] static Result<PrivateKey> load(const std::filesystem::path& file);
  PrivateKey(const PrivateKey&) = default;
  PrivateKey& operator=(const PrivateKey&) = default;
  ~PrivateKey();

  /// Writes `file` for its owner alone, and missing folders above it. kRefused: it exists and
  /// `replace` is false. kIo.
  [[nodiscard]] Result<void> save(const std::filesystem::path& file, bool replace) const;
  [[nodiscard]] PublicKey public_key() const;
  /// 86 characters of unpadded base64url.
  [[nodiscard]] std::string sign(std::string_view bytes) const;

 private:
  PrivateKey() = default;
  std::array<unsigned char, 64> bytes_{};  ///< As libsodium has it: the seed, then the public key.
};

}  // namespace gorgon
