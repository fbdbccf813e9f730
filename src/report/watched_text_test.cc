#include "report/watched_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "report/activity.h"
#include "report/look.h"
#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::report {
namespace {

using results::RunningTest;
using ::testing::HasSubstr;
using ::testing::Not;

RunningTest sample_test() {
  return {.unit = "u1",
          .file = "spec/a_spec.rb",
          .host = "build1",
          .worker = "2",
          .seconds = 12.31,
          .running_case = "Cart \x1b[31mwaits",
          .case_seconds = 11.9,
          .output = "one\n\ntwo\x07\n",
          .output_bytes = 10,
          .stacks = RunningTest::Stacks::kTold,
          .threads = {{.is_main = true,
                       .name = "",
                       .status = "sleep",
                       .backtrace = {"/w/k2x9/spec/a_spec.rb:3:in `sleep'",
                                     "/usr/lib/ruby/3.1.0/timeout.rb:20:in `timeout'"}},
                      {.is_main = false,
                       .name = "reaper",
                       .status = "sleep",
                       .backtrace = {"/w/k2x9/lib/reaper.rb:9:in `pop'"}}}};
}

TEST(WatchedTextTest, ARunningTestIsShownWithItsStacksAndItsOutput) {
  EXPECT_EQ(running_tests_text({.tests = {sample_test()}, .silent = {}}, {}), R"(
RUNNING  spec/a_spec.rb  for 12.3 s, build1:2
   in "Cart waits" for 11.9 s

   spec/a_spec.rb:3:in `sleep'
   (1 frame outside the project left out; with -v they are shown)

   thread reaper (sleep):
   /w/k2x9/lib/reaper.rb:9:in `pop'

   output so far:
   | one
   |
   | two␇

)");
}

TEST(WatchedTextTest, WhatIsNotKnownIsSaid) {
  RunningTest silent = sample_test();
  silent.stacks = RunningTest::Stacks::kSilent;
  RunningTest unable = sample_test();
  unable.stacks = RunningTest::Stacks::kUnable;
  unable.output.clear();
  const std::string text =
      running_tests_text({.tests = {silent, unable},
                          .silent = {{.host = "build2", .worker = "1", .file = "spec/b_spec.rb"}},
                          .waited_seconds = 3},
                         {});
  EXPECT_THAT(text, HasSubstr("it does not say where it is"));
  EXPECT_THAT(text, HasSubstr("its runner cannot say where it is\n\n   no output so far\n"));
  EXPECT_THAT(text, HasSubstr("RUNNING  spec/b_spec.rb  build2:1\n"
                              "   no answer from there within 3.00 s\n"));
  EXPECT_EQ(running_tests_text({}, {}), "no test runs at this moment\n");
}

TEST(WatchedTextTest, OfManyTestsAndMuchOutputTheEndIsShown) {
  results::RunningTests running;
  for (int i = 0; i < 200; ++i) running.tests.push_back(sample_test());
  running.tests.front().output.clear();
  for (int i = 0; i < 50; ++i) running.tests.front().output += "line " + std::to_string(i) + "\n";
  running.tests.front().output_bytes = 1000000;
  const std::string text = running_tests_text(running, {});
  EXPECT_THAT(text, HasSubstr("the end of its output so far, which is 1000000 bytes long:\n"
                              "   | line 38\n"));
  EXPECT_THAT(text, Not(HasSubstr("line 37\n")));
  EXPECT_THAT(text, HasSubstr("and 180 that have run for less time"));
}

TEST(WatchedTextTest, OutputHasItsPlaceInFrontOfEachLine) {
  EXPECT_EQ(output_text({.unit = "u1",
                         .host = "build1",
                         .worker = "2",
                         .text = "a\n\x1b[32mgreen\x1b[0m\r\n\tb\n",
                         .left_out_bytes = 12},
                        {.is_local = true}),
            "build1:2 [12 bytes left out: more than can be carried]\n"
            "build1:2 a\n"
            "build1:2 green\n"
            "build1:2         b\n");
}

TEST(WatchedTextTest, EachWorkerIsNamedWithWhatItDoes) {
  Activity activity;
  TimePoint now;
  EXPECT_EQ(workers_text(activity, {}, now), "no machine has answered yet\n");
  using State = results::HostChanged::State;
  activity.add(results::HostChanged{.host = "b", .state = State::kReady, .workers = 12}, now);
  activity.add(results::HostChanged{.host = "a", .state = State::kPreparing}, now);
  for (const char* worker : {"10", "2"}) {
    activity.add(results::UnitStarted{.unit = std::string("u") + worker,
                                      .file = std::string("spec/") + worker + "_spec.rb",
                                      .host = "b",
                                      .worker = worker},
                 now);
  }
  now += std::chrono::milliseconds(5200);
  activity.add(results::LongCase{.unit = "u2",
                                 .host = "b",
                                 .worker = "2",
                                 .running_case = "Cart waits",
                                 .case_seconds = 4},
               now);
  EXPECT_EQ(workers_text(activity, {}, now),
            "a  preparing\n"
            "b  ready, 12 workers, 10 idle\n"
            "   2    5.2s  spec/2_spec.rb  Cart waits  for 4.0s\n"
            "  10    5.2s  spec/10_spec.rb\n");
}

}  // namespace
}  // namespace gorgon::report
