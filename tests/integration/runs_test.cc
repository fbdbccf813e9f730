// The record of runs, and what `gorgon runs` makes of it.
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// The events of a run that are recorded: all but those that matter while they happen.
string recorded_events(const string& events) {
  std::istringstream lines(events);
  string kept;
  for (string line; std::getline(lines, line);) {
    if (!line.starts_with(R"({"event":"waiting")") && !line.starts_with(R"({"event":"unit_slow")"))
      kept += line + "\n";
  }
  return kept;
}

class RunsTest : public LocalTest {
 protected:
  FinishedRun runs(const Project& project, std::vector<string> arguments) {
    arguments.insert(arguments.begin(), "runs");
    return cluster().gorgon(arguments, project.folder());
  }
  /// How many runs are listed.
  std::size_t recorded(const Project& project) {
    const string list = runs(project, {"list"}).output;
    return static_cast<std::size_t>(std::ranges::count(list, '\n')) - 1;
  }
};

TEST_F(RunsTest, ToldAgainARunIsWhatItWas) {
  const Project project = cluster().add_project("mixed");
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(runs(project, {"export"}).output, recorded_events(run.output));
  const FinishedRun second = cluster().run(project, {"spec/stack_spec.rb"});
  EXPECT_EQ(runs(project, {"export"}).output, recorded_events(second.output));
  EXPECT_EQ(runs(project, {"export", "1"}).output, recorded_events(run.output));
  EXPECT_EQ(recorded(project), 2U);
}

TEST_F(RunsTest, CrashesAndTimeOutsAreRecordedAsTheyWere) {
  const Project project = cluster().add_project("poison");
  const FinishedRun run = cluster().run(project, {"--timeout", "5"}, 300s);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(runs(project, {"export"}).output, recorded_events(run.output));
}

TEST_F(RunsTest, ARunThatWasKilledAndTakenUpIsRecordedOnce) {
  const Project project = cluster().add_slow_project(6, 0.3);
  Program& run = cluster().start_run(project, {"-j", "1"});
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).units.size() >= 2; }));
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
  const FinishedRun resumed = cluster().finish(
      cluster().start_gorgon({"resume", "--message-format", "json"}, project.folder()));
  EXPECT_EQ(resumed.report.units.size(), 6U);
  EXPECT_EQ(recorded(project), 1U);
  EXPECT_NE(runs(project, {"list"}).output.find("-j 1"), string::npos);
  EXPECT_EQ(runs(project, {"export"}).output, recorded_events(resumed.output));
}

TEST_F(RunsTest, RunsAtTheSameTimeAreAllRecorded) {
  const Project project = cluster().add_slow_project(4, 0.2);
  Program& one = cluster().start_run(project, {"-j", "2"});
  Program& two = cluster().start_run(project, {"-j", "2"});
  const FinishedRun first = cluster().finish(one);
  const FinishedRun second = cluster().finish(two);
  EXPECT_EQ(recorded(project), 2U);
  for (const FinishedRun* run : {&first, &second})
    EXPECT_EQ(runs(project, {"export", run->report.job}).output, recorded_events(run->output));
}

TEST_F(RunsTest, TheRecordIsForItsUserAlone) {
  const Project project = cluster().add_slow_project(1, 0);
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  const auto file = project.folder() / ".gorgon/history.db";
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
}

TEST_F(RunsTest, WhoWantsNoneHasNone) {
  const Project project = cluster().add_slow_project(1, 0);
  cluster().configure(project, R"("history_runs": 0)");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  EXPECT_FALSE(project.has(".gorgon/history.db"));
  const FinishedRun none = runs(project, {"show"});
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_NE(none.errors.find("no run is recorded"), string::npos) << none.errors;
}

TEST_F(RunsTest, ARunIsShownAsItEnded) {
  const Project project = cluster().add_project("mixed");
  EXPECT_EQ(cluster().run(project).exit_code, 1);
  const string shown = runs(project, {"show", "latest"}).output;
  EXPECT_NE(shown.find("statuses raises"), string::npos) << shown;
  EXPECT_NE(shown.find("gorgon: failed: 9 failures in 3 of 8 files, 27 cases"), string::npos)
      << shown;
}

TEST_F(RunsTest, TheDifferenceOfTheLastTwoRunsIsShown) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('works') { expect(1).to eq(2) } }\n");
  EXPECT_EQ(cluster().run(project).exit_code, 1);
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('works') { expect(1).to eq(1) } }\n");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  const string shown = runs(project, {"diff"}).output;
  EXPECT_NE(shown.find("fixed  failed -> passed  spec/a_spec.rb  a works"), string::npos) << shown;
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('works') {}\nit('is new') {} }\n");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  EXPECT_EQ(cluster().run(project, {"-e", "works"}).exit_code, 0);
  EXPECT_EQ(runs(project, {"diff"}).output, "run 3 -> run 4: no case changed\n")
      << "a part of a file says nothing of the rest";
}

