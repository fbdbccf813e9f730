#include "runner/opened_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <string>
#include <utility>

#include "base/files.h"
#include "support/tree.h"

namespace gorgon::runner {
namespace {

using testing::UnorderedElementsAre;

class OpenedFilesTest : public testing::Test {
 protected:
  OpenedFilesTest() {
    for (const char* name : {"a", "b", "in/c", "in/deep/d", "other/e"})
      test::write(tree_ / name, "text");
  }
  OpenedFiles watch() {
    auto watched = OpenedFiles::watch(io_.get_executor(), tree_, {"in", "in/deep", "other"});
    EXPECT_TRUE(watched) << watched.error().message;
    return *std::move(watched);
  }
  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-opened-files-test-").value();
  fs::path tree_ = directory_.path();
};

TEST_F(OpenedFilesTest, WhateverAProcessOpensIsSeen) {
  auto opened = watch();
  test::shell(tree_, "cat a; ls in; cat < in/deep/d; sh -c 'cat /proc/self/cwd/other/e'");
  EXPECT_THAT(opened.finish(),
              testing::Optional(UnorderedElementsAre("a", "in", "in/deep/d", "other/e")));
}

TEST_F(OpenedFilesTest, WhatIsNotOpenedIsNot) {
  auto opened = watch();
  test::shell(tree_, "test -e a; stat b; rm in/c; mv a z");
  EXPECT_THAT(opened.finish(), testing::Optional(testing::IsEmpty()));
}

TEST_F(OpenedFilesTest, TheTreeItselfHasNoName) {
  auto opened = watch();
  test::shell(tree_, "ls .");
  EXPECT_THAT(opened.finish(), testing::Optional(UnorderedElementsAre("")));
}

TEST_F(OpenedFilesTest, MoreThanCanBeSeenIsSaid) {
  auto opened = watch();
  // Nobody reads while the kernel's queue fills up.
  test::shell(
      tree_,
      "for i in $(seq $(cat /proc/sys/fs/inotify/max_queued_events)); do : < a; : < b; done");
  EXPECT_EQ(opened.finish(), std::nullopt);
}

TEST_F(OpenedFilesTest, AFolderThatIsNotThereIsAnError) {
  EXPECT_FALSE(OpenedFiles::watch(io_.get_executor(), tree_, {"none"}));
}

}  // namespace
}  // namespace gorgon::runner
