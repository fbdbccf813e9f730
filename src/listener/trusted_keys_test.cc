#include "listener/trusted_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "base/signature.h"

namespace gorgon::listener {
namespace {

using testing::HasSubstr;

PublicKey some_key() { return PrivateKey::generate().public_key(); }

class TrustedKeysTest : public testing::Test {
 protected:
  TempDir folder_ = TempDir::make("gorgon-trusted-keys-test-").value();
  fs::path file_ = folder_.path() / "listener" / "trusted_keys";
};

TEST_F(TrustedKeysTest, ReadsKeysWithRightsAndNames) {
  const PublicKey ann = some_key();
  const PublicKey ci = some_key();
  ASSERT_TRUE(write_file(
      file_,
      "# Whose jobs\n\n" + ann.text() + " run,cancel  Ann, at her desk \n  " + ci.text() + "\texec",
      0600));
  const auto keys = read_trusted_keys(file_);
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].key, ann);
  EXPECT_EQ((*keys)[0].rights, (std::set{Right::kRun, Right::kCancel}));
  EXPECT_EQ((*keys)[0].name, "Ann, at her desk");
  EXPECT_EQ((*keys)[1].key, ci);
  EXPECT_EQ((*keys)[1].rights, std::set{Right::kExec});
  EXPECT_EQ((*keys)[1].name, "");
}

TEST_F(TrustedKeysTest, AWrongLineIsNamed) {
  const std::string key = some_key().text();
  for (const std::string& line :
       {std::string("ed25519:abc run"), key, key + " ", key + " rum", key + " run,", key + " ,run",
        key + " run;exec", "x" + key + " run"}) {
    ASSERT_TRUE(write_file(file_, "# one\n" + line + "\n", 0600));
    const auto keys = read_trusted_keys(file_);
    ASSERT_FALSE(keys) << line;
    EXPECT_EQ(keys.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(keys.error().message, HasSubstr("trusted_keys:2: ")) << line;
  }
}

TEST_F(TrustedKeysTest, AMisspelledRightIsAnsweredWithTheNearest) {
  EXPECT_THAT(parse_rights("run,cancle").error().message, HasSubstr("did you mean \"cancel\"?"));
}

TEST_F(TrustedKeysTest, AFileThatOthersMayWriteIsRefused) {
  ASSERT_TRUE(write_file(file_, some_key().text() + " run\n", 0600));
  ASSERT_EQ(::chmod(file_.c_str(), 0620), 0);
  EXPECT_EQ(read_trusted_keys(file_).error().kind, ErrorKind::kRefused);
  ASSERT_EQ(::chmod(file_.c_str(), 0644), 0);
  EXPECT_TRUE(read_trusted_keys(file_));
  fs::remove(file_);
  EXPECT_EQ(read_trusted_keys(file_).error().kind, ErrorKind::kNotFound);
}

TEST_F(TrustedKeysTest, TrustAddsALineAndKeepsTheOthers) {
  const TrustedKey ann{.key = some_key(), .rights = {Right::kRun}, .name = "Ann"};
  const TrustedKey ci{.key = some_key(), .rights = {Right::kRun, Right::kExec}, .name = {}};
  const auto first = trust(file_, ann);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(*first);
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms(0600));
  ASSERT_TRUE(write_file(file_, *read_file(file_) + "# the machine room:", 0600));
  ASSERT_TRUE(trust(file_, ci));
  EXPECT_THAT(*read_file(file_), HasSubstr(ann.key.text() + " run Ann\n# the machine room:\n" +
                                           ci.key.text() + " run,exec\n"));
}

TEST_F(TrustedKeysTest, TrustReplacesTheLineOfAKnownKey) {
  const PublicKey key = some_key();
  ASSERT_TRUE(trust(file_, {.key = key, .rights = {Right::kRun}, .name = "Ann"}));
  ASSERT_TRUE(trust(file_, {.key = some_key(), .rights = {Right::kRun}, .name = "Ben"}));
  const auto again = trust(file_, {.key = key, .rights = {Right::kCancel}, .name = "Anna"});
  ASSERT_TRUE(again);
  EXPECT_TRUE(*again);
  const auto keys = read_trusted_keys(file_);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ(keys->front().rights, std::set{Right::kCancel});
  EXPECT_EQ(keys->front().name, "Anna");
}

TEST_F(TrustedKeysTest, TrustLeavesABrokenFileAlone) {
  ASSERT_TRUE(write_file(file_, "hello\n", 0600));
  EXPECT_FALSE(trust(file_, {.key = some_key(), .rights = {Right::kRun}, .name = "Ann"}));
  EXPECT_EQ(*read_file(file_), "hello\n");
  fs::remove(file_);
  EXPECT_FALSE(trust(file_, {.key = some_key(), .rights = {Right::kRun}, .name = "An\nn"}));
  EXPECT_FALSE(fs::exists(file_));
}

}  // namespace
}  // namespace gorgon::listener
