#include "sync/scratch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "support/tree.h"

namespace gorgon::sync {
namespace {

class ScratchTest : public testing::Test {
 protected:
  void remove(Scratch& scratch) {
    run_to_completion(io_, [](Scratch& s) -> Task<bool> {
      co_await s.remove();
      co_return true;
    }(scratch));
  }
  static unsigned mode_of(const fs::path& path) {
    struct stat info{};
    ::stat(path.c_str(), &info);
    return info.st_mode & 0777U;
  }
  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-scratch-test-").value();
  fs::path root_ = directory_.path() / "a" / "root";
};

TEST_F(ScratchTest, ADirectoryIsPrivateEmptyAndItsOwn) {
  const auto one = Scratch::make(root_);
  const auto two = Scratch::make(root_);
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->path(), two->path());
  EXPECT_EQ(mode_of(one->path()), 0700U);
  EXPECT_EQ(mode_of(root_), 0700U);
  EXPECT_TRUE(fs::is_empty(one->path()));
}

TEST_F(ScratchTest, ItGoesAwayWithItsOwnerAndItsLock) {
  {
    auto scratch = Scratch::make(root_);
    ASSERT_TRUE(scratch);
    test::write(scratch->path() / "x" / "y");
    const Scratch moved = std::move(*scratch);
    EXPECT_TRUE(fs::exists(moved.path() / "x" / "y"));
  }
  EXPECT_TRUE(fs::is_empty(root_));
}

TEST_F(ScratchTest, OneThatWasLeftCanBeTakenOver) {
  fs::path path;
  {
    auto scratch = Scratch::make(root_);
    ASSERT_TRUE(scratch);
    path = scratch->path();
    test::write(path / "x");
    EXPECT_FALSE(Scratch::take_over(path)) << "its owner lives";
    scratch->leave();
  }
  const auto taken = Scratch::take_over(path);
  ASSERT_TRUE(taken);
  EXPECT_TRUE(fs::exists(taken->path() / "x"));
}

TEST_F(ScratchTest, WhatIsKeptForAFileGoesWithIt) {
  const fs::path file = directory_.path() / "file";
  const auto stays = [&] {
    EXPECT_TRUE(Scratch::make(root_));
    return !fs::is_empty(root_);
  };
  const auto leave_one = [&] {
    test::write(file);
    auto scratch = Scratch::make(root_);
    ASSERT_TRUE(scratch && scratch->keep_while(file));
    scratch->leave();
    EXPECT_TRUE(stays());
  };
  leave_one();
  fs::remove(file);
  EXPECT_FALSE(stays());
  leave_one();
  fs::last_write_time(file, fs::file_time_type::clock::now() - kKeptFor);
  EXPECT_FALSE(stays());
}

TEST_F(ScratchTest, RemovalCopesWithFoldersThatMayNotBeWritten) {
  auto scratch = Scratch::make(root_);
  ASSERT_TRUE(scratch);
  test::write(scratch->path() / "x" / "y" / "z");
  fs::create_directory_symlink("/usr", scratch->path() / "x" / "link");
  ::chmod((scratch->path() / "x" / "y").c_str(), 0000);
  ::chmod((scratch->path() / "x").c_str(), 0500);
  remove(*scratch);
  EXPECT_TRUE(fs::is_empty(root_));
  EXPECT_EQ(mode_of("/usr"), 0755U);
}

TEST_F(ScratchTest, WhatAKilledProcessLeftIsRemovedByTheNextOne) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  const auto child = ::fork();
  if (child == 0) {
    auto scratch = Scratch::make(root_);
    if (scratch) test::write(scratch->path() / "left" / "behind");
    ::write(pipe->write.get(), "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(pipe->read.get(), &byte, 1), 1);
  // Alive: nobody touches it.
  const auto beside = Scratch::make(root_);
  ASSERT_TRUE(beside);
  EXPECT_EQ(test::names_in(root_).find("left/behind") != std::string::npos, true);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto after = Scratch::make(root_);
  ASSERT_TRUE(after);
  EXPECT_EQ(test::names_in(root_).find("left/behind"), std::string::npos);
  EXPECT_TRUE(fs::exists(beside->path()));
}

TEST_F(ScratchTest, ManyAtOnceNeverTakeEachOthersDirectory) {
  std::vector<pid_t> children;
  for (int n = 0; n < 4; ++n) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int round = 0; round < 50; ++round) {
        auto scratch = Scratch::make(root_);
        if (!scratch || !fs::is_directory(scratch->path())) ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(fs::is_empty(root_));
}

TEST_F(ScratchTest, ARootThatIsALinkIsRefused) {
  fs::create_directories(root_.parent_path());
  fs::create_directory_symlink("/tmp", root_);
  const auto scratch = Scratch::make(root_);
  ASSERT_FALSE(scratch);
  EXPECT_EQ(scratch.error().kind, ErrorKind::kIo);
}

TEST_F(ScratchTest, RemovingWhatIsNotThereIsFine) {
  EXPECT_TRUE(run_to_completion(io_, remove_tree_aside(root_ / "nothing")));
}

}  // namespace
}  // namespace gorgon::sync
