#include "report/tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "report/spooled_file.h"
#include "report/testing/synthetic_run.h"
#include "results/exit_code.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Verdict;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class TapTest : public ::testing::Test {
 protected:
  /// What is written for one unit of spec/a_spec.rb.
  std::string report_of(results::UnitResult result, int exit_code = 1, std::string reason = {}) {
    TapReporter reporter(SpooledFile::make(file_).value());
    SyntheticRun run(reporter);
    run.add_unit("spec/a_spec.rb");
    run.start();
    run.finish_unit(0, std::move(result));
    run.finish(3, exit_code, std::move(reason));
    EXPECT_EQ(reporter.write_error(), 0);
    return read_file(file_).value();
  }
  std::string report_without_units(int exit_code, std::string reason) {
    TapReporter reporter(SpooledFile::make(file_).value());
    SyntheticRun(reporter).finish(0, exit_code, std::move(reason));
    return read_file(file_).value();
  }

  TempDir folder_ = TempDir::make("gorgon-tap-").value();
  fs::path file_ = folder_.path() / "run.tap";
};

results::TestCase with_status(const std::string& name, CaseStatus status, std::string reason = {}) {
  results::TestCase test_case = passed_case(name);
  test_case.status = status;
  test_case.pending_message = std::move(reason);
  return test_case;
}

}  // namespace

TEST_F(TapTest, EachStatusHasItsPoint) {
  EXPECT_EQ(report_of(result_of(Verdict::kPassed,
                                {passed_case("works"),
                                 with_status("skips", CaseStatus::kSkipped, "no database"),
                                 with_status("waits", CaseStatus::kPending, "a fix"),
                                 with_status("waits on", CaseStatus::kPending)}),
                      0),
            "TAP version 14\n"
            "1..4\n"
            "ok 1 - spec/a_spec.rb: works\n"
            "ok 2 - spec/a_spec.rb: skips # SKIP no database\n"
            "not ok 3 - spec/a_spec.rb: waits # TODO a fix\n"
            "not ok 4 - spec/a_spec.rb: waits on # TODO\n");
}

TEST_F(TapTest, RoundsAreToldApart) {
  TapReporter reporter(SpooledFile::make(file_).value());
  SyntheticRun run(reporter);
  for (std::size_t i = 0; i < 3; ++i) {
    run.add_unit("spec/a_spec.rb");
    run.unit(i).id = "1." + std::to_string(i + 1);
  }
  run.start();
  run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("works #1")}));
  run.finish_unit(2, result_of(Verdict::kPassed, {passed_case("works #1")}));
  run.finish_unit(1, result_of(Verdict::kCrashed, {}));
  run.finish(3, 1);
  const std::string report = read_file(file_).value();
  EXPECT_THAT(report, HasSubstr("ok 1 - spec/a_spec.rb: works \\#1 \\#1\n"
                                "ok 2 - spec/a_spec.rb: works \\#1 \\#3\n"
                                "not ok 3 - spec/a_spec.rb: (outside of the cases) \\#2\n"));
}

TEST_F(TapTest, AFailureHasItsDiagnostics) {
  results::TestCase failed = failed_case("fails");
  failed.failure->backtrace = {"a.rb:1", "b.rb:2"};
  failed.output = "said \"this\"\n  ...\n\x1b[31mred\x1b[0m\a\n";
  EXPECT_EQ(report_of(result_of(Verdict::kFailed, {failed})),
            "TAP version 14\n"
            "1..1\n"
            "not ok 1 - spec/a_spec.rb: fails\n"
            "  ---\n"
            "  message: \"\\nexpected: true\\n     got: false\"\n"
            "  severity: \"fail\"\n"
            "  class: \"RSpec::Expectations::ExpectationNotMetError\"\n"
            "  file: \"spec/models/user_spec.rb\"\n"
            "  line: \"12\"\n"
            "  backtrace:\n"
            "    - \"a.rb:1\"\n"
            "    - \"b.rb:2\"\n"
            "  output: \"said \\\"this\\\"\\n  ...\\nred␇\"\n"
            "  ...\n");
}

