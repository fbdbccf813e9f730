#include "sync/source_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "support/sshd.h"
#include "support/tree.h"
#include "sync/address.h"
#include "sync/file_server.h"

namespace gorgon::sync {
namespace {

using config::Transport;
using test::kMebibyte;
using testing::HasSubstr;

config::ProjectConfig project_with(Transport transport, std::string host, int port = 0,
                                   std::string path = "") {
  config::ProjectConfig config;
  config.file_server.host = std::move(host);
  config.file_server.port = static_cast<std::uint16_t>(port);
  config.job.sync.transport = transport;
  config.job.sync.source_tree_path = std::move(path);
  return config;
}

// ---- where trees are ----

TEST(FileServerLocationTest, AnonymousIsAFolderInTheModule) {
  const auto source = [](const config::ProjectConfig& config) {
    return file_server_location(config, "j1").source;
  };
  using enum Transport;
  EXPECT_EQ(source(project_with(kAnonymous, "h")), "rsync://h:8730/gorgon/gorgon-j1/");
  EXPECT_EQ(source(project_with(kAnonymous, "h", 99)), "rsync://h:99/gorgon/gorgon-j1/");
  EXPECT_EQ(source(project_with(kAnonymous, "::1", 99, "/a/b/")),
            "rsync://[::1]:99/gorgon/a/b/gorgon-j1/");
  EXPECT_EQ(source(project_with(kAnonymous, "h", 0, "rsync://other/module/")),
            "rsync://other/module/gorgon-j1/");
}

TEST(FileServerLocationTest, SshIsAFolderBelowTheHomeOrTheRoot) {
  const auto source = [](const config::ProjectConfig& config) {
    return file_server_location(config, "j1").source;
  };
  using enum Transport;
  EXPECT_EQ(source(project_with(kSsh, "h")), "ssh://h/~/.cache/gorgon/trees/gorgon-j1/");
  EXPECT_EQ(source(project_with(kSsh, "h", 2222, "~/t")), "ssh://h:2222/~/t/gorgon-j1/");
  EXPECT_EQ(source(project_with(kSsh, "::1", 0, "/srv/t/")), "ssh://[::1]/srv/t/gorgon-j1/");
  EXPECT_EQ(source(project_with(kSsh, "h", 0, "/")), "ssh://h/gorgon-j1/");
}

TEST(FileServerLocationTest, CarriesTheRestOfTheConfiguration) {
  config::ProjectConfig config = project_with(Transport::kAnonymous, "h");
  config.job.sync.user = "me";
  config.job.sync.password = "hush";
  config.job.sync.compress = true;
  config.job.sync.strict_host_keys = false;
  const config::SourceLocation location = file_server_location(config, "j1");
  EXPECT_EQ(location.user, "me");
  EXPECT_EQ(location.password, "hush");
  EXPECT_TRUE(location.compress);
  EXPECT_FALSE(location.strict_host_keys);
}

class SourceTreeTest : public testing::Test {
 protected:
  SourceTreeTest() {
    std::signal(SIGPIPE, SIG_IGN);  // As the program does: a peer may end while we write.
    fs::create_directory(served_);
    test::write(tree_ / "bin/run", "#!/bin/sh\n", 0755);
    test::write(tree_ / "new\nline \xFF", "bytes");
    test::write(tree_ / "-rf", "text", 0444);
    fs::create_directories(tree_ / "empty/deep");
    fs::create_symlink("/etc/hostname", tree_ / "absolute");
    fs::create_symlink("bin", tree_ / "relative");
  }
  ~SourceTreeTest() override {
    if (!is_serving_) return;
    [[maybe_unused]] const auto ignored = run_to_completion(io_, stop_file_server(state_));
  }
  void serve(const fs::path& secrets = {}) {
    for (int attempt = 0; attempt < 5 && !is_serving_; ++attempt) {
      port_ = listen_on("127.0.0.1", 0).value().port;
      FileServerOptions options{.directory = served_,
                                .port = static_cast<std::uint16_t>(port_),
                                .secrets = secrets,
                                .state_directory = state_};
      const auto started = run_to_completion(io_, start_file_server(std::move(options)));
      is_serving_ = started.has_value();
      if (!started && attempt == 4) FAIL() << started.error().message;
    }
  }
  config::SourceLocation anonymous(const std::string& job, std::string path = "") {
    return file_server_location(
        project_with(Transport::kAnonymous, "127.0.0.1", port_, std::move(path)), job);
  }
  Result<void> push_tree(const config::SourceLocation& location) {
    return run_to_completion(io_, push(tree_, location));
  }
  Result<void> pull_tree(const config::SourceLocation& location) {
    workspace_ = directory_.path() / ("w" + std::to_string(++pulls_));
    fs::create_directory(workspace_);
    return run_to_completion(io_, pull(location, workspace_));
  }
  Result<void> remove_tree(const config::SourceLocation& location) {
    return run_to_completion(io_, remove_pushed(location));
  }

  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-source-tree-test-").value();
  fs::path tree_ = directory_.path() / "tree";
  fs::path served_ = directory_.path() / "served";
  fs::path state_ = directory_.path() / "state";
  fs::path workspace_;
  int pulls_ = 0;
  int port_ = 0;
  bool is_serving_ = false;
};

// ---- anonymous ----

TEST_F(SourceTreeTest, ATreeGoesUpDownAndAwayThroughAFileServer) {
  serve();
  for (const char* folder : {"", "team/a"}) {
    const auto location = anonymous("j1", folder);
    const auto pushed = push_tree(location);
    ASSERT_TRUE(pushed) << pushed.error().message;
    const auto pulled = pull_tree(location);
    ASSERT_TRUE(pulled) << pulled.error().message;
    EXPECT_EQ(test::tree_at(workspace_), test::tree_at(tree_));
    const auto removed = remove_tree(location);
    ASSERT_TRUE(removed) << removed.error().message;
    EXPECT_FALSE(fs::exists(served_ / folder / "gorgon-j1"));
  }
}

TEST_F(SourceTreeTest, RemovalTouchesOnlyTheJobsOwnFolder) {
  serve();
  ASSERT_TRUE(push_tree(anonymous("j1")));
  ASSERT_TRUE(push_tree(anonymous("j11")));
  test::write(served_ / "keep", "this");
  const auto mode = fs::status(served_).permissions();
  const auto before = test::tree_at(served_ / "gorgon-j11");
  ASSERT_TRUE(remove_tree(anonymous("j1")));
  EXPECT_EQ(test::tree_at(served_ / "gorgon-j11"), before);
  EXPECT_TRUE(fs::exists(served_ / "keep"));
  EXPECT_FALSE(fs::exists(served_ / "gorgon-j1"));
  EXPECT_EQ(fs::status(served_).permissions(), mode);
}

TEST_F(SourceTreeTest, APushReplacesWhatAnEarlierOneLeft) {
  serve();
  ASSERT_TRUE(push_tree(anonymous("j1")));
  fs::remove(tree_ / "-rf");
  test::write(tree_ / "bin/run", "changed");
  ASSERT_TRUE(push_tree(anonymous("j1")));
  ASSERT_TRUE(pull_tree(anonymous("j1")));
  EXPECT_EQ(test::tree_at(workspace_), test::tree_at(tree_));
}

TEST_F(SourceTreeTest, SecretsAreAskedFor) {
  test::write(directory_.path() / "secrets", "# team\nme:hush\nyou:quiet\n", 0600);
  serve(directory_.path() / "secrets");
  auto location = anonymous("j1");
  const auto anonymous_push = push_tree(location);
  ASSERT_FALSE(anonymous_push);
  EXPECT_THAT(anonymous_push.error().message, HasSubstr("refused the user or the password"));
  location.user = "you";
  location.password = "hush";
  EXPECT_FALSE(push_tree(location));
  location.password = "quiet";
  EXPECT_TRUE(push_tree(location));
  EXPECT_TRUE(pull_tree(location));
  EXPECT_EQ(test::tree_at(workspace_), test::tree_at(tree_));
}

TEST_F(SourceTreeTest, ADeadFileServerIsASyncErrorWithItsWords) {
  serve();
  ASSERT_TRUE(run_to_completion(io_, stop_file_server(state_)));
  is_serving_ = false;
  for (const auto& result : {push_tree(anonymous("j1")), pull_tree(anonymous("j1"))}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kSync);
    EXPECT_THAT(result.error().message,
                HasSubstr("the file server 127.0.0.1:" + std::to_string(port_) +
                          " refused the connection: is `gorgon start_rsync` running there"));
    EXPECT_THAT(result.error().message, HasSubstr("Connection refused"));
  }
}

TEST_F(SourceTreeTest, ATreeThatIsNotThereIsASyncError) {
  serve();
  const auto pulled = pull_tree(anonymous("never"));
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().kind, ErrorKind::kSync);
  EXPECT_THAT(pulled.error().message, HasSubstr("No such file or directory"));
}

