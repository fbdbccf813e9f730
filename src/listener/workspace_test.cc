#include "listener/workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "protocol/messages.h"
#include "support/tree.h"
#include "sync/direct_server.h"
#include "sync/snapshot.h"
#include "sync/tree_marks.h"

namespace gorgon::listener {
namespace {

using config::SourceLocation;
using config::Transport;
using testing::HasSubstr;

class WorkspaceTest : public testing::Test {
 protected:
  static Result<Workspace> create(Workspaces& workspaces, const std::string& job,
                                  const SourceLocation& source = {
                                      .transport = Transport::kDirect}) {
    return workspaces.create({.id = job, .source = source});
  }
  void take_back(Workspaces& workspaces, Workspace workspace,
                 const protocol::JobDefinition& job = {}) {
    run_to_completion(
        io_, [](Workspaces& all, Workspace one, const protocol::JobDefinition& of) -> Task<bool> {
          co_await all.take_back(std::move(one), of);
          co_return true;
        }(workspaces, std::move(workspace), job));
  }
  Result<Workspaces> open(std::size_t most_kept = 0) { return Workspaces::open(root_, most_kept); }
  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-workspace-test-").value();
  fs::path root_ = directory_.path() / "root";
};

TEST_F(WorkspaceTest, EachJobHasAPrivateEmptyFolderOfItsOwn) {
  auto workspaces = open();
  ASSERT_TRUE(workspaces);
  auto one = create(*workspaces, "j1");
  auto again = create(*workspaces, "j1");
  ASSERT_TRUE(one && again);
  EXPECT_NE(one->path(), again->path());
  EXPECT_THAT(one->path().string(), HasSubstr("j1"));
  EXPECT_TRUE(fs::is_empty(one->path()));
  EXPECT_TRUE(fs::is_directory(one->scratch()));
  EXPECT_EQ(fs::status(one->path()).permissions(), fs::perms(0700));
  EXPECT_EQ(fs::status(root_).permissions(), fs::perms(0700));
}

TEST_F(WorkspaceTest, RemovalTakesReadOnlyFoldersAndLeavesOtherJobs) {
  auto workspaces = open();
  ASSERT_TRUE(workspaces);
  auto one = create(*workspaces, "j1");
  auto two = create(*workspaces, "j2");
  ASSERT_TRUE(one && two);
  test::write(one->path() / "a/b/c");
  ::chmod((one->path() / "a/b").c_str(), 0000);
  ::chmod((one->path() / "a").c_str(), 0555);
  test::write(two->path() / "kept");
  const fs::path gone = one->path();
  take_back(*workspaces, *std::move(one));
  EXPECT_FALSE(fs::exists(gone.parent_path()));
  EXPECT_TRUE(fs::exists(two->path() / "kept"));
}

TEST_F(WorkspaceTest, AListenerRemovesWhatAKilledOneLeftAndNeverALivingOnes) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  const pid_t killed = ::fork();
  if (killed == 0) {
    auto workspaces = open();
    std::optional<Result<Workspace>> workspace;
    if (workspaces) workspace.emplace(create(*workspaces, "left"));
    [[maybe_unused]] const auto ignored = ::write(pipe->write.get(), "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(pipe->read.get(), &byte, 1), 1);
  auto living = open();
  ASSERT_TRUE(living);
  auto workspace = create(*living, "alive");
  ASSERT_TRUE(workspace);
  const auto has_left = [&] {
    for (const auto& [name, what] : test::tree_at(root_))
      if (name.contains("left")) return true;
    return false;
  };
  EXPECT_TRUE(has_left());
  ::kill(killed, SIGKILL);
  ::waitpid(killed, nullptr, 0);
  const auto next = open();
  ASSERT_TRUE(next);
  EXPECT_FALSE(has_left());
  EXPECT_TRUE(fs::exists(workspace->path()));
}

TEST_F(WorkspaceTest, AllGoWithTheListener) {
  {
    auto workspaces = Workspaces::open(root_ / "with a slash/", 0);
    ASSERT_TRUE(workspaces);
    auto workspace = create(*workspaces, "j1");
    ASSERT_TRUE(workspace);
    test::write(workspace->path() / "file");
  }
  EXPECT_TRUE(fs::is_empty(root_ / "with a slash"));
}

TEST_F(WorkspaceTest, WithoutATransportTheMachinesOwnCopyIsUsedAndStays) {
  const fs::path code = directory_.path() / "code";
  test::write(code / "file");
  auto workspaces = open();
  ASSERT_TRUE(workspaces);
  auto workspace = create(*workspaces, "j1", {.transport = Transport::kNone, .source = code});
  ASSERT_TRUE(workspace) << workspace.error().message;
  EXPECT_EQ(workspace->path(), code);
  EXPECT_TRUE(workspace->scratch().string().starts_with(root_.string()));
  take_back(*workspaces, *std::move(workspace));
  EXPECT_TRUE(fs::exists(code / "file"));
  const test::ScopedVariable home("HOME", directory_.path().string());
  const auto at_home =
      create(*workspaces, "j2", {.transport = Transport::kNone, .source = "~/code"});
  ASSERT_TRUE(at_home);
  EXPECT_EQ(at_home->path(), code);
}

TEST_F(WorkspaceTest, AMissingOwnCopyIsAnErrorThatNamesIt) {
  auto workspaces = open();
  ASSERT_TRUE(workspaces);
  for (const char* source : {"", "relative", "/no/such/folder"}) {
    const auto workspace =
        create(*workspaces, "j1", {.transport = Transport::kNone, .source = source});
    ASSERT_FALSE(workspace);
    EXPECT_EQ(workspace.error().kind, ErrorKind::kNotFound);
    EXPECT_THAT(workspace.error().message, HasSubstr("job.sync.source_tree_path"));
  }
}

TEST_F(WorkspaceTest, AJobIdFromTheNetworkIsNoPath) {
  auto workspaces = open();
  ASSERT_TRUE(workspaces);
  for (const char* id : {"", "..", "../../x", "a/b", "a b", "-\n"}) {
    const auto workspace = create(*workspaces, id);
    ASSERT_FALSE(workspace) << id;
    EXPECT_EQ(workspace.error().kind, ErrorKind::kProtocol);
  }
}

// ---- kept trees ----

/// A project whose tree is served as an originator would do it.
class KeptTreeTest : public WorkspaceTest {
 protected:
  KeptTreeTest() {
    std::signal(SIGPIPE, SIG_IGN);  // As the program does: a peer may end while we write.
    for (const char* name : {"same", "text", "gone", "folder/a", "folder/b", "bin/run"})
      test::write(project_ / name, name);
    fs::create_symlink("same", project_ / "link");
    fs::create_directory(project_ / "empty");
    workspaces_.emplace(open(2).value());
  }
  /// Runs a job of the project as it is now, with `use` in place of its tests. The tree it got.
  test::Tree run(
      const std::function<void(const fs::path&)>& use = [](const fs::path&) {},
      bool can_pull_all = true) {
    sync::SnapshotOptions where{.stage_root = directory_.path() / "stages"};
    auto stage = run_to_completion(io_, sync::take_snapshot(project_, {}, std::move(where)));
    EXPECT_TRUE(stage) << stage.error().message;
    auto server = run_to_completion(io_, sync::DirectServer::start(*stage, {}));
    EXPECT_TRUE(server) << server.error().message;
    protocol::JobDefinition job{.id = "j",
                                .project = project_.filename().string(),
                                .source = (*server)->location(),
                                .tree = stage->generation()};
    // No more than what has changed can be had, if anything has.
    if (!can_pull_all) job.source.source = "rsync://127.0.0.1:1/tree/";
    auto workspace = workspaces_->create(job);
    EXPECT_TRUE(workspace) << workspace.error().message;
    path_ = workspace->path();
    const auto pulled = run_to_completion(io_, workspace->pull(job.source, job.tree));
    EXPECT_TRUE(pulled) << pulled.error().message;
    test::Tree got = test::tree_at(path_);
    EXPECT_EQ(got, test::tree_at(stage->tree()));
    use(path_);
    take_back(*workspaces_, *std::move(workspace), job);
    server->reset();
    run_to_completion(io_, [](sync::Stage& done) -> Task<bool> {
      co_await done.put_by();
      co_return true;
    }(*stage));
    return got;
  }
  /// What has just been written would be copied again.
  void age() { test::shell(project_, "sleep 1.1"); }
  fs::path project_ = directory_.path() / "project";
  fs::path path_;  ///< Of the last workspace.
  std::optional<Workspaces> workspaces_;
};

TEST_F(KeptTreeTest, TheNextJobOfTheProjectGetsItWithWhatHasChanged) {
  age();
  run();
  const fs::path first = path_;
  const auto same = sync::mark_of(first / "same");
  test::shell(project_,
              "echo more >> text; rm gone; mv folder elsewhere; ln -sfn text link; chmod 755 bin "
              "bin/run; rmdir empty; echo f > empty; mkdir new");
  const auto got = run();
  EXPECT_EQ(path_, first);
  EXPECT_EQ(sync::mark_of(first / "same"), same) << "it was pulled again";
  EXPECT_EQ(got.at("text"), "file 644 textmore\n");
  EXPECT_EQ(got.at("empty"), "file 644 f\n");
  EXPECT_FALSE(got.contains("folder/a"));
}

TEST_F(KeptTreeTest, WhateverTestsDoToItIsUndone) {
  const auto before = run([](const fs::path& tree) {
    const auto time = fs::last_write_time(tree / "text");
    test::shell(tree,
                "printf TEXT > text; rm same; chmod 777 gone; rm -r folder; echo x > folder; "
                "ln -sfn /etc link; mkdir -p made/deep; echo y > made/deep/file; chmod 0 bin; "
                "ln -s / made/root; rmdir empty");
    fs::last_write_time(tree / "text", time);
  });
  const fs::path first = path_;
  EXPECT_EQ(run(), before);
  EXPECT_EQ(path_, first);
}

/// Nothing has to be asked for: the source is not even looked at.
TEST_F(KeptTreeTest, WithoutAChangeNothingIsPulled) {
  age();
  run();
  run([](const fs::path&) {}, false);
}

TEST_F(KeptTreeTest, AChangeBehindALinkStaysInTheTree) {
  const fs::path outside = directory_.path() / "outside";
  test::write(outside / "a", "precious");
  run();
  // The tests leave a link where the project has a folder, in which something changes then.
  run([&](const fs::path& tree) {
    fs::remove_all(tree / "folder");
    fs::create_directory_symlink(outside, tree / "folder");
  });
  test::shell(project_, "rm folder/a");
  run();
  EXPECT_EQ(test::tree_at(outside).at("a"), "file 644 precious");
}

TEST_F(KeptTreeTest, OneThatCannotBeUsedOrRemovedIsNotInTheWay) {
  const auto before = run();
  test::write(path_.parent_path() / "marks", "nonsense");
  test::write(directory_.path() / "bin/rm", "#!/bin/sh\nexit 1\n", 0755);
  const test::ScopedVariable path("PATH",
                                  (directory_.path() / "bin").string() + ":" + std::getenv("PATH"));
  EXPECT_EQ(run(), before);
  EXPECT_EQ(run(), before);
}

TEST_F(KeptTreeTest, TwoJobsAtOnceHaveTreesOfTheirOwn) {
  run();
  const fs::path first = path_;
  run([&](const fs::path&) {
    const fs::path outer = path_;
    run();
    EXPECT_NE(path_, outer);
    path_ = outer;
  });
  EXPECT_EQ(path_, first);
}

TEST_F(KeptTreeTest, OnlySoManyAreKept) {
  for (const char* name : {"one", "two", "three"}) {
    project_ = directory_.path() / name;
    test::write(project_ / "file", name);
    run();
  }
  std::string kept;
  for (const auto& [name, what] : test::tree_at(root_)) {
    if (name.ends_with("tree/file")) kept += what.substr(what.rfind(' ') + 1) + " ";
  }
  EXPECT_THAT(kept, testing::AnyOf("two three ", "three two "));
}

TEST_F(KeptTreeTest, OneThatWasNotAsPromisedIsRemoved) {
  const protocol::JobDefinition job{
      .id = "j", .source = {.transport = Transport::kDirect}, .tree = {.id = "t"}};
  auto workspace = workspaces_->create(job);
  ASSERT_TRUE(workspace);
  test::write(workspace->path() / "file");
  const fs::path path = workspace->path();
  workspace->distrust();
  take_back(*workspaces_, *std::move(workspace), job);
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace gorgon::listener