TEST_F(TapTest, NoNameMeansAnythingToTheReader) {
  EXPECT_EQ(tap_text("a # SKIP b\\"), "a \\# SKIP b\\\\");
  EXPECT_EQ(tap_text("a\nok 2 - b\r\n1..9\nBail out!"), "a ok 2 - b 1..9 Bail out!");
  const std::string tap = report_of(
      result_of(Verdict::kPassed,
                {with_status("x # TODO\nBail out!\\", CaseStatus::kSkipped, "y # TODO\nnot ok 9")}),
      0);
  EXPECT_THAT(tap, HasSubstr("\nok 1 - spec/a_spec.rb: x \\# TODO Bail out!\\\\ # SKIP y \\# TODO "
                             "not ok 9\n"));
}

TEST_F(TapTest, WhatWentWrongOutsideTheCasesIsAPoint) {
  results::UnitResult crashed = result_of(Verdict::kCrashed, {passed_case("works")});
  crashed.errors = {{.stage = "crash", .message = "killed by signal 11 (SIGSEGV)"}};
  crashed.running_case = "A kills";
  crashed.output = "the last words";
  const std::string tap = report_of(std::move(crashed));
  EXPECT_THAT(tap, HasSubstr("1..2\nok 1 - "));
  EXPECT_THAT(tap, HasSubstr("not ok 2 - spec/a_spec.rb: A kills\n  ---\n"
                             "  message: \"killed by signal 11 (SIGSEGV)\"\n"
                             "  severity: \"error\"\n  stage: \"crash\"\n"
                             "  file: \"spec/a_spec.rb\"\n"
                             "  output: \"the last words\"\n  ...\n"));
}

TEST_F(TapTest, AFailureThatSaysNothingHasTheOutputOfItsFile) {
  results::TestCase silent = failed_case("fails");
  silent.failure = {.message = "test failed"};
  results::UnitResult result = result_of(Verdict::kFailed, {silent});
  result.output = "no such package";
  EXPECT_THAT(report_of(std::move(result)), HasSubstr("  output: \"no such package\"\n  ...\n"));
}

TEST_F(TapTest, AFlakyCaseIsOkAndSaysHowItFailed) {
  results::TestCase flaky = passed_case("works again");
  flaky.earlier_failures = {{.message = "at first"}};
  EXPECT_THAT(report_of(result_of(Verdict::kPassed, {flaky}), 0),
              HasSubstr("\nok 1 - spec/a_spec.rb: works again\n  ---\n"
                        "  earlier_failures:\n    - \"at first\"\n  ...\n"));
}

TEST_F(TapTest, ARunThatDidNotCompleteBailsOut) {
  for (const Verdict verdict : {Verdict::kCancelled, Verdict::kLost}) {
    const std::string tap =
        report_of(result_of(verdict, {}), results::kIncomplete, "not every file\nhas a verdict");
    EXPECT_THAT(tap, HasSubstr("\nnot ok 1 - spec/a_spec.rb: (outside of the cases)\n"));
    EXPECT_THAT(tap, HasSubstr("\nBail out! not every file has a verdict\n"));
  }
  EXPECT_EQ(report_without_units(results::kOriginatorError, "no broker"),
            "TAP version 14\n1..0\nBail out! no broker\n");
}

TEST_F(TapTest, AnErrorOutsideTheTestFilesIsAPoint) {
  const std::string tap =
      report_of(result_of(Verdict::kPassed, {passed_case("works")}), 1, "1 error outside");
  EXPECT_THAT(tap, StartsWith("TAP version 14\n1..2\n"));
  EXPECT_THAT(tap,
              HasSubstr("not ok 2 - gorgon: the run\n  ---\n  message: \"1 error outside\"\n"));
}

TEST_F(TapTest, APlanWithoutPointsSaysWhy) {
  EXPECT_EQ(report_without_units(0, "nothing to run: #1"),
            "TAP version 14\n1..0 # SKIP nothing to run: \\#1\n");
}

}  // namespace gorgon::report
