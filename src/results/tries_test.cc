#include "results/tries.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {
namespace {

TestCase test_case(const std::string& id, CaseStatus status, const std::string& message = {}) {
  TestCase one{.id = id, .name = id, .location = "a:1", .status = status};
  if (!message.empty()) one.failure = Failure{.message = message};
  return one;
}

UnitResult result_with(Verdict verdict, std::vector<TestCase> cases) {
  UnitResult result{.unit = "1", .verdict = verdict};
  result.seconds = 1;
  result.cases = std::move(cases);
  return result;
}

TEST(TriesTest, OnlyWhatFailedIsTriedAgain) {
  const UnitResult result = result_with(
      Verdict::kFailed,
      {test_case("good", CaseStatus::kPassed), test_case("bad", CaseStatus::kFailed, "no"),
       test_case("later", CaseStatus::kPending), test_case("worse", CaseStatus::kError, "oh")});
  EXPECT_EQ(cases_to_try_again(result), (std::vector<std::string>{"bad", "worse"}));
}

TEST(TriesTest, AllOfItIsTriedAgainWhenMoreWentWrong) {
  UnitResult result = result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kFailed, "no")});
  result.errors.push_back({.message = "after(:all)"});
  EXPECT_TRUE(cases_to_try_again(result).empty());
  result.errors.clear();
  result.verdict = Verdict::kCrashed;
  EXPECT_TRUE(cases_to_try_again(result).empty());
}

TEST(TriesTest, CaseThatPassesNowIsFlaky) {
  const UnitResult all = with_earlier_tries(
      result_with(Verdict::kPassed, {test_case("bad", CaseStatus::kPassed)}),
      result_with(Verdict::kFailed, {test_case("good", CaseStatus::kPassed),
                                     test_case("bad", CaseStatus::kFailed, "no")}));
  EXPECT_EQ(all.verdict, Verdict::kPassed);
  ASSERT_EQ(all.cases.size(), 2U);
  EXPECT_FALSE(is_flaky(all.cases[0]));
  EXPECT_TRUE(is_flaky(all.cases[1]));
  EXPECT_EQ(all.cases[1].earlier_failures[0].message, "no");
  EXPECT_TRUE(has_flaky_part(all));
  EXPECT_EQ(all.seconds, 2);
}

TEST(TriesTest, CaseThatFailsEachTimeHasItsEarlierFailures) {
  const UnitResult two = with_earlier_tries(
      result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kFailed, "second")}),
      result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kFailed, "first")}));
  const UnitResult three = with_earlier_tries(
      result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kError, "third")}), two);
  EXPECT_EQ(three.verdict, Verdict::kFailed);
  ASSERT_EQ(three.cases.size(), 1U);
  EXPECT_EQ(three.cases[0].failure->message, "third");
  ASSERT_EQ(three.cases[0].earlier_failures.size(), 2U);
  EXPECT_EQ(three.cases[0].earlier_failures[0].message, "first");
  EXPECT_EQ(three.cases[0].earlier_failures[1].message, "second");
  EXPECT_FALSE(is_flaky(three.cases[0]));
}

TEST(TriesTest, FailureThatTheLastTryDidNotMeetStands) {
  const UnitResult all = with_earlier_tries(
      result_with(Verdict::kPassed, {}),
      result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kFailed, "no")}));
  EXPECT_EQ(all.verdict, Verdict::kFailed) << "nobody has seen it pass";
}

TEST(TriesTest, LastTryOfACaseDecides) {
  // The whole file ran again, for its hook had failed.
  UnitResult first = result_with(Verdict::kFailed, {test_case("one", CaseStatus::kPassed)});
  first.errors.push_back({.message = "after(:all)"});
  const UnitResult all = with_earlier_tries(
      result_with(Verdict::kFailed, {test_case("one", CaseStatus::kFailed, "now"),
                                     test_case("two", CaseStatus::kPassed)}),
      first);
  EXPECT_EQ(all.verdict, Verdict::kFailed) << "no run of the file was ever green";
  EXPECT_EQ(all.cases[0].status, CaseStatus::kFailed);
  EXPECT_EQ(cases_to_try_again(all), std::vector<std::string>{"one"});
  EXPECT_EQ(all.earlier_errors[0].message, "after(:all)");
}

TEST(TriesTest, FailureWithoutAReasonStaysOne) {
  const UnitResult all =
      with_earlier_tries(result_with(Verdict::kFailed, {}),
                         result_with(Verdict::kCrashed, {test_case("one", CaseStatus::kPassed)}));
  EXPECT_EQ(all.verdict, Verdict::kFailed);
}

TEST(TriesTest, LastTryThatCrashedDecides) {
  const UnitResult all = with_earlier_tries(
      result_with(Verdict::kCrashed, {}),
      result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kFailed, "no")}));
  EXPECT_EQ(all.verdict, Verdict::kCrashed);
  EXPECT_EQ(all.cases.size(), 1U);
}

TEST(TriesTest, KilledCaseThatPassesNowIsOneFlakyThing) {
  UnitResult killed = result_with(
      Verdict::kTimedOut, {test_case("good", CaseStatus::kPassed),
                           test_case("slow", CaseStatus::kError, "it ran longer than 1 second")});
  killed.errors.push_back({.message = "it ran longer than 1 second"});
  killed.errors[0].killed_case = key_of(killed.cases[1]);
  killed.errors.push_back({.message = "after(:all)"});
  const UnitResult all = with_earlier_tries(
      result_with(Verdict::kPassed,
                  {test_case("good", CaseStatus::kPassed), test_case("slow", CaseStatus::kPassed)}),
      killed);
  EXPECT_EQ(all.verdict, Verdict::kPassed);
  EXPECT_TRUE(is_flaky(all.cases[1]));
  ASSERT_EQ(all.earlier_errors.size(), 1U);
  EXPECT_EQ(all.earlier_errors[0].message, "after(:all)");
}

TEST(TriesTest, TryThatWasCancelledLeavesWhatIsKnown) {
  const UnitResult failed =
      result_with(Verdict::kFailed, {test_case("bad", CaseStatus::kFailed, "no")});
  EXPECT_EQ(with_earlier_tries(result_with(Verdict::kCancelled, {}), failed), failed);
  EXPECT_EQ(with_earlier_tries(result_with(Verdict::kLost, {}), failed), failed);
}

}  // namespace
}  // namespace gorgon::results
