// Tests in quarantine: they run, are reported, and decide nothing, until their day has come.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

string entry(const string& file, const string& test_case, const string& expires) {
  const string of_case = test_case.empty() ? "" : R"("case": ")" + test_case + R"(", )";
  return R"({"file": ")" + file + R"(", )" + of_case +
         R"("owner": "ann", "reason": "slow clock", "expires": ")" + expires + R"("})";
}

class QuarantineTest : public LocalTest {
 protected:
  void SetUp() override {
    LocalTest::SetUp();
    project_ = cluster().add_project("");
    project().write("spec/a_spec.rb",
                    "RSpec.describe('a') do\n"
                    "  it('works') {}\n"
                    "  it('wavers') { fail 'the clock jumped' }\n"
                    "end\n");
  }
  [[nodiscard]] const Project& project() const { return *project_; }
  void put_in_quarantine(const std::vector<string>& entries) {
    string list;
    for (const string& one : entries) list += (list.empty() ? "" : ",\n") + one;
    project().write("gorgon_quarantine.json", "{\"quarantine\": [\n" + list + "\n]}\n");
  }
  FinishedRun run(std::vector<string> arguments = {}) {
    return cluster().run(project(), std::move(arguments));
  }
  FinishedRun gorgon(const std::vector<string>& arguments) {
    return cluster().gorgon(arguments, project().folder());
  }
  static string status_of(const FinishedRun& run, const string& name) {
    const auto found = std::ranges::find(run.report.cases, name, &ReportedCase::name);
    return found == run.report.cases.end() ? "not there" : found->status;
  }

 private:
  std::optional<Project> project_;
};

TEST_F(QuarantineTest, FailureIsReportedEverywhereAndDecidesNothing) {
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2999-12-31")});
  const FinishedRun result = run({"--junit", "j.xml", "--tap", "t.tap", "--retries", "2", "-x"});
  EXPECT_EQ(result.exit_code, 0) << result.report.reason;
  EXPECT_EQ(result.report.unit("spec/a_spec.rb")->verdict, "passed");
  EXPECT_EQ(result.report.unit("spec/a_spec.rb")->attempt, 1) << "it is not worth a further try";
  EXPECT_EQ(status_of(result, "a works"), "passed");
  EXPECT_EQ(status_of(result, "a wavers"), "quarantined");
  EXPECT_NE(result.output.find("the clock jumped"), string::npos);
  EXPECT_NE(project().read("j.xml").find(
                "<skipped message=\"in quarantine: slow clock (ann, until 2999-12-31)\"/>"),
            string::npos)
      << project().read("j.xml");
  EXPECT_NE(project().read("t.tap").find("# TODO in quarantine: slow clock"), string::npos)
      << project().read("t.tap");
  const FinishedRun shown = gorgon({"runs", "show"});
  EXPECT_EQ(shown.exit_code, 0) << shown.output;
  EXPECT_NE(shown.output.find("spec/a_spec.rb: a wavers: the clock jumped"), string::npos)
      << shown.output;
  EXPECT_NE(shown.output.find("1 in quarantine"), string::npos) << shown.output;
}

TEST_F(QuarantineTest, OtherFailuresDecideAsEver) {
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2999-12-31")});
  project().write("spec/a_spec.rb",
                  "RSpec.describe('a') { it('wavers') { fail }\n it('breaks') { fail } }\n");
  const FinishedRun result = run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(status_of(result, "a wavers"), "quarantined");
  EXPECT_EQ(status_of(result, "a breaks"), "failed");
  EXPECT_EQ(run({"--only-failures"}).report.cases.size(), 1U) << "what decides is what is left";
}

TEST_F(QuarantineTest, WholeFileMayEvenCrash) {
  put_in_quarantine({entry("spec/b_spec.rb", "", "2999-12-31")});
  project().write("spec/a_spec.rb", "RSpec.describe('a') { it('works') {} }\n");
  project().write("spec/b_spec.rb", "RSpec.describe('b') { it('kills') { exit!(3) } }\n");
  const FinishedRun result = run();
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(status_of(result, "b kills"), "quarantined") << result.output;
  const FinishedRun list = gorgon({"list"});
  EXPECT_EQ(list.output.find("recorded  spec/b_spec.rb"), string::npos)
      << "how long it ran until it crashed is not how long it takes: " << list.output;
}

