// Programs of GoogleTest: one that ends in every way, and Gorgon's own, whose cases and statuses
// are those of GoogleTest's own run.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;
namespace fs = std::filesystem;

constexpr const char* kSuite = "build/suite_test";
/// What is left ends.
constexpr const char* kThatEnd = "--gtest_filter=-Exits*:Crashes*:Hangs*:Leaves*";

string status_of(const Json& one) {
  if (one.at("status") != "RUN" || one.at("result") == "SKIPPED") return "skipped";
  return one.contains("failures") ? "failed" : "passed";
}

class GoogleTestTest : public LocalTest {
 protected:
  /// A project with these programs in build/.
  Project prepare(const std::vector<string>& programs = {GORGON_GOOGLETEST_FIXTURE},
                  const string& keys = {}) {
    Project project = cluster().add_project("");
    cluster().configure(project, R"("runner": "googletest")" + keys);
    fs::create_directory(project.folder() / "build");
    for (const string& program : programs)
      fs::copy_file(program, project.folder() / "build" / fs::path(program).filename());
    return project;
  }
  /// Names and statuses, by the program itself.
  std::vector<CaseRow> alone(const Project& project, const string& program,
                             const string& argument = "--gtest_color=no") {
    const fs::path report = cluster().folder() / "own.json";
    const FinishedRun run = cluster().other_program(
        {"./" + program, argument, "--gtest_output=json:" + report.string()}, project.folder());
    std::vector<CaseRow> rows;
    const auto json = parse_json(read_file(report).value_or(""));
    EXPECT_TRUE(json) << run.output;
    if (!json) return rows;
    for (const Json& suite : json->at("testsuites")) {
      for (const Json& one : suite.at("testsuite")) {
        // One without a name is what failed outside of cases.
        if (const auto name = one.at("name").get<string>(); !name.empty())
          rows.push_back({suite.at("name").get<string>() + "." + name, status_of(one)});
      }
    }
    return rows;
  }
  static ReportedCase find(const FinishedRun& run, const string& name) {
    for (const ReportedCase& one : run.report.cases) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << "no case " << name;
    return {};
  }
};

TEST_F(GoogleTestTest, CasesAndStatusesAreThoseOfGoogleTestItself) {
  const Project project = prepare();
  cluster().set_environment("GORGON_ATTEMPT", "1");  // Some cases look at it.
  const std::vector<CaseRow> own = alone(project, kSuite, kThatEnd);
  EXPECT_GE(own.size(), 20U);
  const FinishedRun run = cluster().run(project, {"--", kThatEnd});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.exit_code, 1);
  const string errors = run.report.unit(kSuite)->errors;
  EXPECT_NE(errors.find("BadSetUp: Failed\nthe suite has no server"), string::npos) << errors;
  EXPECT_NE(errors.find("BadTearDown: Failed\nthe server did not stop"), string::npos) << errors;

  EXPECT_EQ(find(run, "Ordinary.PassesAndPrints").output,
            "to the standard error\nfirst line\nno end of line")
      << "in the order in which the program writes it";
  const ReportedCase fails = find(run, "Ordinary.Fails");
  EXPECT_NE(fails.message.find("Which is: 2"), string::npos) << fails.message;
  EXPECT_NE(fails.message.find("Failed\na = b & 100%\nin two lines"), string::npos);
  EXPECT_EQ(fails.output, "") << "its failures are not told again as its output";
  EXPECT_NE(find(run, "Ordinary.FailsAndPrints").output.find("what it did before\n"), string::npos);
}

TEST_F(GoogleTestTest, OurOwnTestsHaveTheVerdictsOfGoogleTestItself) {
  const std::vector<string> programs = {GORGON_OWN_TESTS};
  const Project project = prepare(programs);
  std::vector<CaseRow> own;
  for (const string& program : programs) {
    for (const CaseRow& row : alone(project, "build/" + fs::path(program).filename().string()))
      own.push_back(row);
  }
  EXPECT_GE(own.size(), 150U);
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.report.units.size(), programs.size());
  EXPECT_EQ(run.exit_code, 0);
}

TEST_F(GoogleTestTest, AnExitInTheMiddleIsNoPass) {
  const FinishedRun run = cluster().run(prepare(), {"build/suite_test::Exits.*"});
  EXPECT_EQ(names(run), (std::map<string, string>{{"Exits.Before", "passed"},
                                                  {"Exits.InTheMiddle", "failed"}}));
  EXPECT_EQ(find(run, "Exits.InTheMiddle").output, "good bye\n");
  EXPECT_EQ(run.report.unit(kSuite)->verdict, "failed");
  EXPECT_NE(run.report.unit(kSuite)->errors.find("did not run: Exits.Behind"), string::npos);
  EXPECT_EQ(run.exit_code, 1);
}

