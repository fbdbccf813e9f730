#include "report/junit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "report/spooled_file.h"
#include "report/testing/synthetic_run.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Verdict;
using ::testing::HasSubstr;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class JunitTest : public ::testing::Test {
 protected:
  /// What is written for one unit.
  std::string report_of(results::UnitResult result, int exit_code = 1, std::string reason = {},
                        std::string file = "spec/models/user_spec.rb") {
    JunitReporter reporter(SpooledFile::make(file_).value());
    SyntheticRun run(reporter);
    run.add_unit(std::move(file));
    run.start({.job = "k2x9", .started_at = 1764180000});
    run.finish_unit(0, std::move(result));
    run.finish(3, exit_code, std::move(reason));
    EXPECT_EQ(reporter.write_error(), 0);
    return read_file(file_).value();
  }

  TempDir folder_ = TempDir::make("gorgon-junit-").value();
  fs::path file_ = folder_.path() / "reports/junit.xml";
};

results::TestCase with_status(const std::string& name, CaseStatus status) {
  results::TestCase test_case = passed_case(name);
  test_case.status = status;
  return test_case;
}

}  // namespace

TEST_F(JunitTest, ASuiteHasItsCasesAndTheRunItsTotals) {
  const std::string xml = report_of(result_of(
      Verdict::kFailed,
      {passed_case("works"), failed_case("fails"), with_status("errs", CaseStatus::kError),
       with_status("skips", CaseStatus::kSkipped), with_status("waits", CaseStatus::kPending)}));
  EXPECT_THAT(xml, HasSubstr("<testsuites name=\"gorgon k2x9\" tests=\"5\" failures=\"1\" "
                             "errors=\"1\" time=\"3.000\">"));
  EXPECT_THAT(xml, HasSubstr("errors=\"1\" skipped=\"2\" time=\"1.500\""));
  EXPECT_THAT(xml, HasSubstr("<testcase name=\"works\" classname=\"spec.models.user_spec\" "
                             "file=\"spec/a_spec.rb\" line=\"3\" time=\"0.010\"/>"));
  EXPECT_THAT(xml, HasSubstr("type=\"RSpec::Expectations::ExpectationNotMetError\">"));
  EXPECT_THAT(xml, HasSubstr("hostname=\"build1\""));
  EXPECT_THAT(xml, HasSubstr("timestamp=\"2025-11-26T17:59:58Z\""));
}

TEST_F(JunitTest, AMethodHasItsClass) {
  EXPECT_THAT(report_of(result_of(Verdict::kPassed, {passed_case("StackTest#test_pops"),
                                                     passed_case("Stack#pop#test_0001_pops")}),
                        0),
              AllOf(HasSubstr("name=\"test_pops\" classname=\"StackTest\""),
                    HasSubstr("name=\"test_0001_pops\" classname=\"Stack#pop\"")));
}

TEST_F(JunitTest, NoOtherNameIsTakenApart) {
  results::TestCase of_node = passed_case("fails # hash");
  of_node.location = "test/a.test.mjs";
  EXPECT_THAT(report_of(result_of(Verdict::kPassed, {of_node}), 0, {}, "test/a.test.mjs"),
              HasSubstr("name=\"fails # hash\" classname=\"test.a.test\" file=\"test/a.test.mjs\" "
                        "time"));
  results::TestCase of_ctest = passed_case("ratio [1]:2");
  of_ctest.location = "ratio [1]:2";
  EXPECT_THAT(report_of(result_of(Verdict::kPassed, {of_ctest}), 0, {}, "ratio [1]:2"),
              HasSubstr("file=\"ratio [1]:2\" time"));
}

TEST_F(JunitTest, RoundsAreToldApart) {
  JunitReporter reporter(SpooledFile::make(file_).value());
  SyntheticRun run(reporter);
  for (const char* id : {"1.1", "1.2"}) {
    run.add_unit("spec/a_spec.rb");
    run.unit(id == std::string("1.1") ? 0 : 1).id = id;
  }
  run.start();
  for (std::size_t i = 0; i < 2; ++i)
    run.finish_unit(i, result_of(Verdict::kPassed, {passed_case("works")}));
  run.finish(1, 0);
  const std::string xml = read_file(file_).value();
  for (const char* round : {"1", "2"}) {
    EXPECT_THAT(xml, HasSubstr(std::string("<testsuite name=\"spec/a_spec.rb #") + round + "\""));
    EXPECT_THAT(xml, HasSubstr(std::string("<testcase name=\"works #") + round + "\""));
  }
}

