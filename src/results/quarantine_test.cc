#include "results/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TestCase failed(const std::string& name) {
  TestCase test_case{.id = "id of " + name, .name = name, .status = CaseStatus::kFailed};
  test_case.failure.emplace().message = name + " is wrong";
  return test_case;
}

UnitResult with(std::vector<TestCase> cases, Verdict verdict = Verdict::kFailed) {
  return {.unit = "1", .verdict = verdict, .cases = std::move(cases)};
}

Failure error(const std::string& stage, const std::string& message) {
  return {.stage = stage, .exception_class = "", .message = message, .backtrace = {}};
}

Quarantine of_case(const std::string& test_case) {
  return Quarantine({{.file = "a_spec.rb", .test_case = test_case, .why = "slow clock (ann)"}});
}
Quarantine of_file() { return of_case(""); }

TEST(QuarantineTest, FailedCaseDecidesNothing) {
  UnitResult result = with({failed("a")});
  of_case("a").apply_to("a_spec.rb", result);
  EXPECT_EQ(result.verdict, Verdict::kPassed);
  EXPECT_EQ(result.cases[0].status, CaseStatus::kQuarantined);
  EXPECT_EQ(result.cases[0].pending_message, "slow clock (ann)");
  ASSERT_TRUE(result.cases[0].failure);
  EXPECT_EQ(result.cases[0].failure->message, "a is wrong");
}

TEST(QuarantineTest, CaseIsNamedByItsIdToo) {
  UnitResult result = with({failed("a")});
  of_case("id of a").apply_to("a_spec.rb", result);
  EXPECT_EQ(result.cases[0].status, CaseStatus::kQuarantined);
}

TEST(QuarantineTest, OtherFailuresOfTheFileDecide) {
  UnitResult result = with({failed("a"), failed("b")});
  of_case("a").apply_to("a_spec.rb", result);
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_EQ(result.cases[0].status, CaseStatus::kQuarantined);
  EXPECT_EQ(result.cases[1].status, CaseStatus::kFailed);
}

TEST(QuarantineTest, OtherFilesAreNotConcerned) {
  UnitResult result = with({failed("a")});
  of_case("a").apply_to("b_spec.rb", result);
  EXPECT_EQ(result, with({failed("a")}));
}

TEST(QuarantineTest, CaseThatPassesStaysPassed) {
  UnitResult result = with({{.id = "1", .name = "a"}}, Verdict::kPassed);
  of_case("a").apply_to("a_spec.rb", result);
  EXPECT_EQ(result.cases[0].status, CaseStatus::kPassed);
  EXPECT_THAT(result.cases[0].pending_message, IsEmpty());
}

TEST(QuarantineTest, ErrorOutsideOfCasesDecidesUnlessTheFileIsNamed) {
  UnitResult result = with({failed("a")});
  result.errors = {error("outside", "after(:all)")};
  UnitResult same = result;
  of_case("a").apply_to("a_spec.rb", result);
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_THAT(result.errors, SizeIs(1));
  of_file().apply_to("a_spec.rb", same);
  EXPECT_EQ(same.verdict, Verdict::kPassed);
  EXPECT_THAT(same.errors, IsEmpty());
  ASSERT_THAT(same.cases, SizeIs(2));
  EXPECT_EQ(same.cases[1].status, CaseStatus::kQuarantined);
  EXPECT_THAT(same.cases[1].failure->message, HasSubstr("after(:all)"));
}

TEST(QuarantineTest, CrashOfAFileInQuarantineIsToldAsACase) {
  UnitResult result = with({{.id = "1", .name = "a"}}, Verdict::kCrashed);
  result.errors = {error("crash", "signal 11")};
  result.running_case = "b";
  UnitResult same = result;
  of_case("a").apply_to("a_spec.rb", same);
  EXPECT_EQ(same, result) << "of the file's other cases nothing is known";
  of_file().apply_to("a_spec.rb", result);
  EXPECT_EQ(result.verdict, Verdict::kPassed);
  ASSERT_THAT(result.cases, SizeIs(2));
  EXPECT_EQ(result.cases[1].name, "b");
  EXPECT_EQ(result.cases[1].failure->message, "signal 11");
}

TEST(QuarantineTest, EarlierTriesOfAnExcusedFileAreToldOnce) {
  UnitResult result = with({}, Verdict::kCrashed);
  result.errors = {error("crash", "signal 11")};
  result.earlier_errors = {error("crash", "signal 6")};
  of_file().apply_to("a_spec.rb", result);
  EXPECT_THAT(result.earlier_errors, IsEmpty());
  ASSERT_THAT(result.cases, SizeIs(1));
  ASSERT_THAT(result.cases[0].earlier_failures, SizeIs(1));
  EXPECT_EQ(result.cases[0].earlier_failures[0].message, "signal 6");
}

TEST(QuarantineTest, FileWithoutVerdictHasNone) {
  for (const Verdict verdict : {Verdict::kCancelled, Verdict::kLost}) {
    UnitResult result = with({failed("a")}, verdict);
    of_file().apply_to("a_spec.rb", result);
    EXPECT_EQ(result.verdict, verdict);
  }
}

TEST(QuarantineTest, VerdictThatNothingExplainsDecides) {
  UnitResult result = with({{.id = "1", .name = "a"}}, Verdict::kFailed);
  of_case("a").apply_to("a_spec.rb", result);
  EXPECT_EQ(result.verdict, Verdict::kFailed);
}

}  // namespace
}  // namespace gorgon::results