TEST_F(SourceTreeTest, AFullDiskOnEitherSideIsASyncErrorThatSaysSo) {
  const test::SmallDisk disk(served_, kMebibyte / 4);
  ASSERT_TRUE(disk.is_mounted()) << "this test mounts a small tmpfs: run it as root";
  serve();
  test::write(tree_ / "small", std::string(kMebibyte / 16, 'x'));
  ASSERT_TRUE(push_tree(anonymous("j1")));
  test::write(tree_ / "big", std::string(kMebibyte, 'x'));
  const auto pushed = push_tree(anonymous("j2"));
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().kind, ErrorKind::kSync);
  EXPECT_THAT(pushed.error().message, HasSubstr("No space left on device"));
  EXPECT_TRUE(remove_tree(anonymous("j2")));

  const fs::path full = directory_.path() / "full";
  fs::create_directory(full);
  const test::SmallDisk small(full, kMebibyte / 64);
  ASSERT_TRUE(small.is_mounted());
  const auto pulled = run_to_completion(io_, pull(anonymous("j1"), full));
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().kind, ErrorKind::kSync);
  EXPECT_THAT(pulled.error().message, HasSubstr("No space left on device"));
}

TEST_F(SourceTreeTest, LinksOnTheFileServerLeadNobodyOutOfIt) {
  serve();
  const fs::path outside = directory_.path() / "outside";
  fs::create_directory(outside);
  fs::create_directory_symlink(outside, tree_ / "trap");
  ASSERT_TRUE(push_tree(anonymous("j1")));
  // A later push that writes to where the link leads.
  const auto through = anonymous("j2", "gorgon-j1/trap");
  [[maybe_unused]] const auto pushed = push_tree(through);
  EXPECT_TRUE(fs::is_empty(outside));
  [[maybe_unused]] const auto removed = remove_tree(through);
  ASSERT_TRUE(pull_tree(anonymous("j1")));
  EXPECT_EQ(fs::read_symlink(workspace_ / "trap"), outside);
}

