#include "history/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "history/compare.h"
#include "history/database.h"
#include "history/past.h"
#include "history/recorder.h"
#include "history/run_writer.h"
#include "report/json_events.h"
#include "report/past.h"
#include "report/reporter.h"
#include "report/testing/collector.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::history {

using report::testing::Collector;
using report::testing::failed_case;
using report::testing::passed_case;
using report::testing::result_of;
using report::testing::SyntheticRun;
using results::CaseStatus;
using results::Verdict;
using ::testing::ElementsAre;

namespace {

class StoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] Store store() const { return Store::open(folder_.path(), true).value(); }
  [[nodiscard]] std::unique_ptr<Recorder> recorder(std::int64_t keep = 100) const {
    return Recorder::make(store(), RunOrigin{.arguments = {"-j", "2", "spec/a b"}}, keep).value();
  }
  /// A run of one file with these cases; gives its number.
  std::int64_t record(const std::string& job, std::vector<results::TestCase> cases,
                      std::int64_t keep = 100) {
    const auto reporter = recorder(keep);
    SyntheticRun run(*reporter);
    run.add_unit("spec/a_spec.rb");
    run.start({.job = job});
    run.finish_unit(0, result_of(Verdict::kPassed, std::move(cases)));
    run.finish(1, 0);
    return store().find(job).value().number;
  }

  TempDir folder_ = TempDir::make("gorgon-history-").value();
};

results::TestCase flaky_case(const std::string& name) {
  results::TestCase test_case = passed_case(name);
  test_case.earlier_failures = {{.exception_class = "Timeout", .message = "once", .backtrace = {}}};
  return test_case;
}

/// Something of everything that a record holds, with bytes that need care.
void run_all_kinds(report::Reporter& reporter) {
  SyntheticRun run(reporter);
  for (const char* file : {"spec/a_spec.rb", "spec/b_spec.rb", "spec/c_spec.rb"})
    run.add_unit(file);
  run.unit(1).only = {"b[1:1]", "b\"'\n"};
  run.unit(2).except = {"x"};
  run.unit(0).filter = {
      .places = {":3"}, .names = {"works"}, .tags = {"~slow"}, .expression = "[\"tag\",\"x\"]"};
  run.start({.job = "k2x9", .started_at = 1764180000.5, .expected_seconds = 12.5});
  run.host("build1", 4, results::HostChanged::State::kPreparing);
  run.host("build2", 0, results::HostChanged::State::kFailed, "after_sync: no\nspace");
  run.start_unit(2, "build1", "2");
  reporter.on(results::Notice{.level = results::Notice::Level::kWarning, .text = "beware"});
  results::TestCase pending = passed_case("c is pending");
  pending.status = CaseStatus::kPending;
  pending.pending_message = "not yet";
  pending.output = std::string("nul \0 here", 10);
  run.finish_unit(
      2, result_of(Verdict::kFailed, {failed_case("c fails"), flaky_case("c is flaky"), pending}));
  results::UnitResult crashed = result_of(Verdict::kCrashed, {passed_case("b works")});
  crashed.attempt = 2;
  crashed.errors = {{.stage = "crash",
                     .exception_class = "",
                     .message = "killed by signal 9",
                     .backtrace = {"a:1", "with\nline end"}},
                    {.stage = "load", .exception_class = "E", .message = "m", .backtrace = {}}};
  crashed.earlier_errors = {
      {.stage = "crash", .exception_class = "", .message = "before", .backtrace = {}}};
  crashed.running_case = "b hangs";
  crashed.output = "the last words";
  run.finish_unit(1, std::move(crashed));
  run.finish_unit(0, {.verdict = Verdict::kLost});
  run.finish(3.25, 6, "no machine was left");
}

}  // namespace

TEST_F(StoreTest, ToldAgainARunIsWhatItWas) {
  Collector live;
  report::JsonEventsReporter events(live.fd());
  run_all_kinds(events);
  run_all_kinds(*recorder());
  Collector later;
  report::JsonEventsReporter again(later.fd());
  ASSERT_TRUE(store().replay(1, [&](const results::RunEvent& event) { again.on(event); }));
  EXPECT_EQ(later.take(), live.take());
}

TEST_F(StoreTest, WhatEventsAsJsonDoNotShowIsToldAgain) {
  run_all_kinds(*recorder());
  std::optional<results::RunStarted> started;
  std::vector<results::Unit> units;
  std::vector<std::string> earlier;
  ASSERT_TRUE(store().replay(1, [&](const results::RunEvent& event) {
    if (const auto* begun = std::get_if<results::RunStarted>(&event)) {
      started = *begun;
      units.assign(begun->units.begin(), begun->units.end());
    }
    if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
      for (const auto& failure : unit->result->earlier_errors) earlier.push_back(failure.message);
      for (const auto& test_case : unit->result->cases) {
        for (const auto& failure : test_case.earlier_failures) earlier.push_back(failure.message);
      }
    }
  }));
  ASSERT_TRUE(started);
  EXPECT_EQ(started->started_at, 1764180000.5);
  EXPECT_THAT(earlier, ElementsAre("once", "before"));
  ASSERT_EQ(units.size(), 3U);
  EXPECT_EQ(units[0].filter, (results::CaseFilter{.places = {":3"},
                                                  .names = {"works"},
                                                  .tags = {"~slow"},
                                                  .expression = "[\"tag\",\"x\"]"}));
  EXPECT_THAT(units[1].only, ElementsAre("b[1:1]", "b\"'\n"));
  EXPECT_THAT(units[2].except, ElementsAre("x"));
}

