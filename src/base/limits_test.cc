#include "base/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace gorgon {
namespace {

constexpr ResourceLimits kAll{
    .memory_bytes = 64 << 20, .processes = 50, .open_files = 77, .cpus = 2};

TEST(LimitsTest, ACgroupHoldsWhatItsControllersCount) {
  // The files that the kernel makes for a cgroup with the controllers memory and cpu.
  const auto folder = TempDir::make("limits");
  ASSERT_TRUE(folder) << folder.error().message;
  std::ofstream(folder->path() / "memory.max") << "max\n";
  std::ofstream(folder->path() / "cpu.max") << "max 100000\n";
  EXPECT_EQ(limit_cgroup(folder->path(), kAll),
            (ResourceLimits{.processes = kAll.processes, .open_files = kAll.open_files}));
  std::string memory, share, period;
  std::ifstream(folder->path() / "memory.max") >> memory;
  std::ifstream(folder->path() / "cpu.max") >> share >> period;
  EXPECT_EQ(memory, "67108864");
  EXPECT_EQ(share, "200000");
  EXPECT_EQ(period, "100000");
  EXPECT_FALSE(std::filesystem::exists(folder->path() / "pids.max"));
}

/// What a shell prints that is started with `limits`.
std::string output_of(const std::string& script, const ResourceLimits& limits) {
  asio::io_context io(1);
  const auto ran = run_to_completion(
      io, run({.spawn = {.argv = {"sh", "-c", script}, .descriptors = {}, .limits = limits},
               .timeout = std::chrono::seconds(10)}));
  return ran ? ran->output : ran.error().message;
}

TEST(LimitsTest, AStartedProcessHasThem) {
  EXPECT_EQ(output_of("ulimit -d; ulimit -n; ulimit -H -n", kAll), "65536\n77\n77\n");
}

TEST(LimitsTest, NobodyGetsMoreThanHeHas) {
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(output_of("ulimit -n", {.open_files = 2'000'000'000}),
            std::to_string(now.rlim_max) + "\n");
}

}  // namespace
}  // namespace gorgon
