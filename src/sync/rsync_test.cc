#include "sync/rsync.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "support/tree.h"

namespace gorgon::sync {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

RsyncRun daemon_run() {
  return {.source = "rsync://me@files:8730/gorgon/gorgon-1/",
          .destination = "/w/",
          .via = Via::kDaemon,
          .peer = "the file server files",
          .refused_hint = "is `gorgon start_rsync` running there?",
          .password = "hush"};
}

std::string message_for(const RsyncRun& run, int code, std::string errors) {
  const Error error = rsync_error(
      run, {.status = {.code = code, .signal = {}}, .output = {}, .errors = std::move(errors)});
  EXPECT_EQ(error.kind, ErrorKind::kSync);
  return error.message;
}

TEST(RsyncTest, APasswordIsNeverInTheArgv) {
  const auto argv = rsync_argv(daemon_run());
  EXPECT_THAT(argv, Each(Not(HasSubstr("hush"))));
  EXPECT_THAT(argv, Contains("--password-file=-"));
}

TEST(RsyncTest, EveryRunOverANetworkHasTimeLimits) {
  EXPECT_THAT(rsync_argv(daemon_run()),
              AllOf(Contains("--timeout=30"), Contains("--contimeout=10")));
  const RsyncRun ssh{.source = "h:p/", .destination = "/w/", .via = Via::kSsh};
  EXPECT_THAT(rsync_argv(ssh), AllOf(Contains("--timeout=30"), Not(Contains("--contimeout=10"))));
}

TEST(RsyncTest, PathsStandBehindADoubleDash) {
  const RsyncRun run{.source = "--delete", .destination = "-x"};
  const auto argv = rsync_argv(run);
  const std::vector<std::string> end(argv.end() - 3, argv.end());
  EXPECT_THAT(end, testing::ElementsAre("--", "--delete", "-x"));
}

TEST(RsyncTest, SshNeverAsksAndChecksHostKeys) {
  const test::ScopedVariable shell("RSYNC_RSH", "");
  RsyncRun run{.source = "h:p/", .destination = "/w/", .via = Via::kSsh};
  EXPECT_THAT(rsync_argv(run), Contains("--rsh=ssh -o BatchMode=yes -o ConnectTimeout=10 "
                                        "-o StrictHostKeyChecking=yes"));
  run.strict_host_keys = false;
  run.ssh_port = "2222";
  EXPECT_THAT(rsync_argv(run), Contains(HasSubstr("StrictHostKeyChecking=accept-new -p 2222")));
}

TEST(RsyncTest, TheUsersRemoteShellIsHonoured) {
  const test::ScopedVariable shell("RSYNC_RSH", "ssh -F /tmp/config");
  const RsyncRun run{.source = "h:p/", .destination = "/w/", .via = Via::kSsh};
  EXPECT_THAT(rsync_argv(run), Contains(testing::StartsWith("--rsh=ssh -F /tmp/config -o Batch")));
}

TEST(RsyncTest, AnErrorSaysWhatToDoAndWhatRsyncSaid) {
  const std::string refused = message_for(
      daemon_run(), 10,
      "rsync: [Receiver] failed to connect to files (10.0.0.5): Connection refused (111)\n"
      "rsync error: error in socket IO (code 10) at clientserver.c(139) [Receiver=3.5.0]\n");
  EXPECT_EQ(refused,
            "the file server files refused the connection: is `gorgon start_rsync` running there? "
            "(rsync: exit code 10): rsync: [Receiver] failed to connect to files (10.0.0.5): "
            "Connection refused (111)");
  EXPECT_THAT(message_for(daemon_run(), 5, "@ERROR: auth failed on module gorgon\n"),
              HasSubstr("the file server files refused the user or the password"));
  EXPECT_THAT(message_for(daemon_run(), 11, "rsync: write failed: No space left on device (28)\n"),
              HasSubstr("No space left on device (28)"));
}

TEST(RsyncTest, AnUnknownFailureStillShowsTheLastLines) {
  EXPECT_EQ(message_for(daemon_run(), 12, "one\n\ntwo\n"),
            "rsync failed with the file server files (rsync: exit code 12): one\ntwo");
  EXPECT_THAT(message_for(daemon_run(), 12, "rsync error: unexplained\n"),
              HasSubstr("rsync error: unexplained"));
}

TEST(RsyncTest, BytesThatAreNotUtf8DoNotLeaveTheMessage) {
  EXPECT_THAT(message_for(daemon_run(), 23, "bad name \xff here"),
              HasSubstr("bad name \xEF\xBF\xBD here"));
}

TEST(RsyncTest, AMissingRsyncIsASyncError) {
  const test::ScopedVariable path("PATH", "/nonexistent");
  asio::io_context io(1);
  const auto result = run_to_completion(io, run_rsync({.source = "/a/", .destination = "/b/"}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kSync);
  EXPECT_THAT(result.error().message, HasSubstr("is it installed?"));
}

TEST(RsyncTest, WhatBrokeMayPassAndWhatWasRefusedWillNot) {
  const auto passes = [](int code, std::string errors) {
    return may_pass(
        daemon_run(),
        {.status = {.code = code, .signal = {}}, .output = {}, .errors = std::move(errors)});
  };
  EXPECT_TRUE(passes(12, "rsync: connection unexpectedly closed (0 bytes received so far)\n"));
  EXPECT_TRUE(passes(10, "rsync: failed to connect to files: Connection refused (111)\n"));
  EXPECT_TRUE(passes(30, "rsync: [receiver] io timeout after 30 seconds -- exiting\n"));
  EXPECT_TRUE(passes(35, "rsync: timeout waiting for daemon connection\n"));
  EXPECT_TRUE(may_pass(daemon_run(), {.status = {.code = {}, .signal = 9}, .output = {}}));
  EXPECT_FALSE(passes(5, "@ERROR: auth failed on module gorgon\n"));
  EXPECT_FALSE(passes(12, "rsync: write failed: No space left on device (28)\n"));
  EXPECT_FALSE(passes(255, "Host key verification failed.\n"));
  EXPECT_FALSE(passes(10, "rsync: getaddrinfo: files 873: Name or service not known\n"));
  EXPECT_FALSE(passes(23, "rsync: some files could not be read\n"));
}

/// An rsync of the test's own, whose second run succeeds.
TEST(RsyncTest, AConnectionThatBreaksIsMadeAgain) {
  std::signal(SIGPIPE, SIG_IGN);  // As the program does: a peer may end while we write.
  const auto directory = TempDir::make("gorgon-rsync-test-");
  ASSERT_TRUE(directory);
  const std::string mark = (directory->path() / "tried").string();
  test::write(directory->path() / "rsync",
              "#!/bin/sh\ntest -e '" + mark + "' && exit 0\ntouch '" + mark + "'\nkill -9 $$\n",
              0755);
  const test::ScopedVariable path("PATH", directory->path().string() + ":/usr/bin:/bin");
  RsyncRun run = daemon_run();
  asio::io_context io(1);
  EXPECT_FALSE(run_to_completion(io, run_rsync(run)));
  test::shell(directory->path(), "rm tried");
  run.reconnects = 1;
  EXPECT_TRUE(run_to_completion(io, run_rsync(std::move(run))));
}

TEST(RsyncTest, ARunThatTakesTooLongIsKilled) {
  const auto directory = TempDir::make("gorgon-rsync-test-");
  ASSERT_TRUE(directory);
  test::write(directory->path() / "rsync", "#!/bin/sh\nexec sleep 1000\n", 0755);
  const test::ScopedVariable path("PATH", directory->path().string() + ":/usr/bin:/bin");
  asio::io_context io(1);
  RsyncRun run{.source = "/a/", .destination = "/b/", .limit = std::chrono::seconds(1)};
  const auto result = run_to_completion(io, run_rsync(std::move(run)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kSync);
  EXPECT_THAT(result.error().message, HasSubstr("did not end within 1 s"));
}

}  // namespace
}  // namespace gorgon::sync