TEST_F(StoreTest, RunsAreListedTheNewestFirst) {
  run_all_kinds(*recorder());
  record("second", {passed_case("a")});
  const auto runs = store().runs(10).value();
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].job, "second");
  EXPECT_EQ(runs[1].number, 1);
  EXPECT_EQ(runs[1].exit_code, 6);
  EXPECT_EQ(runs[1].seconds, 3.25);
  EXPECT_EQ(runs[1].reason, "no machine was left");
  EXPECT_EQ(runs[1].units, 3);
  EXPECT_EQ(runs[1].cases, 4);
  EXPECT_EQ(runs[1].cases_failed, 1);
  EXPECT_EQ(runs[1].cases_flaky, 1);
  EXPECT_THAT(runs[1].arguments, ElementsAre("-j", "2", "spec/a b"));
  EXPECT_EQ(store().runs(1).value().size(), 1U);
}

TEST_F(StoreTest, ARunThatIsTakenUpKeepsItsNumberAndIsThereOnce) {
  {
    const auto reporter = recorder();
    SyntheticRun run(*reporter);
    run.add_unit("spec/a_spec.rb");
    run.start({.job = "died"});
    run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("a")}));
    EXPECT_TRUE(reporter->flush(std::chrono::milliseconds(0)));
  }
  record("another", {passed_case("a")});
  EXPECT_EQ(record("died", {passed_case("a"), passed_case("b")}), 1);
  EXPECT_EQ(store().find("1").value().cases, 2);
  EXPECT_EQ(store().runs(10).value().size(), 2U);
}

TEST_F(StoreTest, ARunThatWasCutOffIsToldWithAnEnd) {
  const auto reporter = recorder();
  SyntheticRun run(*reporter);
  run.add_unit("spec/a_spec.rb");
  run.start({.job = "died"});
  run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("a")}));
  EXPECT_TRUE(reporter->flush(std::chrono::milliseconds(0)));
  EXPECT_EQ(store().find("died").value().seconds, std::nullopt);
  std::optional<results::RunFinished> end;
  ASSERT_TRUE(store().replay(1, [&](const results::RunEvent& event) {
    if (const auto* finished = std::get_if<results::RunFinished>(&event)) end = *finished;
  }));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit_code, 6);
  EXPECT_EQ(end->cases, 1U);
}

TEST_F(StoreTest, RunsHaveNames) {
  EXPECT_EQ(store().find("latest").error().kind, ErrorKind::kNotFound);
  for (const char* job : {"first", "second", "third"}) record(job, {});
  const auto number_of = [&](std::string_view name) { return store().find(name).value().number; };
  EXPECT_EQ(number_of("latest"), 3);
  EXPECT_EQ(number_of("~1"), 2);
  EXPECT_EQ(number_of("first"), 1);
  EXPECT_EQ(number_of("2"), 2);
  EXPECT_EQ(store().find("~").error().kind, ErrorKind::kUsage);
  for (const char* name : {"4", "~3", "fourth", "-1"})
    EXPECT_EQ(store().find(name).error().kind, ErrorKind::kNotFound) << name;
}

TEST_F(StoreTest, OldRunsMakeRoom) {
  for (const char* job : {"first", "second", "third"}) record(job, {passed_case(job)}, 2);
  EXPECT_EQ(store().find("first").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store().prune(1).value(), 1);
  EXPECT_EQ(store().runs(10).value().size(), 1U);
  Store after = store();
  auto tests = after.database().prepare("SELECT count(*) FROM tests").value();
  ASSERT_TRUE(tests.step().value());
  EXPECT_EQ(tests.integer(0), 1) << "names that no run needs any more are gone, too";
  tests.reset();
  EXPECT_EQ(record("fourth", {}), 4) << "numbers are not used again";
}

TEST_F(StoreTest, WhatANewerProgramWroteIsLeftAlone) {
  ASSERT_TRUE(store().database().execute("PRAGMA user_version = 99"));
  const auto opened = Store::open(folder_.path(), true);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kUsage);
  EXPECT_NE(opened.error().message.find("newer gorgon"), std::string::npos);
}

TEST_F(StoreTest, WhatIsNoDatabaseIsSaidToBeNone) {
  ASSERT_TRUE(write_file(folder_.path() / ".gorgon/history.db", std::string(4096, 'x')));
  const auto opened = Store::open(folder_.path(), true);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("history.db"), std::string::npos);
}

