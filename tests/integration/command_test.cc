// Suites that a command of the project runs: the fixture with every kind of end in TAP, JUnit XML,
// exit codes, and what cannot be had of a command.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

class CommandTest : public LocalTest {
 protected:
  /// A project whose files `run` runs, a JSON array's inside.
  Project prepare(const string& fixture, const string& run, const string& results,
                  const string& more = {}) {
    Project project = cluster().add_project(fixture);
    cluster().configure(
        project, R"("files": ["checks/*"], "runner": "command", "test_command": {"run": [)" + run +
                     R"(], "results": ")" + results + "\"}" + more);
    cluster().set_environment("NOTES", (cluster().folder() / "notes").string());
    return project;
  }
};

TEST_F(CommandTest, ToolsThatTheFilesAreOfNeedNoConfiguration) {
  const Project project = cluster().add_project("");
  project.write("t/sum.t", "print qq(1..2\nok 1 - adds\nnot ok 2 - subtracts\n); exit 1;\n");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(names(run), (std::map<string, string>{{"adds", "passed"}, {"subtracts", "failed"}}));
  EXPECT_EQ(run.exit_code, 1);
}

/// A package that ships its tests, as npm gives it, and not a word of configuration.
TEST_F(CommandTest, ARealSuiteHasTheVerdictsOfItsOwnTool) {
  const Project project = cluster().add_npm_package("minimist");
  std::vector<CaseRow> own;
  for (const auto& file : std::filesystem::directory_iterator(project.folder() / "test")) {
    const FinishedRun alone = cluster().other_program(
        {"perl", GORGON_INTEGRATION "/tap_rows.pl", "npx", "tape", file.path().string()},
        project.folder());
    for (const CaseRow& row : read_rows(alone.output)) own.push_back(row);
  }
  EXPECT_GE(own.size(), 150U);
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_NE(run.report.notice_text().find("npx tape {file}"), string::npos)
      << run.report.notice_text();
}

TEST_F(CommandTest, FixtureHasTheVerdictsOfItsTable) {
  const Project project = prepare("command", R"("sh", "{file}", "{arguments}", "{file}")", "tap");
  const FinishedRun run =
      cluster().run(project, {"-j", "2", "--timeout", "3", "--", "--fast", "{file}"});
  EXPECT_EQ(differences(expected_units("command"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.notice_text(), "");
  const ReportedUnit* speaks = run.report.unit("checks/passes.sh");
  ASSERT_NE(speaks, nullptr);
  EXPECT_NE(speaks->output.find("hello from standard output\n"), string::npos) << speaks->output;
  EXPECT_NE(speaks->output.find("hello from standard error\n"), string::npos) << speaks->output;
  EXPECT_EQ(speaks->output.find("ok 1"), string::npos) << "results are no output";
  EXPECT_EQ(Project(cluster().folder()).read("notes"), "cleaned up\n")
      << "a command over its limit is asked to end";
}

TEST_F(CommandTest, JunitIsReadFromTheFileOfTheUnit) {
  const Project project = prepare("", R"("sh", "{file}", "--to={output}")", "junit");
  const string write = "to=${1#--to=}\n";
  project.write("checks/a",
                write +
                    "echo '<testsuite><testcase classname=\"A\" name=\"adds\"/>"
                    "<testcase name=\"speaks\"><system-out>hello</system-out></testcase>"
                    "</testsuite>' >$to\n");
  project.write("checks/b", write +
                                "echo '<testsuite><testcase name=\"adds\"><failure "
                                "message=\"1 != 2\"/></testcase></testsuite>' >$to; exit 1\n");
  project.write("checks/broken", write + "echo '<testsuite><testcase' >$to\n");
  project.write("checks/missing", "exit 0\n");
  project.write("checks/without_cases", write + "echo '<testsuite/>' >$to\n");
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(
      differences({{"checks/a",
                    {.verdict = "passed", .cases = {{"A.adds", "passed"}, {"speaks", "passed"}}}},
                   {"checks/b",
                    {.verdict = "failed", .cases = {{"adds", "failed"}}, .case_message = "1 != 2"}},
                   {"checks/broken", {.verdict = "failed", .error = "not XML"}},
                   {"checks/missing", {.verdict = "failed", .error = "has written no {output}"}},
                   {"checks/without_cases", {.verdict = "passed"}}},
                  run.report),
      "");
  for (const ReportedCase& one : run.report.cases)
    EXPECT_EQ(one.output, one.name == "speaks" ? "hello" : "") << one.name;
}

TEST_F(CommandTest, AnExitCodeIsOneCase) {
  const Project project = prepare("", R"("sh", "{file}")", "exit_code");
  project.write("checks/a", "exit 0\n");
  project.write("checks/b", "echo no good; exit 3\n");
  project.write("checks/c", "exit 255\n");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(names(run),
            (std::map<string, string>{
                {"checks/a", "passed"}, {"checks/b", "failed"}, {"checks/c", "failed"}}));
  EXPECT_EQ(run.exit_code, 1);
  for (const char* file : {"checks/b", "checks/c"})
    EXPECT_EQ(run.report.unit(file)->errors.find("exit code"), string::npos) << "once is enough";
  const FinishedRun shown = cluster().gorgon({"runs", "show"}, project.folder());
  EXPECT_NE(shown.output.find("   exit code 3\n\n   output:\n   | no good\n"), string::npos)
      << shown.output;
  EXPECT_NE(shown.output.find("failed: 2 failures in 2 of 3 files, 3 cases"), string::npos);
}

TEST_F(CommandTest, TestMoreOfPerlHasItsVerdicts) {
  const Project project = prepare("", R"("perl", "{file}")", "tap");
  project.write("checks/more.t", R"(use Test::More;
ok 1, 'adds';
subtest 'group # 1' => sub { plan tests => 2; ok 1, 'in'; ok 0, 'out' };
subtest 'later' => sub { plan skip_all => 'no database' };
TODO: { local $TODO = 'not yet'; is 1, 2, 'learns'; subtest 'all' => sub { ok 0, 'of it'; done_testing } }
SKIP: { skip 'no network', 1; ok 0 }
done_testing;
)");
  EXPECT_EQ(names(cluster().run(project)), (std::map<string, string>{{"adds", "passed"},
                                                                     {"group # 1 > in", "passed"},
                                                                     {"group # 1 > out", "failed"},
                                                                     {"later", "skipped"},
                                                                     {"learns", "pending"},
                                                                     {"all > of it", "pending"},
                                                                     {"test 6", "skipped"}}));
}

TEST_F(CommandTest, PartsOfAFileCannotBeHad) {
  const Project project = prepare("command", R"("sh", "{file}")", "tap");
  const FinishedRun run =
      cluster().gorgon({"start", "checks/passes.sh:2", "-e", "one", "-t", "slow", "-E", "test(x)"},
                       project.folder());
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_NE(run.errors.find("checks/passes.sh:2, -e, -t, -E and -k over cases: a test command runs "
                            "whole files"),
            string::npos)
      << run.errors;
  EXPECT_EQ(cluster().gorgon({"runs"}, project.folder()).exit_code, 4) << "nothing has begun";
}

TEST_F(CommandTest, ARetryRunsTheWholeFile) {
  const Project project = prepare("", R"("sh", "{file}")", "tap", R"(, "retries": {"count": 1})");
  project.write("checks/a", R"(echo 1..2
echo 'ok 1 - first'
[ "$GORGON_ATTEMPT" = 1 ] && { echo 'not ok 2 - second'; exit 1; }
echo 'ok 2 - second'
)");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(names(run), (std::map<string, string>{{"first", "passed"}, {"second", "passed"}}));
  EXPECT_EQ(run.report.unit("checks/a")->verdict, "passed");
}

TEST_F(CommandTest, WhatFailedIsRunAgainAsAWhole) {
  const Project project = prepare("", R"("sh", "{file}")", "tap");
  project.write("checks/a", "echo 1..1; echo ok 1 - good\n");
  project.write("checks/b",
                "echo 1..2; echo ok 1 - first; [ -e fixed ] || echo -n 'not '; echo ok 2 - "
                "second; [ -e fixed ]\n");
  EXPECT_EQ(cluster().run(project).exit_code, 1);
  project.write("fixed", "");
  const std::map<string, string> both = {{"first", "passed"}, {"second", "passed"}};
  EXPECT_EQ(names(cluster().run(project, {"--rerun", "1"})), both);
  EXPECT_EQ(cluster().run(project, {"--only-failures"}).exit_code, 4);
}

TEST_F(CommandTest, ACommandThatIsNotThereIsSaid) {
  const Project project = prepare("command", R"("no-such-program", "{file}")", "tap");
  const FinishedRun run = cluster().run(project, {"checks/passes.sh"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.report.unit("checks/passes.sh")->errors.find("no-such-program"), string::npos);
}

}  // namespace
}  // namespace gorgon::test
