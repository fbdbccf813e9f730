// Tests of ctest: a project whose tests end in every way, and Gorgon's own, whose names and
// statuses are those of ctest's own run.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "base/files.h"
#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// What ctest's JUnit XML says; one that it could not run is failed, as ctest counts it.
std::vector<CaseRow> rows_of_junit(const string& xml) {
  static const std::regex kCase(
      R"re(<testcase name="([^"]*)"[^>]*status="([^"]*)"[^<]*<([^>]*)>)re");
  static const std::map<string, string> kStatuses = {
      {"run", "passed"}, {"fail", "failed"}, {"disabled", "skipped"}};
  std::vector<CaseRow> rows;
  for (std::sregex_iterator it(xml.begin(), xml.end(), kCase); it != std::sregex_iterator(); ++it) {
    const auto known = kStatuses.find((*it)[2]);
    const bool is_skip = (*it)[3].str().find("\"SKIP_") != string::npos;
    rows.push_back({(*it)[1], known != kStatuses.end() ? known->second
                              : is_skip                ? "skipped"
                                                       : "failed"});
  }
  return rows;
}

class CTestTest : public LocalTest {
 protected:
  Project prepare(const string& keys = {}) {
    Project project = cluster().add_project("ctest");
    cluster().configure(project, R"("runner": "ctest")" + keys);
    const FinishedRun made = cluster().other_program({"cmake", "-B", "build"}, project.folder());
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    return project;
  }
  std::vector<CaseRow> alone(const string& directory, const string& expression) {
    const std::filesystem::path xml = cluster().folder() / "own.xml";
    const FinishedRun run = cluster().other_program(
        {"ctest", "--test-dir", directory, "-R", expression, "--output-junit", xml.string()},
        cluster().folder());
    return rows_of_junit(read_file(xml).value_or(run.output));
  }
};

TEST_F(CTestTest, VerdictsAreThoseOfCTestItself) {
  const Project project = prepare();
  const std::vector<CaseRow> own = alone((project.folder() / "build").string(), ".");
  EXPECT_EQ(own.size(), 20U);
  // One after the other: each test brings its fixtures along.
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.report.units.size(), own.size());
  EXPECT_EQ(run.exit_code, 1);
  std::map<string, ReportedCase> cases;
  for (const ReportedCase& one : run.report.cases) cases[one.name] = one;
  EXPECT_EQ(cases["fails"].output, "no such luck\n");
  EXPECT_EQ(cases["takes_too_long"].message, "Timeout");
  EXPECT_EQ(cases["crashes"].message, "Exception: SegFault");
  EXPECT_EQ(cases["is_not_there"].message, "Unable to find executable");
  ASSERT_NE(run.report.unit("asks_in_vain"), nullptr);
  EXPECT_NE(run.report.unit("asks_in_vain")->errors.find("the fixture cannot_start: Failed"),
            string::npos);
}

TEST_F(CTestTest, OurOwnTestsHaveTheVerdictsOfCTestItself) {
  const Project project = prepare(R"(, "ctest_directory": ")" GORGON_BUILD
                                  R"(", "files": ["GlobTest.*", "PartitionTest.*"])");
  const std::vector<CaseRow> own = alone(GORGON_BUILD, R"(^(GlobTest|PartitionTest)\.)");
  EXPECT_GE(own.size(), 6U);
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.exit_code, 0);
}

TEST_F(CTestTest, ABuildFolderNeedsNoConfiguration) {
  const Project project = prepare();
  std::filesystem::remove(project.folder() / "gorgon.json");
  const FinishedRun run = cluster().run(project, {"passes"});
  EXPECT_EQ(names(run), (std::map<string, string>{{"passes", "passed"}}));
  EXPECT_NE(run.report.notice_text().find("\"runner\": \"ctest\""), string::npos);
}

TEST_F(CTestTest, TestsAreSelectedByNamePatternLabelAndExpression) {
  const Project project = prepare();
  const auto run = [&](std::vector<string> arguments) {
    return names(cluster().run(project, std::move(arguments)));
  };
  using Names = std::map<string, string>;
  EXPECT_EQ(run({"odd name (1+1)*2 [x].y|z", "sub/*"}),
            (Names{{"odd name (1+1)*2 [x].y|z", "passed"}, {"sub/name", "passed"}}));
  EXPECT_EQ(run({"-t", "both", "-t", "~slow"}), (Names{{"passes", "passed"}}));
  EXPECT_EQ(run({"-e", "must_"}), (Names{{"must_say", "failed"}, {"must_not_say", "failed"}}));
  EXPECT_EQ(run({"--", "-L", "quick"}), (Names{{"passes", "passed"}}));
  EXPECT_EQ(run({"-E", "failed()"}), (Names{{"must_say", "failed"}, {"must_not_say", "failed"}}))
      << "of the runs before";
  const FinishedRun missing = cluster().run(project, {"no_such_*"});
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_NE(missing.errors.find("no test of build is called no_such_*"), string::npos)
      << missing.errors;
}

TEST_F(CTestTest, ATestOverGorgonsLimitIsKilledWithAllThatItStarted) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("runner": "ctest")");
  project.write("CMakeLists.txt",
                "cmake_minimum_required(VERSION 3.20)\nproject(one NONE)\nenable_testing()\n"
                "add_test(NAME hangs COMMAND sh -c \"sleep 600 & sleep 600\")\n");
  EXPECT_EQ(cluster().other_program({"cmake", "-B", "build"}, project.folder()).exit_code, 0);
  const FinishedRun run = cluster().run(project, {"--timeout", "1"});
  ASSERT_NE(run.report.unit("hangs"), nullptr);
  EXPECT_EQ(run.report.unit("hangs")->verdict, "timed_out");
}

TEST_F(CTestTest, WithoutABuiltFolderTheKeyIsNamed) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("runner": "ctest")");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_NE(run.errors.find("ctest_directory"), string::npos) << run.errors;
}

}  // namespace
}  // namespace gorgon::test