// ---- hostile or broken locations ----

TEST_F(SourceTreeTest, ALocationThatIsNoneIsRefusedBeforeAnythingRuns) {
  const test::ScopedVariable path("PATH", "/nonexistent");
  using enum Transport;
  const std::vector<std::pair<Transport, std::string>> locations = {
      {kSsh, "ssh://-oProxyCommand=touch%20x/p"},
      {kSsh, "ssh://-oProxyCommand=x/p/"},
      {kSsh, "ssh://h:-p/p/"},
      {kSsh, "ssh:///p/"},
      {kSsh, "/etc/"},
      {kSsh, "h:path/"},
      {kAnonymous, "/etc/"},
      {kAnonymous, "--rsh=touch x"},
      {kAnonymous, "ssh://h/p/"},
      {kDirect, "rsync://h/"},
      {kDirect, "rsync://h"},
      {kDirect, "rsync://h/a\nb/"},
      {kDirect, ""}};
  for (const auto& [transport, source] : locations) {
    const config::SourceLocation location{.transport = transport, .source = source};
    const auto pulled = pull_tree(location);
    ASSERT_FALSE(pulled) << source;
    EXPECT_THAT(pulled.error().message, HasSubstr("is not a place on a file server")) << source;
  }
  const config::SourceLocation user{.transport = kDirect, .source = "rsync://h/m/", .user = "-x@y"};
  EXPECT_THAT(pull_tree(user).error().message, HasSubstr("is not a place on a file server"));
}

TEST_F(SourceTreeTest, OnlyPushedTreesAreRemoved) {
  for (const char* source : {"rsync://h/module/", "rsync://h/module/x/", "rsync://h/m/gorgon-*/"}) {
    const config::SourceLocation location{.transport = Transport::kAnonymous, .source = source};
    const auto removed = remove_tree(location);
    ASSERT_FALSE(removed);
    EXPECT_THAT(removed.error().message, HasSubstr("is not a pushed tree"));
  }
}