TEST_F(RunsTest, FilesThatCrashHangOrDoNotLoadAreADifferenceAndFailures) {
  const Project project = cluster().add_project("");
  for (const string name : {"kills", "hangs", "loads"})
    project.write("spec/" + name + "_spec.rb",
                  "RSpec.describe('" + name + "') { it('a') {}\nit('b') {} }\n");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  project.write("spec/kills_spec.rb",
                "RSpec.describe('kills') { it('a') {}\nit('b') { Process.kill(:KILL, $$) } }\n");
  project.write("spec/hangs_spec.rb",
                "RSpec.describe('hangs') { it('a') {}\nit('b') { sleep } }\n");
  project.write("spec/loads_spec.rb", "raise 'no'\n");
  EXPECT_EQ(cluster().run(project, {"--timeout", "2"}).exit_code, 1);
  EXPECT_EQ(runs(project, {"diff"}).output,
            "run 1 -> run 2: 3 cases changed\n"
            "broken  passed -> timed_out  spec/hangs_spec.rb  hangs b\n"
            "broken  passed -> crashed    spec/kills_spec.rb  kills b\n"
            "broken  passed -> error      spec/loads_spec.rb  (outside of the cases)\n");
  EXPECT_NE(runs(project, {"diff", "2", "1"}).output.find("fixed  error -> passed"), string::npos);
  const string list = runs(project, {"list", "-n", "1"}).output;
  EXPECT_NE(list.find("  failed  3      2      3       0  "), string::npos) << list;
}

TEST_F(RunsTest, ProgramsReadWhatIsAskedOfTheRecord) {
  const Project project = cluster().add_project("");
  for (const char* body : {"", "fail", ""}) {
    project.write("spec/a_spec.rb",
                  string("RSpec.describe('a') { it('works') { ") + body + " } }\n");
    (void)cluster().run(project);
  }
  const auto lines = [&](std::vector<string> arguments) {
    arguments.insert(arguments.end(), {"--message-format", "json"});
    return runs(project, arguments).output;
  };
  const string list = lines({"list", "-n", "2"});
  EXPECT_TRUE(list.starts_with(R"({"event":"run","number":3,"job":")")) << list;
  EXPECT_NE(
      list.find(
          R"("exit_code":1,"reason":null,"tree":null,"files":1,"units":1,"cases":1,"failed":1,)"
          R"("flaky":0,"arguments":[)"),
      string::npos)
      << list;
  const string changes = lines({"diff", "1", "2"});
  EXPECT_TRUE(changes.starts_with(R"({"event":"diff","before":1,"after":2,"changes":1})"
                                  "\n"
                                  R"({"event":"change","kind":"broken","file":"spec/a_spec.rb",)"
                                  R"("name":"a works","before":"passed","after":"failed",)"))
      << changes;
  EXPECT_EQ(lines({"flaky"}),
            R"({"event":"flaky","file":"spec/a_spec.rb","name":"a works","flaky":0,"changes":2,)"
            R"("runs":3})"
            "\n");
  EXPECT_TRUE(lines({"slow"}).starts_with(
      R"({"event":"slow","file":"spec/a_spec.rb","name":"a works","median_seconds":)"));
  EXPECT_EQ(lines({"prune", "-n", "1"}), "{\"event\":\"pruned\",\"runs\":2}\n");
}

TEST_F(RunsTest, ARunSaysWhichTreeItWas) {
  const Project project = cluster().add_project("");
  const string go_on = (project.folder().parent_path() / "go on").string();
  // Nothing waits for git's answer, so the tests do.
  project.write(
      "spec/a_spec.rb",
      "RSpec.describe('a') { it('waits') { sleep 0.01 until File.exist?('" + go_on + "') } }\n");
  const auto git = [&](std::vector<string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-c", "user.name=x", "-c", "user.email=x@example",
                                         "-c", "commit.gpgsign=false"});
    const FinishedRun run = cluster().other_program(arguments, project.folder());
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    return run.output.substr(0, run.output.find('\n'));
  };
  git({"init", "-q"});
  git({"add", "-A"});
  git({"commit", "-qm", "first"});
  const auto tree_of_a_run = [&] {
    Program& run = cluster().start_run(project);
    EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).tree.empty(); }));
    project.write("../go on", "");
    const FinishedRun finished = cluster().finish(run);
    EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
    std::filesystem::remove(go_on);
    EXPECT_EQ(runs(project, {"export"}).output, recorded_events(finished.output));
    const string shown = runs(project, {"show"}).output;
    const std::size_t at = shown.find("\ntree ");
    return at == string::npos ? shown : shown.substr(at + 6, shown.find('\n', at + 6) - at - 6);
  };
  const string clean = "git:" + git({"rev-parse", "HEAD"});
  EXPECT_EQ(tree_of_a_run(), clean);
  project.write("new", "");
  const string changed = tree_of_a_run();
  EXPECT_TRUE(changed.starts_with(clean + "+")) << changed;
  EXPECT_EQ(tree_of_a_run(), changed) << "what a run leaves behind is not of the tree";
}

