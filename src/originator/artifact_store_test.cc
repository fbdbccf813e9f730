#include "originator/artifact_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "config/artifacts.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::originator {
namespace {

using protocol::Artifact;

class ArtifactStoreTest : public ::testing::Test {
 protected:
  ArtifactStoreTest() : project_(TempDir::make("artifacts").value()) {}
  [[nodiscard]] ArtifactStore open(const std::string& job = "job1") {
    auto store = ArtifactStore::open(project(), artifacts_, job, units_);
    EXPECT_TRUE(store) << store.error().message;
    return *std::move(store);
  }
  [[nodiscard]] const fs::path& project() const { return project_.path(); }
  [[nodiscard]] fs::path run() const { return project() / ".gorgon/artifacts/job1"; }
  /// Whole files below the run's folder.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(run())) {
      const std::string path = entry.path().lexically_relative(run()).string();
      if (entry.is_regular_file() && !path.starts_with(".gorgon-artifacts/"))
        all[path] = read_file(entry.path()).value();
    }
    return all;
  }
  static Artifact whole(const std::string& id, const std::string& path,
                        const std::string& bytes = "x") {
    return {.job = "job1",
            .id = id,
            .host = "h",
            .worker = "1",
            .unit = "1",
            .path = path,
            .size = bytes.size(),
            .bytes = bytes};
  }
  static Artifact part(Artifact artifact, std::size_t from, std::size_t count) {
    artifact.offset = from;
    artifact.bytes = artifact.bytes.substr(from, count);
    return artifact;
  }
  using Files = std::map<std::string, std::string>;

  config::Artifacts artifacts_;
  std::vector<results::Unit> units_ = {{.id = "1", .file = "spec/a_spec.rb"},
                                       {.id = "2.1", .file = "b_spec.rb"},
                                       {.id = "2.2", .file = "b_spec.rb"}};

 private:
  TempDir project_;
};

TEST_F(ArtifactStoreTest, PlacesTellMachineWorkerUnitAndTry) {
  ArtifactStore store = open();
  EXPECT_TRUE(store.take(whole("a", "tmp/shot.png", "one")));
  Artifact second = whole("b", "tmp/shot.png", "two");
  second.attempt = 2;
  EXPECT_TRUE(store.take(second));
  Artifact other = whole("c", "x");
  other.unit = "2.2";
  EXPECT_TRUE(store.take(other));
  Artifact end = whole("d", "y");
  end.unit.clear();
  end.runner = "77-1";
  EXPECT_TRUE(store.take(end));
  EXPECT_EQ(files(), (Files{{"h/1/spec/a_spec.rb/tmp/shot.png", "one"},
                            {"h/1/spec/a_spec.rb.try-2/tmp/shot.png", "two"},
                            {"h/1/b_spec.rb.unit-2.2/x", "x"},
                            {"h/1/runner-77-1/y", "x"}}));
  const std::string folder = ".gorgon/artifacts/job1/h/1/";
  EXPECT_EQ(store.of_unit("1"),
            (std::vector<std::string>{folder + "spec/a_spec.rb.try-2/tmp/shot.png",
                                      folder + "spec/a_spec.rb/tmp/shot.png"}));
  EXPECT_EQ(store.of_unit("2.1"), std::vector<std::string>{});
  EXPECT_EQ(store.files(), 4U);
  EXPECT_EQ(fs::read_symlink(project() / ".gorgon/artifacts/latest"), "job1");
  // One who takes the run up finds the same.
  const ArtifactStore again = open();
  EXPECT_EQ(again.files(), 4U);
  EXPECT_EQ(again.of_unit("1"), store.of_unit("1"));
  EXPECT_EQ(again.of_unit("2.2"), store.of_unit("2.2"));
}

TEST_F(ArtifactStoreTest, AFileIsThereWhenItIsWhole) {
  ArtifactStore store = open();
  const Artifact all = whole("a", "f", "123456789");
  EXPECT_TRUE(store.take(part(all, 0, 4)));
  EXPECT_EQ(files(), Files{});
  EXPECT_TRUE(store.take(part(all, 0, 4)));  // Delivered again.
  EXPECT_TRUE(store.take(part(all, 4, 4)));
  EXPECT_TRUE(store.take(part(all, 4, 4)));
  ArtifactStore heir = open();  // Its originator dies.
  EXPECT_TRUE(heir.take(part(all, 4, 4)));
  EXPECT_TRUE(heir.take(part(all, 8, 1)));
  EXPECT_EQ(files(), (Files{{"h/1/spec/a_spec.rb/f", "123456789"}}));
  EXPECT_TRUE(heir.take(part(all, 8, 1)));
  EXPECT_TRUE(open().take(part(all, 8, 1)));
  EXPECT_TRUE(heir.take(part(all, 0, 4)));
  EXPECT_EQ(files(), (Files{{"h/1/spec/a_spec.rb/f", "123456789"}}));
  EXPECT_EQ(heir.files(), 1U);
  EXPECT_EQ(heir.left_out(), 0U);
}

