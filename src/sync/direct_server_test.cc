#include "sync/direct_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "config/source_location.h"
#include "support/tree.h"
#include "sync/address.h"
#include "sync/snapshot.h"
#include "sync/source_tree.h"

namespace gorgon::sync {
namespace {

using asio::ip::tcp;
using testing::HasSubstr;
using testing::Not;

class DirectServerTest : public testing::Test {
 protected:
  DirectServerTest() {
    std::signal(SIGPIPE, SIG_IGN);  // As the program does: a peer may end while we write.
    test::write(project_ / "bin/run", "#!/bin/sh\n", 0755);
    test::write(project_ / "with space/\xC3\xA9", "text");
    fs::create_symlink("/etc/hostname", project_ / "absolute");
    fs::create_directory_symlink("/etc", project_ / "etc");
    auto stage = run_to_completion(
        io_, take_snapshot(project_, {}, {.stage_root = directory_.path() / "stages"}));
    EXPECT_TRUE(stage) << stage.error().message;
    if (stage) stage_ = std::make_unique<Stage>(std::move(*stage));
  }

  void SetUp() override { ASSERT_TRUE(stage_); }

  std::unique_ptr<DirectServer> start(DirectServerOptions options = {}) {
    auto server = run_to_completion(io_, DirectServer::start(*stage_, std::move(options)));
    EXPECT_TRUE(server) << server.error().message;
    return server ? std::move(*server) : nullptr;
  }
  fs::path workspace(const std::string& name) {
    fs::create_directory(directory_.path() / name);
    return directory_.path() / name;
  }
  Result<void> pull_into(const std::string& name, const config::SourceLocation& location) {
    return run_to_completion(io_, pull(location, workspace(name)));
  }
  /// Runs rsync with the server's secret and our own arguments.
  RunOutput rsync(const DirectServer& server, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"rsync", "--password-file=-", "--timeout=20"});
    RunOptions options{.spawn = {.argv = std::move(arguments)},
                       .input = server.location().password + "\n",
                       .timeout = std::chrono::seconds(30)};
    auto output = run_to_completion(io_, gorgon::run(std::move(options)));
    EXPECT_TRUE(output);
    return output ? *output : RunOutput{};
  }
  /// The server's address with the user, as rsync takes it.
  static std::string url(const DirectServer& server) {
    return "rsync://job@" + server.location().source.substr(std::string_view("rsync://").size());
  }
  static int port_of(const DirectServer& server) {
    const std::string& source = server.location().source;
    return std::stoi(source.substr(source.rfind(':') + 1));
  }
  /// Lets the event loop run until `condition` holds.
  bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return condition();
  }
  static std::size_t daemons() {
    std::size_t count = 0;
    for (const pid_t pid : descendants_of(::getpid())) {
      const auto argv = read_file("/proc/" + std::to_string(pid) + "/cmdline");
      count += argv && argv->contains("--daemon") ? 1U : 0U;
    }
    return count;
  }

  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-direct-test-").value();
  fs::path project_ = directory_.path() / "project";
  std::unique_ptr<Stage> stage_;
};

TEST_F(DirectServerTest, APullGivesTheTreeAsItIs) {
  const auto server = start();
  EXPECT_THAT(server->location().source,
              testing::MatchesRegex("rsync://127\\.0\\.0\\.1:[0-9]+/tree/"));
  const auto pulled = pull_into("w", server->location());
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(test::tree_at(directory_.path() / "w"), test::tree_at(project_));
}

