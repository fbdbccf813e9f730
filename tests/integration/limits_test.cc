// Limits on the worker's side: what is asked and told before a unit is killed.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

using LimitsTest = LocalTest;

/// A file of a case before, and of one with this body.
string spec_with(const string& body) {
  return "def wait_for_good = sleep\n"
         "RSpec.describe('x') do\n"
         "  it('comes before') {}\n"
         "  it('hangs') do\n" +
         body + "\n  end\nend\n";
}

bool contains(const string& text, const string& part) { return text.find(part) != string::npos; }

TEST_F(LimitsTest, AKilledUnitSaysWhereItHangs) {
  const Project project = cluster().add_project("");
  project.write("spec/sleep_spec.rb", spec_with("wait_for_good"));
  project.write("spec/loop_spec.rb", spec_with("nil while true"));
  project.write("spec/lock_spec.rb",
                spec_with("lock = Mutex.new.tap(&:lock)\n"
                          "Thread.new { Thread.current.name = 'pool'; lock.synchronize {} }\n"
                          "wait_for_good"));
  const FinishedRun run = cluster().run(project, {"--timeout", "3"});
  EXPECT_EQ(run.exit_code, 1);
  for (const char* name : {"sleep", "loop", "lock"}) {
    const ReportedUnit* unit = run.report.unit("spec/" + string(name) + "_spec.rb");
    ASSERT_NE(unit, nullptr);
    EXPECT_EQ(unit->verdict, "timed_out");
    EXPECT_TRUE(contains(unit->errors, "killed at the time limit in \"x hangs\"")) << unit->errors;
    EXPECT_FALSE(contains(unit->errors, "did not say")) << unit->errors;
  }
  EXPECT_TRUE(contains(run.output, "sleep_spec.rb:1:in `wait_for_good'")) << run.output;
  EXPECT_TRUE(contains(run.output, "loop_spec.rb:5:in `block")) << run.output;
  EXPECT_TRUE(contains(run.report.unit("spec/lock_spec.rb")->errors, "thread pool (sleep)"));
  EXPECT_TRUE(contains(run.output, "lock_spec.rb:6:in `synchronize'")) << run.output;
}

TEST_F(LimitsTest, OneThatCannotSayWhereItHangsIsKilledAllTheSame) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("timeouts": {"unit": 3, "grace": 1})");
  // Both see no signal but SIGKILL: the first is in C code that keeps Ruby's lock for minutes.
  project.write("spec/native_spec.rb", spec_with("'x'.crypt('$6$rounds=999999999$saltsalt$')"));
  project.write("spec/stopped_spec.rb", spec_with("Process.kill(:STOP, Process.pid)"));
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 1);
  ASSERT_EQ(run.report.units.size(), 2U);
  for (const auto& [file, unit] : run.report.units) {
    EXPECT_EQ(unit.verdict, "timed_out") << file;
    EXPECT_TRUE(contains(unit.errors, "did not say where it hangs")) << unit.errors;
    EXPECT_LT(unit.seconds, 4) << "the time for its end is not the test's";
  }
}

TEST_F(LimitsTest, AUnitMayCleanUpBeforeItIsKilled) {
  const Project project = cluster().add_project("");
  project.write("spec/tidy_spec.rb",
                spec_with("at_exit { File.write('left', '') }\n"
                          "begin; system('sleep 300 & exec setsid sleep 300')\n"
                          "ensure; File.write('cleaned', ''); end"));
  EXPECT_EQ(cluster().run(project, {"--timeout", "2"}).exit_code, 1);
  EXPECT_TRUE(project.has("cleaned"));
  EXPECT_TRUE(project.has("left"));

  const Project strict = cluster().add_project("");
  cluster().configure(strict, R"("timeouts": {"unit": 2, "grace": 0})");
  strict.write("spec/tidy_spec.rb",
               spec_with("begin; sleep; ensure; File.write('cleaned', ''); end"));
  EXPECT_EQ(cluster().run(strict).exit_code, 1);
  EXPECT_FALSE(strict.has("cleaned")) << "without grace there is no SIGTERM";
}

TEST_F(LimitsTest, AnInterruptDoesNotWaitForTheGrace) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("timeouts": {"unit": 1, "grace": 600})");
  project.write("spec/deaf_spec.rb",
                spec_with("trap(:TERM) { File.write('asked', '') }\nsleep 0.1 while true"));
  Program& program = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return project.has("asked"); })) << cluster().logs();
  Cluster::interrupt(program);
  EXPECT_EQ(cluster().finish(program, 30s).exit_code, 130);
}

// ---- test cases ----

const ReportedCase* case_named(const FinishedRun& run, const string& name) {
  const auto found = std::ranges::find(run.report.cases, name, &ReportedCase::name);
  return found == run.report.cases.end() ? nullptr : &*found;
}

