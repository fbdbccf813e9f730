#include "history/standing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "history/recorder.h"
#include "history/run_writer.h"
#include "history/store.h"
#include "report/testing/synthetic_run.h"
#include "results/case_outside.h"
#include "results/verdict.h"

namespace gorgon::history {

using report::testing::failed_case;
using report::testing::passed_case;
using report::testing::result_of;
using report::testing::SyntheticRun;
using results::Verdict;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

namespace {

constexpr const char* kFile = "spec/a_spec.rb";

class StandingTest : public ::testing::Test {
 protected:
  [[nodiscard]] Store store() const { return Store::open(folder_.path(), true).value(); }

  /// A run of one file; `expression`: of a part of it; `stage`: where it failed outside of its
  /// cases. Gives the run's number.
  std::int64_t record(Verdict verdict, std::vector<results::TestCase> cases,
                      const std::string& expression = {},
                      std::optional<std::int64_t> rerun_of = std::nullopt,
                      const std::string& stage = {}) {
    results::UnitResult result = result_of(verdict, std::move(cases));
    if (!stage.empty()) result.errors = {{.stage = stage, .message = "broken"}};
    return record(std::move(result), expression, rerun_of);
  }
  std::int64_t record(results::UnitResult result, const std::string& expression = {},
                      std::optional<std::int64_t> rerun_of = std::nullopt) {
    const auto recorder =
        Recorder::make(store(), RunOrigin{.arguments = arguments_, .rerun_of = rerun_of}, 100)
            .value();
    SyntheticRun run(*recorder);
    run.add_unit(kFile);
    run.unit(0).filter.expression = expression;
    const std::string job = "job" + std::to_string(++runs_);
    run.start({.job = job});
    run.finish_unit(0, std::move(result));
    run.finish(1, 0);
    return store().find(job).value().number;
  }
  plan::FileRecord file_record() {
    Store opened = store();
    return record_of(opened, kFile).value();
  }
  plan::Outstanding outstanding(std::int64_t run) {
    Store opened = store();
    return outstanding_of(opened, run).value();
  }
  /// Ids of the cases that are left, by file.
  std::map<std::string, std::set<std::string>> left_of(std::int64_t run) {
    std::map<std::string, std::set<std::string>> cases;
    for (const auto& [file, left] : outstanding(run).files) cases[file] = left.cases;
    return cases;
  }

