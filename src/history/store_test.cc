#include "history/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
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
#include "history/sequence.h"
#include "report/json_events.h"
#include "report/past.h"
#include "report/reporter.h"
#include "report/summary.h"
#include "report/testing/collector.h"
#include "report/testing/synthetic_run.h"
#include "results/case_outside.h"
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
using ::testing::IsEmpty;

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
    return record_units(job, {result_of(Verdict::kPassed, std::move(cases))}, keep);
  }
  /// A run of one file, once for each of these results.
  std::int64_t record_units(const std::string& job, std::vector<results::UnitResult> results,
                            std::int64_t keep = 100) {
    const auto reporter = recorder(keep);
    SyntheticRun run(*reporter);
    for (std::size_t i = 0; i < results.size(); ++i) run.add_unit("spec/a_spec.rb");
    run.start({.job = job});
    for (std::size_t i = 0; i < results.size(); ++i) run.finish_unit(i, std::move(results[i]));
    run.finish(1, 0);
    return store().find(job).value().number;
  }
  /// "broken crashed a", for each change.
  std::vector<std::string> changes(std::int64_t before, std::int64_t after) {
    constexpr std::array kKinds = {"broken", "fixed", "new", "gone", "slower", "faster"};
    Store opened = store();
    const auto found = changes_between(opened, before, after).value();
    std::vector<std::string> texts;
    texts.reserve(found.size());
    for (const CaseChange& change : found)
      texts.push_back(std::string(kKinds.at(static_cast<std::size_t>(change.kind))) + ' ' +
                      (change.after.empty() ? change.before : change.after) + ' ' + change.name);
    return texts;
  }

  TempDir folder_ = TempDir::make("gorgon-history-").value();
};

results::UnitResult crashed_in(const std::string& running_case,
                               std::vector<results::TestCase> cases) {
  results::UnitResult result = result_of(Verdict::kCrashed, std::move(cases));
  result.errors = {
      {.stage = "crash", .exception_class = "", .message = "SIGKILL", .backtrace = {}}};
  result.running_case = running_case;
  return result;
}

results::UnitResult failed_to_load() {
  results::UnitResult result = result_of(Verdict::kFailed, {});
  result.errors = {{.stage = "load", .exception_class = "E", .message = "no", .backtrace = {}}};
  return result;
}

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
  reporter.on(results::TreeFound{.digest = "git:12ab+34cd"});
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
                    {.stage = "load",
                     .exception_class = "E",
                     .message = "m",
                     .backtrace = {},
                     .killed_case = "b works"}};
  crashed.earlier_errors = {
      {.stage = "crash", .exception_class = "", .message = "before", .backtrace = {}}};
  crashed.running_case = "b hangs";
  crashed.running_location = "spec/b_spec.rb:3";
  crashed.output = "the last words";
  crashed.runner = "k2x9";
  crashed.seed = 4711;
  crashed.artifacts = {".gorgon/artifacts/k2x9/build1/1/b \"'\n", "/tmp/y"};
  run.finish_unit(1, std::move(crashed));
  run.finish_unit(0, {.verdict = Verdict::kLost});
  run.finish(3.25, 6, "no machine was left",
             {.folder = ".gorgon/artifacts/k2x9", .files = 3, .left_out = 2});
}

}  // namespace

/// Whether another process may take the record for one that nobody has open.
bool seems_unused(const std::filesystem::path& file) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
    ::_exit(fd >= 0 && ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WEXITSTATUS(status) == 1;
}

TEST_F(StoreTest, ASecondStoreOfTheProcessDoesNotTakeTheLocksOfTheFirst) {
  Store first = store();
  ASSERT_TRUE(first.runs(1));
  {
    Store second = store();
  }
  EXPECT_FALSE(seems_unused(folder_.path() / ".gorgon/history.db"));
}

/// Records what it is told, and follows that record event by event.
class FollowingReporter final : public report::Reporter {
 public:
  FollowingReporter(std::unique_ptr<Recorder> recorder, Store reader, report::Reporter& followed)
      : recorder_(std::move(recorder)), reader_(std::move(reader)), followed_(followed) {}
  void on(const results::RunEvent& event) override {
    recorder_->on(event);
    EXPECT_TRUE(recorder_->flush(std::chrono::milliseconds(0)));
    const auto state =
        reader_.follow(1, bookmark_, [&](const auto& again) { followed_.on(again); });
    const bool is_end = std::holds_alternative<results::RunFinished>(event);
    EXPECT_EQ(state.value(), is_end ? Followed::kOver : Followed::kGoesOn);
  }

