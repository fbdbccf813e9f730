// A certificate authority for tests of TLS, made with the openssl program.
#pragma once

#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::test {

/// Blocks while openssl runs (about 20 ms a call). Files live as long as the object.
class TestAuthority {
 public:
  struct Certificate {
    std::filesystem::path certificate_file;
    std::filesystem::path key_file;
  };

  [[nodiscard]] static Result<TestAuthority> make();
  [[nodiscard]] std::filesystem::path ca_file() const { return folder_.path() / "ca.pem"; }
  /// `alternative_names` as openssl takes them: "DNS:localhost,IP:127.0.0.1". Good for servers and
  /// clients.
  [[nodiscard]] Result<Certificate> issue(const std::string& name,
                                          const std::string& alternative_names) const;

 private:
  TempDir folder_;
};

}  // namespace gorgon::test