  TempDir folder_ = TempDir::make("gorgon-standing-").value();
  std::vector<std::string> arguments_;
  int runs_ = 0;
};

}  // namespace

TEST_F(StandingTest, LastOfEachCaseCounts) {
  record(Verdict::kFailed, {failed_case("a"), failed_case("b"), passed_case("c")});
  record(Verdict::kPassed, {passed_case("a")}, "part");
  const plan::FileRecord record = file_record();
  EXPECT_THAT(record.failed, ElementsAre(failed_case("b").id));
  EXPECT_EQ(record.known.size(), 3U);
  EXPECT_FALSE(record.has_failed_as_a_whole);
}

TEST_F(StandingTest, CaseThatIsGoneHasNotFailed) {
  record(Verdict::kFailed, {failed_case("old")});
  record(Verdict::kPassed, {passed_case("new")});
  EXPECT_THAT(file_record().failed, IsEmpty());
}

TEST_F(StandingTest, CasesAreKnownFromTheLastWholeRun) {
  const auto known = [&] {
    Store opened = store();
    return known_cases(opened, kFile).value();
  };
  EXPECT_FALSE(known());
  const auto whole = record(Verdict::kPassed, {passed_case("a")});
  record(Verdict::kPassed, {passed_case("b")}, "part");
  ASSERT_TRUE(known());
  EXPECT_EQ(known()->run, whole);
  EXPECT_TRUE(known()->names.contains("a"));
  EXPECT_TRUE(known()->names.contains(passed_case("a").id));
  EXPECT_FALSE(known()->names.contains("b"));
  record(Verdict::kCrashed, {});
  EXPECT_FALSE(known());
}

TEST_F(StandingTest, CrashMeansTheWholeFileUntilItRunsToItsEnd) {
  record(Verdict::kCrashed, {passed_case("a")});
  EXPECT_TRUE(file_record().has_failed_as_a_whole);
  record(Verdict::kPassed, {passed_case("a")}, "part");
  EXPECT_TRUE(file_record().has_failed_as_a_whole);
  record(Verdict::kCancelled, {});
  EXPECT_TRUE(file_record().has_failed_as_a_whole);
  record(Verdict::kPassed, {passed_case("a")});
  EXPECT_FALSE(file_record().has_failed_as_a_whole);
}

TEST_F(StandingTest, WhatQuarantineExcusesOfAFileExcusesItsEarlierFailures) {
  results::TestCase outside = passed_case("outside");
  outside.id = results::kOutsideOfCases;
  outside.status = results::CaseStatus::kQuarantined;
  record(Verdict::kFailed, {failed_case("a")});
  const auto first = record(Verdict::kCrashed, {});
  const auto second = record(Verdict::kPassed, {outside}, {}, first);
  EXPECT_FALSE(file_record().has_failed_as_a_whole);
  EXPECT_THAT(file_record().failed, IsEmpty());
  EXPECT_THAT(left_of(second), IsEmpty());
  record(Verdict::kCrashed, {});
  EXPECT_TRUE(file_record().has_failed_as_a_whole);
}

TEST_F(StandingTest, SelectionThatWasRefusedIsNoFailureOfTheCases) {
  record(Verdict::kFailed, {failed_case("a"), passed_case("b")});
  const auto refused = record(Verdict::kFailed, {}, "part", {}, "selection");
  EXPECT_FALSE(file_record().has_failed_as_a_whole);
  EXPECT_THAT(file_record().failed, ElementsAre(failed_case("a").id));
  EXPECT_THAT(left_of(refused), ElementsAre(Pair(kFile, IsEmpty()))) << "none of it has run";
  record(Verdict::kFailed, {}, "part", {}, "load");
  EXPECT_TRUE(file_record().has_failed_as_a_whole);
}

TEST_F(StandingTest, FileThatCrashedAndPassedWhenItWasTriedAgainIsFlaky) {
  record(Verdict::kPassed, {passed_case("a")});
  EXPECT_FALSE(file_record().is_flaky_as_a_whole);
  results::UnitResult result = result_of(Verdict::kPassed, {passed_case("a")});
  result.earlier_errors = {
      {.stage = "crash", .exception_class = "", .message = "killed", .backtrace = {}}};
  record(result);
  EXPECT_TRUE(file_record().is_flaky_as_a_whole);
  EXPECT_FALSE(file_record().has_failed_as_a_whole);
}

TEST_F(StandingTest, WhatARunHasLeftIsWhatDidNotPass) {
  EXPECT_THAT(left_of(record(Verdict::kPassed, {passed_case("a")})), IsEmpty());
  EXPECT_THAT(left_of(record(Verdict::kFailed, {passed_case("a"), failed_case("b")})),
              ElementsAre(Pair(kFile, ElementsAre(failed_case("b").id))));
  for (const Verdict verdict : {Verdict::kCrashed, Verdict::kTimedOut, Verdict::kLost,
                                Verdict::kCancelled, Verdict::kFailed}) {
    EXPECT_THAT(left_of(record(verdict, {})), ElementsAre(Pair(kFile, IsEmpty())));
  }
}

TEST_F(StandingTest, RerunsConverge) {
  const auto first =
      record(Verdict::kFailed, {failed_case("a"), failed_case("b"), passed_case("c")});
  const auto second = record(Verdict::kFailed, {passed_case("a"), failed_case("b")}, "part", first);
  EXPECT_THAT(left_of(second), ElementsAre(Pair(kFile, ElementsAre(failed_case("b").id))));
  // Only one of what was left ran.
  const auto narrow = record(Verdict::kPassed, {passed_case("a")}, "part", first);
  EXPECT_THAT(left_of(narrow), ElementsAre(Pair(kFile, ElementsAre(failed_case("b").id))));
  const auto third = record(Verdict::kPassed, {passed_case("b")}, "part", second);
  EXPECT_THAT(left_of(third), IsEmpty());
}

TEST_F(StandingTest, CrashInARerunLeavesTheWholeFile) {
  const auto first = record(Verdict::kFailed, {failed_case("a"), passed_case("c")});
  const auto second = record(Verdict::kCrashed, {}, "part", first);
  EXPECT_THAT(left_of(second), ElementsAre(Pair(kFile, IsEmpty())));
}

TEST_F(StandingTest, WhatARunWantedOfAFileIsLeftOfIt) {
  arguments_ = {"spec", "--", "--tag", "x"};
  const auto first = record(Verdict::kCancelled, {}, "part");
  EXPECT_EQ(outstanding(first).files.at(kFile).wanted.expression, "part");
  EXPECT_THAT(outstanding(first).framework_arguments, ElementsAre("--tag", "x"));
  arguments_ = {"--rerun", "1", "--", "--tag", "x", "--tag", "y"};
  const auto second = record(Verdict::kPassed, {passed_case("a")}, "part", first);
  EXPECT_THAT(left_of(second), ElementsAre(Pair(kFile, IsEmpty()))) << "y may have left some out";
  EXPECT_THAT(outstanding(second).framework_arguments, ElementsAre("--tag", "x"));
  arguments_ = {"--rerun", "1", "--", "--tag", "x"};
  EXPECT_THAT(left_of(record(Verdict::kPassed, {passed_case("a")}, "part", first)), IsEmpty());
}

TEST_F(StandingTest, RunWithArgumentsOfTheFrameworkSaysNothingOfOtherCases) {
  record(Verdict::kFailed, {failed_case("a"), passed_case("b")});
  arguments_ = {"spec", "--", "--tag", "x"};
  record(Verdict::kPassed, {passed_case("b")});
  EXPECT_THAT(file_record().failed, ElementsAre(failed_case("a").id));
}

TEST_F(StandingTest, RerunOfARunThatIsGoneIsRefused) {
  const auto first = record(Verdict::kFailed, {failed_case("a"), failed_case("b")});
  const auto second = record(Verdict::kPassed, {passed_case("a")}, "part", first);
  Store opened = store();
  ASSERT_TRUE(opened.prune(1));
  const auto left = outstanding_of(opened, second);
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().kind, ErrorKind::kNotFound);
}

TEST_F(StandingTest, RecordOfAnEarlierVersionIsRead) {
  record(Verdict::kFailed, {failed_case("a")});
  {
    Store opened = store();
    for (const char* sql :
         {"DROP INDEX units_of_file", "ALTER TABLE runs DROP COLUMN rerun_of",
          "ALTER TABLE runs DROP COLUMN tree", "ALTER TABLE failures DROP COLUMN killed_case",
          "ALTER TABLE units DROP COLUMN running_location",
          "ALTER TABLE units DROP COLUMN expression", "ALTER TABLE units DROP COLUMN runner",
          "ALTER TABLE units DROP COLUMN seed", "ALTER TABLE events DROP COLUMN runner",
          "ALTER TABLE events DROP COLUMN seed", "PRAGMA user_version = 1"})
      ASSERT_TRUE(opened.database().execute(sql)) << sql;
  }
  EXPECT_THAT(file_record().failed, ElementsAre(failed_case("a").id));
  EXPECT_EQ(left_of(1).size(), 1U);
}

}  // namespace gorgon::history
