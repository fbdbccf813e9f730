// How a run goes on after a failure, or a Ctrl-C: further tries, and an early end in good order.
#include <signal.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// A case that fails the first `times` times it runs, counted in a file beside the project.
string fails_at_first(const Project& project, int times, const string& how = "fail") {
  const string file = (project.folder().parent_path() / "count").string();
  return "RSpec.describe 'a' do\n"
         "  it('is steady') {}\n"
         "  it 'wavers' do\n"
         "    tries = File.exist?('" +
         file + "') ? File.size('" + file + "') : 0\n    File.write('" + file +
         "', 'x', mode: 'a')\n    " + how + " if tries < " + std::to_string(times) +
         "\n  end\nend\n";
}

const ReportedCase* case_named(const Report& report, const string& name) {
  const auto found = std::ranges::find(report.cases, name, &ReportedCase::name);
  return found == report.cases.end() ? nullptr : &*found;
}

class RetryTest : public LocalTest {};

TEST_F(RetryTest, CaseThatPassesTheSecondTimeIsFlaky) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", fails_at_first(project, 1));
  const FinishedRun run = cluster().run(project, {"--retries", "2", "--junit", "j.xml"});
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->attempt, 2);
  ASSERT_EQ(run.report.cases.size(), 2U) << "each case has one verdict";
  EXPECT_EQ(case_named(run.report, "a wavers")->status, "passed");
  EXPECT_NE(run.output.find(R"("flaky":true)"), string::npos);
  EXPECT_NE(project.read("j.xml").find("<flakyFailure"), string::npos) << project.read("j.xml");
  const FinishedRun shown = cluster().gorgon({"runs", "show"}, project.folder());
  EXPECT_NE(shown.output.find("1 flaky"), string::npos) << shown.output;
  const FinishedRun flaky = cluster().gorgon({"flaky"}, project.folder());
  EXPECT_NE(flaky.output.find("a wavers"), string::npos) << flaky.output;
}

TEST_F(RetryTest, OnlyTheFailedCaseRunsAgain) {
  const Project project = cluster().add_project("");
  const string log = (project.folder().parent_path() / "ran").string();
  project.write("spec/a_spec.rb",
                "RSpec.describe 'a' do\n"
                "  before { |e| File.write('" +
                    log +
                    "', e.description + ' ', mode: 'a') }\n"
                    "  it('good') {}\n  it('bad') { fail }\nend\n");
  const FinishedRun run = cluster().run(project, {"--retries", "1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.cases.size(), 2U);
  EXPECT_EQ(project.read("../ran"), "good bad bad ");
}

TEST_F(RetryTest, CrashIsTriedAgain) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", fails_at_first(project, 1, "exit!(3)"));
  const FinishedRun run = cluster().run(project, {"--retries", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(run.report.cases.size(), 2U);
  const FinishedRun shown = cluster().gorgon({"runs", "show"}, project.folder());
  EXPECT_NE(shown.output.find("1 flaky"), string::npos) << shown.output;
  const FinishedRun flaky = cluster().gorgon({"flaky"}, project.folder());
  EXPECT_NE(flaky.output.find("spec/a_spec.rb  (outside of the cases)"), string::npos)
      << flaky.output;
  const FinishedRun list = cluster().gorgon({"runs", "list"}, project.folder());
  EXPECT_NE(list.output.find("  passed  1      2      0       1  "), string::npos) << list.output;
  const FinishedRun again = cluster().run(project, {"-E", "flaky()"});
  EXPECT_EQ(again.exit_code, 0) << again.report.reason;
  EXPECT_EQ(again.report.cases.size(), 2U) << "whichever of them it was";
}

TEST_F(RetryTest, BudgetEndsTheTries) {
  const Project project = cluster().add_project("");
  for (const char* name : {"a", "b", "c"})
    project.write("spec/" + string(name) + "_spec.rb", "RSpec.describe('x') { it('y') { fail } }");
  cluster().configure(project, R"("retries": {"count": 3, "budget": 2})");
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 1);
  int starts = 0;
  for (const auto& [unit, count] : run.report.starts) starts += count;
  EXPECT_EQ(starts, 3 + 2);
  EXPECT_NE(run.report.notice_text().find("budget"), string::npos);
  const FinishedRun other = cluster().run(project, {"-j", "1", "--retry-budget", "1"});
  starts = 0;
  for (const auto& [unit, count] : other.report.starts) starts += count;
  EXPECT_EQ(starts, 3 + 1) << "the command line goes before the configuration";
}

TEST_F(RetryTest, TriesOutliveTheOriginator) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", fails_at_first(project, 1));
  const string gate = (project.folder().parent_path() / "gate").string();
  project.write("spec/b_spec.rb",
                "RSpec.describe('b') { it('waits') { sleep 0.05 until "
                "File.exist?('" +
                    gate + "') } }");
  Program& program = cluster().start_run(project, {"--retries", "1", "-j", "2"});
  EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(program).units.size() == 1; }));
  program.signal(SIGKILL);
  EXPECT_EQ(program.exit_code(10s), 137);
  project.write("../gate", "");
  Program& resumed =
      cluster().start_gorgon({"resume", "--message-format", "json"}, project.folder());
  const FinishedRun run = cluster().finish(resumed);
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->attempt, 2);
  EXPECT_NE(run.output.find(R"("flaky":true)"), string::npos);
}