TEST_F(SourceTreeTest, WithoutATransportNothingIsPulled) {
  const config::SourceLocation location{.transport = Transport::kNone, .source = "/anywhere"};
  EXPECT_TRUE(pull_tree(location));
  EXPECT_TRUE(fs::is_empty(workspace_));
}

// ---- ssh ----

class SshTest : public SourceTreeTest {
 protected:
  SshTest() {
    auto sshd = test::Sshd::start();
    EXPECT_TRUE(sshd) << sshd.error().message;
    if (!sshd) return;
    sshd_ = std::make_unique<test::Sshd>(std::move(*sshd));
    shell_ = std::make_unique<test::ScopedVariable>("RSYNC_RSH", sshd_->client_command());
  }
  void SetUp() override {
    ASSERT_TRUE(sshd_);
    test::write(sshd_->known_hosts(), sshd_->known_hosts_line(), 0600);
  }
  config::SourceLocation location(const std::string& job, std::string path = "") {
    return file_server_location(
        project_with(Transport::kSsh, "127.0.0.1", sshd_->port(), std::move(path)), job);
  }
  std::unique_ptr<test::Sshd> sshd_;
  std::unique_ptr<test::ScopedVariable> shell_;
};

TEST_F(SshTest, ATreeGoesUpDownAndAway) {
  const std::string absolute = (directory_.path() / "an absolute folder").string();
  for (const std::string& path : {std::string(), std::string("~/two words/$HOME"), absolute}) {
    const auto pushed = push_tree(location("j1", path));
    ASSERT_TRUE(pushed) << pushed.error().message;
    const auto pulled = pull_tree(location("j1", path));
    ASSERT_TRUE(pulled) << pulled.error().message;
    EXPECT_EQ(test::tree_at(workspace_), test::tree_at(tree_));
    const fs::path folder = path.empty()       ? sshd_->home() / ".cache/gorgon/trees"
                            : path == absolute ? fs::path(absolute)
                                               : sshd_->home() / path.substr(2);
    EXPECT_TRUE(fs::exists(folder / "gorgon-j1"));
    const auto removed = remove_tree(location("j1", path));
    ASSERT_TRUE(removed) << removed.error().message;
    EXPECT_TRUE(fs::is_empty(folder));
  }
}

TEST_F(SshTest, AnUnknownHostKeyIsRefusedUnlessAskedNotTo) {
  test::write(sshd_->known_hosts(), "", 0600);
  auto place = location("j1");
  const auto strict = push_tree(place);
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().kind, ErrorKind::kSync);
  EXPECT_THAT(strict.error().message, HasSubstr("Host key verification failed"));
  EXPECT_THAT(strict.error().message, HasSubstr("job.sync.ssh.strict"));
  place.strict_host_keys = false;
  EXPECT_TRUE(push_tree(place));
  place.strict_host_keys = true;
  EXPECT_TRUE(pull_tree(place));
}

TEST_F(SshTest, AChangedHostKeyIsRefusedEvenThen) {
  test::shell(directory_.path(), "ssh-keygen -q -t ed25519 -N '' -f other");
  const std::string other = read_file(directory_.path() / "other.pub").value();
  test::write(sshd_->known_hosts(), "[127.0.0.1]:" + std::to_string(sshd_->port()) + " " + other,
              0600);
  auto place = location("j1");
  place.strict_host_keys = false;
  EXPECT_FALSE(push_tree(place));
}

TEST_F(SshTest, AKeyThatIsNotAcceptedIsASyncErrorAndNobodyIsAsked) {
  sshd_->forget_client();
  const auto pushed = push_tree(location("j1"));
  ASSERT_FALSE(pushed);
  EXPECT_THAT(pushed.error().message, HasSubstr("did not accept our ssh key"));
}

TEST_F(SshTest, ADeadSshServerIsASyncError) {
  const auto place = location("j1");
  sshd_.reset();
  const auto pushed = push_tree(place);
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().kind, ErrorKind::kSync);
}

}  // namespace
}  // namespace gorgon::sync
