// What a machine keeps the tests of its listener from: being root, and using more than they may.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/files.h"
#include "base/user.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;
using ::testing::HasSubstr;

class FenceTest : public RabbitTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can have tests run as another user";
    RabbitTest::SetUp();
  }
  void TearDown() override {
    if (::geteuid() == 0) RabbitTest::TearDown();
  }
  /// A folder of `user_` below those of the test, which it may pass.
  void give(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    ASSERT_EQ(::chown(folder.c_str(), user_.uid, user_.gid), 0);
    ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
    for (auto parent = folder.parent_path(); parent != cluster().folder().parent_path();
         parent = parent.parent_path())
      ASSERT_EQ(::chmod(parent.c_str(), 0711), 0);
  }
  [[nodiscard]] std::filesystem::path home() { return cluster().folder() / "listeners" / "one"; }

  User user_ = find_user("nobody").value_or(User{});
};

string ids_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  string ids;
  for (string line; std::getline(status, line);)
    if (line.starts_with("Uid:") || line.starts_with("Gid:")) ids += line + "\n";
  return ids;
}

TEST_F(FenceTest, TestsCallbacksAndTheListenerAreThatUsers) {
  give(home() / "workspaces");
  give(home() / "run");
  give(cluster().folder() / "tmp");
  const auto secret = cluster().folder() / "secret";
  ASSERT_TRUE(write_file(secret, "root's own\n", 0600));
  RunningListener& listener =
      cluster().start_listener({.keys = R"("run_as": "nobody", "pid_file": "run/listener.pid")"});
  const auto config = listener.home / "gorgon_listener.json";
  ASSERT_EQ(::chmod(config.c_str(), 0600), 0);
  const string id = std::to_string(user_.uid);
  const string group = std::to_string(user_.gid);
  EXPECT_EQ(ids_of(listener.program->pid()), "Uid:\t" + id + "\t" + id + "\t" + id + "\t" + id +
                                                 "\nGid:\t" + group + "\t" + group + "\t" + group +
                                                 "\t" + group + "\n");
  EXPECT_EQ(listener.log().find("tests run as root"), string::npos);

  const Project project = cluster().add_project("");
  cluster().configure(project, R"("job": {"callbacks": {"after_sync": "id -u > by_callback"}})");
  project.write("spec/a_spec.rb", R"(RSpec.describe('x') do
  it('is somebody else') do
    ids = [Process.uid, Process.euid, Process.gid, Process.egid, Process.groups.include?(0)]
    puts ids.inspect, ENV.values_at('HOME', 'USER', 'LOGNAME').inspect, File.read('by_callback')
    File.write('mine', 'x')
    owned = [__FILE__, 'mine', '.'].map { |file| File.stat(file).uid }
    puts owned.inspect, format('%o', File.stat('../..').mode & 0o777)
  end
  ['SECRET', 'CONFIG', "/proc/#{Process.ppid}/environ"].each do |file|
    it("reads #{file}") { File.read(file) }
  end
  it('becomes root') { Process::Sys.setuid(0) }
  it('looks into the listener') { File.read('/proc/LISTENER/maps') }
end
)");
  string text = project.read("spec/a_spec.rb");
  const auto replace = [&](const string& word, const string& with) {
    text.replace(text.find(word), word.size(), with);
  };
  replace("SECRET", secret);
  replace("CONFIG", config);
  replace(", \"/proc/#{Process.ppid}/environ\"", "");
  replace("LISTENER", std::to_string(listener.program->pid()));
  project.write("spec/a_spec.rb", text);
  const FinishedRun finished = cluster().run(project);
  EXPECT_EQ(finished.exit_code, 1) << finished.report.reason << finished.report.notice_text();
  ASSERT_EQ(finished.report.cases.size(), 5U) << cluster().logs();
  const auto& first = finished.report.cases[0];
  EXPECT_EQ(first.status, "passed");
  EXPECT_EQ(first.output, "[" + id + ", " + id + ", " + group + ", " + group + ", false]\n[\"" +
                              user_.home.string() + "\", \"nobody\", \"nobody\"]\n" + id + "\n[" +
                              id + ", " + id + ", " + id + "]\n700\n");
  for (std::size_t i = 1; i < finished.report.cases.size(); ++i)
    EXPECT_EQ(finished.report.cases[i].status, "failed") << finished.report.cases[i].name;
}

