#include "results/job_state.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {
namespace {

using namespace std::chrono_literals;
constexpr JobState::TimePoint kStart{};

JobState two_units() {
  return JobState({{.id = "1", .file = "a_spec.rb"}, {.id = "2", .file = "b_spec.rb"}});
}

UnitResult passed(std::string unit) {
  return {.unit = std::move(unit), .verdict = Verdict::kPassed};
}

TEST(JobStateTest, IsCompleteWhenEveryUnitHasAVerdict) {
  JobState state = two_units();
  EXPECT_NE(state.finish(passed("1")), nullptr);
  EXPECT_FALSE(state.is_complete());
  EXPECT_EQ(state.remaining_units().front()->file, "b_spec.rb");
  EXPECT_NE(state.finish(passed("2")), nullptr);
  EXPECT_TRUE(state.is_complete());
}

TEST(JobStateTest, TheFirstVerdictWins) {
  JobState state = two_units();
  UnitResult failed = passed("1");
  failed.verdict = Verdict::kFailed;
  EXPECT_NE(state.finish(failed), nullptr);
  EXPECT_EQ(state.finish(passed("1")), nullptr);
  EXPECT_EQ(state.result("1")->verdict, Verdict::kFailed);
  EXPECT_EQ(state.remaining(), 1U);
}

TEST(JobStateTest, AnUnknownUnitChangesNothing) {
  JobState state = two_units();
  EXPECT_EQ(state.finish(passed("9")), nullptr);
  EXPECT_FALSE(state.unit_started("9", "h", "1", kStart));
  EXPECT_EQ(state.remaining(), 2U);
}

TEST(JobStateTest, TheAttemptIsTheNumberOfTimesAUnitWasStarted) {
  JobState state = two_units();
  EXPECT_TRUE(state.unit_started("1", "h", "1", kStart));
  EXPECT_TRUE(state.unit_started("1", "h", "2", kStart));
  EXPECT_EQ(state.finish(passed("1"))->attempt, 2U);
  EXPECT_FALSE(state.unit_started("1", "h", "1", kStart))
      << "a start after the verdict is a repeated delivery";
}

TEST(JobStateTest, CasesThatTravelledAheadComeFirst) {
  JobState state = two_units();
  state.add_cases("1", "run", 1, {{.id = "x"}, {.id = "y"}});
  state.add_cases("1", "run", 1, {{.id = "x"}, {.id = "y"}});  // Delivered twice.
  state.add_cases("1", "a run that died", 1, {{.id = "q"}});
  UnitResult result = passed("1");
  result.cases = {{.id = "z"}};
  const UnitResult* recorded = state.finish(result, "run", 2);
  ASSERT_EQ(recorded->cases.size(), 3U);
  EXPECT_EQ(recorded->cases[2].id, "z");
  EXPECT_EQ(recorded->verdict, Verdict::kPassed);
  EXPECT_EQ(state.case_count(), 3U);
}

TEST(JobStateTest, MissingCasesNeverPass) {
  JobState state = two_units();
  const UnitResult* recorded = state.finish(passed("1"), "run", 2);
  EXPECT_EQ(recorded->verdict, Verdict::kFailed);
  EXPECT_EQ(recorded->errors.size(), 1U);
}

TEST(JobStateTest, SilentWorkersAreDropped) {
  JobState state = two_units();
  state.worker_seen("h", "1", kStart);
  state.worker_seen("h", "2", kStart + 20s);
  EXPECT_EQ(state.drop_silent_workers(kStart + 10s),
            (std::vector<JobState::WorkerName>{{"h", "1"}}));
  EXPECT_EQ(state.worker_count(), 1U);
  state.drop_host("h");
  EXPECT_EQ(state.worker_count(), 0U);
}

}  // namespace
}  // namespace gorgon::results
