#include "listener/workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "support/tree.h"

namespace gorgon::listener {
namespace {

using config::SourceLocation;
using config::Transport;
using testing::HasSubstr;

class WorkspaceTest : public testing::Test {
 protected:
  Result<Workspace> create(Workspaces& workspaces, const std::string& job,
                           const SourceLocation& source = {.transport = Transport::kDirect}) {
    return run_to_completion(io_, workspaces.create(job, source));
  }
  void remove(Workspace& workspace) {
    run_to_completion(io_, [](Workspace& w) -> Task<bool> {
      co_await w.remove();
      co_return true;
    }(workspace));
  }
  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-workspace-test-").value();
  fs::path root_ = directory_.path() / "root";
};

TEST_F(WorkspaceTest, EachJobHasAPrivateEmptyFolderOfItsOwn) {
  auto workspaces = Workspaces::open(root_);
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
  auto workspaces = Workspaces::open(root_);
  ASSERT_TRUE(workspaces);
  auto one = create(*workspaces, "j1");
  auto two = create(*workspaces, "j2");
  ASSERT_TRUE(one && two);
  test::write(one->path() / "a/b/c");
  ::chmod((one->path() / "a/b").c_str(), 0000);
  ::chmod((one->path() / "a").c_str(), 0555);
  test::write(two->path() / "kept");
  const fs::path gone = one->path();
  remove(*one);
  remove(*one);
  EXPECT_FALSE(fs::exists(gone.parent_path()));
  EXPECT_TRUE(fs::exists(two->path() / "kept"));
}

TEST_F(WorkspaceTest, AListenerRemovesWhatAKilledOneLeftAndNeverALivingOnes) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  const pid_t killed = ::fork();
  if (killed == 0) {
    auto workspaces = Workspaces::open(root_);
    std::optional<Result<Workspace>> workspace;
    if (workspaces) workspace.emplace(create(*workspaces, "left"));
    [[maybe_unused]] const auto ignored = ::write(pipe->write.get(), "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(pipe->read.get(), &byte, 1), 1);
  auto living = Workspaces::open(root_);
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
  const auto next = Workspaces::open(root_);
  ASSERT_TRUE(next);
  EXPECT_FALSE(has_left());
  EXPECT_TRUE(fs::exists(workspace->path()));
}

TEST_F(WorkspaceTest, AllGoWithTheListener) {
  {
    auto workspaces = Workspaces::open(root_ / "with a slash/");
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
  auto workspaces = Workspaces::open(root_);
  ASSERT_TRUE(workspaces);
  auto workspace = create(*workspaces, "j1", {.transport = Transport::kNone, .source = code});
  ASSERT_TRUE(workspace) << workspace.error().message;
  EXPECT_EQ(workspace->path(), code);
  EXPECT_TRUE(workspace->scratch().string().starts_with(root_.string()));
  remove(*workspace);
  EXPECT_TRUE(fs::exists(code / "file"));
  const test::ScopedVariable home("HOME", directory_.path().string());
  const auto at_home =
      create(*workspaces, "j2", {.transport = Transport::kNone, .source = "~/code"});
  ASSERT_TRUE(at_home);
  EXPECT_EQ(at_home->path(), code);
}

TEST_F(WorkspaceTest, AMissingOwnCopyIsAnErrorThatNamesIt) {
  auto workspaces = Workspaces::open(root_);
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
  auto workspaces = Workspaces::open(root_);
  ASSERT_TRUE(workspaces);
  for (const char* id : {"", "..", "../../x", "a/b", "a b", "-\n"}) {
    const auto workspace = create(*workspaces, id);
    ASSERT_FALSE(workspace) << id;
    EXPECT_EQ(workspace.error().kind, ErrorKind::kProtocol);
  }
}

}  // namespace
}  // namespace gorgon::listener