TEST_F(FenceTest, WhatCannotBeIsSaidAtOnce) {
  std::filesystem::create_directories(home());
  const auto listen = [&](const string& keys) {
    EXPECT_TRUE(write_file(home() / "gorgon_listener.json", "{\n" + keys + "}\n", 0600));
    return cluster().gorgon({"listen", "--foreground"}, home(), 60s, home());
  };
  const FinishedRun unknown = listen("\"run_as\": \"nobdoy\"");
  EXPECT_EQ(unknown.exit_code, 64);
  EXPECT_THAT(unknown.errors,
              HasSubstr("gorgon_listener.json:2: run_as: this machine has no user \"nobdoy\": did "
                        "you mean \"nobody\"?"));

  // Keys that root trusts are not forgotten because the user cannot see them.
  std::filesystem::create_directories(home() / ".gorgon");
  ASSERT_TRUE(write_file(home() / ".gorgon" / "trusted_keys", "", 0600));
  const FinishedRun blind = listen("\"run_as\": \"nobody\"");
  EXPECT_EQ(blind.exit_code, 64);
  EXPECT_THAT(blind.errors, HasSubstr("run_as: nobody cannot read the trusted keys"));
}

TEST_F(FenceTest, AWorkersTestsUseNoMoreThanTheyMay) {
  give(home() / "workspaces");
  give(home() / "run");
  give(cluster().folder() / "tmp");
  // Root may have more processes than RLIMIT_NPROC says.
  RunningListener& listener = cluster().start_listener(
      {.keys = R"("run_as": "nobody", "pid_file": "run/listener.pid", "worker_limits":
                  {"memory": "256M", "processes": 60, "open_files": 128, "cpus": 1})"});
  const Project project = cluster().add_project("");
  cluster().configure(project);
  project.write("spec/a_memory_spec.rb",
                "RSpec.describe('memory') { it('is taken') { 'x' * 512 * 1024 * 1024 } }\n");
  project.write(
      "spec/b_files_spec.rb",
      "RSpec.describe('files') { it('are open') { 200.times.map { File.open(__FILE__) } } }\n");
  // Ruby itself would try for ever to fork.
  project.write("spec/c_processes_spec.rb", R"(RSpec.describe('processes') do
  it('run') do
    said = `exec 2>&1; trap 'kill $pids' EXIT
            for i in $(seq 200); do sleep 60 >/dev/null 2>&1 & pids="$pids $!"; done`
    raise said unless $?.success?
  end
end
)");
  project.write("spec/d_neighbour_spec.rb", "RSpec.describe('x') { it('passes') {} }\n");
  const FinishedRun finished = cluster().run(project);
  EXPECT_EQ(finished.exit_code, 1) << finished.report.reason << finished.report.notice_text();
  // RSpec lets that one through.
  EXPECT_THAT(finished.report.unit("spec/a_memory_spec.rb")->errors, HasSubstr("NoMemoryError"));
  const auto message_of = [&](const string& name) {
    for (const auto& test_case : finished.report.cases)
      if (test_case.name == name) return test_case.status + ": " + test_case.message;
    return string("is not there");
  };
  EXPECT_THAT(message_of("files are open"), HasSubstr("Too many open files"));
  EXPECT_THAT(message_of("processes run"), HasSubstr("Cannot fork"));
  EXPECT_EQ(message_of("x passes"), "passed: ");
  // With a cgroup for it there is nothing to be said.
  const bool can_share_cpus = std::filesystem::exists("/sys/fs/cgroup/cpu.max");
  EXPECT_TRUE(can_share_cpus ||
              listener.log().find("worker_limits.cpus has no effect") != string::npos);
}

TEST_F(FenceTest, WithoutItRootIsWarned) {
  RunningListener& listener = cluster().start_listener();
  EXPECT_THAT(listener.log(), HasSubstr("tests run as root here"));
}

}  // namespace
}  // namespace gorgon::test
