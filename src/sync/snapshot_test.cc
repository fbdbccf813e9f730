#include "sync/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/tree_generation.h"
#include "support/tree.h"
#include "sync/tree_marks.h"

namespace gorgon::sync {
namespace {

using test::kMebibyte;
using testing::HasSubstr;

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    std::signal(SIGPIPE, SIG_IGN);  // As the program does: a peer may end while we write.
    fs::create_directory(project_);
    // The tests' git must not depend on the machine's settings.
    test::write(directory_.path() / "gitconfig",
                "[user]\nname=t\nemail=t@example.com\n[init]\ndefaultBranch=main\n"
                "[protocol \"file\"]\nallow=always\n");
  }
  Result<Stage> take(const config::Sync& sync = {}) {
    return run_to_completion(io_, take_snapshot(project_, sync, {.stage_root = root_}));
  }
  /// The names of the files in a snapshot.
  std::string names(const config::Sync& sync = {}) {
    const auto stage = take(sync);
    return stage ? test::names_in(stage->tree()) : "error: " + stage.error().message;
  }
  void write(const std::string& name, std::string_view text = "", unsigned mode = 0644) {
    test::write(project_ / name, text, mode);
  }
  void shell(const std::string& command) { test::shell(project_, command); }

  /// In memory where there is such a place: some of these tests write many files.
  static TempDir make_directory() {
    const bool has_memory = ::access("/dev/shm", W_OK) == 0;
    return TempDir::make("gorgon-snapshot-test-", has_memory ? "/dev/shm" : "").value();
  }

  asio::io_context io_{1};
  TempDir directory_ = make_directory();
  fs::path project_ = directory_.path() / "the project";
  fs::path root_ = directory_.path() / "stages";
  test::ScopedVariable global_{"GIT_CONFIG_GLOBAL", (directory_.path() / "gitconfig").string()};
  test::ScopedVariable system_{"GIT_CONFIG_SYSTEM", "/dev/null"};
};

// ---- any tree ----

TEST_F(SnapshotTest, KeepsModesLinksTimesAndEmptyFolders) {
  write("run", "#!/bin/sh\n", 0755);
  write("sealed", "s", 0400);
  write("deep/er/file", "text");
  fs::create_directories(project_ / "empty" / "inside");
  fs::create_symlink("nowhere/at all", project_ / "dangling");
  fs::create_symlink("/etc", project_ / "absolute");
  fs::create_symlink("deep", project_ / "to_folder");
  const auto stage = take();
  ASSERT_TRUE(stage) << stage.error().message;
  EXPECT_EQ(test::tree_at(stage->tree()), test::tree_at(project_));
  EXPECT_EQ(fs::last_write_time(stage->tree() / "run"), fs::last_write_time(project_ / "run"));
}

TEST_F(SnapshotTest, TakesNamesOfAnyBytes) {
  for (const char* name : {"two words",
                           "new\nline",
                           "-rf",
                           "--delete",
                           "#hash",
                           ";semi",
                           " lead",
                           "trail ",
                           "star*",
                           "[a]",
                           "back\\slash",
                           "tab\t",
                           "\xC3\xA9t\xC3\xA9",
                           "not\xFFutf8",
                           "a:b",
                           "~",
                           "'quote\"",
                           "./dot",
                           "-d/-e",
                           ".hidden"})
    write(name, name);
  const auto plain = take();
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(test::tree_at(plain->tree()), test::tree_at(project_));
  shell("git init -q");
  const auto listed = take();
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(test::tree_at(listed->tree()), test::tree_at(plain->tree()));
}

