#include "support/certificates.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <expected>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace gorgon::test {

namespace {

Result<void> openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  RunOptions options{.spawn = {.argv = std::move(arguments)}, .timeout = std::chrono::seconds(30)};
  asio::io_context io;
  const auto output = run_to_completion(io, run(std::move(options)));
  if (!output) return std::unexpected(output.error());
  if (!output->status.is_success())
    return fail(ErrorKind::kIo, "openssl failed: " + last_lines(output->errors, 5));
  return {};
}

std::vector<std::string> new_key_request(const std::filesystem::path& key,
                                         const std::filesystem::path& out,
                                         const std::string& name) {
  return {"req",    "-newkey",     "ec",         "-pkeyopt", "ec_paramgen_curve:P-256",
          "-nodes", "-keyout",     key.string(), "-out",     out.string(),
          "-subj",  "/CN=" + name, "-x509",      "-days",    "30"};
}

}  // namespace

Result<TestAuthority> TestAuthority::make() {
  TestAuthority authority;
  GORGON_TRY_ASSIGN(authority.folder_, TempDir::make("gorgon-ca-"));
  auto arguments = new_key_request(authority.folder_.path() / "ca.key", authority.ca_file(),
                                   "Gorgon test authority");
  for (const char* extension :
       {"basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"}) {
    arguments.insert(arguments.end(), {"-addext", extension});
  }
  GORGON_TRY(openssl(std::move(arguments)));
  return authority;
}

Result<TestAuthority::Certificate> TestAuthority::issue(
    const std::string& name, const std::string& alternative_names) const {
  Certificate issued{.certificate_file = folder_.path() / (name + ".pem"),
                     .key_file = folder_.path() / (name + ".key")};
  auto arguments = new_key_request(issued.key_file, issued.certificate_file, name);
  arguments.insert(
      arguments.end(),
      {"-CA", ca_file().string(), "-CAkey", (folder_.path() / "ca.key").string(), "-addext",
       "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=" + alternative_names,
       "-addext", "extendedKeyUsage=serverAuth,clientAuth"});
  GORGON_TRY(openssl(std::move(arguments)));
  return issued;
}

}  // namespace gorgon::test