TEST_F(GoogleTestTest, ACrashNamesItsCase) {
  const FinishedRun run = cluster().run(prepare(), {"build/suite_test::Crashes.*"});
  EXPECT_EQ(names(run), (std::map<string, string>{{"Crashes.Before", "passed"}}));
  const ReportedUnit* unit = run.report.unit(kSuite);
  EXPECT_EQ(unit->verdict, "crashed");
  EXPECT_NE(unit->errors.find("signal 11 (SIGSEGV) in \"Crashes.InTheMiddle\""), string::npos)
      << unit->errors;
  EXPECT_NE(unit->output.find("the last words"), string::npos) << unit->output;
  EXPECT_EQ(run.exit_code, 1);
}

TEST_F(GoogleTestTest, ACaseOverItsLimitDoesNotTakeTheOthersAlong) {
  const Project project = prepare();
  const FinishedRun run =
      cluster().run(project, {"build/suite_test::Hangs.*", "--case-timeout", "1"});
  EXPECT_EQ(names(run), (std::map<string, string>{{"Hangs.Before", "passed"},
                                                  {"Hangs.ForEver", "error"},
                                                  {"Hangs.Behind", "passed"}}));
  EXPECT_EQ(run.report.unit(kSuite)->verdict, "timed_out");
  const FinishedRun whole = cluster().run(project, {"build/suite_test::Hangs.*", "--timeout", "1"});
  EXPECT_NE(whole.report.unit(kSuite)->errors.find("in \"Hangs.ForEver\""), string::npos);
}

TEST_F(GoogleTestTest, CasesAreSelectedByNamePatternExpressionAndArgument) {
  const Project project = prepare();
  const auto run = [&](std::vector<string> arguments) {
    return names(cluster().run(project, std::move(arguments)));
  };
  using Names = std::map<string, string>;
  EXPECT_EQ(run({"build/suite_test::Some/*IsOdd/?"}), (Names{{"Some/Numbers.IsOdd/0", "passed"},
                                                             {"Some/Numbers.IsOdd/1", "failed"},
                                                             {"Some/Numbers.IsOdd/2", "passed"}}));
  EXPECT_EQ(run({"-e", "IsNotInt", "build"}),
            (Names{{"Typed/0.IsNotInt", "failed"}, {"Typed/1.IsNotInt", "passed"}}));
  EXPECT_EQ(run({"-k", "named and n5"}), (Names{{"Named/Numbers.IsOdd/n5", "passed"}}));
  EXPECT_EQ(run({"-E", "test(=Ordinary.Passes)", "--", "--gtest_filter=Ordinary.*"}),
            (Names{{"Ordinary.Passes", "passed"}}));
  EXPECT_EQ(run({"-e", "IsOff", "--", "--gtest_also_run_disabled_tests"}),
            (Names{{"Ordinary.DISABLED_IsOff", "failed"}}));
  EXPECT_EQ(run({"-E", "failed()", "build/suite_test::*Odd*", "build/suite_test::Lies.Pass*"}),
            (Names{{"Some/Numbers.IsOdd/1", "failed"}}))
      << "of the runs before";

  const FinishedRun missing = cluster().run(project, {"build/suite_test::No.Such"});
  EXPECT_NE(missing.report.unit(kSuite)->errors.find("there is no such test"), string::npos);
  const FinishedRun line = cluster().run(project, {"build/suite_test:12"});
  EXPECT_NE(line.report.unit(kSuite)->errors.find("has no lines"), string::npos);
}

