// What tests leave running ends with them or with the job: by the cgroup of their worker, and on
// machines that have none which processes may live in.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "base/process_tree.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

namespace fs = std::filesystem;
using std::string;
using ::testing::MatchesRegex;

/// Ruby code that leaves a process which is nobody's descendant any more, and gives its pid.
constexpr const char* kOrphan = R"(
    reader, writer = IO.pipe
    Process.wait(fork { Process.setsid; writer.puts(spawn('sleep 600')); exit! })
    Integer(reader.gets))";

Project add_project_that_passes_and_leaves(Cluster& cluster, const string& code) {
  const Project project = cluster.add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('passes') {" + code + "\n } }\n");
  return project;
}

void expect_pass_and_nothing_left(Cluster& cluster, const FinishedRun& run) {
  EXPECT_EQ(run.exit_code, 0) << run.report.reason << run.report.notice_text();
  EXPECT_EQ(run.report.units.size(), 1U);
  EXPECT_TRUE(eventually(10s, [&] { return cluster.processes().empty(); }));
}

using LeftoversTest = LocalTest;

TEST_F(LeftoversTest, AnOrphanEndsWithTheJob) {
  const Project project = add_project_that_passes_and_leaves(cluster(), kOrphan);
  expect_pass_and_nothing_left(cluster(), cluster().run(project));
}

class CgroupTest : public LocalTest {
 protected:
  void SetUp() override {
    if (!is_possible()) GTEST_SKIP() << "no cgroups (version 2) can be made here";
    LocalTest::SetUp();
  }
  void TearDown() override {
    if (is_possible()) LocalTest::TearDown();
  }
  static bool is_possible() {
    return !own_cgroup().empty() && ::access(own_cgroup().c_str(), W_OK) == 0;
  }
  /// A project whose first file starts a process with `start`, which gives its pid, and hangs; the
  /// second one waits until that process is gone.
  Project add_project_that_leaves(const string& start) {
    const Project project = cluster().add_project("");
    project.write("spec/a_spec.rb", "def start\n" + start + R"(
end
RSpec.describe('a') do
  it('hangs') do
    pid = start
    File.write('group', File.read("/proc/#{pid}/cgroup"))
    File.write('left', pid)
    sleep
  end
end
)");
    project.write("spec/b_spec.rb",
                  "RSpec.describe('b') { it('is alone') { "
                  "sleep 0.01 while File.exist?(\"/proc/#{File.read('left')}\") } }\n");
    return project;
  }
  static void expect_second_was_alone(const FinishedRun& run) {
    ASSERT_EQ(run.report.units.size(), 2U) << run.report.reason << run.report.notice_text();
    EXPECT_EQ(run.report.unit("spec/a_spec.rb")->verdict, "timed_out");
    EXPECT_EQ(run.report.unit("spec/b_spec.rb")->verdict, "passed") << "it met what was left";
    EXPECT_EQ(run.exit_code, 1);
  }
};

/// Below the mount; of what /proc/PID/cgroup says.
string group_in(const string& memberships) {
  std::istringstream lines(memberships);
  for (string line; std::getline(lines, line);)
    if (line.starts_with("0::")) return line.substr(3);
  return {};
}

TEST_F(CgroupTest, AnOrphanEndsWithTheTestThatLeftIt) {
  const Project project = add_project_that_leaves(kOrphan);
  const FinishedRun run = cluster().run(project, {"-j", "1", "--timeout", "5"});
  expect_second_was_alone(run);
  const string group = group_in(project.read("group"));
  EXPECT_THAT(group, MatchesRegex(".*/gorgon-" + run.report.job + "-[0-9]+-1"));
  EXPECT_FALSE(fs::exists(own_cgroup() / fs::path(group).filename()));
}

/// A cgroup for threads: others can be made in it, but no process may live in those
/// (cgroups(7), "Threaded cgroups"). Removed with its owner.
class ThreadedCgroup {
 public:
  ThreadedCgroup() : root_(own_cgroup() / ("tests-of-gorgon-" + std::to_string(::getpid()))) {
    std::error_code ignored;
    fs::create_directories(path(), ignored);
    std::ofstream(path() / "cgroup.type") << "threaded";
  }
  ThreadedCgroup(const ThreadedCgroup&) = delete;
  ThreadedCgroup& operator=(const ThreadedCgroup&) = delete;
  ~ThreadedCgroup() {
    EXPECT_TRUE(eventually(10s, [&] { return is_removed(path()); })) << "something is left in it";
    kill_cgroup(root_);
    EXPECT_TRUE(eventually(10s, [&] { return is_removed(path()) && is_removed(root_); }));
  }
  [[nodiscard]] fs::path path() const { return root_ / "threaded"; }
  [[nodiscard]] bool is_usable() const {
    string type;
    std::ifstream(path() / "cgroup.type") >> type;
    return type == "threaded";
  }

 private:
  static bool is_removed(const fs::path& folder) {
    return ::rmdir(folder.c_str()) == 0 || !fs::exists(folder);
  }
  fs::path root_;
};

class ThreadedCgroupTest : public CgroupTest {
 protected:
  /// `gorgon start` in one of these.
  FinishedRun run_inside(const ThreadedCgroup& threaded, const Project& project) {
    return cluster().finish(cluster().start_program(
        {"sh", "-c", R"(echo $$ > "$0/cgroup.procs" && exec "$@")", threaded.path(), GORGON_BINARY,
         "start", "--message-format", "json", "-j", "1", "--timeout", "5"},
        project.folder()));
  }
};

TEST_F(ThreadedCgroupTest, WhatAHungTestHasStartedEndsWithIt) {
  const ThreadedCgroup threaded;
  if (!threaded.is_usable()) GTEST_SKIP() << "no cgroup can be made threaded here";
  const Project project = add_project_that_leaves("spawn('exec setsid sleep 600')");
  expect_second_was_alone(run_inside(threaded, project));
  EXPECT_THAT(group_in(project.read("group")), MatchesRegex(".*/threaded"));
}

TEST_F(ThreadedCgroupTest, AnOrphanEndsWithTheJob) {
  const ThreadedCgroup threaded;
  if (!threaded.is_usable()) GTEST_SKIP() << "no cgroup can be made threaded here";
  const Project project = add_project_that_passes_and_leaves(cluster(), kOrphan);
  expect_pass_and_nothing_left(cluster(), run_inside(threaded, project));
}

}  // namespace
}  // namespace gorgon::test
