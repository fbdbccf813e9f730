#include "plan/failed_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::plan {
namespace {

using ::testing::HasSubstr;

class FailedFilesTest : public ::testing::Test {
 protected:
  TempDir folder_ = *TempDir::make("gorgon-failed-files-test-");
  fs::path file_ = folder_.path() / "tmp/failed.json";
};

TEST_F(FailedFilesTest, ListIsReadBackInItsOrder) {
  const std::vector<std::string> paths = {"spec/b_spec.rb", "spec/a \"ö\"\n_spec.rb"};
  ASSERT_TRUE(write_failed_files(file_, paths));
  EXPECT_EQ(read_file(file_), "[\n  \"spec/b_spec.rb\",\n  \"spec/a \\\"ö\\\"\\n_spec.rb\"\n]\n");
  EXPECT_EQ(read_failed_files(file_), paths);
}

TEST_F(FailedFilesTest, RunWithoutFailuresClearsTheList) {
  ASSERT_TRUE(write_failed_files(file_, std::vector<std::string>{"a"}));
  ASSERT_TRUE(write_failed_files(file_, {}));
  EXPECT_EQ(read_file(file_), "[]\n");
}

TEST_F(FailedFilesTest, WhatIsNoListIsRefused) {
  EXPECT_EQ(read_failed_files(file_).error().kind, ErrorKind::kNotFound);
  for (const std::string_view text : {"", "{}", "[1]", "[\"a\"", "\"a\""}) {
    ASSERT_TRUE(write_file(file_, text));
    const auto read = read_failed_files(file_);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(read.error().message, HasSubstr("failed.json: expected a JSON array of strings"));
  }
}

}  // namespace
}  // namespace gorgon::plan