 private:
  std::unique_ptr<Recorder> recorder_;
  Store reader_;
  report::Reporter& followed_;
  Bookmark bookmark_;
};

TEST_F(StoreTest, FollowedEventByEventARunIsWhatItWas) {
  Collector live;
  report::JsonEventsReporter events(live.fd());
  run_all_kinds(events);
  Collector later;
  report::JsonEventsReporter again(later.fd());
  FollowingReporter following(recorder(), store(), again);
  run_all_kinds(following);
  // The first event says how many units there are, which is not recorded before they have ended.
  const auto without_first = [](const std::string& lines) {
    return lines.substr(lines.find('\n') + 1);
  };
  EXPECT_EQ(without_first(later.take()), without_first(live.take()));
}

TEST_F(StoreTest, ARunThatIsTakenUpIsFollowedAnew) {
  Store reader = store();
  Bookmark bookmark;
  const auto follow = [&] { return reader.follow(1, bookmark, [](const auto&) {}); };
  const auto begin = [&](double at) {
    auto writer = recorder();
    SyntheticRun run(*writer);
    run.add_unit("spec/a_spec.rb");
    run.start({.job = "k2x9"});
    writer->on(results::UnitStarted{
        .unit = "u0", .file = "spec/a_spec.rb", .host = "h", .worker = "1", .at = at});
    writer->on(results::UnitStarted{
        .unit = "u0", .file = "spec/a_spec.rb", .host = "h", .worker = "2", .at = at});
    EXPECT_TRUE(writer->flush(std::chrono::milliseconds(0)));
  };
  begin(1);
  EXPECT_EQ(follow().value(), Followed::kGoesOn);
  EXPECT_EQ(bookmark.next, 2);
  begin(7);
  EXPECT_EQ(follow().value(), Followed::kAnew);
  EXPECT_EQ(follow().value(), Followed::kGoesOn);
  EXPECT_EQ(bookmark.last_at, 7);
  EXPECT_EQ(reader.prune(0).value(), 1);
  const auto gone = follow();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::kNotFound);
}

TEST_F(StoreTest, ItsVersionChangesWithWhatOthersWriteAlone) {
  Store reader = store();
  const auto before = reader.version().value();
  ASSERT_TRUE(reader.runs(10));
  EXPECT_EQ(reader.version().value(), before);
  record("one", {passed_case("a")});
  EXPECT_NE(reader.version().value(), before);
  ASSERT_EQ(reader.outlines(10).value().size(), 1U);
  EXPECT_EQ(reader.outlines(10).value()[0].job, "one");
}

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
  EXPECT_EQ(runs[1].tree, "git:12ab+34cd");
  EXPECT_EQ(runs[1].units, 3);
  EXPECT_EQ(runs[1].cases, 4);
  EXPECT_EQ(runs[1].failures, 2) << "a case, and a file that crashed";
  EXPECT_EQ(runs[1].flaky, 1);
  EXPECT_THAT(runs[1].arguments, ElementsAre("-j", "2", "spec/a b"));
  EXPECT_EQ(store().runs(1).value().size(), 1U);
}

TEST_F(StoreTest, ARunThatIsTakenUpKeepsItsNumberAndIsThereOnce) {
  {
    const auto reporter = recorder();
    SyntheticRun run(*reporter);
    run.add_unit("spec/a_spec.rb");
    run.start({.job = "died"});
    reporter->on(results::TreeFound{.digest = "git:12ab"});
    run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("a")}));
    EXPECT_TRUE(reporter->flush(std::chrono::milliseconds(0)));
  }
  record("another", {passed_case("a")});
  EXPECT_EQ(record("died", {passed_case("a"), passed_case("b")}), 1);
  EXPECT_EQ(store().find("1").value().cases, 2);
  EXPECT_EQ(store().find("1").value().tree, "git:12ab") << "it goes on with the same tree";
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

