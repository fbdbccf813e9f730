#include "cli/bisect_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "history/sequence.h"
#include "plan/bisection.h"
#include "results/verdict.h"

namespace gorgon::cli {
namespace {

using history::RanUnit;
using history::WorkerSequence;
using plan::Outcome;
using results::CaseStatus;
using results::Verdict;
using ::testing::ElementsAre;

results::TestCase rspec_case(const std::string& file, int number, CaseStatus status) {
  return {.id = "./" + file + "[1:" + std::to_string(number) + "]",
          .name = "case " + std::to_string(number),
          .location = file + ":" + std::to_string(10 * number),
          .status = status};
}

RanUnit ran(const std::string& file, const std::string& runner,
            std::vector<results::TestCase> cases = {}) {
  RanUnit unit{.unit = {.id = file, .file = file},
               .result = {.unit = file,
                          .verdict = Verdict::kPassed,
                          .host = "one",
                          .worker = "1",
                          .cases = std::move(cases),
                          .runner = runner,
                          .seed = 7}};
  for (const results::TestCase& one : unit.result.cases) {
    if (is_bad(one.status)) unit.result.verdict = Verdict::kFailed;
  }
  return unit;
}

RanUnit failing(const std::string& file, const std::string& runner) {
  return ran(file, runner,
             {rspec_case(file, 1, CaseStatus::kPassed), rspec_case(file, 2, CaseStatus::kPassed),
              rspec_case(file, 3, CaseStatus::kFailed), rspec_case(file, 4, CaseStatus::kPassed)});
}

WorkerSequence sequence(std::vector<RanUnit> units) {
  return {.host = "one", .worker = "1", .units = std::move(units)};
}

std::vector<std::string> files_of(const FailedCase& failed) {
  std::vector<std::string> files;
  files.reserve(failed.files.size());
  for (const RanUnit& one : failed.files) files.push_back(one.unit.file);
  return files;
}

FailedCase usual_case() {
  return find_failed_case(
             {sequence({ran("a_spec.rb", "r"), ran("b_spec.rb", "r"), failing("z_spec.rb", "r")})},
             "z_spec.rb")
      .value();
}

TEST(BisectCaseTest, ACaseHasManyNames) {
  const std::vector<WorkerSequence> run = {sequence({failing("z_spec.rb", "r")})};
  for (const char* name : {"z_spec.rb", "z_spec.rb[1:3]", "./z_spec.rb[1:3]", "case 3",
                           "z_spec.rb:30", "z_spec.rb:39"}) {
    const auto failed = find_failed_case(run, name);
    ASSERT_TRUE(failed) << name << ": " << failed.error().message;
    EXPECT_EQ(failed->test_case->name, "case 3") << name;
    EXPECT_EQ(failed->cases.size(), 2U) << name;
  }
}

TEST(BisectCaseTest, OnlyWhatFailedIsACase) {
  const std::vector<WorkerSequence> run = {
      sequence({failing("z_spec.rb", "r"), ran("a_spec.rb", "r")})};
  for (const char* name : {"case 1", "z_spec.rb:29", "a_spec.rb", "none", "z_spec.rb:1", "b.rb:3"})
    EXPECT_EQ(find_failed_case(run, name).error().kind, ErrorKind::kNotFound) << name;
}

TEST(BisectCaseTest, ANameOfSeveralIsRefusedAndTellsThem) {
  const auto failed = find_failed_case(
      {sequence({failing("y_spec.rb", "r"), failing("z_spec.rb", "r")})}, "case 3");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUsage);
  EXPECT_NE(failed.error().message.find("z_spec.rb[1:3]"), std::string::npos);
}

TEST(BisectCaseTest, OnlyFilesOfItsProcessRanBeforeIt) {
  const auto failed = find_failed_case(
      {sequence({ran("a_spec.rb", "r1"), ran("b_spec.rb", "r2"), ran("c_spec.rb", "r2"),
                 failing("z_spec.rb", "r2"), ran("d_spec.rb", "r2")})},
      "case 3");
  EXPECT_THAT(files_of(failed.value()), ElementsAre("b_spec.rb", "c_spec.rb"));
  EXPECT_TRUE(failed->is_process_known);
}

TEST(BisectCaseTest, WhereProcessesAreNotKnownAllFilesCount) {
  const auto failed = find_failed_case(
      {sequence({ran("a_spec.rb", ""), ran("b_spec.rb", ""), failing("z_spec.rb", "")})}, "case 3");
  EXPECT_THAT(files_of(failed.value()), ElementsAre("a_spec.rb", "b_spec.rb"));
  EXPECT_FALSE(failed->is_process_known);
}

/// A later try is of the failed cases alone, mostly.
TEST(BisectCaseTest, TheFirstTryCounts) {
  RanUnit first = failing("z_spec.rb", "r1");
  first.result.cases.clear();
  first.is_last_try = false;
  RanUnit last = failing("z_spec.rb", "r2");
  last.result.attempt = 2;
  const auto failed =
      find_failed_case({{.host = "one", .worker = "1", .units = {last}},
                        {.host = "two", .worker = "3", .units = {ran("a_spec.rb", "r1"), first}}},
                       "case 3");
  EXPECT_EQ(failed.value().worker, "two:3");
  EXPECT_THAT(files_of(*failed), ElementsAre("a_spec.rb"));
  EXPECT_EQ(failed->cases.size(), 2U);
}

TEST(BisectCaseTest, ACandidateIsFilesAndThenCases) {
  const FailedCase failed = usual_case();
  ASSERT_EQ(failed.count(), 4U);
  const results::Unit unit = candidate_of(failed, {1, 2});
  EXPECT_TRUE(unit.needs_fresh_runner);
  EXPECT_EQ(unit.file, "z_spec.rb");
  EXPECT_EQ(unit.seed, 7);
  EXPECT_THAT(unit.only, ElementsAre("./z_spec.rb[1:1]", "./z_spec.rb[1:3]"));
  ASSERT_EQ(unit.before.size(), 1U);
  EXPECT_EQ(unit.before[0].file, "b_spec.rb");
  EXPECT_EQ(candidate_of(failed, {0}, 99).before[0].seed, 99);
  EXPECT_THAT(candidate_of(failed, {}).only, ElementsAre("./z_spec.rb[1:3]"));
}

TEST(BisectCaseTest, WhereNoCaseCanBeAskedForTheWholeFileRuns) {
  FailedCase failed = usual_case();
  failed.can_run_cases = false;
  failed.cases.clear();
  EXPECT_TRUE(candidate_of(failed, {0}).only.empty());
  EXPECT_EQ(command_for(failed, {0}, {}), "gorgon start --in-order --seed 7 a_spec.rb z_spec.rb");
}

TEST(BisectCaseTest, TheCaseAloneDecidesTheOutcome) {
  const FailedCase failed = usual_case();
  const auto outcome = [&](CaseStatus other, CaseStatus own) {
    return outcome_of(
        failed, {.verdict = Verdict::kFailed,
                 .cases = {rspec_case("z_spec.rb", 1, other), rspec_case("z_spec.rb", 3, own)}});
  };
  EXPECT_EQ(outcome(CaseStatus::kPassed, CaseStatus::kFailed), Outcome::kFails);
  EXPECT_EQ(outcome(CaseStatus::kFailed, CaseStatus::kPassed), Outcome::kPasses);
  EXPECT_EQ(outcome(CaseStatus::kPassed, CaseStatus::kPending), Outcome::kPasses);
  EXPECT_EQ(outcome_of(failed, {.verdict = Verdict::kPassed}), Outcome::kUnclear)
      << "it is not in the file any more";
  EXPECT_EQ(outcome_of(failed, {.verdict = Verdict::kLost}), Outcome::kUnclear);
  results::UnitResult crashed{.verdict = Verdict::kCrashed};
  EXPECT_EQ(outcome_of(failed, crashed), Outcome::kUnclear);
  crashed.running_case = "case 3";
  EXPECT_EQ(outcome_of(failed, crashed), Outcome::kFails);
}

TEST(BisectCaseTest, WhatDidNotComeToTheCaseIsUnclear) {
  FailedCase failed = usual_case();
  const results::UnitResult result{.verdict = Verdict::kCrashed,
                                   .errors = {{.stage = std::string(results::kBeforeStage),
                                               .exception_class = "",
                                               .message = "",
                                               .backtrace = {}}}};
  EXPECT_EQ(outcome_of(failed, result), Outcome::kUnclear);
  failed.test_case.reset();
  EXPECT_EQ(outcome_of(failed, result), Outcome::kUnclear);
  EXPECT_EQ(outcome_of(failed, {.verdict = Verdict::kCrashed}), Outcome::kFails);
}

TEST(BisectCaseTest, ACommandRepeatsTheCandidate) {
  StartCommand start;
  EXPECT_EQ(command_for(usual_case(), {0, 3}, start),
            "gorgon start --in-order --seed 7 a_spec.rb 'z_spec.rb[1:2,1:3]'");
  start.tags = {"~slow"};
  start.framework_arguments = {"--order", "rand"};
  start.config_file = "other.json";
  start.config_is_required = true;
  EXPECT_EQ(command_for(usual_case(), {}, start),
            "gorgon start --in-order --config other.json -t '~slow' --seed 7 'z_spec.rb[1:3]' -- "
            "--order rand");
}

TEST(BisectCaseTest, CasesWithoutIdsOnTheCommandLineAreNamedByLine) {
  RanUnit unit = failing("z_test.rb", "r");
  for (results::TestCase& one : unit.result.cases) one.id = "ZTest#" + one.name;
  const FailedCase failed = find_failed_case({sequence({unit})}, "ZTest#case 3").value();
  EXPECT_EQ(command_for(failed, {0}, {}), "gorgon start --in-order --seed 7 z_test.rb:10:30");
  unit.result.cases[0].location = "helper.rb:3";
  const FailedCase elsewhere = find_failed_case({sequence({unit})}, "ZTest#case 3").value();
  EXPECT_FALSE(command_for(elsewhere, {0}, {})) << "a line of another file is no place in this one";
}

}  // namespace
}  // namespace gorgon::cli
