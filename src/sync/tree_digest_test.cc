#include "sync/tree_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "sync/rsync.h"

namespace gorgon::sync {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class TreeDigestTest : public testing::Test {
 protected:
  void SetUp() override {
    write("a/b.rb", "one");
    write("a/c.rb", std::string(700'000, 'x'));
    write("empty", "");
    fs::create_directory(tree_ / "folder");
    fs::create_symlink("a/b.rb", tree_ / "link");
    fs::create_symlink("nowhere", tree_ / "broken");
  }
  void write(const std::string& path, const std::string& text) const {
    ASSERT_TRUE(write_file(tree_ / path, text, 0644));
  }
  Result<std::string> digest_of(const fs::path& tree) {
    return run_to_completion(io_, tree_digest(tree));
  }
  std::string digest() {
    const auto digest = digest_of(tree_);
    EXPECT_TRUE(digest) << digest.error().message;
    return digest.value_or("");
  }

  asio::io_context io_{1};
  TempDir folder_ = TempDir::make("gorgon-tree-digest-test-").value();
  fs::path tree_ = folder_.path() / "tree";
};

TEST_F(TreeDigestTest, AnyChangeShows) {
  const std::string before = digest();
  EXPECT_THAT(before, StartsWith("blake2b:"));
  EXPECT_EQ(digest(), before);
  const std::function<void()> changes[] = {
      [&] { write("a/b.rb", "two"); },
      [&] { write("a/c.rb", std::string(699'999, 'x') + "y"); },
      [&] { write("d.rb", ""); },
      [&] { fs::remove(tree_ / "empty"); },
      [&] { fs::remove(tree_ / "folder"); },
      [&] { fs::rename(tree_ / "d.rb", tree_ / "e.rb"); },
      [&] { ::chmod((tree_ / "a/b.rb").c_str(), 0755); },
      [&] { ::chmod((tree_ / "a").c_str(), 0700); },
      [&] {
        fs::remove(tree_ / "link");
        fs::create_symlink("a/c.rb", tree_ / "link");
      },
      [&] {
        fs::remove(tree_ / "link");
        write("link", "a/c.rb");
      },
      [&] {
        fs::remove(tree_ / "broken");
        fs::create_directory(tree_ / "broken");
      }};
  std::string last = before;
  for (const auto& change : changes) {
    change();
    const std::string now = digest();
    EXPECT_NE(now, last);
    last = now;
  }
}

TEST_F(TreeDigestTest, TimesAndPlacesDoNotCount) {
  const std::string before = digest();
  fs::last_write_time(tree_ / "a/b.rb", fs::file_time_type::clock::now() - std::chrono::hours(5));
  ::chmod(tree_.c_str(), 0700);
  const fs::path moved = folder_.path() / "other place";
  fs::rename(tree_, moved);
  EXPECT_EQ(digest_of(moved).value_or(""), before);
}

TEST_F(TreeDigestTest, ACopyByRsyncIsTheSame) {
  RsyncRun run{.source = tree_.string() + "/", .destination = (folder_.path() / "copy/").string()};
  const auto copied = run_to_completion(io_, run_rsync(std::move(run)));
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(digest_of(folder_.path() / "copy").value_or(""), digest());
}

TEST_F(TreeDigestTest, WhatCannotBeReadIsAnError) {
  ASSERT_EQ(::mkfifo((tree_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(digest_of(tree_).error().message, HasSubstr("pipe is no file"));
  EXPECT_THAT(digest_of(folder_.path() / "none").error().message, HasSubstr("cannot read"));
}

TEST_F(TreeDigestTest, OthersOnTheEventLoopGoOn) {
  // A hole: takes many turns to digest, and no time to write.
  fs::resize_file(tree_ / "empty", std::uintmax_t{64} * 1024 * 1024);
  bool is_done = false;
  int turns = 0;
  spawn(io_.get_executor(), [](bool& done, int& count) -> Task<void> {
    while (!done) {
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      ++count;
    }
  }(is_done, turns));
  EXPECT_NE(digest(), "");
  is_done = true;
  EXPECT_GT(turns, 1);
  io_.run();
}

}  // namespace
}  // namespace gorgon::sync