TEST_F(StoreTest, EachWorkersUnitsAreThereInOrderWithTheirRunners) {
  const auto reporter = recorder();
  SyntheticRun run(*reporter);
  for (const char* file : {"spec/a_spec.rb", "spec/b_spec.rb", "spec/c_spec.rb", "spec/d_spec.rb"})
    run.add_unit(file);
  run.start({.job = "k2x9"});
  const auto finish = [&](std::size_t unit, const std::string& host, const std::string& runner) {
    results::UnitResult result = result_of(Verdict::kPassed, {passed_case("works")});
    result.host = host;
    result.worker = "1";
    result.runner = runner;
    result.seed = static_cast<std::int64_t>(unit);
    run.finish_unit(unit, std::move(result));
  };
  reporter->on(results::UnitTried{.unit = run.unit(2).id,
                                  .file = "spec/c_spec.rb",
                                  .host = "one",
                                  .worker = "1",
                                  .verdict = Verdict::kFailed,
                                  .runner = "r1",
                                  .seed = 99});
  finish(1, "one", "r1");
  finish(0, "one", "r2");
  finish(2, "two", "r3");
  run.finish_unit(3, {.verdict = Verdict::kLost});
  run.finish(1, 6);
  Store after = store();
  const auto sequences = sequences_of(after, 1).value();
  ASSERT_EQ(sequences.size(), 2U) << "one that nobody has run is nobody's";
  EXPECT_EQ(sequences[0].name(), "one:1");
  std::vector<std::string> told;
  for (const RanUnit& one : sequences[0].units)
    told.push_back(one.unit.file + " " + one.result.runner + " " +
                   std::to_string(one.result.seed.value_or(-1)) + (one.is_last_try ? "" : " try"));
  EXPECT_THAT(
      told, ElementsAre("spec/c_spec.rb r1 99 try", "spec/b_spec.rb r1 1", "spec/a_spec.rb r2 0"));
  ASSERT_EQ(sequences[1].units.size(), 1U);
  EXPECT_EQ(sequences[1].units[0].result.cases.size(), 1U);
}

results::UnitResult with_killed_case() {
  results::TestCase killed = failed_case("sleeps");
  killed.id = "[1:1]";
  killed.failure = {
      .stage = "timeout", .exception_class = "", .message = "killed at the limit", .backtrace = {}};
  results::UnitResult result = result_of(Verdict::kTimedOut, {killed, passed_case("works")});
  result.errors = {{.stage = "timeout",
                    .exception_class = "",
                    .message = "\"sleeps\" (a:3) was killed at the limit",
                    .backtrace = {}}};
  return result;
}

TEST_F(StoreTest, WhatACaseTellsCountsOnce) {
  results::UnitResult killed = with_killed_case();
  killed.errors[0].killed_case = "[1:1]";
  results::UnitResult later = killed;
  later.errors.push_back(
      {.stage = "timeout", .exception_class = "", .message = "", .backtrace = {}});
  results::UnitResult ended = result_of(Verdict::kFailed, {failed_case("exits")});
  ended.cases[0].failure->stage = "exit";
  ended.errors = {{.stage = "exit", .exception_class = "", .message = "exit(0)", .backtrace = {}}};
  for (const auto& [unit, failures] : {std::pair(killed, 1), std::pair(later, 2),
                                       std::pair(ended, 1), std::pair(failed_to_load(), 1)}) {
    const auto number = record_units(std::to_string(failures) + unit.errors[0].stage, {unit});
    EXPECT_EQ(store().find(std::to_string(number)).value().failures, failures);
    report::Summary summary;
    const results::Unit of{.id = "u1", .file = "spec/a_spec.rb"};
    summary.add(results::UnitFinished{.unit = &of, .result = &unit});
    EXPECT_EQ(summary.failures(), static_cast<std::size_t>(failures));
  }
}

TEST_F(StoreTest, OfARecordOfBeforeTheMessagesSayWhatWasKilledAndWhereItRan) {
  results::UnitResult crashed = crashed_in("b (\"c\") hangs", {});
  crashed.errors[0].message = "signal 9 in \"b (\"c\") hangs\" (spec/b_spec.rb:3)";
  results::UnitResult unplaced = crashed_in("d", {});
  record_units("old", {with_killed_case(), crashed, unplaced});
  ASSERT_TRUE(
      store().database().execute("ALTER TABLE failures DROP COLUMN killed_case;"
                                 "ALTER TABLE units DROP COLUMN running_location;"
                                 "PRAGMA user_version = 4"));
  std::vector<results::UnitResult> results;
  ASSERT_TRUE(store().replay(1, [&](const results::RunEvent& event) {
    if (const auto* unit = std::get_if<results::UnitFinished>(&event))
      results.push_back(*unit->result);
  }));
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].errors.at(0).killed_case, "[1:1]");
  EXPECT_FALSE(results::went_wrong_outside(results[0]));
  EXPECT_EQ(results[1].errors.at(0).killed_case, "");
  EXPECT_EQ(results[1].running_location, "spec/b_spec.rb:3");
  EXPECT_EQ(results[2].running_location, "");
}

