// A key file:
//   # comments, one of them with the public key
//   ed25519-private:SEED      32 bytes (RFC 8032 §5.1.5), in unpadded base64url
#include "base/signature.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "base/check.h"
#include "base/files.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon {

namespace {

constexpr std::string_view kPublicPrefix = "ed25519:";
constexpr std::string_view kPrivatePrefix = "ed25519-private:";
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr off_t kMaxKeyFileBytes = 4096;

/// Called before anything else of the library; costs nothing after the first time.
void start_library() { GORGON_CHECK(::sodium_init() >= 0); }

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64_of(std::span<const unsigned char> bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kBase64), '\0');
  ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kBase64);
  text.pop_back();  // Its terminating zero.
  return text;
}

/// Nullopt unless `text` is the one way to write exactly `Size` bytes. libsodium alone is not so
/// strict: version 1.0.18 takes some bytes above 0x7f for digits.
template <std::size_t Size>
std::optional<std::array<unsigned char, Size>> bytes_from_base64(std::string_view text) {
  std::array<unsigned char, Size> bytes{};
  std::size_t count = 0;
  const char* end = nullptr;
  const int failed = ::sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(),
                                         nullptr, &count, &end, kBase64);
  if (failed != 0 || count != Size || end != text.data() + text.size()) return std::nullopt;
  if (base64_of(bytes) != text) return std::nullopt;
  return bytes;
}

/// The text of a file that is its owner's alone.
Result<std::string> read_private_file(const fs::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) return fail(ErrorKind::kNotFound, file.string() + " does not exist");
    return fail_errno("cannot open " + file.string(), errno);
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("cannot read " + file.string(), errno);
  if (!S_ISREG(status.st_mode) || status.st_size > kMaxKeyFileBytes)
    return fail(ErrorKind::kUsage, file.string() + " is no key file");
  if (status.st_uid != ::geteuid())
    return fail(ErrorKind::kRefused, "the private key " + file.string() + " is somebody else's");
  if ((status.st_mode & 077U) != 0) {
    return fail(ErrorKind::kRefused, "others may read or write the private key " + file.string() +
                                         ": chmod 600 it, or make a new one if they may have");
  }
  return read_range(fd.get(), 0, status.st_size);
}

/// Fails when `file` exists, also when it appears meanwhile.
Result<void> write_new_file(const fs::path& file, std::string_view text) {
  std::error_code error;
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) return fail(ErrorKind::kRefused, file.string() + " exists already");
  if (!fd) return fail_errno("cannot write " + file.string(), errno);
  const ssize_t count = ::write(fd.get(), text.data(), text.size());
  if (count == static_cast<ssize_t>(text.size())) return {};
  const int reason = count < 0 ? errno : ENOSPC;
  ::unlink(file.c_str());
  return fail_errno("cannot write " + file.string(), reason);
}

}  // namespace

Result<PublicKey> PublicKey::parse(std::string_view text) {
  start_library();
  const auto bytes = text.starts_with(kPublicPrefix)
                         ? bytes_from_base64<32>(text.substr(kPublicPrefix.size()))
                         : std::nullopt;
  if (!bytes || ::crypto_core_ed25519_is_valid_point(bytes->data()) == 0) {
    return fail(ErrorKind::kUsage, "\"" + std::string(text.substr(0, 80)) +
                                       "\" is no public key: `gorgon keygen` prints one, "
                                       "\"ed25519:\" and 43 characters");
  }
  PublicKey key;
  key.bytes_ = *bytes;
  return key;
}

std::string PublicKey::text() const { return std::string(kPublicPrefix) + base64_of(bytes_); }

bool PublicKey::verifies(std::string_view signature, std::string_view bytes) const {
  start_library();
  const auto parsed = bytes_from_base64<crypto_sign_BYTES>(signature);
  return parsed && ::crypto_sign_verify_detached(parsed->data(), bytes_of(bytes), bytes.size(),
                                                 bytes_.data()) == 0;
}

PrivateKey PrivateKey::generate() {
  start_library();
  PrivateKey key;
  std::array<unsigned char, 32> unused{};
  ::crypto_sign_keypair(unused.data(), key.bytes_.data());
  return key;
}

Result<PrivateKey> PrivateKey::load(const fs::path& file) {
  start_library();
  GORGON_TRY_ASSIGN(std::string text, read_private_file(file));
  std::optional<PrivateKey> key;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.starts_with(kPrivatePrefix)) continue;
    auto seed = bytes_from_base64<32>(line.substr(kPrivatePrefix.size()));
    if (!seed) break;
    PublicKey unused;
    key = PrivateKey();
    ::crypto_sign_seed_keypair(unused.bytes_.data(), key->bytes_.data(), seed->data());
    ::sodium_memzero(seed->data(), seed->size());
  }
  ::sodium_memzero(text.data(), text.size());
  if (!key)
    return fail(ErrorKind::kUsage, file.string() + " is no key file: `gorgon keygen` makes one");
  return *key;
}

PrivateKey::~PrivateKey() { ::sodium_memzero(bytes_.data(), bytes_.size()); }

Result<void> PrivateKey::save(const fs::path& file, bool replace) const {
  std::string text = "# A private key of Gorgon, for its owner alone. Its public key:\n# " +
                     public_key().text() + "\n" + std::string(kPrivatePrefix) +
                     base64_of(std::span(bytes_).first<32>()) + "\n";
  auto written = replace ? write_file(file, text, 0600) : write_new_file(file, text);
  ::sodium_memzero(text.data(), text.size());
  return written;
}

PublicKey PrivateKey::public_key() const {
  PublicKey key;
  ::crypto_sign_ed25519_sk_to_pk(key.bytes_.data(), bytes_.data());
  return key;
}

std::string PrivateKey::sign(std::string_view bytes) const {
  std::array<unsigned char, crypto_sign_BYTES> signature{};
  ::crypto_sign_detached(signature.data(), nullptr, bytes_of(bytes), bytes.size(), bytes_.data());
  return base64_of(signature);
}

}  // namespace gorgon