/// "passed", "error", …; empty when it is not reported, or more than once.
string status_of(const FinishedRun& run, const string& name) {
  const auto count = std::ranges::count(run.report.cases, name, &ReportedCase::name);
  return count == 1 ? case_named(run, name)->status : string();
}

TEST_F(LimitsTest, ACaseOverItsLimitIsAnErrorAndTheOthersRun) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb",
                "RSpec.describe('a') do\n  it('first') {}\n  it('sleeps') { sleep }\n"
                "  it('loops') { nil while true }\n  it('fails') { raise 'oh' }\n"
                "  it('last') {}\nend\n");
  project.write("test/b_test.rb",
                "require 'minitest/autorun'\nclass BTest < Minitest::Test\n"
                "  def test_1; end\n  def test_2; sleep; end\n  def test_3; end\nend\n");
  project.write("test/unit/c_test.rb",
                "require 'test/unit'\nclass CTest < Test::Unit::TestCase\n"
                "  def test_1; end\n  def test_2; sleep; end\n  def test_3; end\nend\n");
  project.write("spec/d_spec.rb", "RSpec.describe('d') { it('is quick') {} }\n");
  const FinishedRun run = cluster().run(project, {"--case-timeout", "2", "-j", "2"});
  EXPECT_EQ(run.exit_code, 1);
  for (const char* name : {"a first", "a last", "BTest#test_1", "BTest#test_3", "CTest#test_1",
                           "CTest#test_3", "d is quick"})
    EXPECT_EQ(status_of(run, name), "passed") << name;
  EXPECT_EQ(status_of(run, "a fails"), "failed");
  for (const char* name : {"a sleeps", "a loops", "BTest#test_2", "CTest#test_2"}) {
    EXPECT_EQ(status_of(run, name), "error") << name;
    EXPECT_TRUE(contains(case_named(run, name)->message, "killed at the time limit of a case"));
  }
  for (const char* file : {"spec/a_spec.rb", "test/b_test.rb", "test/unit/c_test.rb"}) {
    EXPECT_EQ(run.report.unit(file)->verdict, "timed_out") << file;
    EXPECT_EQ(run.report.starts.at(file), 1) << file;
  }
  EXPECT_EQ(run.report.unit("spec/d_spec.rb")->verdict, "passed");
  EXPECT_TRUE(contains(run.output, "a_spec.rb:3:in `sleep'")) << run.output;
  EXPECT_TRUE(contains(run.output, "b_test.rb:4:in `sleep'"));
  // The file that was killed for it is no failure beside.
  const FinishedRun shown = cluster().gorgon({"runs", "show"}, project.folder());
  EXPECT_TRUE(contains(shown.output, "failed: 5 failures in 3 of 4 files")) << shown.output;
  EXPECT_TRUE(contains(shown.output, "files  4: 1 passed, 3 timed out")) << shown.output;
}

TEST_F(LimitsTest, TheUnitsLimitIsForAllItsParts) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("timeouts": {"unit": 7, "case": 2})");
  project.write("spec/a_spec.rb",
                "RSpec.describe('a') { 20.times { |i| it(\"sleeps #{i}\") { sleep } } }\n");
  const FinishedRun run = cluster().run(project);
  const ReportedUnit* unit = run.report.unit("spec/a_spec.rb");
  ASSERT_NE(unit, nullptr);
  EXPECT_EQ(unit->verdict, "timed_out");
  EXPECT_GE(run.report.cases.size(), 1U);
  EXPECT_LE(run.report.cases.size(), 3U);
  EXPECT_LT(unit->seconds, 8);
}

TEST_F(LimitsTest, WhatTakesItsTimeIsToldOfWhileItRuns) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("timeouts": {"slow": 0.5})");
  project.write("spec/a_spec.rb", spec_with("sleep 0.01 until File.exist?('go')"));
  Program& program = cluster().start_run(project);
  const auto told = [&] { return Cluster::so_far(program).slow["spec/a_spec.rb"]; };
  ASSERT_TRUE(eventually(60s, [&] { return told().size() >= 2; })) << cluster().logs();
  EXPECT_EQ(told().back(), "x hangs");
  project.write("go", "");
  const FinishedRun run = cluster().finish(program);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.report.notices, std::vector<string>()) << "it is no warning";
}

TEST_F(LimitsTest, CasesThatEndInTimeAreLeftAlone) {
  const Project project = cluster().add_project("mixed");
  const FinishedRun run = cluster().run(project, {"--case-timeout", "30", "-j", "2"});
  EXPECT_EQ(differences(expected_units("mixed"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
}

}  // namespace
}  // namespace gorgon::test
