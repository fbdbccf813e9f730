#include "base/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/result.h"

namespace gorgon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Test 2 of RFC 8032 §7.1: secret key, public key, message 72, signature.
constexpr const char* kSeed = "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs";
constexpr const char* kPublic = "ed25519:PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
constexpr const char* kSignature =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD-Ps3YiI-vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA";

class SignatureTest : public testing::Test {
 protected:
  TempDir folder_ = TempDir::make("gorgon-signature-test-").value();
  fs::path file_ = folder_.path() / "config" / "key";
};

TEST_F(SignatureTest, SignsAsTheStandardSays) {
  ASSERT_TRUE(write_file(file_, "# note\ned25519-private:" + std::string(kSeed) + "\n", 0600));
  const auto key = PrivateKey::load(file_);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->public_key().text(), kPublic);
  EXPECT_EQ(key->sign("r"), kSignature);
}

TEST_F(SignatureTest, ASignatureHoldsForItsBytesAndItsKeyAlone) {
  const PrivateKey key = PrivateKey::generate();
  const std::string signature = key.sign("run these tests");
  EXPECT_TRUE(key.public_key().verifies(signature, "run these tests"));
  EXPECT_FALSE(key.public_key().verifies(signature, "run those tests"));
  EXPECT_FALSE(PrivateKey::generate().public_key().verifies(signature, "run these tests"));
  for (std::size_t i = 0; i < signature.size(); i += 7) {
    std::string other = signature;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(key.public_key().verifies(other, "run these tests")) << i;
  }
  for (const std::string& other : {std::string(), signature + "A", signature + "=",
                                   signature.substr(1), std::string("not base64!")})
    EXPECT_FALSE(key.public_key().verifies(other, "run these tests")) << other;
}

TEST_F(SignatureTest, APublicKeySurvivesItsText) {
  const PublicKey key = PrivateKey::generate().public_key();
  const auto parsed = PublicKey::parse(key.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, key);
}

TEST_F(SignatureTest, AKeyAndASignatureAreWrittenInOneWay) {
  // libsodium's own reader takes these high bytes for digits.
  EXPECT_FALSE(
      PublicKey::parse("ed25519:1\xd2\x8e\xa6\xbe"
                       "YKxCrfVS_7TyWQHOg7hcvPap\xe9MlrwIaaPcHURo"));
  const PublicKey key = PublicKey::parse(kPublic).value();
  ASSERT_TRUE(key.verifies(kSignature, "r"));
  for (std::size_t i = 0; i < std::string(kSignature).size(); ++i) {
    for (int byte = 0x80; byte <= 0xff; ++byte) {
      std::string other = kSignature;
      other[i] = static_cast<char>(byte);
      ASSERT_FALSE(key.verifies(other, "r")) << i << " " << byte;
    }
  }
}

TEST_F(SignatureTest, NonsenseIsNoPublicKey) {
  const std::string text = PrivateKey::generate().public_key().text();
  for (const std::string& other :
       {std::string(), std::string("ed25519:"), text.substr(8), text + "A", text + " ",
        text.substr(0, text.size() - 1), "rsa:" + text.substr(8), std::string("ssh-ed25519 AAAA"),
        // The neutral element: everything would be signed by it.
        std::string("ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        "ed25519:" + std::string(43, '_')}) {
    const auto parsed = PublicKey::parse(other);
    ASSERT_FALSE(parsed) << other;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kUsage);
  }
}

TEST_F(SignatureTest, ASavedKeyIsItsOwnersAloneAndReadsBack) {
  const PrivateKey key = PrivateKey::generate();
  ASSERT_TRUE(key.save(file_, false));
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto loaded = PrivateKey::load(file_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->public_key(), key.public_key());
}

TEST_F(SignatureTest, AKeyIsOnlyReplacedOnPurpose) {
  const PrivateKey first = PrivateKey::generate();
  ASSERT_TRUE(first.save(file_, false));
  const PrivateKey second = PrivateKey::generate();
  const auto refused = second.save(file_, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRefused);
  EXPECT_EQ(PrivateKey::load(file_)->public_key(), first.public_key());
  ASSERT_TRUE(second.save(file_, true));
  EXPECT_EQ(PrivateKey::load(file_)->public_key(), second.public_key());
}

TEST_F(SignatureTest, AKeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(PrivateKey::generate().save(file_, false));
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
    const auto loaded = PrivateKey::load(file_);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind, ErrorKind::kRefused);
    EXPECT_THAT(loaded.error().message, HasSubstr("chmod 600"));
  }
}

TEST_F(SignatureTest, OtherFilesAreNoKeys) {
  EXPECT_EQ(PrivateKey::load(file_).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(PrivateKey::load(folder_.path()).error().kind, ErrorKind::kUsage);
  for (const std::string& text :
       {std::string(), std::string("hello\n"), std::string("ed25519-private:\n"),
        "ed25519-private:" + std::string(kSeed) + "AA\n", std::string(kPublic) + "\n"}) {
    ASSERT_TRUE(write_file(file_, text, 0600));
    const auto loaded = PrivateKey::load(file_);
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(loaded.error().message, StartsWith(file_.string()));
  }
}

}  // namespace
}  // namespace gorgon
