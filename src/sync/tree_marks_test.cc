#include "sync/tree_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "base/files.h"
#include "support/tree.h"

namespace gorgon::sync {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TreeMarksTest : public testing::Test {
 protected:
  /// Of the tree now, with whatever is changed from now on bound to get other marks.
  Marks marks() {
    auto found = marks_of(tree_);
    EXPECT_TRUE(found) << found.error().message;
    const auto now = clock_of_marks();
    while (clock_of_marks() == now) std::this_thread::yield();
    return found ? *std::move(found) : Marks();
  }
  void write(const std::string& name, std::string_view text = "") {
    test::write(tree_ / name, text);
  }
  TempDir directory_ = TempDir::make("gorgon-tree-marks-test-").value();
  fs::path tree_ = directory_.path();
};

TEST_F(TreeMarksTest, AllThatIsThereHasOne) {
  write("a/b/file");
  fs::create_symlink("/etc", tree_ / "link");
  fs::create_directory(tree_ / "empty");
  std::string names;
  for (const auto& [path, mark] : marks()) names += path + " ";
  EXPECT_EQ(names, "a a/b a/b/file empty link ");
}

TEST_F(TreeMarksTest, EveryTouchIsADifference) {
  for (const char* name : {"same", "text", "in place", "mode", "gone", "folder/inside", "replaced"})
    write(name, "before");
  fs::create_symlink("one", tree_ / "link");
  const Marks before = marks();
  EXPECT_THAT(differences(before, marks()), IsEmpty());
  test::shell(tree_,
              "echo longer >> text; chmod 600 mode; rm gone; touch new; ln -sfn two link; "
              "cp -p replaced copy; mv copy replaced; chmod 700 folder");
  EXPECT_THAT(differences(before, marks()),
              ElementsAre("folder", "gone", "link", "mode", "new", "replaced", "text"));
}

TEST_F(TreeMarksTest, AnEditThatHidesItsTimeAndSizeIsADifference) {
  write("file", "before");
  const auto time = fs::last_write_time(tree_ / "file");
  const Marks before = marks();
  test::shell(tree_, "printf after! > file");
  fs::last_write_time(tree_ / "file", time);
  ASSERT_EQ(fs::file_size(tree_ / "file"), 6U);
  EXPECT_THAT(differences(before, marks()), ElementsAre("file"));
}

TEST_F(TreeMarksTest, AFolderIsNoDifferenceForWhatIsInIt) {
  write("folder/a");
  const Marks before = marks();
  write("folder/b");
  EXPECT_THAT(differences(before, marks()), ElementsAre("folder/b"));
}

TEST_F(TreeMarksTest, AFolderThatNobodyMayReadIsLookedInto) {
  write("folder/a");
  const Marks before = marks();
  ::chmod((tree_ / "folder").c_str(), 0);
  EXPECT_THAT(differences(before, marks()), ElementsAre("folder"));
}

TEST_F(TreeMarksTest, TheyOutliveAProcess) {
  for (const char* name : {"a", "new\nline", "not\xFFutf8", "two words", " lead", "9 9 9"})
    write(name, name);
  const Marks before = marks();
  const auto read = read_marks(marks_text(before));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, before);
  for (const char* broken : {"x", "100644 1 2 3 name", "100644 1 2"})
    EXPECT_FALSE(read_marks(broken)) << broken;
}

TEST_F(TreeMarksTest, ATreeThatIsGoneIsAnError) {
  EXPECT_FALSE(marks_of(tree_ / "none"));
  EXPECT_FALSE(mark_of(tree_ / "none"));
}

}  // namespace
}  // namespace gorgon::sync
