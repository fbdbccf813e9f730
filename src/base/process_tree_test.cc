#include "base/process_tree.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/subprocess.h"

namespace gorgon {
namespace {

using namespace std::chrono_literals;

template <class Condition>
bool eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

bool is_alive(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  return stat && stat->find(") Z ") == std::string::npos;
}

TEST(HeldTree, IsKilledAfterItsRootHasEnded) {
  asio::io_context io(1);
  // A child, and one that has left the session.
  auto shell = Subprocess::spawn(io.get_executor(),
                                 {.argv = {"sh", "-c", "sleep 600 & setsid sleep 600 & wait"}});
  ASSERT_TRUE(shell);
  std::vector<pid_t> children;
  ASSERT_TRUE(eventually([&] {
    children = descendants_of(shell->pid());
    return children.size() == 2;
  }));
  const HeldTree held(shell->pid());
  shell->signal(SIGKILL);
  EXPECT_EQ(run_to_completion(io, shell->wait()).signal, SIGKILL);
  for (const pid_t child : children) EXPECT_TRUE(is_alive(child));
  held.kill();
  for (const pid_t child : children) {
    EXPECT_TRUE(eventually([&] { return !is_alive(child); })) << child;
  }
}

TEST(HeldTree, KillsNobodyWhenAllHaveEnded) {
  asio::io_context io(1);
  auto shell = Subprocess::spawn(io.get_executor(), {.argv = {"sh", "-c", "sleep 600 & wait"}});
  ASSERT_TRUE(shell);
  ASSERT_TRUE(eventually([&] { return descendants_of(shell->pid()).size() == 1; }));
  const HeldTree held(shell->pid());
  shell->kill_and_reap();
  held.kill();
}

std::string name_of_test_cgroup() { return "gorgon-test-" + std::to_string(::getpid()) + "-0"; }

TEST(CgroupTest, WhatIsInItEndsWithIt) {
  auto cgroup = Cgroup::make(name_of_test_cgroup());
  if (!cgroup) GTEST_SKIP() << "no cgroups (version 2) can be made here";
  const fs::path path = cgroup->path();
  asio::io_context io(1);
  // An orphan in a session of its own is left.
  const auto ran = run_to_completion(
      io, run({.spawn = {.argv = {"sh", "-c",
                                  "echo $$ > $0/cgroup.procs && "
                                  "{ setsid sleep 600 > /dev/null 2>&1 & echo $!; }",
                                  path},
                         .descriptors = {}},
               .timeout = 30s}));
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(read_file(path / "cgroup.procs").value_or("cannot be read"), ran->output);
  cgroup.reset();
  EXPECT_FALSE(is_alive(std::stoi(ran->output)));
  EXPECT_FALSE(fs::exists(path));
}

TEST(CgroupTest, IsNotMadeWhereNoProcessMayBe) {
  const auto outer = Cgroup::make(name_of_test_cgroup());
  if (!outer) GTEST_SKIP() << "no cgroups (version 2) can be made here";
  // Beside one for threads only such are of use (cgroups(7), "Threaded cgroups").
  const fs::path threaded = outer->path() / "threaded";
  ASSERT_TRUE(fs::create_directory(threaded));
  const bool is_threaded = (std::ofstream(threaded / "cgroup.type") << "threaded").flush().good();
  EXPECT_FALSE(is_threaded && Cgroup::make(name_of_test_cgroup() + "/inner"));
  EXPECT_FALSE(fs::exists(outer->path() / "inner"));
  ASSERT_EQ(::rmdir(threaded.c_str()), 0);
  if (!is_threaded) GTEST_SKIP() << "no cgroup can be made threaded here";
}

}  // namespace
}  // namespace gorgon
