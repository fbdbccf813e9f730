#include "report/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "report/reporter.h"
#include "report/testing/synthetic_run.h"
#include "results/case_outside.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Verdict;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class SummaryReporter final : public Reporter {
 public:
  void on(const results::RunEvent& event) override { summary.add(event); }
  Summary summary;
};

class SummaryTest : public ::testing::Test {
 protected:
  SummaryReporter reporter_;
  SyntheticRun run_{reporter_};
  Summary& summary_ = reporter_.summary;
};

}  // namespace

TEST_F(SummaryTest, CountsEveryKindOfEnding) {
  run_everything(run_);
  EXPECT_EQ(summary_.planned_units(), 7U);
  for (const Verdict verdict : {Verdict::kPassed, Verdict::kCrashed, Verdict::kTimedOut,
                                Verdict::kCancelled, Verdict::kLost}) {
    EXPECT_EQ(summary_.units()[verdict], 1U) << results::name_of(verdict);
  }
  EXPECT_EQ(summary_.units()[Verdict::kFailed], 2U);
  EXPECT_EQ(summary_.cases().total(), 5U);
  EXPECT_EQ(summary_.cases()[CaseStatus::kPending], 1U);
  EXPECT_EQ(summary_.failures(), 4U);
  EXPECT_EQ(summary_.problems().size(), 6U);
  EXPECT_EQ(summary_.failed_hosts().size(), 1U);
  EXPECT_EQ(summary_.finished().value_or(results::RunFinished()).exit_code, 6);
}

TEST_F(SummaryTest, AKilledCaseThatIsCutShortIsStillOneFault) {
  Summary summary(Summary::Details::kCut);
  const results::Unit unit{.id = "u1", .file = "spec/a_spec.rb"};
  results::TestCase killed = failed_case("sleeps");
  killed.failure = {.stage = "timeout", .message = "killed at the limit\nin native code"};
  results::UnitResult result = result_of(Verdict::kTimedOut, {killed});
  result.errors = {{.stage = "timeout",
                    .message = "\"sleeps\" (a:3) was killed at the limit\nin native code",
                    .killed_case = key_of(killed)}};
  summary.add(results::UnitFinished{.unit = &unit, .result = &result});
  EXPECT_EQ(summary.failures(), 1U);
  ASSERT_EQ(summary.problems().size(), 1U);
  EXPECT_FALSE(results::went_wrong_outside(summary.problems()[0].result));
}

TEST_F(SummaryTest, DetailsOfVeryMuchTroubleAreCutShort) {
  constexpr std::size_t kUnits = 5;
  for (std::size_t i = 0; i < kUnits; ++i) run_.add_unit("spec/a_spec.rb");
  run_.start();
  results::Failure failure{.exception_class = "E", .message = "why\nand more", .backtrace = {"x"}};
  for (std::size_t i = 0; i < kUnits; ++i) {
    results::UnitResult result = result_of(Verdict::kFailed, {});
    result.errors.push_back(failure);
    result.output = std::string(Summary::kMostDetails / 4, 'o');
    run_.finish_unit(i, std::move(result));
  }
  ASSERT_EQ(summary_.problems().size(), kUnits);
  EXPECT_EQ(summary_.failures(), kUnits);
  EXPECT_EQ(summary_.cut_problems(), 2U);
  EXPECT_EQ(summary_.problems()[0].result.errors.at(0), failure);
  const results::UnitResult& cut = summary_.problems().back().result;
  EXPECT_EQ(cut.output, "");
  EXPECT_EQ(cut.errors.at(0).message, "why");
  EXPECT_THAT(cut.errors.at(0).backtrace, IsEmpty());
}

TEST_F(SummaryTest, WhatHasNotPassedIsRunAgainAndEachFileIsNamedOnce) {
  run_everything(run_);
  EXPECT_THAT(summary_.failing_files(),
              ElementsAre("spec/models/user_spec.rb", "spec/crash_spec.rb", "spec/load_spec.rb",
                          "spec/hang it_spec.rb"));
  std::vector<std::string> files;
  for (const results::Unit& unit : summary_.units_to_rerun()) files.push_back(unit.file);
  EXPECT_THAT(files,
              ElementsAre("spec/models/user_spec.rb", "spec/crash_spec.rb", "spec/load_spec.rb",
                          "spec/hang it_spec.rb", "spec/cut_spec.rb", "spec/nobody_spec.rb"));
}

TEST_F(SummaryTest, AFileHasTheWorstVerdictOfItsParts) {
  for (int i = 0; i < 3; ++i) (void)run_.add_unit("spec/a_spec.rb");
  run_.start();
  EXPECT_EQ(summary_.planned_files(), 1U);
  run_.finish_unit(0, result_of(Verdict::kFailed, {failed_case("x")}));
  run_.finish_unit(1, result_of(Verdict::kFailed, {failed_case("y")}));
  EXPECT_EQ(summary_.files().total(), 0U);
  run_.finish_unit(2, result_of(Verdict::kPassed, {}));
  EXPECT_EQ(summary_.files()[Verdict::kFailed], 1U);
  EXPECT_EQ(summary_.files().total(), 1U);
  EXPECT_THAT(summary_.failing_files(), ElementsAre("spec/a_spec.rb"));
}

TEST_F(SummaryTest, AFailedUnitCountsItsCasesAndOnceWhatWentWrongOutside) {
  (void)run_.add_unit("spec/a_spec.rb");
  run_.start();
  auto result = result_of(Verdict::kFailed, {failed_case("x"), failed_case("y")});
  result.errors = {{.stage = "suite", .message = "a"}, {.stage = "suite", .message = "b"}};
  run_.finish_unit(0, result);
  EXPECT_EQ(summary_.failures(), 3U);
}

TEST_F(SummaryTest, KeepsTheSlowestUnitsOnly) {
  for (int i = 0; i < 30; ++i) (void)run_.add_unit("spec/" + std::to_string(i));
  run_.start();
  for (std::size_t i = 0; i < 30; ++i) {
    run_.finish_unit(i, result_of(Verdict::kPassed, {}, static_cast<double>(i * 7 % 30)));
  }
  ASSERT_EQ(summary_.slowest().size(), Summary::kSlowest);
  EXPECT_EQ(summary_.slowest().front().seconds, 29);
  EXPECT_EQ(summary_.slowest().back().seconds, 20);
  EXPECT_DOUBLE_EQ(summary_.unit_seconds(), 435);
  EXPECT_EQ(summary_.workers_used(), 1U);
}

TEST_F(SummaryTest, WhoHadATryThatDidNotDecideHasWorkedToo) {
  summary_.add(results::UnitTried{.unit = "1", .file = "a", .host = "one", .worker = "1"});
  summary_.add(results::UnitTried{.unit = "1", .file = "a", .host = "two", .worker = "1"});
  EXPECT_EQ(summary_.hosts_used(), 2U);
  EXPECT_EQ(summary_.workers_used(), 2U);
}

TEST_F(SummaryTest, NothingHappensBeforeAnythingHappened) {
  EXPECT_EQ(summary_.failures(), 0U);
  EXPECT_THAT(summary_.failing_files(), IsEmpty());
  EXPECT_FALSE(summary_.finished().has_value());
}

}  // namespace gorgon::report
