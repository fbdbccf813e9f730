#include "report/activity.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "report/reporter.h"
#include "report/summary.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::HostChanged;
using results::Verdict;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class ActivityReporter final : public Reporter {
 public:
  void on(const results::RunEvent& event) override {
    summary.add(event);
    activity.add(event, now);
  }
  Summary summary;
  Activity activity;
  TimePoint now;
};

class ActivityTest : public ::testing::Test {
 protected:
  void pass(int seconds) { reporter_.now += std::chrono::seconds(seconds); }
  std::optional<double> remaining() const {
    return activity_.remaining_seconds(reporter_.summary, reporter_.now);
  }
  void plan(int files, std::optional<double> expected = std::nullopt) {
    for (int i = 0; i < files; ++i) (void)run_.add_unit("spec/" + std::to_string(i) + "_spec.rb");
    run_.start({.job = "j", .expected_seconds = expected});
  }

  ActivityReporter reporter_;
  SyntheticRun run_{reporter_};
  const Activity& activity_ = reporter_.activity;
};

}  // namespace

TEST_F(ActivityTest, AWorkerRunsOneUnitAtATime) {
  plan(3);
  run_.host("a", 2);
  run_.start_unit(0, "a", "1");
  run_.start_unit(1, "a", "2");
  // Its end has not been heard of: the message was lost, or is late.
  run_.start_unit(2, "a", "1");
  ASSERT_EQ(activity_.running().size(), 2U);
  EXPECT_EQ(activity_.running()[0].unit, "u2");
  run_.finish_unit(1, result_of(Verdict::kPassed, {}));
  ASSERT_EQ(activity_.running().size(), 1U);
  EXPECT_EQ(activity_.running()[0].unit, "u3");
  EXPECT_EQ(activity_.workers(), 2U);
}

TEST_F(ActivityTest, WorkersThatNobodyAnnouncedAreCountedWhenTheyWork) {
  plan(3);
  run_.host("a", 0);
  run_.start_unit(0, "a", "1");
  run_.start_unit(1, "a", "2");
  run_.finish_unit(0, result_of(Verdict::kPassed, {}));
  EXPECT_EQ(activity_.workers(), 2U);
  run_.start_unit(2, "b", "1");
  EXPECT_EQ(activity_.workers(), 3U);
  EXPECT_EQ(activity_.ready_hosts(), 2U);
  run_.host("a", 0, HostChanged::State::kLeft);
  EXPECT_EQ(activity_.workers(), 1U);
}

TEST_F(ActivityTest, AHostThatLeavesTakesItsUnitsAlong) {
  plan(2);
  run_.host("a", 1);
  run_.host("b", 1);
  run_.start_unit(0, "a", "1");
  run_.start_unit(1, "b", "1");
  run_.host("a", 0, HostChanged::State::kLeft);
  ASSERT_EQ(activity_.running().size(), 1U);
  EXPECT_EQ(activity_.running()[0].host, "b");
  EXPECT_EQ(activity_.ready_hosts(), 1U);
  run_.host("b", 1, HostChanged::State::kFailed, "no");
  EXPECT_EQ(activity_.workers(), 0U);
  EXPECT_EQ(activity_.failed_hosts(), 1U);
}

TEST_F(ActivityTest, AnyAnswerEndsTheWaiting) {
  plan(3);
  const auto wait = [&] { reporter_.on(results::Waiting{.reason = "for listeners"}); };
  wait();
  EXPECT_EQ(activity_.waiting(), "for listeners");
  run_.host("a", 0, HostChanged::State::kPreparing);
  EXPECT_EQ(activity_.waiting(), "");
  wait();
  run_.start_unit(0, "a", "1");
  EXPECT_EQ(activity_.waiting(), "");
  wait();
  run_.finish_unit(0, result_of(Verdict::kPassed, {}));
  EXPECT_EQ(activity_.waiting(), "");
  wait();
  run_.finish_unit(1, result_of(Verdict::kLost, {}));
  EXPECT_EQ(activity_.waiting(), "for listeners") << "giving a unit up is no answer";
}

TEST_F(ActivityTest, RecordedRuntimesTellWhatIsLeft) {
  plan(4, 40);
  EXPECT_EQ(remaining(), std::nullopt) << "nobody works yet";
  run_.host("a", 2);
  run_.start_unit(0, "a", "1");
  run_.start_unit(1, "a", "2");
  EXPECT_DOUBLE_EQ(remaining().value_or(-1), 20);
  pass(10);
  EXPECT_DOUBLE_EQ(remaining().value_or(-1), 10);
  run_.finish_unit(0, result_of(Verdict::kPassed, {}, 10));
  EXPECT_DOUBLE_EQ(remaining().value_or(-1), 10);
}

TEST_F(ActivityTest, WithoutRecordsTheMeanOfTheFinishedOnesDoes) {
  plan(20);
  run_.host("a", 2);
  run_.finish_unit(0, result_of(Verdict::kPassed, {}, 2));
  EXPECT_EQ(remaining(), std::nullopt) << "one of twenty says little";
  run_.finish_unit(1, result_of(Verdict::kPassed, {}, 4));
  EXPECT_DOUBLE_EQ(remaining().value_or(-1), 27);
  for (std::size_t i = 2; i < 20; ++i) run_.finish_unit(i, result_of(Verdict::kPassed, {}, 3));
  EXPECT_EQ(remaining(), std::nullopt);
}

TEST_F(ActivityTest, WhatIsCancelledNeedsNoTime) {
  plan(20, 1000);
  run_.host("a", 2);
  run_.start_unit(0, "a", "1");
  run_.finish_unit(1, result_of(Verdict::kPassed, {}, 30));
  for (std::size_t i = 2; i < 20; ++i) run_.finish_unit(i, result_of(Verdict::kCancelled, {}, 0));
  pass(10);
  EXPECT_DOUBLE_EQ(remaining().value_or(-1), 20) << "the mean of those that ran, less its age";
}

}  // namespace gorgon::report