TEST_F(StoreTest, ARecordOfBeforeKnowsNoRunners) {
  record("old", {passed_case("works")});
  ASSERT_TRUE(store().database().execute(
      "ALTER TABLE units DROP COLUMN runner; ALTER TABLE units DROP COLUMN seed;"
      "ALTER TABLE events DROP COLUMN runner; ALTER TABLE events DROP COLUMN seed;"
      "ALTER TABLE runs DROP COLUMN tree;"
      "ALTER TABLE failures DROP COLUMN killed_case;"
      "ALTER TABLE units DROP COLUMN running_location;"
      "PRAGMA user_version = 2"));
  EXPECT_EQ(record("new", {passed_case("works")}), 2);
  Store after = store();
  const RunSummary old = after.find("old").value();
  EXPECT_EQ(old.cases, 1);
  EXPECT_EQ(old.tree, "");
  const auto sequences = sequences_of(after, old.number);
  ASSERT_TRUE(sequences);
  for (const WorkerSequence& one : *sequences) EXPECT_EQ(one.units.at(0).result.runner, "");
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
  EXPECT_THAT(changes(1, 2),
              ElementsAre("broken failed breaks", "fixed passed is fixed", "new passed comes",
                          "gone passed goes", "slower passed slow"));
}

TEST_F(StoreTest, WhatGoesWrongOutsideOfCasesIsADifference) {
  record("1", {passed_case("a"), passed_case("b")});
  record_units("2", {crashed_in("b", {passed_case("a")})});
  record_units("3", {failed_to_load()});
  record_units("4", {crashed_in("", {})});
  record_units("5", {{.verdict = Verdict::kLost}});
  EXPECT_THAT(changes(1, 2), ElementsAre("broken crashed b"));
  EXPECT_THAT(changes(2, 1), ElementsAre("fixed passed b"));
  EXPECT_THAT(changes(1, 3), ElementsAre("broken error (outside of the cases)"))
      << "what did not come to run is not gone";
  EXPECT_THAT(changes(3, 1), ElementsAre("fixed passed (outside of the cases)"));
  EXPECT_THAT(changes(1, 4), ElementsAre("broken crashed (outside of the cases)"));
  EXPECT_THAT(changes(3, 4), IsEmpty());
  EXPECT_THAT(changes(1, 5), IsEmpty()) << "nothing is known of it";
}

/// results/quarantine.cc makes a case of it.
TEST_F(StoreTest, AFailureInQuarantineIsADifferenceToo) {
  const auto quarantined = [](const std::string& name) {
    results::TestCase test_case = failed_case(name);
    test_case.status = CaseStatus::kQuarantined;
    return test_case;
  };
  results::TestCase outside = quarantined("(outside of the cases)");
  outside.id = outside.name;
  record("1", {passed_case("a"), passed_case("b")});
  record("2", {outside});
  record("3", {passed_case("a"), quarantined("b")});
  record("4", {passed_case("a"), failed_case("b")});
  EXPECT_THAT(changes(1, 2), ElementsAre("broken quarantined (outside of the cases)"));
  EXPECT_THAT(changes(2, 1), ElementsAre("fixed passed (outside of the cases)"));
  EXPECT_THAT(changes(1, 3), ElementsAre("broken quarantined b"));
  EXPECT_THAT(changes(4, 3), IsEmpty()) << "it still fails";
}

