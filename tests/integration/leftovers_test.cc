// What tests leave running ends with them.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <string>

#include "harness.h"
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

}  // namespace
}  // namespace gorgon::test
