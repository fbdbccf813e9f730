#include "report/spooled_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::report {
namespace {

using ::testing::HasSubstr;

class SpooledFileTest : public ::testing::Test {
 protected:
  TempDir folder_ = TempDir::make("gorgon-spool-").value();
};

TEST_F(SpooledFileTest, FoldersOfDevicesAreRefused) {
  std::filesystem::create_directory_symlink("/dev", folder_.path() / "link");
  for (const fs::path& file :
       {fs::path("/dev/null"), fs::path("/dev/stdout"), fs::path("/dev/fd/1"),
        fs::path("/proc/self/fd/1"), fs::path("/proc/none/report"), fs::path("/sys/report"),
        fs::path("/tmp/../dev/report"), folder_.path() / "link/report"}) {
    const auto made = SpooledFile::make(file);
    ASSERT_FALSE(made) << file;
    EXPECT_EQ(made.error().kind, ErrorKind::kUsage) << file;
    EXPECT_THAT(made.error().message, HasSubstr("cannot write " + file.string())) << file;
  }
}

TEST_F(SpooledFileTest, WhatIsNoFileIsNotReplaced) {
  const fs::path pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(SpooledFile::make(pipe));
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST_F(SpooledFileTest, ALinkIsReplacedAndNotFollowed) {
  ASSERT_TRUE(write_file(folder_.path() / "other", "kept"));
  fs::create_symlink("other", folder_.path() / "link");
  fs::create_symlink("nowhere", folder_.path() / "broken");
  for (const char* name : {"link", "broken"}) {
    SpooledFile file = SpooledFile::make(folder_.path() / name).value();
    file.add("b");
    ASSERT_TRUE(file.finish("a", "c"));
    EXPECT_EQ(read_file(folder_.path() / name).value(), "abc");
  }
  EXPECT_EQ(read_file(folder_.path() / "other").value(), "kept");
}

}  // namespace
}  // namespace gorgon::report
