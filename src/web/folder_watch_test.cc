#include "web/folder_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "history/store.h"
#include "originator/journal.h"

namespace gorgon::web {
namespace {

using namespace std::chrono_literals;

class FolderWatchTest : public ::testing::Test {
 protected:
  FolderWatchTest() { spawn(io_.get_executor(), count(watch_, news_)); }

  /// Whether there has been news since the last call; inotify has it at once.
  bool has_news() {
    io_.restart();
    io_.poll();
    const bool has = news_ > 0;
    news_ = 0;
    return has;
  }
  [[nodiscard]] std::filesystem::path own() const { return folder_.path() / ".gorgon"; }

  TempDir folder_ = TempDir::make("gorgon-watch-").value();

 private:
  static Task<void> count(FolderWatch& watch, int& news) {
    for (;;) {
      const auto told = co_await watch.next();
      if (!told) co_return;
      ++news;
    }
  }
  asio::io_context io_;
  FolderWatch watch_ = FolderWatch::make(io_.get_executor(), folder_.path()).value();
  int news_ = 0;
};

TEST_F(FolderWatchTest, TellsOfARecordFromItsBeginToItsEndAndOfTheNextOne) {
  EXPECT_FALSE(has_news());
  std::filesystem::create_directory(own());
  EXPECT_TRUE(has_news());
  {
    auto store = history::Store::open(folder_.path(), true).value();
    EXPECT_TRUE(has_news());
    ASSERT_TRUE(store.database().execute("UPDATE runs SET seconds = 1"));
    ASSERT_TRUE(store.database().execute("PRAGMA user_version = 1"));
    EXPECT_TRUE(has_news());
  }
  EXPECT_TRUE(has_news()) << "the writer has closed it";
  std::filesystem::remove_all(own());
  EXPECT_TRUE(has_news());
  std::filesystem::create_directory(own());
  EXPECT_TRUE(has_news());
  ASSERT_TRUE(write_file(own() / "history.db", "x"));
  EXPECT_TRUE(has_news());
}

TEST_F(FolderWatchTest, TellsOfJournals) {
  std::filesystem::create_directories(own() / "jobs");
  EXPECT_TRUE(has_news());
  ASSERT_TRUE(write_file(own() / "jobs/k2x9.journal", "x"));
  EXPECT_TRUE(has_news());
}

TEST_F(FolderWatchTest, WhatWeReadOurselvesIsNoNews) {
  auto store = history::Store::open(folder_.path(), true).value();
  std::filesystem::create_directories(own() / "jobs");
  ASSERT_TRUE(write_file(own() / "jobs/k2x9.journal", "x"));
  (void)has_news();
  ASSERT_TRUE(store.version());
  ASSERT_TRUE(store.runs(10));
  EXPECT_FALSE(originator::is_running(folder_.path(), "k2x9"));
  EXPECT_TRUE(originator::live_brokers(folder_.path()).empty());
  EXPECT_FALSE(has_news());
  ASSERT_TRUE(write_file(folder_.path() / "other", "x"));
  ASSERT_TRUE(write_file(own() / "runtimes.json", "x"));
  EXPECT_FALSE(has_news());
}

}  // namespace
}  // namespace gorgon::web
