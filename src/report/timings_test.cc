#include "report/timings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "results/run_event.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::report {
namespace {

using results::HostChanged;
using ::testing::HasSubstr;
using ::testing::Not;

void run_unit(Timings& timings, const std::string& worker, double from, double to, double seconds) {
  const results::Unit unit{.id = "1", .file = "a"};
  const results::UnitResult result{.unit = "1",
                                   .verdict = results::Verdict::kPassed,
                                   .seconds = seconds,
                                   .host = "one",
                                   .worker = worker};
  timings.on(results::UnitStarted{
      .unit = "1", .file = "a", .host = "one", .worker = worker, .attempt = 1, .at = from});
  timings.on(results::UnitFinished{.unit = &unit, .result = &result, .at = to});
}

TEST(TimingsTest, EachPhaseBeginsWhereTheOneBeforeHasEnded) {
  Timings timings(0.5);
  timings.on(HostChanged{.host = "one", .state = HostChanged::State::kPreparing, .at = 1});
  timings.on(HostChanged{.host = "one", .state = HostChanged::State::kReady, .at = 3});
  timings.on(HostChanged{.host = "two", .state = HostChanged::State::kReady, .at = 9});
  run_unit(timings, "1", 3.5, 5.5, 2);
  run_unit(timings, "2", 4.5, 8.5, 3);
  timings.on(results::RunFinished{.units = 2, .cases = 0, .seconds = 10, .exit_code = 0});
  const std::string text = timings.text(10.75);
  EXPECT_THAT(text, HasSubstr("plan                 0.500 s"));
  EXPECT_THAT(text, HasSubstr("send                 1.000 s"));
  EXPECT_THAT(text, HasSubstr("prepare              2.000 s"));
  EXPECT_THAT(text, HasSubstr("start workers        0.500 s"));
  EXPECT_THAT(text, HasSubstr("run                  1.000 s"));
  EXPECT_THAT(text, HasSubstr("tail                 4.000 s"));
  EXPECT_THAT(text, HasSubstr("close                1.500 s"));
  EXPECT_THAT(text, HasSubstr("report               0.250 s"));
  EXPECT_THAT(text, HasSubstr("of the time of 2 workers"));
  EXPECT_THAT(text, HasSubstr("before               8.000 s   40 %"));
  EXPECT_THAT(text, HasSubstr("files                5.000 s   25 %"));
  EXPECT_THAT(text, HasSubstr("between files        1.000 s    5 %"));
  EXPECT_THAT(text, HasSubstr("idle                 6.000 s   30 %"));
  EXPECT_THAT(text, Not(HasSubstr("single steps")));
}

TEST(TimingsTest, RunThatNobodyTookHasWaitedForAMachineToTheEnd) {
  Timings timings(0.5);
  timings.on(results::RunFinished{.units = 2, .cases = 0, .seconds = 30, .exit_code = 2});
  const std::string text = timings.text(30.5);
  EXPECT_THAT(text, HasSubstr("send                30.000 s"));
  EXPECT_THAT(text, HasSubstr("close                0.000 s"));
  EXPECT_THAT(text, Not(HasSubstr("between files")));
}

TEST(TimingsTest, OfManyMachinesTheLongestStepsAreShown) {
  Timings timings(0);
  for (int i = 1; i <= 40; ++i) {
    timings.watch(results::StepDone{
        .step = "pull", .host = "m" + std::to_string(i), .seconds = static_cast<double>(i)});
  }
  timings.watch(results::StepDone{.step = "stage", .host = "", .seconds = 0.25});
  timings.on(results::RunFinished{.units = 0, .cases = 0, .seconds = 50, .exit_code = 0});
  const std::string text = timings.text(50);
  EXPECT_THAT(text,
              HasSubstr("    stage                0.250 s    0 %\n    pull                40"));
  EXPECT_THAT(text, HasSubstr("%  m40\n"));
  EXPECT_THAT(text, Not(HasSubstr("  m29\n")));
  EXPECT_THAT(text, HasSubstr("and 29 shorter ones\n"));
}

}  // namespace
}  // namespace gorgon::report
