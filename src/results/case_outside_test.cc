#include "results/case_outside.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {
namespace {

TestCase bad_case(const std::string& name, Failure failure) {
  TestCase test_case{.name = name, .status = CaseStatus::kFailed};
  test_case.failure = std::move(failure);
  return test_case;
}

UnitResult result_with(Verdict verdict, std::vector<TestCase> cases, std::vector<Failure> errors) {
  UnitResult result;
  result.verdict = verdict;
  result.cases = std::move(cases);
  result.errors = std::move(errors);
  result.output = "all that was said";
  return result;
}

UnitResult with_killed_case() {
  return result_with(
      Verdict::kTimedOut,
      {bad_case("a", {.stage = "timeout", .message = "over its limit", .backtrace = {"a:3"}})},
      {{.stage = "timeout", .message = "it took too long", .killed_case = "a"}});
}

TEST(CaseOutsideTest, ACaseThatIsKilledTellsWhyItsUnitWas) {
  UnitResult result = with_killed_case();
  EXPECT_FALSE(went_wrong_outside(result));
  EXPECT_FALSE(case_outside(result));
  EXPECT_EQ(case_with_output(result), result.cases.data());
}

TEST(CaseOutsideTest, NoWordsMakeACaseAKilledOne) {
  UnitResult result = result_with(
      Verdict::kTimedOut,
      {bad_case("a", {.stage = "timeout", .message = "killed at the limit", .backtrace = {"a:3"}})},
      {{.stage = "timeout", .message = "\"a\" (a:3) was killed at the limit"}});
  EXPECT_TRUE(went_wrong_outside(result));
  EXPECT_EQ(errors_outside(result).size(), 1U);
  EXPECT_EQ(case_with_output(result), nullptr);
  // Its id says which it is, where it has one.
  result.errors[0].killed_case = "a_spec.rb[1:1]";
  EXPECT_TRUE(went_wrong_outside(result));
  result.cases[0].id = "a_spec.rb[1:1]";
  EXPECT_FALSE(went_wrong_outside(result));
}

TEST(CaseOutsideTest, ItIsPlacedAsTheCaseThatWasRunning) {
  UnitResult result = result_with(Verdict::kCrashed, {},
                                  {{.stage = "crash", .message = "signal 9 in \"a\" (x.rb:9)"}});
  result.running_case = "a";
  EXPECT_EQ(case_outside(result).value_or(TestCase()).location, "");
  result.running_location = "a_spec.rb:3";
  EXPECT_EQ(case_outside(result).value_or(TestCase()).location, "a_spec.rb:3");
}

TEST(CaseOutsideTest, WhatIsKilledLaterIsOneMore) {
  UnitResult result = with_killed_case();
  result.errors.push_back({.stage = "timeout", .message = "killed at the time limit in \"b\""});
  ASSERT_EQ(errors_outside(result).size(), 1U);
  EXPECT_EQ(errors_outside(result).front().message, "killed at the time limit in \"b\"");
  EXPECT_TRUE(went_wrong_outside(result));
  EXPECT_EQ(case_with_output(result), nullptr);
  // In quarantine, a case decides nothing: its unit was killed all the same.
  result = with_killed_case();
  result.cases[0].status = CaseStatus::kQuarantined;
  EXPECT_TRUE(went_wrong_outside(result));
}

TEST(CaseOutsideTest, ACaseThatEndsItsProcessTellsWhyItsUnitFailed) {
  const UnitResult result =
      result_with(Verdict::kFailed, {bad_case("a", {.stage = "exit", .message = "exit(0)"})},
                  {{.stage = "exit", .message = "exit(0) was called"}});
  EXPECT_FALSE(went_wrong_outside(result));
  EXPECT_FALSE(case_outside(result));
}

TEST(CaseOutsideTest, NoFailedCaseTellsOfACrash) {
  const Failure failure{.exception_class = "E", .message = "no"};
  EXPECT_FALSE(went_wrong_outside(result_with(Verdict::kFailed, {bad_case("a", failure)}, {})));
  EXPECT_TRUE(went_wrong_outside(result_with(Verdict::kCrashed, {bad_case("a", failure)}, {})));
  EXPECT_TRUE(went_wrong_outside(result_with(Verdict::kFailed, {}, {})));
  EXPECT_FALSE(went_wrong_outside(result_with(Verdict::kPassed, {}, {})));
}

TEST(CaseOutsideTest, TheOutputOfTheUnitIsWithTheLastFailureThatSaysNothing) {
  UnitResult result = result_with(
      Verdict::kFailed,
      {bad_case("a", {.message = "test failed"}), bad_case("b", {.message = "test failed"}),
       bad_case("c", {.exception_class = "E", .message = "no"}),
       bad_case("d", {.message = "no", .backtrace = {"d:1"}})},
      {});
  ASSERT_NE(case_with_output(result), nullptr);
  EXPECT_EQ(case_with_output(result)->name, "b");
  result.cases[1].output = "its own";
  EXPECT_EQ(case_with_output(result)->name, "a");
  result.output.clear();
  EXPECT_EQ(case_with_output(result), nullptr);
}

}  // namespace
}  // namespace gorgon::results
