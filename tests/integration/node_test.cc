// Node's test runner: its cases and statuses are those of Node's own run.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

class NodeTest : public LocalTest {
 protected:
  void SetUp() override {
    LocalTest::SetUp();
    const FinishedRun version = cluster().other_program(
        {"sh", "-c",
         "node -e 'process.exit(process.version.slice(1).split(\".\")[0] < 18 ? 1 : 0)'"},
        cluster().folder());
    if (version.exit_code != 0) GTEST_SKIP() << "there is no Node 18 or later";
  }
  /// Names and statuses, by Node itself; no file: of all that it finds.
  std::vector<CaseRow> alone(const Project& project, const string& file = {}) {
    std::vector<string> argv = {"node", "--test",
                                "--test-reporter=" GORGON_INTEGRATION "/node_rows.mjs"};
    if (!file.empty()) argv.push_back(file);
    return read_rows(cluster().other_program(argv, project.folder()).output);
  }
  Project prepare() {
    Project project = cluster().add_project("node");
    cluster().configure(project, R"("runner": "node")");
    return project;
  }
};

TEST_F(NodeTest, CasesAndStatusesAreThoseOfNodeItself) {
  const Project project = prepare();
  project.write("node_modules/other/test/a.test.js", "throw new Error('not of this project')");
  std::vector<CaseRow> own;
  for (const char* file : {"test/statuses.test.js", "test/load_error.test.mjs",
                           "test/without_tests.js", "test/throws_outside.test.cjs"}) {
    for (const CaseRow& row : alone(project, file)) own.push_back(row);
  }
  EXPECT_GE(own.size(), 10U);
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.report.units.size(), 4U);
  EXPECT_EQ(run.report.unit("test/without_tests.js")->verdict, "passed");
  EXPECT_EQ(run.report.unit("test/load_error.test.mjs")->verdict, "failed");
  EXPECT_EQ(run.exit_code, 1);
  for (const ReportedCase& one : run.report.cases) {
    if (one.name == "fails") {
      EXPECT_EQ(one.message, "Expected values to be strictly equal:\n\n1 !== 2");
    }
  }
}

TEST_F(NodeTest, AnImportThatIsNotThereIsNamed) {
  const Project project = prepare();
  project.write("test/import.test.mjs", "import 'nosuch';\n");
  const FinishedRun run =
      cluster().gorgon({"start", "--tap", "run.tap", "test/import.test.mjs"}, project.folder());
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.output.find("Cannot find package 'nosuch'"), string::npos) << run.output;
  EXPECT_NE(project.read("run.tap").find("Cannot find package 'nosuch'"), string::npos);
}

/// A package that ships its tests, as npm gives it, and not a word of configuration.
TEST_F(NodeTest, ARealSuiteHasTheVerdictsOfNodeItself) {
  const Project project = cluster().add_npm_package("find-my-way");
  const std::vector<CaseRow> own = alone(project);
  EXPECT_GE(own.size(), 500U);
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(own, rows(run)), "");
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_NE(run.report.notice_text().find("\"runner\": \"node\""), string::npos);
}

TEST_F(NodeTest, ArgumentsAreNodesOptions) {
  const FinishedRun run =
      cluster().run(prepare(), {"test/statuses.test.js", "--", "--test-name-pattern=adds"});
  EXPECT_EQ(run.report.unit("test/statuses.test.js")->verdict, "passed")
      << "the others did not run";
}

}  // namespace
}  // namespace gorgon::test