TEST_F(SnapshotTest, LeavesOutSocketsAndPipes) {
  write("file");
  ASSERT_EQ(::mkfifo((project_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(names(), "file ");
}

TEST_F(SnapshotTest, EditsAfterwardsDoNotReachIt) {
  write("changed", "before");
  write("removed", "before");
  const auto stage = take();
  ASSERT_TRUE(stage);
  const auto before = test::tree_at(stage->tree());
  test::shell(project_, "echo after >> changed; rm removed; touch added");
  EXPECT_EQ(test::tree_at(stage->tree()), before);
}

TEST_F(SnapshotTest, TwoAtOnceAreSeparateAndGoAwayOnTheirOwn) {
  write("x", "1");
  auto one = take();
  write("x", "2");
  auto two = take();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(test::tree_at(one->tree()).at("x"), "file 644 1");
  {
    const Stage gone = std::move(*one);
  }
  EXPECT_EQ(test::tree_at(two->tree()).at("x"), "file 644 2");
  {
    const Stage gone = std::move(*two);
  }
  EXPECT_TRUE(fs::is_empty(root_));
}

// ---- after another snapshot ----

class NextSnapshotTest : public SnapshotTest, public testing::WithParamInterface<bool> {
 protected:
  NextSnapshotTest() {
    if (GetParam()) {
      shell("git init -q");
      write(".gitignore", "/ignored\n");
    }
  }
  void put_by(Result<Stage>& stage) {
    ASSERT_TRUE(stage) << stage.error().message;
    run_to_completion(io_, [](Stage& what) -> Task<bool> {
      co_await what.put_by();
      co_return true;
    }(*stage));
  }
  /// As if it had been taken a while ago: what has just been written is always copied again.
  void age() { shell("sleep 1.1"); }
  test::Tree project() {
    test::Tree tree = test::tree_at(project_);
    std::erase_if(tree, [](const auto& entry) { return entry.first.starts_with(".git/"); });
    tree.erase(".git");
    tree.erase("ignored");
    return tree;
  }
};

TEST_P(NextSnapshotTest, EveryKindOfEditReachesIt) {
  for (const char* name : {"same", "text", "hidden", "mode", "gone", "becomes_folder", "folder/a",
                           "folder/deep/b", "becomes_file/x", "moved/y", "restored"})
    write(name, "before");
  fs::create_symlink("same", project_ / "link");
  fs::create_symlink("same", project_ / "becomes_real");
  fs::create_directory(project_ / "empty");
  age();
  auto first = take();
  const std::string id = first ? first->generation().id : "";
  const Mark same = mark_of(first->tree() / "same").value();
  put_by(first);
  const auto hidden = fs::last_write_time(project_ / "hidden");
  shell(
      "echo more >> text; printf after! > hidden; chmod 755 mode; rm gone becomes_folder; "
      "mkdir becomes_folder; echo in > becomes_folder/in; rm -r becomes_file; echo f > "
      "becomes_file; mv moved elsewhere; ln -sfn text link; rm becomes_real; echo r > "
      "becomes_real; chmod 700 folder; rm folder/deep/b; echo c > folder/deep/c; "
      "cp -p text copy; mv copy restored; rmdir empty; mkdir -p new/empty; echo i > ignored");
  fs::last_write_time(project_ / "hidden", hidden);
  auto second = take();
  ASSERT_TRUE(second) << second.error().message;
  test::Tree expected = project();
  if (!GetParam()) expected["ignored"] = "file 644 i\n";
  EXPECT_EQ(test::tree_at(second->tree()), expected);
  EXPECT_EQ(mark_of(second->tree() / "same"), same) << "it is copied again";
  const config::TreeGeneration& generation = second->generation();
  EXPECT_NE(generation.id, id);
  EXPECT_EQ(generation.entries, expected.size());
  ASSERT_EQ(generation.changes.size(), 1U);
  EXPECT_EQ(generation.changes.front().from, id);
  std::vector<std::string> changed = {"becomes_file",
                                      "becomes_file/x",
                                      "becomes_folder",
                                      "becomes_folder/in",
                                      "becomes_real",
                                      "elsewhere",
                                      "elsewhere/y",
                                      "empty",
                                      "folder",
                                      "folder/deep/b",
                                      "folder/deep/c",
                                      "gone",
                                      "hidden",
                                      "ignored",
                                      "link",
                                      "mode",
                                      "moved",
                                      "moved/y",
                                      "new",
                                      "new/empty",
                                      "restored",
                                      "text"};
  if (GetParam()) std::erase(changed, "ignored");
  EXPECT_EQ(generation.changes.front().paths, changed);
}

TEST_P(NextSnapshotTest, WithoutAnEditItIsTheSame) {
  write("a/b", "text");
  age();
  auto first = take();
  const std::string id = first ? first->generation().id : "";
  put_by(first);
  auto second = take();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->generation().id, id);
  EXPECT_FALSE(id.empty());
  EXPECT_EQ(test::tree_at(second->tree()), project());
}

/// The marks of a file that is written all the time may be those of what came before.
TEST_P(NextSnapshotTest, WhatWasJustWrittenIsCopiedAgain) {
  for (int n = 0; n < 5; ++n) {
    write("file", std::to_string(n));
    auto stage = take();
    ASSERT_TRUE(stage);
    EXPECT_EQ(test::tree_at(stage->tree()).at("file"), "file 644 " + std::to_string(n));
    put_by(stage);
  }
}

TEST_P(NextSnapshotTest, GenerationsFollowEachOther) {
  write("first", "");
  age();
  std::vector<std::string> ids;
  for (const char* name : {"b", "c", "d"}) {
    auto stage = take();
    ASSERT_TRUE(stage);
    ids.insert(ids.begin(), stage->generation().id);
    put_by(stage);
    write(name, "");
  }
  const auto last = take();
  ASSERT_TRUE(last);
  ASSERT_EQ(last->generation().changes.size(), 3U);
  for (std::size_t n = 0; n < 3; ++n) EXPECT_EQ(last->generation().changes[n].from, ids[n]);
  EXPECT_THAT(last->generation().changes[0].paths, testing::Contains("d"));
  EXPECT_THAT(last->generation().changes[2].paths, testing::Contains("b"));
}

TEST_P(NextSnapshotTest, MoreThanAJobCanTellIsNotTold) {
  write("file", "");
  auto first = take();
  put_by(first);
  for (int n = 0; n < 1200; ++n) write(std::to_string(n), "");
  auto second = take();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->generation().changes.size(), 0U);
  put_by(second);
  write("not\xFFutf8", "");
  const auto third = take();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->generation().changes.size(), 0U);
}