TEST_F(JunitTest, NoUnitWithoutAPassIsGreen) {
  for (const Verdict verdict : {Verdict::kFailed, Verdict::kCrashed, Verdict::kTimedOut,
                                Verdict::kCancelled, Verdict::kLost}) {
    EXPECT_THAT(report_of(result_of(verdict, {passed_case("works")})),
                HasSubstr("<testsuites name=\"gorgon k2x9\" tests=\"2\" failures=\"0\" "
                          "errors=\"1\""))
        << name_of(verdict);
  }
}

TEST_F(JunitTest, NoRunThatFailedIsGreen) {
  const std::string xml =
      report_of(result_of(Verdict::kPassed, {passed_case("works")}), 8, "after_complete failed");
  EXPECT_THAT(xml, HasSubstr("tests=\"2\" failures=\"0\" errors=\"1\" time=\"3.000\""));
  EXPECT_THAT(xml, HasSubstr("<error message=\"after_complete failed\" type=\"exit code 8\">"));
}

TEST_F(JunitTest, EveryErrorOutsideTheCasesIsThere) {
  results::UnitResult result = result_of(Verdict::kCrashed, {});
  result.errors = {
      {.stage = "crash", .exception_class = "", .message = "signal 9", .backtrace = {}},
      {.stage = "load", .exception_class = "E", .message = "second", .backtrace = {"a:1"}}};
  result.running_case = "hangs";
  result.output = "last words";
  const std::string xml = report_of(std::move(result));
  EXPECT_THAT(xml, HasSubstr("<testcase name=\"hangs\""));
  EXPECT_THAT(xml, HasSubstr("message=\"signal 9\" type=\"crash\">signal 9\nsecond\na:1\n"));
  EXPECT_THAT(xml, HasSubstr("<system-out>last words\n</system-out>"));
}

TEST_F(JunitTest, EarlierTriesAreFlakyOrRerun) {
  const results::Failure earlier{
      .stage = "", .exception_class = "E", .message = "at first", .backtrace = {}};
  results::TestCase passed = passed_case("passes later");
  passed.earlier_failures = {earlier};
  results::TestCase failed = failed_case("fails again");
  failed.earlier_failures = {earlier};
  const std::string xml = report_of(result_of(Verdict::kFailed, {passed, failed}));
  EXPECT_THAT(xml, HasSubstr("<flakyFailure message=\"at first\" type=\"E\"><stackTrace>at first\n"
                             "</stackTrace></flakyFailure>"));
  EXPECT_THAT(xml, HasSubstr("<rerunFailure message=\"at first\" type=\"E\"><stackTrace>"));
}

TEST_F(JunitTest, WhatXmlForbidsIsReplaced) {
  EXPECT_EQ(xml_text(std::string("a\0b\x01<&>\xEF\xBF\xBF\xFF\r", 12)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD&lt;&amp;&gt;\xEF\xBF\xBD\xEF\xBF\xBD&#13;");
  EXPECT_EQ(xml_attribute("a\"b\n\t"), "a&quot;b&#10;&#9;");
  EXPECT_EQ(xml_text("]]>"), "]]&gt;");
}

TEST_F(JunitTest, ARunThatDiesLeavesTheOldReport) {
  ASSERT_TRUE(write_file(file_, "old"));
  {
    JunitReporter reporter(SpooledFile::make(file_).value());
    SyntheticRun run(reporter);
    run.add_unit("spec/a_spec.rb");
    run.start({.job = "k2x9"});
    run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("works")}));
  }
  EXPECT_EQ(read_file(file_).value(), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(file_.parent_path()), fs::directory_iterator()),
            1);
}

TEST_F(JunitTest, AFileThatCannotBeMadeIsToldBeforeTheRun) {
  ASSERT_TRUE(write_file(folder_.path() / "file", "x"));
  EXPECT_FALSE(SpooledFile::make(folder_.path() / "file/junit.xml"));
  EXPECT_FALSE(SpooledFile::make(folder_.path()));
}

}  // namespace gorgon::report
