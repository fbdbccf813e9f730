// A RunnerProcess against runners that break the protocol: here the test is the host, and the
// runner a shell script.
#include "runner/runner_process.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "results/verdict.h"
#include "runner/unit_clock.h"

namespace gorgon::runner {
namespace {

using namespace std::chrono_literals;

/// Its conversation is descriptor 3; it has said that it is ready.
constexpr const char* kReady = "echo '{\"type\":\"ready\",\"pid\":2}' >&3; read -r run <&3; ";

/// As a host does: the process id, then how it ended.
Task<void> follow(std::shared_ptr<Subprocess> process, int status) {
  const ExitStatus end = co_await process->wait();
  const std::string line = end.signal
                               ? R"({"signal":)" + std::to_string(*end.signal) + "}\n"
                               : R"({"exit":)" + std::to_string(end.code.value_or(0)) + "}\n";
  EXPECT_EQ(::write(status, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  ::close(status);
}

class RunnerProcessTest : public testing::Test {
 protected:
  /// Runs one unit, without a time limit, with `script` as the runner.
  UnitRun run_with(const std::string& script) {
    RunnerOptions options;
    options.output_file = folder_.path() / "out";
    options.start_timeout = 30s;
    options.request_fork = [&](const std::string&, const std::vector<int>& descriptors) {
      SpawnOptions spawn;
      spawn.argv = {"/bin/sh", "-c", kReady + script};
      spawn.descriptors = {{1, descriptors[1]}, {2, descriptors[1]}, {3, descriptors[0]}};
      auto process = Subprocess::spawn(io_.get_executor(), spawn);
      if (!process) return Result<void>(std::unexpected(process.error()));
      const int status = ::dup(descriptors[2]);
      const std::string line = R"({"pid":)" + std::to_string(process->pid()) + "}\n";
      EXPECT_GT(::write(status, line.data(), line.size()), 0);
      gorgon::spawn(io_.get_executor(),
                    follow(std::make_shared<Subprocess>(*std::move(process)), status));
      return Result<void>();
    };
    return run_to_completion(io_, run_one(std::move(options)));
  }

 private:
  static Task<UnitRun> run_one(RunnerOptions options) {
    auto started = co_await RunnerProcess::start(std::move(options));
    EXPECT_TRUE(started) << started.error().message;
    if (!started) co_return UnitRun();
    results::Unit unit{.id = "u1", .file = "a_spec.rb"};
    const RunLimits none;
    UnitWatch nobody;
    co_return co_await (*started)->run(std::move(unit), 1, none, std::move(nobody));
  }

  asio::io_context io_{1};
  TempDir folder_ = *TempDir::make("gorgon-runner-process-");
};

TEST_F(RunnerProcessTest, OneSpoiledLineFailsTheUnitAndTheRestStillCounts) {
  const UnitRun run = run_with(
      R"(echo garbage >&3
         echo '{"type":"case","id":"1","name":"n","status":"passed"}' >&3
         echo '{"type":"unit_finished","unit":"u1","verdict":"passed"}' >&3; exec sleep 600)");
  EXPECT_EQ(run.end, RunEnd::kFinished);
  EXPECT_EQ(run.result.verdict, results::Verdict::kFailed);
  EXPECT_EQ(run.result.cases.size(), 1U);
  ASSERT_EQ(run.result.errors.size(), 1U);
  EXPECT_EQ(run.result.errors[0].message,
            "the runner broke the protocol: not valid JSON (at byte 1)");
}

TEST_F(RunnerProcessTest, ARunnerThatSpeaksGarbageForEverIsKilled) {
  const UnitRun run = run_with("exec yes garbage >&3");
  EXPECT_EQ(run.end, RunEnd::kCrashed);
  EXPECT_EQ(run.result.verdict, results::Verdict::kCrashed);
  EXPECT_LT(run.result.errors.size(), 30U);
}

TEST_F(RunnerProcessTest, ALineWithoutEndEndsTheRunnerAlsoWithoutATimeLimit) {
  const UnitRun run = run_with("tr '\\0' x </dev/zero >&3");
  EXPECT_EQ(run.end, RunEnd::kCrashed);
  ASSERT_FALSE(run.result.errors.empty());
  EXPECT_EQ(run.result.errors[0].message,
            "the runner broke the protocol: a line is longer than 16777216 bytes");
}

TEST_F(RunnerProcessTest, OutputThatNobodyWroteIsNotLookedFor) {
  const UnitRun run = run_with(
      R"(printf hello
         echo '{"type":"case","id":"1","name":"n","status":"passed","output":[0,9000000000000000000]}' >&3
         echo '{"type":"unit_finished","unit":"u1","verdict":"passed"}' >&3; exec sleep 600)");
  EXPECT_EQ(run.end, RunEnd::kFinished);
  ASSERT_EQ(run.result.cases.size(), 1U);
  EXPECT_EQ(run.result.cases[0].output, "hello");
}

}  // namespace
}  // namespace gorgon::runner