TEST_F(QuarantineTest, AnExitCodeThatSaysMoreThanItsCasesIsNotExcused) {
  project().write("t/a.t", "echo 1..2; echo ok 1 - works; echo not ok 2 - wavers; exit 23\n");
  cluster().configure(project(), R"("files": ["t/*.t"], "runner": "command",
      "test_command": {"run": ["sh", "{file}"], "results": "tap"})");
  put_in_quarantine({entry("t/a.t", "wavers", "2999-12-31")});
  const FinishedRun result = run();
  EXPECT_EQ(result.exit_code, 1) << result.output;
  project().write("t/a.t", "echo 1..2; echo ok 1 - works; echo not ok 2 - wavers; exit 1\n");
  EXPECT_EQ(run().exit_code, 0);
}

TEST_F(QuarantineTest, TestsOfCtestAreNoFilesThatCouldBeGone) {
  cluster().configure(project(), R"("runner": "ctest")");
  put_in_quarantine({entry("cart.adds", "", "2999-12-31")});
  EXPECT_EQ(gorgon({"quarantine", "check"}).exit_code, 0);
}

TEST_F(QuarantineTest, RerunConvergesWithoutThem) {
  project().write("spec/b_spec.rb", "RSpec.describe('b') { it('breaks') { fail } }\n");
  EXPECT_EQ(run().exit_code, 1);
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2999-12-31")});
  project().write("spec/b_spec.rb", "RSpec.describe('b') { it('breaks') {} }\n");
  const FinishedRun rerun = gorgon({"rerun"});
  EXPECT_EQ(rerun.exit_code, 0) << rerun.output << rerun.errors;
  EXPECT_EQ(gorgon({"rerun"}).exit_code, 4) << "nothing is left";
}

TEST_F(QuarantineTest, FileThatHadFailedAsAWholeIsNotComeBackToEither) {
  project().write("spec/a_spec.rb", "raise 'broken'\n");
  EXPECT_EQ(run().exit_code, 1);
  put_in_quarantine({entry("spec/a_spec.rb", "", "2999-12-31")});
  EXPECT_EQ(gorgon({"rerun"}).exit_code, 0);
  EXPECT_EQ(gorgon({"rerun"}).exit_code, 4) << "nothing is left";
  EXPECT_EQ(run({"--only-failures"}).exit_code, 4);
}

TEST_F(QuarantineTest, ExpiredEntryProtectsNoMoreAndFailsTheCheck) {
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2020-01-31")});
  const FinishedRun result = run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(status_of(result, "a wavers"), "failed");
  EXPECT_NE(result.report.notice_text().find("gorgon_quarantine.json:2: the quarantine of "
                                             "spec/a_spec.rb: a wavers ended on 2020-01-31"),
            string::npos)
      << result.report.notice_text();
  const FinishedRun check = gorgon({"quarantine", "check"});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_NE(check.output.find("expired on 2020-01-31"), string::npos) << check.output;
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2999-12-31")});
  EXPECT_EQ(gorgon({"quarantine", "check"}).exit_code, 0);
  put_in_quarantine({entry("spec/gone_spec.rb", "", "2999-12-31")});
  EXPECT_EQ(gorgon({"quarantine", "check"}).exit_code, 1) << "the file is gone";
}

TEST_F(QuarantineTest, CheckFindsACaseThatItsFileDoesNotHave) {
  put_in_quarantine({entry("spec/a_spec.rb", "a waves", "2999-12-31")});
  EXPECT_EQ(gorgon({"quarantine", "check"}).exit_code, 0) << "nobody knows its cases";
  EXPECT_EQ(run().exit_code, 1);
  const FinishedRun check = gorgon({"quarantine", "check"});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_NE(check.output.find("spec/a_spec.rb: a waves: run 1, the last of the whole file, had no "
                              "such case"),
            string::npos)
      << check.output;
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2999-12-31")});
  EXPECT_EQ(gorgon({"quarantine", "check"}).exit_code, 0);
}

TEST_F(QuarantineTest, ListShowsWhoAndWhy) {
  put_in_quarantine({entry("spec/a_spec.rb", "a wavers", "2020-01-31")});
  const FinishedRun list = gorgon({"quarantine"});
  EXPECT_EQ(list.exit_code, 0) << "a list judges nothing";
  EXPECT_NE(list.output.find("spec/a_spec.rb: a wavers\n    slow clock, ann; until 2020-01-31"),
            string::npos)
      << list.output;
}

TEST_F(QuarantineTest, MistakeInTheFileStopsTheRun) {
  project().write("gorgon_quarantine.json", R"({"quarantine": [{"file": "spec/a_spec.rb"}]})");
  const FinishedRun result = run();
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_NE(result.errors.find("quarantine[0].expires: is missing"), string::npos) << result.errors;
}

}  // namespace
}  // namespace gorgon::test