TEST_F(ArtifactStoreTest, NothingHalfStays) {
  ArtifactStore store = open();
  EXPECT_TRUE(store.take(part(whole("a", "f", "123456789"), 0, 4)));
  store.finish();
  EXPECT_TRUE(fs::is_empty(run() / ".gorgon-artifacts"));
  EXPECT_EQ(files(), Files{});
}

TEST_F(ArtifactStoreTest, ARunHasItsShareOfTheDisk) {
  artifacts_.max_run_bytes = 10;
  {
    ArtifactStore store = open();
    EXPECT_TRUE(store.take(whole("a", "a", "123456")));
    const auto taken = store.take(whole("b", "b", "12345"));
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().message, "artifacts.max_run_bytes would be exceeded");
    EXPECT_EQ(store.left_out(), 1U);
  }
  ArtifactStore heir = open();
  EXPECT_FALSE(heir.take(whole("c", "c", "12345")));
  EXPECT_TRUE(heir.take(whole("d", "d", "1234")));
  EXPECT_FALSE(heir.take(whole("e", "e", "1")));
}

TEST_F(ArtifactStoreTest, NamesStayInTheRunsFolder) {
  ArtifactStore store = open();
  Artifact artifact = whole("a", "x\ny/\x1b[1m");
  artifact.host = "../..";
  artifact.worker = "..";
  EXPECT_TRUE(store.take(artifact));
  artifact = whole("b", "./a//b");
  artifact.host = std::string(1000, 'h');
  EXPECT_TRUE(store.take(artifact));
  EXPECT_EQ(files(), (Files{{"_.._../_../spec/a_spec.rb/x_y/_[1m", "x"},
                            {std::string(200, 'h') + "/1/spec/a_spec.rb/a/b", "x"}}));
}

TEST_F(ArtifactStoreTest, LinksAreNotFollowed) {
  ArtifactStore store = open();
  const fs::path outside = project() / "outside";
  fs::create_directories(outside);
  fs::create_directories(run() / "h/1/spec/a_spec.rb");
  fs::create_directory_symlink(outside, run() / "h/1/spec/a_spec.rb/folder");
  ASSERT_TRUE(write_file(outside / "file", "mine"));
  fs::create_symlink(outside / "file", run() / "h/1/spec/a_spec.rb/file");
  EXPECT_FALSE(store.take(whole("a", "folder/x")));
  EXPECT_TRUE(store.take(whole("b", "file", "theirs")));  // In the link's place.
  EXPECT_EQ(read_file(outside / "file").value(), "mine");
  EXPECT_EQ(files(), (Files{{"h/1/spec/a_spec.rb/file", "theirs"}}));
  EXPECT_EQ(std::distance(fs::directory_iterator(outside), {}), 1);
}

TEST_F(ArtifactStoreTest, WhatDoesNotFitIsLeftOut) {
  ArtifactStore store = open();
  Artifact unknown = whole("a", "x");
  unknown.unit = "7";
  EXPECT_FALSE(store.take(unknown));
  std::string deep = "x";
  for (int i = 0; i < 100; ++i) deep += "/x";
  EXPECT_FALSE(store.take(whole("b", deep)));
  EXPECT_TRUE(store.take(whole("c", "file")));
  EXPECT_FALSE(store.take(whole("d", "file/in/it")));
  EXPECT_EQ(files(), (Files{{"h/1/spec/a_spec.rb/file", "x"}}));
  EXPECT_EQ(store.left_out(), 3U);
}

TEST_F(ArtifactStoreTest, OldRunsGoAndNothingElse) {
  artifacts_.keep_runs = 2;
  const fs::path folder = project() / ".gorgon/artifacts";
  fs::create_directories(folder / "mine");
  const auto now = fs::file_time_type::clock::now();
  for (int i = 1; i <= 4; ++i) {
    const std::string job = "job" + std::to_string(i);
    (void)open(job);
    // As if they were hours apart.
    fs::last_write_time(folder / job, now - std::chrono::hours(10 - i));
  }
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder))
    left.push_back(entry.path().filename().string());
  std::ranges::sort(left);
  EXPECT_EQ(left, (std::vector<std::string>{"job3", "job4", "latest", "mine"}));
}

TEST(ArtifactRulesTest, BracesAreExpandedForTheWorkers) {
  const auto rules = artifact_rules({.always = {"a{1,2}"}, .folder = "kept/./x/"});
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->always, (std::vector<std::string>{"a1", "a2"}));
  EXPECT_EQ(rules->folder, "kept/x");
  EXPECT_FALSE(artifact_rules({.on_failure = {"{1,2,3,4,5,6,7,8,9,0}{1,2,3,4,5,6,7,8,9,0}"
                                              "{1,2,3,4,5,6,7,8,9,0}{1,2,3,4,5,6,7,8,9,0}"}}));
}

}  // namespace
}  // namespace gorgon::originator