TEST_P(NextSnapshotTest, OneThatIsInUseIsNotTouched) {
  write("file", "1");
  auto kept = take();
  put_by(kept);
  auto one = take();
  write("file", "2");
  auto two = take();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(test::tree_at(one->tree()).at("file"), "file 644 1");
  EXPECT_EQ(test::tree_at(two->tree()).at("file"), "file 644 2");
  EXPECT_NE(one->generation().id, two->generation().id);
  put_by(one);
  put_by(two);
  EXPECT_EQ(names(), GetParam() ? ".gitignore file " : "file ");
}

TEST_P(NextSnapshotTest, OtherRulesHaveATreeOfTheirOwn) {
  write("a", "");
  write("b", "");
  auto all = take();
  put_by(all);
  auto some = take({.exclude = {"b"}});
  ASSERT_TRUE(some);
  EXPECT_FALSE(test::tree_at(some->tree()).contains("b"));
  put_by(some);
  auto again = take();
  ASSERT_TRUE(again);
  EXPECT_EQ(test::tree_at(again->tree()), project());
}

TEST_P(NextSnapshotTest, ACopyThatIsDamagedIsCopiedAgain) {
  write("file", "text");
  age();
  auto first = take();
  put_by(first);
  for (const auto& entry : fs::directory_iterator(root_)) {
    if (!entry.path().filename().string().starts_with("kept-")) continue;
    const fs::path copy = entry.path() / "tree/file";
    const auto time = fs::last_write_time(copy);
    test::write(copy, "lost");
    fs::last_write_time(copy, time);
  }
  const auto second = take();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(test::tree_at(second->tree()), project());
}

TEST_P(NextSnapshotTest, OneThatIsDamagedIsNotUsed) {
  write("file", "text");
  auto first = take();
  put_by(first);
  for (const auto& entry : fs::directory_iterator(root_)) {
    if (entry.path().filename().string().starts_with("kept-"))
      test::write(entry.path() / "tree.marks", "nonsense");
  }
  const auto second = take();
  ASSERT_TRUE(second);
  EXPECT_EQ(test::tree_at(second->tree()), project());
  EXPECT_TRUE(second->generation().changes.empty());
}

INSTANTIATE_TEST_SUITE_P(InGitOrNot, NextSnapshotTest, testing::Bool(),
                         [](const auto& made) { return made.param ? "InGit" : "Plain"; });

