#include "config/quarantine_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class QuarantineFileTest : public ::testing::Test {
 protected:
  void write(std::string_view text) {
    ASSERT_TRUE(write_file(folder_.path() / kQuarantineFile, text));
  }
  std::string error_of(std::string_view text) {
    write(text);
    const auto loaded = load_quarantine(folder_.path());
    return loaded ? "no error" : loaded.error().message;
  }
  TempDir folder_ = *TempDir::make("gorgon-quarantine");
};

TEST_F(QuarantineFileTest, NoFileIsNoQuarantine) {
  const auto loaded = load_quarantine(folder_.path());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(*loaded, IsEmpty());
}

TEST_F(QuarantineFileTest, EntriesComeWithTheirLines) {
  write(R"({
  // Both wait for the new clock.
  "quarantine": [
    {"file": "./spec/a_spec.rb", "case": "a works", "owner": "ann", "reason": "clock", "expires": "2026-02-28"},
    {"file": "spec/b_spec.rb", "owner": "bob", "reason": "net", "expires": "2024-02-29"},
  ],
})");
  const auto loaded = load_quarantine(folder_.path());
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_THAT(*loaded, SizeIs(2));
  EXPECT_EQ((*loaded)[0].file, "spec/a_spec.rb");
  EXPECT_EQ(title_of((*loaded)[0]), "spec/a_spec.rb: a works");
  EXPECT_EQ((*loaded)[0].line, 4U);
  EXPECT_EQ((*loaded)[1].expires, std::chrono::year(2024) / 2 / 29);
  EXPECT_EQ(title_of((*loaded)[1]), "spec/b_spec.rb");
}

TEST_F(QuarantineFileTest, HoldsUntilTheEndOfItsLastDay) {
  const QuarantineEntry entry{.expires = std::chrono::year(2026) / 11 / 30};
  EXPECT_FALSE(is_expired(entry, std::chrono::year(2026) / 11 / 30));
  EXPECT_TRUE(is_expired(entry, std::chrono::year(2026) / 12 / 1));
}

TEST_F(QuarantineFileTest, EveryEntryHasAnOwnerAReasonAndAnEnd) {
  const std::string error = error_of("{\"quarantine\": [\n{\"file\": \"a\", \"owner\": \"\"}]}");
  EXPECT_THAT(error, HasSubstr("gorgon_quarantine.json:2: quarantine[0].owner: is missing"));
  EXPECT_THAT(error, HasSubstr("quarantine[0].reason: is missing"));
  EXPECT_THAT(error, HasSubstr("quarantine[0].expires: is missing"));
}

TEST_F(QuarantineFileTest, OddValuesAreNamed) {
  EXPECT_THAT(
      error_of(
          R"({"quarantine": [{"file": "a", "owner": "b", "reason": "c", "expires": "2026-02-30"}]})"),
      HasSubstr("quarantine[0].expires: expected a day like \"2026-12-31\""));
  EXPECT_THAT(error_of(R"({"quarantine": [{"fil": "a"}]})"), HasSubstr("file"));
  EXPECT_THAT(error_of(R"({"quarantine": {}})"), HasSubstr("expected an array"));
  EXPECT_THAT(error_of(R"({"quarantined": []})"), HasSubstr("quarantine"));
  EXPECT_THAT(error_of("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(error_of("{"), HasSubstr("gorgon_quarantine.json:1"));
  for (const char* file : {"/spec/a_spec.rb", "../a_spec.rb"}) {
    EXPECT_THAT(error_of(std::string(R"({"quarantine": [{"file": ")") + file +
                         R"(", "owner": "b",)"
                         R"("reason": "c", "expires": "2026-01-01"}]})"),
                HasSubstr("quarantine[0].file: expected the file as reports have it"))
        << file;
  }
}

}  // namespace
}  // namespace gorgon::config