TEST_F(GoogleTestTest, FailedCasesAloneAreTriedAgain) {
  const FinishedRun run = cluster().run(
      prepare(),
      {"build/suite_test::Ordinary.Passes*", "build/suite_test::Lies.Pass*", "--retries", "1"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.report.unit(kSuite)->attempt, 2);
  EXPECT_EQ(find(run, "Ordinary.PassesEarlyInASecondTry").status, "passed");
  EXPECT_EQ(run.report.cases.size(), 4U);
}

TEST_F(GoogleTestTest, WhatAnEnvironmentDoesCounts) {
  const Project project = prepare();
  const string only = "build/suite_test::Ordinary.Passes";
  cluster().set_environment("FIXTURE_ENVIRONMENT", "fails");
  const FinishedRun fails = cluster().run(project, {only});
  EXPECT_EQ(names(fails), (std::map<string, string>{{"Ordinary.Passes", "skipped"}}));
  EXPECT_NE(fails.report.unit(kSuite)->errors.find("no environment"), string::npos);
  cluster().set_environment("FIXTURE_ENVIRONMENT", "skips");
  const FinishedRun skips = cluster().run(project, {only});
  EXPECT_EQ(names(skips), (std::map<string, string>{{"Ordinary.Passes", "skipped"}}));
  EXPECT_EQ(skips.report.unit(kSuite)->verdict, "passed");
}

TEST_F(GoogleTestTest, AnExitCodeThatSaysAnotherThingIsAnError) {
  const Project project = prepare();
  cluster().set_environment("FIXTURE_CODE", "3");
  const FinishedRun passes = cluster().run(project, {"build/suite_test::Ordinary.Passes"});
  EXPECT_NE(passes.report.unit(kSuite)->errors.find("although no case failed"), string::npos);
  cluster().set_environment("FIXTURE_CODE", "0");
  const FinishedRun fails = cluster().run(project, {"build/suite_test::Ordinary.Fails"});
  EXPECT_NE(fails.report.unit(kSuite)->errors.find("although a case failed"), string::npos);
}

TEST_F(GoogleTestTest, AnExitCodeThatSaysMoreThanItsCasesIsAnError) {
  const Project project = prepare();
  cluster().set_environment("FIXTURE_CODE", "23");  // As LeakSanitizer ends.
  const FinishedRun fails = cluster().run(project, {"build/suite_test::Ordinary.Fails"});
  EXPECT_NE(fails.report.unit(kSuite)->errors.find("more than that cases failed"), string::npos);
}

TEST_F(GoogleTestTest, StoppingAtTheFirstFailureIsNotUpToTheProgram) {
  const Project project = prepare();
  const auto all = cluster().run(project, {"--", kThatEnd});
  cluster().set_environment("GTEST_FAIL_FAST", "1");
  const auto fast = cluster().run(project, {"--", kThatEnd, "--gtest_fail_fast"});
  EXPECT_EQ(names(fast), names(all));
}

TEST_F(GoogleTestTest, APrinterOfTheProjectIsNotNeeded) {
  const Project project = prepare();
  cluster().set_environment("FIXTURE_PRINTER", "none");
  cluster().set_environment("GORGON_ATTEMPT", "1");
  const std::vector<CaseRow> own = alone(project, kSuite, kThatEnd);
  EXPECT_EQ(differences(own, rows(cluster().run(project, {"--", kThatEnd}))), "");
}

TEST_F(GoogleTestTest, WhatAProgramLeavesRunningEndsWithIt) {
  const FinishedRun run = cluster().run(prepare(), {"build/suite_test::Leaves.*"});
  EXPECT_EQ(run.report.unit(kSuite)->verdict, "passed");
  EXPECT_LT(run.seconds, 60);
}

TEST_F(GoogleTestTest, OnlyProgramsAreTestFiles) {
  const Project project = prepare();
  project.write("build/notes_test", "cannot be executed");
  project.write("build/other_test", "#!/bin/sh\necho what is $1; exit 5\n");
  project.write("build/silent_test", "#!/bin/sh\n");
  for (const char* script : {"build/other_test", "build/silent_test"})
    fs::permissions(project.folder() / script, fs::perms::owner_all);
  const FinishedRun run = cluster().run(project, {"-e", "Ordinary.Passes"});
  EXPECT_EQ(run.report.units.size(), 3U);
  const string other = run.report.unit("build/other_test")->errors;
  EXPECT_NE(other.find("--gtest_list_tests it ended with exit code 5"), string::npos) << other;
  EXPECT_NE(other.find("what is --gtest_output=json:"), string::npos) << other;
  EXPECT_NE(run.report.unit("build/silent_test")->errors.find("is it a program of GoogleTest"),
            string::npos);
  const FinishedRun named = cluster().run(project, {"build/notes_test"});
  EXPECT_EQ(named.exit_code, 64);
  EXPECT_NE(named.errors.find("build/notes_test is no program"), string::npos) << named.errors;
}

TEST_F(GoogleTestTest, ABuiltProgramNeedsNoConfiguration) {
  const Project project = prepare();
  fs::remove(project.folder() / "gorgon.json");
  const FinishedRun run = cluster().run(project, {"build/suite_test::Ordinary.Passes"});
  EXPECT_EQ(names(run), (std::map<string, string>{{"Ordinary.Passes", "passed"}}));
  EXPECT_NE(run.report.notice_text().find("\"runner\": \"googletest\""), string::npos);
}

TEST_F(GoogleTestTest, WithoutProgramsTheKeyIsNamed) {
  const FinishedRun run = cluster().run(prepare({}), {});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_NE(run.errors.find("\"files\" in gorgon.json"), string::npos) << run.errors;
}

}  // namespace
}  // namespace gorgon::test