TEST_F(StoreTest, RunsCountWhatTheTerminalCounts) {
  results::UnitResult flaky = result_of(Verdict::kPassed, {passed_case("a")});
  flaky.earlier_errors = failed_to_load().errors;
  record_units("1", {flaky, crashed_in("a", {}), failed_to_load(), {.verdict = Verdict::kLost}});
  const RunSummary run = store().find("1").value();
  EXPECT_EQ(run.units, 4);
  EXPECT_EQ(run.files, 1);
  EXPECT_EQ(run.cases, 1);
  EXPECT_EQ(run.failures, 2);
  EXPECT_EQ(run.flaky, 1);
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

TEST_F(StoreTest, OfSeveralRoundsInARunTheMeanCounts) {
  results::TestCase first = passed_case("slow");
  first.seconds = 1;
  results::TestCase second = first;
  second.seconds = 3;
  record_units("1",
               {result_of(Verdict::kPassed, {first}, 1), result_of(Verdict::kPassed, {second}, 3)});
  Store all = store();
  for (const bool are_files : {false, true}) {
    const auto rows = slowest(all, 10, are_files, 1).value();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].most_seconds, 2);
    EXPECT_EQ(rows[0].runs, 1U);
  }
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

TEST_F(StoreTest, FilesAreFlakyLikeCases) {
  results::UnitResult retried = result_of(Verdict::kPassed, {passed_case("a")});
  retried.earlier_errors = failed_to_load().errors;
  record_units("1", {retried});
  for (const std::string job : {"2", "3"}) {
    record_units(job + "crashes", {crashed_in("turns", {})});
    record(job + "passes", {passed_case("turns"), passed_case("a")});
  }
  Store all = store();
  const auto flaky = flaky_cases(all, 10).value();
  ASSERT_EQ(flaky.size(), 2U);
  EXPECT_EQ(flaky[0].name, "(outside of the cases)");
  EXPECT_EQ(flaky[0].flaky, 1U);
  EXPECT_EQ(flaky[0].changes, 0U);
  EXPECT_EQ(flaky[1].name, "turns");
  EXPECT_EQ(flaky[1].changes, 3U);
}

TEST_F(StoreTest, ARunThatRunsACaseSeveralTimesIsOneRun) {
  const auto one = result_of(Verdict::kPassed, {passed_case("turns"), passed_case("a")});
  const auto other = result_of(Verdict::kFailed, {failed_case("turns"), passed_case("a")});
  record_units("1", {one, other, one});
  Store all = store();
  const auto flaky = flaky_cases(all, 10).value();
  ASSERT_EQ(flaky.size(), 1U);
  EXPECT_EQ(flaky[0].name, "turns");
  EXPECT_EQ(flaky[0].flaky, 1U);
  EXPECT_EQ(flaky[0].changes, 0U);
  EXPECT_EQ(flaky[0].runs, 1U);
}

TEST_F(StoreTest, ACaseHasACourseOverTheRunsBefore) {
  record("one", {passed_case("stays"), failed_case("breaks"), passed_case("breaks")});
  record("two", {flaky_case("stays")});
  record("three", {passed_case("stays"), passed_case("comes")});
  const report::Past past = past_runs(store(), 3, 20).value();
  ASSERT_EQ(past.runs.size(), 2U);
  EXPECT_EQ(past.runs[0].number, 1) << "the oldest first";
  EXPECT_EQ(past.runs[0].failures, 1U);
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

TEST_F(StoreTest, WhatIsFlakyIsInTheCourseAsTheRunCountsIt) {
  results::UnitResult one =
      result_of(Verdict::kPassed, {flaky_case("wavers"), passed_case("wavers")});
  one.earlier_errors = {{.stage = "load", .message = "no database yet"}};
  record_units("1", {one});
  const report::Past past = past_runs(store(), std::nullopt, 20).value();
  EXPECT_EQ(past.runs[0].flaky, 2U) << "a case, and a file outside of its cases";
  const auto courses = past.courses_of("spec/a_spec.rb");
  EXPECT_TRUE(courses.at("wavers")[0]->is_flaky);
  EXPECT_TRUE(courses.at("(outside of the cases)")[0]->is_flaky);
  EXPECT_EQ(courses.size(), 2U);
}

TEST_F(StoreTest, ACrashIsInTheCourseOfItsCase) {
  record("1", {passed_case("a")});
  record_units("2", {crashed_in("a", {})});
  const auto course = past_runs(store(), std::nullopt, 20).value().courses_of("spec/a_spec.rb");
  EXPECT_EQ(course.at("a")[0]->status, CaseStatus::kPassed);
  EXPECT_EQ(course.at("a")[1]->status, CaseStatus::kError);
}

}  // namespace gorgon::history