TEST_F(RunsTest, WordsThatNameNoRunAreRefused) {
  const Project project = cluster().add_slow_project(1, 0);
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  for (const char* action : {"list", "slow", "flaky", "prune"}) {
    const FinishedRun refused = runs(project, {action, "extra"});
    EXPECT_EQ(refused.exit_code, 64) << action;
    EXPECT_NE(refused.errors.find("extra"), string::npos) << refused.errors;
  }
}

TEST_F(RunsTest, AFileThatRunsSeveralTimesIsOneFile) {
  const Project project = cluster().add_slow_project(2, 0);
  EXPECT_EQ(cluster().run(project, {"--stress-count", "3"}).exit_code, 0);
  const string list = runs(project, {"list"}).output;
  EXPECT_NE(list.find("  passed  2      6      0       0  "), string::npos) << list;
}

// ---- reports ----

/// How often `element` is in the report.
std::size_t count_in(const string& report, const string& element) {
  std::size_t count = 0;
  for (std::size_t at = report.find(element); at != string::npos; at = report.find(element, at + 1))
    ++count;
  return count;
}

TEST_F(RunsTest, JunitHasTheCasesOfTheRunAndFollowsItsSchema) {
  for (const char* fixture : {"mixed", "poison"}) {
    const Project project = cluster().add_project(fixture);
    cluster().configure(project, R"("reports": {"junit": "out/junit.xml"})");
    const FinishedRun run = cluster().run(project, {"--timeout", "5"}, 300s);
    EXPECT_EQ(run.exit_code, 1);
    const string junit = project.read("out/junit.xml");
    std::map<string, std::size_t> statuses;
    for (const ReportedCase& test_case : run.report.cases) ++statuses[test_case.status];
    const std::size_t errors = count_in(junit, "<error ");
    const std::size_t outside = errors - statuses["error"];
    const string failures = std::to_string(statuses["failed"] + errors) + " failures in ";
    EXPECT_NE(runs(project, {"show"}).output.find("failed: " + failures), string::npos) << failures;
    EXPECT_EQ(count_in(junit, "<testcase "), run.report.cases.size() + outside);
    EXPECT_EQ(count_in(junit, "<testsuite "), run.report.units.size());
    EXPECT_EQ(count_in(junit, "<failure "), statuses["failed"]);
    EXPECT_EQ(count_in(junit, "<skipped"), statuses["skipped"] + statuses["pending"]);
    const string schema = string(GORGON_FIXTURES) + "/junit.xsd";
    const FinishedRun valid = cluster().other_program(
        {"xmllint", "--noout", "--schema", schema, "out/junit.xml"}, project.folder());
    EXPECT_EQ(valid.exit_code, 0) << valid.errors;
    EXPECT_EQ(cluster().gorgon({"report", "--junit", "again.xml"}, project.folder()).exit_code, 0);
    EXPECT_EQ(project.read("again.xml"), junit);
  }
}

/// That of the run before would be taken for this one's.
TEST_F(RunsTest, APartitionWithoutFilesHasAReport) {
  const Project project = cluster().add_slow_project(1, 0);
  project.write("junit.xml", "old");
  const FinishedRun run =
      cluster().run(project, {"--partition", "slice:2/2", "--junit", "junit.xml"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(count_in(project.read("junit.xml"), R"(tests="0" failures="0" errors="0")"), 1U);
}

TEST_F(RunsTest, AReportThatCannotBeMadeIsToldBeforeTheRun) {
  const Project project = cluster().add_slow_project(1, 0);
  project.write("taken", "");
  const FinishedRun run = cluster().run(project, {"--junit", "taken/junit.xml"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_NE(run.report.reason.find("taken"), string::npos) << run.report.reason;
  EXPECT_TRUE(run.report.units.empty());
}

TEST_F(RunsTest, OldRunsAreRemovedOnRequest) {
  const Project project = cluster().add_slow_project(1, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cluster().run(project).exit_code, 0);
  EXPECT_EQ(runs(project, {"prune"}).exit_code, 64);
  EXPECT_EQ(runs(project, {"prune", "-n", "1"}).output, "2 runs removed\n");
  EXPECT_EQ(recorded(project), 1U);
  EXPECT_EQ(runs(project, {"export", "3"}).exit_code, 0);
}

TEST_F(RunsTest, ARecordThatCannotBeWrittenCostsNoRun) {
  const Project project = cluster().add_slow_project(1, 0);
  project.write(".gorgon/history.db", string(5000, 'x'));
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_NE(run.errors.find("the run is not recorded"), string::npos) << run.errors;
}

}  // namespace
}  // namespace gorgon::test
