#include "worker/unit_parts.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"

namespace gorgon::worker {
namespace {

using namespace std::chrono_literals;
using results::Verdict;
using runner::RunEnd;
using Ids = std::vector<std::string>;

runner::UnitRun part(RunEnd end, Verdict verdict, const Ids& cases, double seconds = 1) {
  runner::UnitRun run{.end = end, .result = {.unit = "u", .verdict = verdict, .seconds = seconds}};
  for (const std::string& id : cases) run.result.cases.push_back({.id = id, .name = id});
  return run;
}

runner::UnitRun cut_after(const Ids& cases, double seconds = 1) {
  auto run = part(RunEnd::kCaseTimedOut, Verdict::kTimedOut, cases, seconds);
  run.result.errors.push_back({.stage = "timeout", .message = cases.back()});
  return run;
}

Ids ids_of(const results::UnitResult& result) {
  Ids ids;
  for (const results::TestCase& test_case : result.cases) ids.push_back(test_case.id);
  return ids;
}

TEST(UnitParts, OneThatRunsThroughIsLeftAsItIs) {
  UnitParts parts({.id = "u", .file = "a"}, {});
  EXPECT_FALSE(parts.add(part(RunEnd::kFinished, Verdict::kPassed, {"1", "2"})));
  const auto result = parts.take_result();
  EXPECT_EQ(result.verdict, Verdict::kPassed);
  EXPECT_EQ(ids_of(result), (Ids{"1", "2"}));
}

TEST(UnitParts, TheCasesBehindAKilledOneRun) {
  UnitParts parts({.id = "u", .file = "a", .except = {"0"}}, {.unit = 100s, .test_case = 5s});
  EXPECT_TRUE(parts.add(cut_after({"1", "2"}, 7)));
  EXPECT_EQ(parts.rest().except, (Ids{"0", "1", "2"}));
  EXPECT_EQ(parts.limits().unit, 93s) << "the unit's limit is for all parts";
  EXPECT_EQ(parts.limits().test_case, 5s);
  EXPECT_TRUE(parts.add(cut_after({"3"}, 6)));
  EXPECT_FALSE(parts.add(part(RunEnd::kFinished, Verdict::kPassed, {"4", "5"}, 2)));
  const auto result = parts.take_result();
  EXPECT_EQ(result.verdict, Verdict::kTimedOut);
  EXPECT_EQ(ids_of(result), (Ids{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(result.seconds, 15);
  EXPECT_EQ(result.errors.size(), 2U);
}

TEST(UnitParts, AListOfCasesEndsWithItsLast) {
  UnitParts parts({.id = "u", .file = "a", .only = {"1", "2", "3"}}, {.test_case = 5s});
  EXPECT_TRUE(parts.add(cut_after({"1", "2"})));
  EXPECT_EQ(parts.rest().only, (Ids{"3"}));
  EXPECT_FALSE(parts.add(cut_after({"3"})));
  EXPECT_EQ(parts.take_result().errors.size(), 2U) << "nothing is missing";
}

TEST(UnitParts, WhatCannotBeToldApartDoesNotRunAgain) {
  for (const Ids& known : {Ids{"1"}, Ids{}}) {
    UnitParts parts({.id = "u", .file = "a", .except = known}, {.test_case = 5s});
    EXPECT_FALSE(parts.add(cut_after({known.empty() ? "" : "1"})));
    EXPECT_EQ(parts.take_result().errors.back().message,
              "the cases behind it, if any, did not run");
  }
}

TEST(UnitParts, AUnitOverItsLimitDoesNotGoOn) {
  UnitParts parts({.id = "u", .file = "a"}, {.unit = 10s, .test_case = 5s});
  EXPECT_TRUE(parts.add(cut_after({"1"}, 6)));
  EXPECT_FALSE(parts.add(cut_after({"2"}, 5)));
  EXPECT_EQ(parts.take_result().errors.back().message, "the cases behind it, if any, did not run");
}

TEST(UnitParts, ACrashInALaterPartIsTheVerdict) {
  UnitParts parts({.id = "u", .file = "a"}, {.test_case = 5s});
  EXPECT_TRUE(parts.add(cut_after({"1"})));
  auto crash = part(RunEnd::kCrashed, Verdict::kCrashed, {});
  crash.result.running_case = "2";
  crash.result.running_location = "a_spec.rb:2";
  EXPECT_FALSE(parts.add(std::move(crash)));
  const auto result = parts.take_result();
  EXPECT_EQ(result.verdict, Verdict::kCrashed);
  EXPECT_EQ(result.running_case, "2");
  EXPECT_EQ(result.running_location, "a_spec.rb:2");
}

}  // namespace
}  // namespace gorgon::worker