TEST_F(DirectServerTest, ManyMachinesPullAtOnceThoughOnlyTwoMayBeServedAtOnce) {
  const auto server = start({.max_connections = 2});
  std::vector<std::optional<Result<void>>> results(6);
  for (std::size_t n = 0; n < results.size(); ++n) {
    spawn(io_.get_executor(),
          [](config::SourceLocation location, fs::path to,
             std::optional<Result<void>>& result) -> Task<void> {
            result = co_await pull(std::move(location), std::move(to));
          }(server->location(), workspace("w" + std::to_string(n)), results[n]));
  }
  std::size_t most = 0;
  EXPECT_TRUE(eventually([&] {
    most = std::max(most, daemons());
    return std::ranges::all_of(results, [](const auto& result) { return result.has_value(); });
  }));
  EXPECT_LE(most, 2U);
  for (const auto& result : results) EXPECT_TRUE(result && *result);
  EXPECT_EQ(test::tree_at(directory_.path() / "w5"), test::tree_at(project_));
}

TEST_F(DirectServerTest, AWrongOrMissingSecretIsRefused) {
  const auto server = start();
  for (const char* password : {"wrong", ""}) {
    config::SourceLocation location = server->location();
    location.password = password;
    const auto pulled = pull_into("w", location);
    ASSERT_FALSE(pulled);
    EXPECT_EQ(pulled.error().kind, ErrorKind::kSync);
    EXPECT_THAT(pulled.error().message, HasSubstr("refused the user or the password"));
    EXPECT_TRUE(fs::is_empty(directory_.path() / "w"));
  }
}

TEST_F(DirectServerTest, TheSecretIsAnotherForEveryServer) {
  EXPECT_NE(start()->location().password, start()->location().password);
}

TEST_F(DirectServerTest, NobodyCanWrite) {
  const auto server = start();
  test::write(directory_.path() / "evil", "evil");
  const RunOutput push = rsync(*server, {(directory_.path() / "evil").string(), url(*server)});
  EXPECT_FALSE(push.status.is_success());
  EXPECT_THAT(push.errors, HasSubstr("read only"));
  fs::create_directory(directory_.path() / "empty");
  const RunOutput wipe =
      rsync(*server, {"-r", "--delete", (directory_.path() / "empty/").string(), url(*server)});
  EXPECT_FALSE(wipe.status.is_success());
  EXPECT_EQ(test::tree_at(stage_->tree()), test::tree_at(project_));
}

TEST_F(DirectServerTest, NothingOutsideTheStageCanBeRead) {
  const auto server = start();
  const std::string secrets = fs::relative(stage_->directory(), stage_->tree()).string();
  fs::create_directory(directory_.path() / "out");
  const std::string out = (directory_.path() / "out").string() + "/";
  for (const std::string& path :
       {std::string("../"), secrets + "/", std::string("../../../../etc/hostname"),
        std::string("etc/hostname"), std::string("etc/"), std::string("/etc/hostname")}) {
    (void)rsync(*server, {"-r", "--relative", url(*server) + path, out});
    (void)rsync(*server, {"-rL", url(*server) + path, out});
    (void)rsync(*server, {"-r", "--copy-unsafe-links", url(*server) + path, out});
  }
  EXPECT_THAT(test::names_in(out), Not(HasSubstr("hostname")));
  EXPECT_THAT(test::names_in(out), Not(HasSubstr("secrets")));
  EXPECT_THAT(test::names_in(out), Not(HasSubstr("rsyncd.conf")));
}

TEST_F(DirectServerTest, NoOtherModuleAndNoListOfModules) {
  const auto server = start();
  const std::string host = "rsync://job@127.0.0.1:" + std::to_string(port_of(*server)) + "/";
  EXPECT_EQ(rsync(*server, {host}).output, "");
  EXPECT_FALSE(
      rsync(*server, {"-r", host + "other/", directory_.path().string()}).status.is_success());
}

TEST_F(DirectServerTest, ItsEndEndsTransfersAndThePort) {
  const auto entries = [&] {
    return std::distance(fs::directory_iterator(stage_->directory()), fs::directory_iterator());
  };
  const auto before = entries();
  auto server = start();
  const int port = port_of(*server);
  tcp::socket idle(io_);
  idle.connect(tcp::endpoint(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)));
  ASSERT_TRUE(eventually([] { return daemons() == 1; }));
  const config::SourceLocation location = server->location();
  server.reset();
  EXPECT_TRUE(eventually([] { return daemons() == 0; }));
  EXPECT_EQ(entries(), before);
  const auto pulled = pull_into("w", location);
  ASSERT_FALSE(pulled);
  EXPECT_THAT(pulled.error().message, HasSubstr("refused the connection: has its run ended?"));
}

