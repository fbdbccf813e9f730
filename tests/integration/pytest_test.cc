// Suites of pytest: the fixture with every kind of end, and suites that nobody wrote for us, from
// Debian packages, whose cases and statuses are those of pytest's own run.
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
/// Debian's, which has pytest; another one may come first in PATH.
constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kPythonKey = R"("runner_python": ["/usr/bin/python3"])";
constexpr const char* kProgram = GORGON_INTEGRATION "/real_pytest.py";

class PytestTest : public LocalTest {
 protected:
  Project prepare(const string& fixture, const string& keys = {}) {
    Project project = cluster().add_project(fixture);
    cluster().configure(project, kPythonKey + keys);
    cluster().set_environment("NOTES", notes());
    return project;
  }
  /// The file in which the fixture notes what happens.
  [[nodiscard]] string notes() { return (cluster().folder() / "notes").string(); }
  /// Its cases, by pytest itself.
  std::vector<CaseRow> alone(const Project& project, const std::vector<string>& arguments = {}) {
    std::vector<string> argv = {kPython, kProgram, "alone", project.folder().string()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const FinishedRun run = cluster().other_program(argv, cluster().folder());
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    return read_rows(run.output);
  }
  static std::vector<CaseRow> rows_by_id(const FinishedRun& run) {
    std::vector<CaseRow> rows;
    rows.reserve(run.report.cases.size());
    for (const ReportedCase& one : run.report.cases) rows.push_back({one.id, one.status});
    return rows;
  }
};

TEST_F(PytestTest, FixtureHasTheVerdictsOfItsTable) {
  const Project project = prepare("pytest");
  const FinishedRun run = cluster().run(project, {"-j", "2", "--timeout", "3"});
  EXPECT_EQ(differences(expected_units("pytest"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.notice_text(), "");
  for (const ReportedCase& one : run.report.cases) {
    if (one.name == "test_speaks") {
      EXPECT_EQ(one.output,
                "from setup\nfrom python\nfrom a child\nfrom standard error\n"
                "WARNING  test:test_output.py:19 from a log\nfrom teardown\n");
    }
  }
  EXPECT_FALSE(project.has("all.xml")) << "a report of the whole run is not for one of its files";
  EXPECT_EQ(Project(cluster().folder()).read("notes"), "loaded\nserver stopped\nlock released\n")
      << "conftest is loaded once, session fixtures end with their file, a killed test cleans up";
}

TEST_F(PytestTest, StatusesAreThoseOfPytestItself) {
  const Project project = prepare("pytest");
  const std::vector<string> files = {"checks/test_statuses.py", "checks/test_classes.py",
                                     "checks/test_skipped.py", "checks/test_load_error.py"};
  std::vector<string> alone_files = {"-o", "addopts=", "--continue-on-collection-errors"};
  alone_files.insert(alone_files.end(), files.begin(), files.end());
  EXPECT_EQ(differences(alone(project, alone_files), rows_by_id(cluster().run(project, files))),
            "");
}

TEST_F(PytestTest, RealSuitesHaveTheVerdictsOfPytestItself) {
  const Project project = prepare("", R"(, "files": ["toolz/**/test_*.py",
      "networkx/{utils,linalg,algorithms/bipartite}/**/test_*.py"])");
  // Some of them leave files there.
  std::filesystem::create_directory(cluster().folder() / "their_tmp");
  cluster().set_environment("TMPDIR", (cluster().folder() / "their_tmp").string());
  for (const char* package : {"toolz", "networkx"}) {
    const FinishedRun copied = cluster().other_program(
        {kPython, kProgram, "prepare", package, project.folder().string()}, cluster().folder());
    EXPECT_EQ(copied.exit_code, 0) << copied.errors;
  }
  const std::vector<CaseRow> own = alone(
      project, {"toolz", "networkx/utils", "networkx/linalg", "networkx/algorithms/bipartite"});
  EXPECT_GE(own.size(), 500U);
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(own, rows_by_id(run)), "");
  EXPECT_EQ(run.exit_code, 0);
}

TEST_F(PytestTest, CasesAreSelectedByLineIdNameMarkerAndArgument) {
  const Project project = prepare("pytest");
  const auto run = [&](std::vector<string> arguments) {
    return names(cluster().run(project, std::move(arguments)));
  };
  const std::map<string, string> inner = {{"TestStack::TestInner::test_second[1]", "passed"},
                                          {"TestStack::TestInner::test_second[2]", "passed"}};
  EXPECT_EQ(run({"checks/test_classes.py:21"}), inner);
  EXPECT_EQ(run({"checks/test_classes.py::TestStack::TestInner"}), inner);
  const std::map<string, string> four = {{"TestStack::test_inherited", "passed"},
                                         {"TestStack::test_first", "passed"},
                                         {"TestStack::TestInner::test_second[1]", "passed"},
                                         {"TestStack::TestInner::test_second[2]", "passed"}};
  EXPECT_EQ(run({"checks/test_classes.py:11"}), four) << "a class, with what it inherits";
  EXPECT_EQ(run({"-t", "slow", "checks/test_classes.py"}), four);
  EXPECT_EQ(run({"-E", "tag(slow) and not test(no such name)", "checks/test_classes.py"}), four);
  EXPECT_EQ(run({"-e", "test_inh", "checks/test_classes.py", "checks/test_output.py"}),
            (std::map<string, string>{{"TestStack::test_inherited", "passed"}}));
  EXPECT_EQ(run({"checks/test_classes.py", "checks/test_output.py", "--", "-k", "greeting"}),
            (std::map<string, string>{{"test_greeting", "passed"}}));

  const FinishedRun missing =
      cluster().run(project, {"checks/test_classes.py:1", "checks/test_output.py::test_gone"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.report.unit("checks/test_classes.py")->errors.find(":1: there is no test at"),
            string::npos);
  EXPECT_NE(missing.report.unit("checks/test_output.py")->errors.find("there is no such test"),
            string::npos);
}

TEST_F(PytestTest, ACaseOverItsLimitDoesNotTakeTheOthersAlong) {
  const Project project = prepare("pytest");
  const FinishedRun run = cluster().run(project, {"--case-timeout", "1", "checks/test_hang.py"});
  EXPECT_EQ(names(run), (std::map<string, string>{{"test_comes_before", "passed"},
                                                  {"test_poison", "error"},
                                                  {"test_comes_after", "passed"}}));
}

TEST_F(PytestTest, WhatKeepsPytestFromStartingIsSaid) {
  const Project project = prepare("pytest");
  const FinishedRun run = cluster().run(project, {"checks/test_output.py", "--", "--bogus"});
  EXPECT_EQ(run.exit_code, 8);
  EXPECT_NE(run.report.reason.find("unrecognized arguments: --bogus"), string::npos)
      << run.report.reason;
}

}  // namespace
}  // namespace gorgon::test