TEST_F(SnapshotTest, FilesThatComeAndGoMeanwhileAreNoError) {
  for (int n = 0; n < 500; ++n) write("stays/" + std::to_string(n), "text");
  for (const bool in_git : {false, true}) {
    if (in_git) shell("git init -q");
    std::atomic<bool> is_over = false;
    std::thread editor([&] {
      for (int n = 0; !is_over; n = (n + 1) % 500) {
        const fs::path path = project_ / ("goes/" + std::to_string(n % 7)) / std::to_string(n);
        test::write(path, std::string(static_cast<std::size_t>(n) * 100, 'x'));
        std::error_code ignored;
        if (n % 3 == 0) fs::remove_all(path.parent_path(), ignored);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    });
    for (int round = 0; round < 2; ++round) {
      const auto stage = take();
      EXPECT_TRUE(stage && fs::exists(stage->tree() / "stays" / "499"))
          << (stage ? "a file is missing" : stage.error().message);
    }
    is_over = true;
    editor.join();
  }
}

TEST_F(SnapshotTest, TenThousandFilesAllArrive) {
  shell("git init -q");
  for (int n = 0; n < 10'000; ++n)
    write("d" + std::to_string(n / 100) + "/f" + std::to_string(n), "text");
  const auto stage = take();
  ASSERT_TRUE(stage) << stage.error().message;
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(stage->tree()))
    count += entry.is_regular_file() ? 1U : 0U;
  EXPECT_EQ(count, 10'000U);
}

TEST_F(SnapshotTest, AStageBelowTheProjectIsNotPartOfIt) {
  write("file");
  for (const char* place : {"cache/gorgon/stages", "[we*ird]/stages"}) {
    root_ = project_ / place;
    const auto first = take();
    const auto second = take();
    ASSERT_TRUE(first && second) << second.error().message;
    EXPECT_EQ(test::names_in(second->tree()), "file ");
    shell("git init -q");
    EXPECT_EQ(names(), "file ");
    shell("rm -rf .git");
  }
}

TEST_F(SnapshotTest, TheStageIsClosedToOthersThoughTheProjectIsOpen) {
  write("file");
  fs::permissions(project_, fs::perms(0777));
  const auto stage = take();
  ASSERT_TRUE(stage);
  EXPECT_EQ(fs::status(stage->directory()).permissions(), fs::perms(0700));
  EXPECT_EQ(fs::status(root_).permissions(), fs::perms(0700));
}

TEST_F(SnapshotTest, AFullDiskIsAnErrorThatSaysSoAndLeavesNothing) {
  fs::create_directory(root_);
  const test::SmallDisk disk(root_, kMebibyte / 4);
  ASSERT_TRUE(disk.is_mounted()) << "this test mounts a small tmpfs: run it as root";
  write("big", std::string(kMebibyte, 'x'));
  const auto stage = take();
  ASSERT_FALSE(stage);
  EXPECT_EQ(stage.error().kind, ErrorKind::kSync);
  EXPECT_THAT(stage.error().message, HasSubstr("No space left on device"));
  EXPECT_TRUE(fs::is_empty(root_));
}

TEST_F(SnapshotTest, AProjectThatIsNotThereIsAnError) {
  fs::remove_all(project_);
  const auto stage = take();
  ASSERT_FALSE(stage);
  EXPECT_EQ(stage.error().kind, ErrorKind::kSync);
}

TEST_F(SnapshotTest, StagesAreMadeInTheUsersCacheByDefault) {
  write("file");
  const test::ScopedVariable cache("XDG_CACHE_HOME", (directory_.path() / "cache").string());
  const auto stage = run_to_completion(io_, take_snapshot(project_, {}));
  ASSERT_TRUE(stage) << stage.error().message;
  EXPECT_EQ(stage->directory().parent_path(), directory_.path() / "cache/gorgon/stages");
}

TEST_F(SnapshotTest, ACoroutineMayTakeOneWithTheDefaultOptions) {
  write("file");
  const test::ScopedVariable cache("XDG_CACHE_HOME", (directory_.path() / "cache").string());
  const auto names = run_to_completion(io_, [](fs::path project) -> Task<std::string> {
    const config::Sync sync;
    const auto stage = co_await take_snapshot(project, sync);
    co_return stage ? test::names_in(stage->tree()) : stage.error().message;
  }(project_));
  EXPECT_EQ(names, "file ");
}

// ---- git checkouts ----

TEST_F(SnapshotTest, SendsWhatGitTracksOrWouldNotIgnore) {
  shell("git init -q");
  write(".gitignore", "*.log\n!keep.log\n/tmp/*\n/out/\n\\#odd\n");
  for (const char* name : {"a.rb", "b.log", "keep.log", "tmp/x", "out/y", "tracked.log", "#odd",
                           "sub/.gitignore", "sub/in.rb", "sub/gone.rb"})
    write(name);
  write("sub/.gitignore", "in.*\n");
  shell("git add -f tracked.log sub/gone.rb && git commit -qm . && rm sub/gone.rb");
  EXPECT_EQ(names(), ".gitignore a.rb keep.log sub/.gitignore tracked.log ");
  EXPECT_EQ(
      names({.gitignore = false}),
      "#odd .gitignore a.rb b.log keep.log out/y sub/.gitignore sub/in.rb tmp/x tracked.log ");
}

TEST_F(SnapshotTest, HonoursTheOtherIgnoreFilesOfGit) {
  shell(
      "git init -q && echo private > .git/info/exclude && echo global > ../ignored && "
      "git config core.excludesFile ../ignored");
  shell("git config core.excludesFile \"$PWD/../ignored\"; touch private global public");
  EXPECT_EQ(names(), "public ");
}

TEST_F(SnapshotTest, KeepsEmptyFoldersThatGitDoesNotIgnore) {
  shell(
      "git init -q && printf '/tmp/*\\n/out/\\nskip/\\n' > .gitignore && "
      "mkdir -p tmp/cache/x out/z empty/deep new/skip/q new/also && touch tmp/f new/file");
  const auto stage = take();
  ASSERT_TRUE(stage) << stage.error().message;
  std::string folders;
  for (const auto& [name, what] : test::tree_at(stage->tree()))
    if (what == "folder") folders += name + " ";
  EXPECT_EQ(folders, "empty empty/deep new new/also tmp ");
}

TEST_F(SnapshotTest, IncludesSubmodulesAndRepositoriesInside) {
  const fs::path other = directory_.path() / "other";
  fs::create_directory(other);
  test::shell(other,
              "git init -q && echo '*.log' > .gitignore && touch lib.rb x.log && "
              "git add -A && git commit -qm .");
  shell(
      "git init -q && git submodule --quiet add ../other sub && git commit -qm . && "
      "touch sub/new.rb sub/y.log && git clone -q ../other nested && touch nested/z.log && "
      "git clone -q ../other ignored && echo /ignored > .gitignore && mkdir empty_repo && "
      "git -C empty_repo init -q && touch empty_repo/file");
  EXPECT_EQ(names(),
            ".gitignore .gitmodules empty_repo/file nested/.gitignore nested/lib.rb "
            "sub/.gitignore sub/lib.rb sub/new.rb ");
  shell("git submodule --quiet deinit -f sub");
  EXPECT_EQ(names(), ".gitignore .gitmodules empty_repo/file nested/.gitignore nested/lib.rb ");
}

TEST_F(SnapshotTest, TrackedFilesBehindALinkAreNotFollowed) {
  fs::create_directory(directory_.path() / "secret");
  test::write(directory_.path() / "secret" / "file", "not ours");
  shell(
      "git init -q && mkdir d e && touch d/file e && touch e/x && git add -A && "
      "git commit -qm . && rm -r d && ln -s ../secret d && rm -r e && touch e");
  const auto stage = take();
  ASSERT_TRUE(stage) << stage.error().message;
  EXPECT_EQ(test::tree_at(stage->tree()),
            (test::Tree{{"d", "link ../secret"}, {"e", "file 644 "}}));
}

TEST_F(SnapshotTest, ConflictsAndStagedFilesAreSentAsTheyAreOnDisk) {
  shell(
      "git init -q && echo 1 > f && git add f && git commit -qm . && git checkout -qb b && "
      "echo 2 > f && git commit -qam . && git checkout -q main && echo 3 > f && "
      "git commit -qam . && ! git merge -q b && echo both > f && echo n > new && git add new");
  const auto stage = take();
  ASSERT_TRUE(stage) << stage.error().message;
  EXPECT_EQ(test::tree_at(stage->tree()),
            (test::Tree{{"f", "file 644 both\n"}, {"new", "file 644 n\n"}}));
}

TEST_F(SnapshotTest, AFolderOfACheckoutIsAProjectToo) {
  shell("git init -q && echo '*.log' > .gitignore && mkdir app && touch app/a.rb app/b.log x");
  project_ = project_ / "app";
  EXPECT_EQ(names(), "a.rb ");
}

TEST_F(SnapshotTest, AProjectThatAnOuterCheckoutIgnoresIsSentWhole) {
  shell("git init -q && echo /app > .gitignore && mkdir app && touch app/a.rb app/b.log");
  project_ = project_ / "app";
  EXPECT_EQ(names(), "a.rb b.log ");
}

TEST_F(SnapshotTest, ALinkedWorktreeIsACheckout) {
  shell(
      "git init -q && echo '*.log' > .gitignore && git add -A && git commit -qm . && "
      "git worktree add -q ../linked && touch ../linked/a.rb ../linked/b.log");
  project_ = directory_.path() / "linked";
  EXPECT_EQ(names(), ".gitignore a.rb ");
}

TEST_F(SnapshotTest, TheVariablesOfAGitHookDoNotMisleadIt) {
  shell("git init -q && touch here");
  fs::create_directory(directory_.path() / "elsewhere");
  test::shell(directory_.path() / "elsewhere", "git init -q && touch there && git add there");
  const test::ScopedVariable dir("GIT_DIR", (directory_.path() / "elsewhere" / ".git").string());
  const test::ScopedVariable index("GIT_INDEX_FILE", "/nonexistent");
  EXPECT_EQ(names(), "here ");
}

TEST_F(SnapshotTest, ABrokenCheckoutIsAnErrorRatherThanAllItsIgnoredFiles) {
  shell("git init -q && touch f && git add f && echo garbage > .git/index");
  const auto stage = take();
  ASSERT_FALSE(stage);
  EXPECT_EQ(stage.error().kind, ErrorKind::kSync);
  EXPECT_THAT(stage.error().message, HasSubstr("git cannot list the files"));
  EXPECT_THAT(stage.error().message, HasSubstr("job.sync.gitignore"));
  EXPECT_EQ(names({.gitignore = false}), "f ");
}

TEST_F(SnapshotTest, AFolderThatOnlyLooksLikeACheckoutIsSentWhole) {
  write(".git/nothing");
  write("file");
  EXPECT_EQ(names(), "file ");
}

// ---- excludes ----

TEST_F(SnapshotTest, ExcludesLeaveOutTheSameFilesInACheckoutAsElsewhere) {
  for (const char* name :
       {"log/a", "log/b/c", "lib/log", "lib/x.log", "lib/tmp/y", "tmp/z", "tmp/keep/k", "a b/c",
        "lib/a/log/d", "x.log/inside", "lib/foo/bar/baz", "foo.rb"})
    write(name);
  const std::vector<std::vector<std::string>> cases = {{"log"},
                                                       {"log/"},
                                                       {"/log"},
                                                       {"/log/"},
                                                       {"*.log"},
                                                       {"lib/tmp"},
                                                       {"/lib/*"},
                                                       {"lib/**"},
                                                       {"**/log"},
                                                       {"tmp/***"},
                                                       {"/lib/**/baz"},
                                                       {"a b"},
                                                       {"[lt]*"},
                                                       {"*"},
                                                       {"foo/*/"},
                                                       {"log", "/tmp/keep", "*.rb"},
                                                       {"+ /tmp/keep/", "/tmp/*"},
                                                       {"/log/*", "lib/a/"}};
  for (const auto& exclude : cases) {
    const std::string walked = names({.exclude = exclude});
    shell("git init -q");
    EXPECT_EQ(names({.exclude = exclude}), walked) << exclude[0];
    shell("rm -rf .git");
  }
  EXPECT_EQ(names({.exclude = {"log", "*.log", "/lib"}}), "a b/c foo.rb tmp/keep/k tmp/z ");
}

TEST_F(SnapshotTest, ExcludesTakeOutTrackedFilesToo) {
  write("tracked/big");
  write("code.rb");
  shell("git init -q && git add -A && git commit -qm .");
  EXPECT_EQ(names({.exclude = {"tracked"}}), "code.rb ");
}

TEST_F(SnapshotTest, GitsOwnFolderAndOursStayBehind) {
  write(".gorgon/runtimes.json");
  write("file");
  shell("git init -q && mkdir deep && touch deep/.gitkeep");
  EXPECT_EQ(names(), "deep/.gitkeep file ");
  EXPECT_EQ(names({.gitignore = false}), "deep/.gitkeep file ");
}

}  // namespace
}  // namespace gorgon::sync
