#include "sync/file_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "support/tree.h"
#include "sync/address.h"

namespace gorgon::sync {
namespace {

using test::kMebibyte;
using testing::HasSubstr;

class FileServerTest : public testing::Test {
 protected:
  FileServerTest() { fs::create_directory(options_.directory); }
  ~FileServerTest() override { [[maybe_unused]] const auto ignored = stop(); }
  Result<void> start() { return run_to_completion(io_, start_file_server(options_)); }
  Result<void> stop() { return run_to_completion(io_, stop_file_server(options_.state_directory)); }
  [[nodiscard]] pid_t pid() const {
    return std::stoi(read_file(options_.state_directory / "rsyncd.pid").value_or("0"));
  }
  /// What a client sees of the module.
  RunOutput list() {
    RunOptions run{
        .spawn = {.argv = {"rsync", "--timeout=10",
                           "rsync://127.0.0.1:" + std::to_string(options_.port) + "/gorgon/"}},
        .timeout = std::chrono::seconds(20)};
    return run_to_completion(io_, gorgon::run(std::move(run))).value_or(RunOutput{});
  }

  asio::io_context io_{1};
  TempDir directory_ = TempDir::make("gorgon-file-server-test-").value();
  FileServerOptions options_{.directory = directory_.path() / "files",
                             .port = static_cast<std::uint16_t>(listen_on("127.0.0.1", 0)->port),
                             .state_directory = directory_.path() / "home" / ".gorgon"};
};

TEST_F(FileServerTest, ServesInTheBackgroundUntilStopped) {
  test::write(options_.directory / "here");
  const auto started = start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(list().output, HasSubstr("here"));
  EXPECT_NE(::getsid(pid()), ::getsid(0));
  ASSERT_TRUE(stop());
  EXPECT_FALSE(list().status.is_success());
  EXPECT_FALSE(fs::exists(options_.state_directory / "rsyncd.pid"));
  EXPECT_TRUE(start());
}

TEST_F(FileServerTest, ASecondStartAndAStopWithoutOneAreErrors) {
  const auto stopped = stop();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(start());
  const auto again = start();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kRefused);
  EXPECT_THAT(again.error().message, HasSubstr("runs already (pid " + std::to_string(pid())));
  EXPECT_THAT(list().status.code, testing::Optional(0));
}

TEST_F(FileServerTest, APortInUseIsRefusedWithAWord) {
  const auto taken = listen_on("127.0.0.1", 0);
  options_.port = static_cast<std::uint16_t>(taken->port);
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::kRefused);
  EXPECT_THAT(started.error().message, HasSubstr("Address already in use"));
  EXPECT_THAT(started.error().message, HasSubstr("--port"));
}

TEST_F(FileServerTest, AnAddressOfAnotherMachineIsRefused) {
  options_.bind = "192.0.2.7";  // Nobody's (RFC 5737).
  EXPECT_FALSE(start());
  options_.bind = "no.such.host.invalid";
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::kUsage);
}

TEST_F(FileServerTest, AKilledServerDoesNotBlockTheNext) {
  ASSERT_TRUE(start());
  const pid_t first = pid();
  ::kill(first, SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!listen_on("127.0.0.1", options_.port) && std::chrono::steady_clock::now() < deadline)
    ::usleep(1000);
  const auto started = start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_NE(pid(), first);
}

TEST_F(FileServerTest, AStalePidFileOfAnotherProgramIsNotKilled) {
  test::write(options_.state_directory / "rsyncd.pid", std::to_string(::getppid()));
  const auto stopped = stop();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(start());
}

TEST_F(FileServerTest, ADirectoryOrSecretsThatCannotBeUsedAreUsageErrors) {
  FileServerOptions good = options_;
  options_.directory = directory_.path() / "missing";
  EXPECT_EQ(start().error().kind, ErrorKind::kUsage);
  options_ = good;
  options_.directory = directory_.path() / "100%";
  fs::create_directory(options_.directory);
  EXPECT_EQ(start().error().kind, ErrorKind::kUsage);
  options_ = good;
  const fs::path secrets = directory_.path() / "secrets";
  options_.secrets = secrets;
  EXPECT_THAT(start().error().message, HasSubstr("does not exist"));
  test::write(secrets, "me:hush\n", 0644);
  EXPECT_THAT(start().error().message, HasSubstr("chmod 600"));
  test::write(secrets, "no colon\n", 0600);
  EXPECT_THAT(start().error().message, HasSubstr("user:password"));
  test::write(secrets, "me:hush\n", 0600);
  EXPECT_TRUE(start());
}

TEST_F(FileServerTest, ItsFilesAreClosedToOthers) {
  test::write(directory_.path() / "secrets", "me:hush\n", 0600);
  options_.secrets = directory_.path() / "secrets";
  ASSERT_TRUE(start());
  for (const char* name : {"rsyncd.conf", "rsyncd.secrets"}) {
    EXPECT_EQ(fs::status(options_.state_directory / name).permissions(), fs::perms(0600)) << name;
  }
}

TEST_F(FileServerTest, StoppingEndsTransfersInProgress) {
  ASSERT_TRUE(start());
  test::write(options_.directory / "big", std::string(8 * kMebibyte, 'x'));
  const SpawnOptions slow{
      .argv = {"rsync", "--bwlimit=1", "--timeout=60",
               "rsync://127.0.0.1:" + std::to_string(options_.port) + "/gorgon/big",
               directory_.path().string()}};
  auto client = Subprocess::spawn(io_.get_executor(), slow);
  ASSERT_TRUE(client);
  const auto is_connected = [&] {
    return read_file(options_.state_directory / "rsyncd.log").value_or("").contains("rsync on");
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_connected() && std::chrono::steady_clock::now() < deadline) ::usleep(1000);
  ASSERT_TRUE(is_connected());
  ASSERT_TRUE(stop());
  const auto status = run_to_completion(io_, client->wait_until(deadline));
  ASSERT_TRUE(status);
  EXPECT_FALSE(status.value_or(ExitStatus{.code = 0, .signal = {}}).is_success());
}

}  // namespace
}  // namespace gorgon::sync
