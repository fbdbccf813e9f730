#include "results/job_state.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {
namespace {

using namespace std::chrono_literals;
using AttemptEnd = JobState::AttemptEnd;
constexpr JobState::TimePoint kStart{};

JobState two_units() {
  return JobState({{.id = "1", .file = "a_spec.rb"}, {.id = "2", .file = "b_spec.rb"}});
}

UnitResult passed(std::string unit) {
  return {.unit = std::move(unit), .verdict = Verdict::kPassed};
}

TEST(JobStateTest, IsCompleteWhenEveryUnitHasAVerdict) {
  JobState state = two_units();
  EXPECT_TRUE(state.finish(passed("1")));
  EXPECT_FALSE(state.is_complete());
  EXPECT_EQ(state.remaining_units().front()->file, "b_spec.rb");
  EXPECT_TRUE(state.finish(passed("2")));
  EXPECT_TRUE(state.is_complete());
}

TEST(JobStateTest, TheFirstVerdictWins) {
  JobState state = two_units();
  UnitResult failed = passed("1");
  failed.verdict = Verdict::kFailed;
  EXPECT_TRUE(state.finish(failed));
  EXPECT_FALSE(state.finish(passed("1")));
  EXPECT_EQ(state.outcome("1")->verdict, Verdict::kFailed);
  EXPECT_EQ(state.remaining(), 1U);
}

TEST(JobStateTest, AnUnknownUnitChangesNothing) {
  JobState state = two_units();
  EXPECT_FALSE(state.finish(passed("9")));
  EXPECT_FALSE(state.unit_started("9", "h", "1", kStart));
  EXPECT_EQ(state.remaining(), 2U);
}

TEST(JobStateTest, TheAttemptIsTheNumberOfTimesAUnitWasStarted) {
  JobState state = two_units();
  EXPECT_TRUE(state.unit_started("1", "h", "1", kStart));
  EXPECT_TRUE(state.unit_started("1", "h", "2", kStart));
  EXPECT_EQ(state.finish(passed("1"))->result.attempt, 2U);
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
  const auto recorded = state.finish(result, "run", 2);
  ASSERT_EQ(recorded->result.cases.size(), 3U);
  EXPECT_EQ(recorded->result.cases[2].id, "z");
  EXPECT_EQ(recorded->result.verdict, Verdict::kPassed);
  EXPECT_EQ(state.case_count(), 3U);
}

TEST(JobStateTest, MissingCasesNeverPass) {
  JobState state = two_units();
  const auto recorded = state.finish(passed("1"), "run", 2);
  EXPECT_EQ(recorded->result.verdict, Verdict::kFailed);
  EXPECT_EQ(recorded->result.errors.size(), 1U);
}

TEST(JobStateTest, SilentWorkersAreDropped) {
  JobState state = two_units();
  state.worker_seen("h", "1", kStart);
  state.worker_seen("h", "2", kStart + 20s);
  EXPECT_EQ(state.drop_silent_workers(kStart + 10s),
            (std::vector<JobState::WorkerName>{{"h", "1"}}));
  EXPECT_EQ(state.worker_count(), 1U);
  state.drop_host("h", AttemptEnd::kLost);
  EXPECT_EQ(state.worker_count(), 0U);
}

/// Unit 1 starts on a worker of `host`, which dies by a signal.
void kill_worker(JobState& state, const std::string& host) {
  ASSERT_TRUE(state.unit_started("1", host, "1", kStart));
  state.worker_died(host, "1", "signal 9 (SIGKILL)", "said");
  state.unit_returned("1");
}

TEST(JobStateAttemptsTest, UnitThatKillsItsWorkersIsCrashedAfterItsAttempts) {
  JobState state = two_units();
  kill_worker(state, "h");
  JobState::Settled settled = state.settle_returned();
  ASSERT_EQ(settled.again.size(), 1U);
  EXPECT_TRUE(state.runs_alone("1"));
  EXPECT_EQ(state.last_end("1"), "worker 1 on h ended with signal 9 (SIGKILL)");
  kill_worker(state, "i");
  settled = state.settle_returned();
  EXPECT_TRUE(settled.again.empty());
  ASSERT_EQ(settled.given_up.size(), 1U);
  const auto recorded = state.finish(settled.given_up[0]);
  EXPECT_EQ(recorded->result.verdict, Verdict::kCrashed);
  EXPECT_EQ(recorded->result.attempt, 2U);
  EXPECT_EQ(recorded->result.host, "i");
  EXPECT_EQ(recorded->result.output, "said");
  EXPECT_EQ(recorded->result.errors[0].message,
            "it takes its worker down each time it runs: worker 1 on h ended with signal 9 "
            "(SIGKILL), worker 1 on i ended with signal 9 (SIGKILL)");
}

TEST(JobStateAttemptsTest, AsManyAttemptsAsTheRunAllows) {
  JobState once({{.id = "1", .file = "a_spec.rb"}}, {.max_attempts = 1});
  kill_worker(once, "h");
  EXPECT_EQ(once.settle_returned().given_up.size(), 1U);
  JobState thrice({{.id = "1", .file = "a_spec.rb"}}, {.max_attempts = 3});
  for (int i = 0; i < 2; ++i) {
    kill_worker(thrice, "h");
    EXPECT_EQ(thrice.settle_returned().again.size(), 1U);
  }
  kill_worker(thrice, "h");
  EXPECT_EQ(thrice.settle_returned().given_up.size(), 1U);
}

TEST(JobStateAttemptsTest, TheFirstMachineThatIsLostIsForgiven) {
  JobState state = two_units();
  for (int lost = 1; lost <= 2; ++lost) {
    state.unit_started("1", "h", "1", kStart);
    state.drop_host("h", AttemptEnd::kLost);
    state.unit_returned("1");
    EXPECT_EQ(state.settle_returned().again.size(), 1U) << lost;
  }
  state.unit_started("1", "h", "1", kStart);
  EXPECT_EQ(state.drop_silent_workers(kStart + 1s).size(), 1U);
  state.unit_returned("1");
  EXPECT_EQ(state.settle_returned().given_up.size(), 1U);
}

TEST(JobStateAttemptsTest, WorkerThatWasStoppedSaysNothingAgainstItsUnit) {
  JobState state = two_units();
  for (int stopped = 1; stopped < 20; ++stopped) {
    state.unit_started("1", "h", "1", kStart);
    state.worker_left("h", "1");
    state.unit_returned("1");
    EXPECT_EQ(state.settle_returned().again.size(), 1U) << stopped;
    EXPECT_FALSE(state.runs_alone("1"));
  }
  state.unit_started("1", "h", "1", kStart);
  state.worker_left("h", "1");
  state.unit_returned("1");
  const JobState::Settled settled = state.settle_returned();
  ASSERT_EQ(settled.given_up.size(), 1U) << "not for ever";
  EXPECT_EQ(settled.given_up[0].verdict, Verdict::kLost);
}

TEST(JobStateAttemptsTest, ReturnedUnitWaitsForTheWorkerThatMayStillFinishIt) {
  JobState state = two_units();
  state.unit_started("1", "h", "1", kStart);
  state.unit_returned("1");  // The broker was restarted, and that worker is cut off.
  JobState::Settled settled = state.settle_returned();
  EXPECT_TRUE(settled.again.empty() && settled.given_up.empty());
  UnitResult result = passed("1");
  result.host = "h";
  result.worker = "1";
  EXPECT_EQ(state.finish(result)->result.verdict, Verdict::kPassed);
  state.worker_died("h", "1", "exit code 1", "");
  settled = state.settle_returned();
  EXPECT_TRUE(settled.again.empty() && settled.given_up.empty());
}

TEST(JobStateAttemptsTest, WhatWasPublishedAgainIsNotSettledTwice) {
  JobState state = two_units();
  state.unit_started("1", "h", "1", kStart);
  state.unit_returned("1");
  state.unit_published("1");  // By an originator that had given its worker up, and died.
  state.worker_died("h", "1", "exit code 1", "");
  EXPECT_TRUE(state.settle_returned().again.empty());
}

TEST(JobStateAttemptsTest, TheWorkersEndMayComeAfterTheUnit) {
  JobState state = two_units();
  state.unit_started("1", "h", "1", kStart);
  state.unit_returned("1");
  EXPECT_TRUE(state.settle_returned().again.empty());
  state.worker_died("h", "1", "exit code 1", "");
  EXPECT_EQ(state.settle_returned().again.size(), 1U);
}

TEST(JobStateTest, EndThatIsToldAgainTakesAwayWhomASignOfLifeBroughtBack) {
  JobState state = two_units();
  state.worker_left("h", "1");
  state.worker_seen("h", "1", kStart);  // Told again, as the end will be.
  state.worker_ended_earlier("h", "1");
  EXPECT_EQ(state.worker_count(), 0U);
  state.unit_started("1", "h", "1", kStart);
  state.worker_ended_earlier("h", "1");
  EXPECT_EQ(state.worker_count(), 1U) << "the one that came after";
  EXPECT_EQ(state.running_count(), 1U);
}

TEST(JobStateAttemptsTest, WorkerThatGoesOnWithAnotherUnitHasLostTheFirst) {
  JobState state = two_units();
  state.unit_started("1", "h", "1", kStart);
  state.unit_started("2", "h", "1", kStart);
  state.unit_returned("1");
  EXPECT_EQ(state.settle_returned().again.size(), 1U);
  EXPECT_EQ(state.running_count(), 1U);
}

TEST(JobStateAttemptsTest, WorkerThatSaysItIsIdleHasLostItsUnit) {
  JobState state = two_units();
  state.unit_started("1", "h", "1", kStart);
  state.unit_returned("1");
  state.worker_has("h", "1", "1", kStart);
  EXPECT_TRUE(state.settle_returned().again.empty());
  state.worker_has("h", "1", "", kStart);  // Another one in its place.
  EXPECT_EQ(state.settle_returned().again.size(), 1U);
}

TEST(JobStateAttemptsTest, UnitThatNobodyStartsDoesNotComeBackForEver) {
  JobState state = two_units();
  for (int i = 1; i < 20; ++i) {
    state.unit_returned("1");
    EXPECT_EQ(state.settle_returned().again.size(), 1U) << i;
  }
  state.unit_returned("1");
  const JobState::Settled settled = state.settle_returned();
  ASSERT_EQ(settled.given_up.size(), 1U);
  EXPECT_EQ(settled.given_up[0].verdict, Verdict::kLost);
  EXPECT_EQ(settled.given_up[0].errors[0].message,
            "every worker gave it back without having started it");
}

TEST(JobStateAttemptsTest, NeighbourOfAKillerGetsItsVerdict) {
  JobState state = two_units();
  state.unit_started("1", "h", "1", kStart);
  state.unit_started("2", "h", "2", kStart);
  state.worker_died("h", "1", "signal 9 (SIGKILL)", "");
  state.worker_died("h", "2", "signal 9 (SIGKILL)", "");
  state.unit_returned("1");
  state.unit_returned("2");
  EXPECT_EQ(state.settle_returned().again.size(), 2U);
  EXPECT_TRUE(state.runs_alone("1") && state.runs_alone("2"));
}

// ---- further tries of what did not pass ----

JobState with_retries(std::uint32_t per_unit, std::size_t budget, bool can_run_cases = true) {
  return JobState(
      {{.id = "1", .file = "a"}, {.id = "2", .file = "b"}},
      {.retries = {.per_unit = per_unit, .budget = budget, .can_run_cases = can_run_cases}});
}

UnitResult failed_on(const std::string& host, const std::string& unit = "1") {
  UnitResult result{.unit = unit, .verdict = Verdict::kFailed};
  result.host = host;
  result.worker = "1";
  result.cases = {{.id = "good"}, {.id = "bad", .status = CaseStatus::kFailed}};
  return result;
}

/// Fails on a worker of `host`; gives what finish() gave.
std::optional<JobState::Taken> fail_once(JobState& state, const std::string& host,
                                         const std::string& run) {
  EXPECT_TRUE(state.unit_started("1", host, "1", kStart));
  return state.finish(failed_on(host), run);
}

TEST(JobStateRetriesTest, WithoutRetriesTheFirstResultIsFinal) {
  JobState state = with_retries(0, 10);
  EXPECT_TRUE(fail_once(state, "h", "r1")->is_final);
  EXPECT_TRUE(state.settle_returned().again.empty());
}

TEST(JobStateRetriesTest, UnitIsTriedAgainAsOftenAsAllowed) {
  JobState state = with_retries(2, 10);
  for (const std::string run : {"r1", "r2"}) {
    EXPECT_FALSE(fail_once(state, "h", run)->is_final);
    const auto settled = state.settle_returned();
    ASSERT_EQ(settled.again.size(), 1U);
    EXPECT_EQ(settled.again[0]->id, "1");
    EXPECT_EQ(state.next_try("1").only, std::vector<std::string>{"bad"});
    EXPECT_EQ(state.last_end("1"), "");
    EXPECT_FALSE(state.runs_alone("1"));
  }
  const auto last = fail_once(state, "h", "r3");
  EXPECT_TRUE(last->is_final);
  EXPECT_EQ(last->result.attempt, 3U);
  EXPECT_EQ(last->result.cases[1].earlier_failures.size(), 2U);
  EXPECT_TRUE(state.settle_returned().again.empty());
}

TEST(JobStateRetriesTest, RepeatedResultOfATryCountsOnce) {
  JobState state = with_retries(1, 10);
  EXPECT_FALSE(fail_once(state, "h", "r1")->is_final);
  EXPECT_FALSE(state.finish(failed_on("h"), "r1").has_value());
  EXPECT_FALSE(state.outcome("1").has_value());
}

TEST(JobStateRetriesTest, BudgetIsThatOfTheRun) {
  JobState state = with_retries(5, 1);
  EXPECT_FALSE(fail_once(state, "h", "r1")->is_final);
  EXPECT_EQ(state.retries_left(), 0U);
  EXPECT_TRUE(state.finish(failed_on("h", "2"), "r2")->is_final);
}

TEST(JobStateRetriesTest, RunnerThatKnowsNoCasesRunsTheWholeFile) {
  JobState state = with_retries(1, 10, false);
  (void)fail_once(state, "h", "r1");
  EXPECT_TRUE(state.next_try("1").only.empty());
}

TEST(JobStateRetriesTest, AnotherMachineComesFirst) {
  JobState state = with_retries(1, 10);
  state.worker_seen("h", "2", kStart);
  (void)fail_once(state, "h", "r1");
  EXPECT_EQ(state.host_to_avoid("1"), "") << "there is no other";
  state.worker_seen("i", "1", kStart);
  EXPECT_EQ(state.host_to_avoid("1"), "h");
  (void)state.settle_returned();
  state.unit_declined("1");
  EXPECT_EQ(state.settle_returned().again.size(), 1U);
  EXPECT_EQ(state.host_to_avoid("1"), "h") << "the other worker of h may get it next";
  state.unit_declined("1");
  EXPECT_EQ(state.settle_returned().again.size(), 1U);
  EXPECT_EQ(state.host_to_avoid("1"), "") << "nobody else has time";
}

TEST(JobStateRetriesTest, ResultThatCameBeforeSurvivesTheEndOfTheRun) {
  JobState state = with_retries(1, 10);
  (void)fail_once(state, "h", "r1");
  const auto taken = state.finish({.unit = "1", .verdict = Verdict::kCancelled});
  ASSERT_TRUE(taken && taken->is_final);
  EXPECT_EQ(taken->result.verdict, Verdict::kFailed);
  EXPECT_EQ(taken->result.host, "h");
}

TEST(JobStateRetriesTest, TryThatKillsItsWorkerIsHandledLikeAny) {
  JobState state = with_retries(1, 10);
  (void)fail_once(state, "h", "r1");
  (void)state.settle_returned();
  kill_worker(state, "h");
  EXPECT_EQ(state.settle_returned().again.size(), 1U);
  EXPECT_EQ(state.last_end("1"), "worker 1 on h ended with signal 9 (SIGKILL)");
  EXPECT_TRUE(state.runs_alone("1"));
}

}  // namespace
}  // namespace gorgon::results
