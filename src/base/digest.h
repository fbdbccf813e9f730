// A digest of bytes that come in parts: two things with the same digest are the same.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace gorgon {

/// BLAKE2b (RFC 7693) with 32 bytes. Move-only.
class Digest {
 public:
  Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void add(std::string_view bytes);
  /// "blake2b:" and 64 hexadecimal digits. The last call.
  [[nodiscard]] std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 of `bytes` in base64 with padding, as a Content-Security-Policy names a script.
[[nodiscard]] std::string sha256_base64(std::string_view bytes);

}  // namespace gorgon