TEST_F(DirectServerTest, TheSecretIsInNoArgvAndNoLog) {
  const fs::path log = directory_.path() / "log";
  ASSERT_TRUE(log::open(log, log::Level::kDebug));
  const auto server = start();
  // A stand-in on the path notes how rsync is called, by both sides, and calls the real one.
  const fs::path calls = directory_.path() / "calls";
  test::write(
      directory_.path() / "bin/rsync",
      "#!/bin/sh\n{ echo \"$@\"; env; } >> '" + calls.string() + "'\nexec /usr/bin/rsync \"$@\"\n",
      0755);
  {
    const test::ScopedVariable path("PATH",
                                    (directory_.path() / "bin").string() + ":/usr/bin:/bin");
    ASSERT_TRUE(pull_into("w", server->location()));
    config::SourceLocation wrong = server->location();
    wrong.source += "missing/";
    EXPECT_FALSE(pull_into("w2", wrong));
  }
  ASSERT_TRUE(log::open({}, log::Level::kWarning));
  const std::string noted = read_file(calls).value_or("");
  EXPECT_THAT(noted, HasSubstr("--daemon"));
  EXPECT_THAT(noted, HasSubstr("rsync://job@"));
  EXPECT_THAT(noted, Not(HasSubstr(server->location().password)));
  EXPECT_THAT(read_file(log).value_or(""), Not(HasSubstr(server->location().password)));
}

TEST_F(DirectServerTest, ItsFilesAreClosedToOthers) {
  const auto server = start();
  const auto others = fs::perms::group_all | fs::perms::others_all;
  for (const auto& entry : fs::recursive_directory_iterator(stage_->directory())) {
    if (entry.path().string().starts_with(stage_->tree().string())) continue;
    EXPECT_EQ(entry.status().permissions() & others, fs::perms::none) << entry.path();
  }
}

TEST_F(DirectServerTest, APortInUseOrAForeignAddressIsASyncError) {
  const auto taken = listen_on("127.0.0.1", 0);
  ASSERT_TRUE(taken);
  // 192.0.2.0/24 is nobody's (RFC 5737).
  for (const std::string& address :
       {"127.0.0.1:" + std::to_string(taken->port), std::string("192.0.2.7"),
        std::string("127.0.0.1:99999"), std::string("no.such.host.invalid")}) {
    const DirectServerOptions options{.bind_address = address};
    const auto server = run_to_completion(io_, DirectServer::start(*stage_, options));
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().kind, ErrorKind::kSync);
    EXPECT_THAT(server.error().message, HasSubstr("job.sync.bind_address"));
  }
}

TEST_F(DirectServerTest, TellsListenersAnAddressThatTheyReach) {
  EXPECT_THAT(start({.broker_host = "localhost"})->location().source,
              testing::AnyOf(HasSubstr("//127.0.0.1:"), HasSubstr("//[::1]:")));
  EXPECT_THAT(start({.bind_address = "0.0.0.0", .broker_host = "127.0.0.1"})->location().source,
              HasSubstr("//127.0.0.1:"));
  EXPECT_THAT(start({.bind_address = "localhost"})->location().source,
              testing::AnyOf(HasSubstr("//127.0.0.1:"), HasSubstr("//[::1]:")));
  const auto six = start({.bind_address = "[::1]"});
  EXPECT_THAT(six->location().source, HasSubstr("rsync://[::1]:"));
  EXPECT_TRUE(pull_into("six", six->location()));
}

}  // namespace
}  // namespace gorgon::sync