class RetryOnMachinesTest : public RabbitTest {};

TEST_F(RetryOnMachinesTest, AnotherMachineComesFirst) {
  cluster().start_two_listeners();
  const Project project = cluster().add_project("");
  cluster().configure(project);
  // Fails on the machine that it meets first, and passes on the other.
  const string first = (cluster().folder() / "first").string();
  project.write("spec/a_spec.rb",
                "RSpec.describe('a') { it 'has a favourite' do\n"
                "  first = '" +
                    first +
                    "'\n  File.write(first, ENV['GORGON_HOST']) unless "
                    "File.exist?(first)\n"
                    "  sleep 1\n  fail if File.read(first) == ENV['GORGON_HOST']\nend }\n");
  // The four workers take one of these each, and wait for each other: when the last file fails, all
  // are there and have time.
  const string here = (cluster().folder() / "here").string();
  for (int i = 0; i < 4; ++i)
    project.write("spec/meet" + std::to_string(i) + "_spec.rb",
                  "RSpec.describe('m') { it('meets') { File.write('" + here +
                      "', 'x', mode: 'a'); sleep 0.02 until File.size('" + here + "') == 4 } }");
  project.write(".gorgon/runtimes.json",
                R"({"spec/a_spec.rb": 0.1, "spec/meet0_spec.rb": 9, "spec/meet1_spec.rb": 9,)"
                R"( "spec/meet2_spec.rb": 9, "spec/meet3_spec.rb": 9})");
  const FinishedRun run = cluster().run(project, {"--retries", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->attempt, 2);
}

// ---- an early end ----

class EarlyEndTest : public LocalTest {
 protected:
  /// A case in a file of its own that has begun, and waits for the gate.
  Program& start_gated_run(std::vector<string> arguments) {
    project_ = cluster().add_project("");
    const string gate = (project_->folder().parent_path() / "gate").string();
    project_->write("spec/a_spec.rb",
                    "RSpec.describe('a') { it('waits') { sleep 0.05 until "
                    "File.exist?('" +
                        gate + "') } }\n");
    // One of them has begun before the last one's failure is known.
    for (const char* name : {"b", "c", "d", "e"})
      project_->write("spec/" + string(name) + "_spec.rb",
                      "RSpec.describe('x') { it('y') { sleep 0.3; fail } }\n");
    project_->write(
        ".gorgon/runtimes.json",
        R"({"spec/a_spec.rb": 9, "spec/b_spec.rb": 4, "spec/c_spec.rb": 3, "spec/d_spec.rb": 2,)"
        R"( "spec/e_spec.rb": 1})");
    cluster().configure(*project_, R"("job": {"callbacks": {"after_complete": "touch ended"}})");
    return cluster().start_run(*project_, std::move(arguments));
  }
  void open_gate() { project_->write("../gate", ""); }
  static bool has_begun_to_end(const Program& program) {
    return program.output().find("what runs is finished") != string::npos;
  }
  std::optional<Project> project_;
};

TEST_F(EarlyEndTest, FirstFailureLetsTheOthersFinish) {
  Program& program = start_gated_run({"-x", "-j", "2"});
  ASSERT_TRUE(eventually(60s, [&] { return has_begun_to_end(program); })) << cluster().logs();
  open_gate();
  const FinishedRun run = cluster().finish(program);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.reason, "stopped after 1 failure");
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->verdict, "passed");
  EXPECT_EQ(run.report.unit("spec/b_spec.rb")->verdict, "failed");
  EXPECT_EQ(run.report.unit("spec/e_spec.rb")->verdict, "cancelled");
  EXPECT_TRUE(project_->has("ended")) << "the hooks run as ever";
}

TEST_F(EarlyEndTest, SoManyFailuresMayPass) {
  Program& program = start_gated_run({"--fail-fast=2", "-j", "2"});
  ASSERT_TRUE(eventually(60s, [&] { return has_begun_to_end(program); })) << cluster().logs();
  open_gate();
  const FinishedRun run = cluster().finish(program);
  EXPECT_EQ(run.report.unit("spec/c_spec.rb")->verdict, "failed");
  EXPECT_EQ(run.report.reason, "stopped after 2 failures");
}

TEST_F(EarlyEndTest, FailuresThatEndNothingAreTheUsualExitCode) {
  Program& program = start_gated_run({"--max-fail", "4", "-j", "2"});
  open_gate();
  const FinishedRun run = cluster().finish(program);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.reason, "");
}

TEST_F(EarlyEndTest, FirstInterruptLetsWhatRunsFinish) {
  Program& program = start_gated_run({"-j", "1"});
  ASSERT_TRUE(eventually(60s, [&] { return !Cluster::so_far(program).starts.empty(); }));
  program.signal(SIGINT);
  ASSERT_TRUE(eventually(20s, [&] { return has_begun_to_end(program); })) << program.output();
  open_gate();
  const FinishedRun run = cluster().finish(program);
  EXPECT_EQ(run.exit_code, 130);
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->verdict, "passed");
  EXPECT_EQ(run.report.unit("spec/b_spec.rb")->verdict, "cancelled");
  EXPECT_TRUE(project_->has("ended"));
}

}  // namespace
}  // namespace gorgon::test
