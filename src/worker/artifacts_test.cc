#include "worker/artifacts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "protocol/messages.h"

namespace gorgon::worker {
namespace {

class ArtifactWatchTest : public ::testing::Test {
 protected:
  ArtifactWatchTest() : folder_(TempDir::make("artifacts").value()) {
    fs::create_directories(workspace());
  }
  [[nodiscard]] fs::path workspace() const { return folder_.path() / "workspace"; }
  [[nodiscard]] fs::path own() const { return folder_.path() / "own"; }
  [[nodiscard]] ArtifactWatch watch(protocol::ArtifactRules rules) const {
    if (rules.max_unit_bytes == 0) rules.max_unit_bytes = 1000;
    if (rules.max_run_bytes == 0) rules.max_run_bytes = 1000;
    return {std::move(rules), workspace(), own()};
  }
  static void write(const fs::path& file, const std::string& text) {
    ASSERT_TRUE(write_file(file, text));
  }
  static std::vector<std::string> paths(const Harvest& harvest) {
    std::vector<std::string> all;
    all.reserve(harvest.files.size());
    for (const FoundFile& found : harvest.files) all.push_back(found.path);
    return all;
  }
  using Paths = std::vector<std::string>;

 private:
  TempDir folder_;
};

TEST_F(ArtifactWatchTest, TakesWhatChangedSinceTheBeginning) {
  for (const char* name : {"old", "written", "touched"}) write(workspace() / "tmp" / name, "1");
  ArtifactWatch watched = watch({.always = {"tmp/*"}});
  watched.begin();
  write(workspace() / "tmp/new", "1");
  write(workspace() / "tmp/written", "2");
  fs::last_write_time(workspace() / "tmp/touched", fs::file_time_type::min());
  write(workspace() / "other/new", "1");
  EXPECT_EQ(paths(watched.end(false)), (Paths{"tmp/new", "tmp/touched", "tmp/written"}));
  watched.begin();
  EXPECT_EQ(paths(watched.end(true)), Paths{});
}

TEST_F(ArtifactWatchTest, TakesSomeOnlyOfFailures) {
  ArtifactWatch watched = watch({.always = {"log/*"}, .on_failure = {"tmp/*"}});
  watched.begin();
  write(workspace() / "tmp/shot", "1");
  write(workspace() / "log/a", "1");
  EXPECT_EQ(paths(watched.end(false)), Paths{"log/a"});
  EXPECT_EQ(paths(watched.end(true)), (Paths{"log/a", "tmp/shot"}));
}

TEST_F(ArtifactWatchTest, TakesAllOfItsOwnFolderAndEmptiesIt) {
  write(own() / "of a dead worker", "1");
  ArtifactWatch watched = watch({});
  EXPECT_EQ(paths(watched.end(true)), Paths{});
  write(own() / "a/.b/c", "1");
  fs::create_symlink("/etc/passwd", own() / "link");
  fs::create_directory_symlink("/etc", own() / "folder");
  EXPECT_EQ(paths(watched.end(false)), Paths{"a/.b/c"});
  watched.clear();
  EXPECT_TRUE(fs::is_empty(own()));
}

TEST_F(ArtifactWatchTest, LeavesOutWhatIsTooMuch) {
  ArtifactWatch watched = watch({.max_unit_bytes = 10, .max_run_bytes = 15});
  write(own() / "a", "123456");
  write(own() / "b", "12345");
  write(own() / "c", "1234");
  Harvest harvest = watched.end(false);
  EXPECT_EQ(paths(harvest), (Paths{"a", "c"}));
  EXPECT_EQ(harvest.left_out, 1U);
  EXPECT_EQ(harvest.reason, "artifacts.max_unit_bytes would be exceeded");
  watched.clear();
  write(own() / "d", "123456");
  write(own() / "e", "12345");
  harvest = watched.end(false);
  EXPECT_EQ(paths(harvest), Paths{"e"});
  EXPECT_EQ(harvest.reason, "artifacts.max_run_bytes would be exceeded");
}

TEST_F(ArtifactWatchTest, WhatTheOriginatorKeepsInPlaceIsNoNewFile) {
  ArtifactWatch watched = watch({.always = {"**/*"}, .folder = "kept"});
  watched.begin();
  write(workspace() / "kept/job/a", "1");
  write(workspace() / "kept2/a", "1");
  EXPECT_EQ(paths(watched.end(false)), Paths{"kept2/a"});
}

TEST_F(ArtifactWatchTest, AFileIsReadInParts) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text.push_back(static_cast<char>(i * 7));
  write(workspace() / "a", text);
  auto file = ArtifactFile::open(workspace() / "a");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), text.size());
  std::string read;
  while (file->has_more()) {
    EXPECT_EQ(file->offset(), read.size());
    read += file->next().value();
  }
  EXPECT_EQ(read, text);
}

TEST_F(ArtifactWatchTest, AFileThatBecomesShorterIsGivenUp) {
  write(workspace() / "a", std::string(200'000, 'x'));
  auto file = ArtifactFile::open(workspace() / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->next());
  fs::resize_file(workspace() / "a", 10);
  EXPECT_FALSE(file->next());
}

TEST_F(ArtifactWatchTest, AnEmptyFileHasOnePart) {
  write(workspace() / "a", "");
  auto file = ArtifactFile::open(workspace() / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->has_more());
  EXPECT_EQ(file->next().value(), "");
  EXPECT_FALSE(file->has_more());
}

}  // namespace
}  // namespace gorgon::worker