TEST_F(StoreTest, NothingIsMadeByLooking) {
  EXPECT_EQ(Store::open(folder_.path(), false).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(StoreTest, ADatabaseThatIsHeldCostsNoEvent) {
  const auto reporter = recorder();
  SyntheticRun run(*reporter);
  run.add_unit("spec/a_spec.rb");
  {
    Store other = store();
    ASSERT_TRUE(other.database().execute("BEGIN IMMEDIATE"));
    run.start({.job = "held"});
    EXPECT_FALSE(reporter->flush(std::chrono::milliseconds(0)));
  }
  run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("a")}));
  run.finish(1, 0);
  EXPECT_EQ(store().find("held").value().cases, 1);
}

// ---- several runs ----

TEST_F(StoreTest, TheDifferenceOfTwoRunsIsByKind) {
  results::TestCase slow = passed_case("slow");
  slow.seconds = 2;
  record("before", {passed_case("breaks"), failed_case("is fixed"), passed_case("goes"),
                    passed_case("same"), passed_case("slow")});
  record("after", {failed_case("breaks"), passed_case("is fixed"), passed_case("comes"),
                   passed_case("same"), slow});
  Store both = store();
  std::vector<std::pair<CaseChange::Kind, std::string>> changes;
  const auto found = changes_between(both, 1, 2).value();
  changes.reserve(found.size());
  for (const CaseChange& change : found) changes.emplace_back(change.kind, change.name);
  using Kind = CaseChange::Kind;
  EXPECT_THAT(changes,
              ElementsAre(std::pair(Kind::kBroken, "breaks"), std::pair(Kind::kFixed, "is fixed"),
                          std::pair(Kind::kNew, "comes"), std::pair(Kind::kGone, "goes"),
                          std::pair(Kind::kSlower, "slow")));
}

TEST_F(StoreTest, TheSlowestAreFoundByTheirMedian) {
  for (const double seconds : {1.0, 3.0, 50.0}) {
    results::TestCase test_case = passed_case("slow");
    test_case.seconds = seconds;
    record("run" + std::to_string(static_cast<int>(seconds)), {test_case, passed_case("fast")});
  }
  Store all = store();
  const auto cases = slowest(all, 10, false, 1).value();
  ASSERT_EQ(cases.size(), 1U);
  EXPECT_EQ(cases[0].name, "slow");
  EXPECT_EQ(cases[0].median_seconds, 3);
  EXPECT_EQ(cases[0].most_seconds, 50);
  EXPECT_EQ(cases[0].runs, 3U);
  EXPECT_EQ(slowest(all, 10, true, 5).value()[0].file, "spec/a_spec.rb");
}

TEST_F(StoreTest, FlakyIsWhatPassedOnATryOrChangedMoreThanOnce) {
  record("one", {flaky_case("retried"), passed_case("turns"), passed_case("breaks")});
  record("two", {passed_case("retried"), failed_case("turns"), failed_case("breaks")});
  record("three", {passed_case("retried"), passed_case("turns"), failed_case("breaks")});
  Store all = store();
  const auto flaky = flaky_cases(all, 10).value();
  ASSERT_EQ(flaky.size(), 2U);
  EXPECT_EQ(flaky[0].name, "retried");
  EXPECT_EQ(flaky[0].flaky, 1U);
  EXPECT_EQ(flaky[1].name, "turns");
  EXPECT_EQ(flaky[1].changes, 2U);
  EXPECT_EQ(flaky[1].runs, 3U);
}

TEST_F(StoreTest, ACaseHasACourseOverTheRunsBefore) {
  record("one", {passed_case("stays"), failed_case("breaks"), passed_case("breaks")});
  record("two", {flaky_case("stays")});
  record("three", {passed_case("stays"), passed_case("comes")});
  const report::Past past = past_runs(store(), 3, 20).value();
  ASSERT_EQ(past.runs.size(), 2U);
  EXPECT_EQ(past.runs[0].number, 1) << "the oldest first";
  EXPECT_EQ(past.runs[0].cases_failed, 1U);
  const auto courses = past.courses_of("spec/a_spec.rb");
  ASSERT_EQ(courses.size(), 2U) << "what came later is no past";
  const report::Course& stays = courses.at("stays");
  EXPECT_FALSE(stays[0]->is_flaky);
  EXPECT_TRUE(stays[1]->is_flaky);
  const report::Course& breaks = courses.at("breaks");
  EXPECT_EQ(breaks[0]->status, CaseStatus::kFailed) << "of two with one name the worst counts";
  EXPECT_FALSE(breaks[1].has_value());
  EXPECT_TRUE(past.courses_of("spec/other_spec.rb").empty());
  EXPECT_EQ(past_runs(store(), std::nullopt, 1).value().runs[0].number, 3);
  EXPECT_EQ(past_runs(store(), 1, 20).value().courses_of, nullptr);
}

}  // namespace gorgon::history
