#include "report/json_events.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "report/testing/collector.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::Verdict;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

std::vector<Json> events_in(const std::string& text) {
  std::vector<Json> events;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto event = parse_json(line);
    EXPECT_TRUE(event.has_value()) << line;
    if (event) events.push_back(*std::move(event));
  }
  return events;
}

class JsonEventsTest : public ::testing::Test {
 protected:
  Collector reader_;
  JsonEventsReporter reporter_{reader_.fd()};
  SyntheticRun run_{reporter_};
};

}  // namespace

TEST_F(JsonEventsTest, APlanIsShownUnitByUnitWithItsSum) {
  reporter_.show_plan({{.unit = {.id = "1", .file = "spec/a_spec.rb"},
                        .expected_seconds = 2.5,
                        .is_recorded = true},
                       {.unit = {.id = "2", .file = "spec/b_spec.rb"}, .expected_seconds = 1}},
                      {.slots = 2, .seconds = 2.5});
  EXPECT_EQ(reader_.take(),
            R"({"event":"plan","unit":"spec/a_spec.rb","unit_id":"1","expected_seconds":2.5,)"
            R"("recorded":true})"
            "\n"
            R"({"event":"plan","unit":"spec/b_spec.rb","unit_id":"2","expected_seconds":1.0,)"
            R"("recorded":false})"
            "\n"
            R"({"event":"plan_finished","v":1,"units":2,"files":2,"expected_seconds":3.5,)"
            R"("slots":2,"makespan_seconds":2.5})"
            "\n");
  reporter_.show_plan({{.unit = {.id = "1", .file = "spec/a_spec.rb"}}}, {});
  EXPECT_NE(reader_.take().find(R"("units":1,"files":1,"expected_seconds":null,"slots":null,)"
                                R"("makespan_seconds":null})"),
            std::string::npos);
}

TEST_F(JsonEventsTest, WritesTheDocumentedFieldsInOrder) {
  (void)run_.add_unit("spec/a_spec.rb");
  run_.start({.job = "k2x9", .expected_seconds = 2.5, .is_local = false});
  run_.start_unit(0, "build1", "2");
  auto result = result_of(Verdict::kPassed, {passed_case("A works")});
  run_.finish_unit(0, result);
  run_.finish(1.25, 0);
  EXPECT_EQ(
      reader_.take(),
      R"({"event":"run_started","v":1,"job":"k2x9","units":1,"files":1,"expected_seconds":2.5,"local":false}
{"event":"unit_started","unit":"spec/a_spec.rb","unit_id":"u1","attempt":1,"host":"build1","worker":"2"}
{"event":"case_finished","unit":"spec/a_spec.rb","unit_id":"u1","id":"A works","name":"A works","location":"spec/a_spec.rb:3","status":"passed","seconds":0.01,"host":"build1","worker":"2","failure":null}
{"event":"unit_finished","unit":"spec/a_spec.rb","unit_id":"u1","verdict":"passed","attempt":1,"seconds":1.5,"host":"build1","worker":"2","cases":1,"error":null}
{"event":"run_finished","units":1,"cases":1,"seconds":1.25,"exit_code":0,"reason":null}
)");
}

TEST_F(JsonEventsTest, TellsWhatIsSlowAndInWhichCase) {
  results::UnitSlow slow{.unit = "u1", .file = "a_spec.rb", .host = "b", .worker = "2"};
  slow.seconds = 61;
  reporter_.on(slow);
  slow.running_case = "A works";
  slow.case_seconds = 60;
  reporter_.on(slow);
  EXPECT_EQ(
      reader_.take(),
      R"({"event":"unit_slow","unit":"a_spec.rb","unit_id":"u1","seconds":61.0,"host":"b","worker":"2"}
{"event":"unit_slow","unit":"a_spec.rb","unit_id":"u1","seconds":61.0,"host":"b","worker":"2","running_case":"A works","case_seconds":60.0}
)");
}

TEST_F(JsonEventsTest, TellsFailuresErrorsAndHosts) {
  run_everything(run_);
  const std::vector<Json> events = events_in(reader_.take());
  const auto find = [&](std::string_view event, std::string_view key, std::string_view value) {
    for (const Json& entry : events) {
      if (entry["event"] == event && entry.value(key, "") == value) return entry;
    }
    return Json();
  };
  const Json failed = find("case_finished", "status", "failed");
  EXPECT_EQ(failed["failure"]["class"], "RSpec::Expectations::ExpectationNotMetError");
  EXPECT_EQ(failed["failure"]["backtrace"].size(), 4U);
  EXPECT_EQ(failed["output"], "\x1b[32mSELECT\x1b[0m 1\nbell\a\n");
  const Json crashed = find("unit_finished", "verdict", "crashed");
  EXPECT_EQ(crashed["error"], "killed by signal 11 (SIGSEGV)");
  EXPECT_EQ(crashed["errors"][0]["stage"], "crash");
  EXPECT_EQ(crashed["running_case"], "Parser reads huge input");
  EXPECT_EQ(find("host", "state", "failed")["host"], "build2");
  EXPECT_EQ(events.back()["reason"], "1 unit could not be run");
}

TEST_F(JsonEventsTest, TellsThePartsOfAFileApart) {
  (void)run_.add_unit("spec/a_spec.rb");
  (void)run_.add_unit("spec/a_spec.rb");
  run_.unit(1).only = {"1:1"};
  run_.start();
  run_.start_unit(0, "b", "1");
  run_.start_unit(1, "b", "2");
  run_.finish_unit(1, result_of(Verdict::kPassed, {}));
  const std::vector<Json> events = events_in(reader_.take());
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[1]["unit_id"], "u1");
  EXPECT_EQ(events[2]["unit_id"], "u2");
  EXPECT_EQ(events[3]["unit_id"], "u2");
}

TEST_F(JsonEventsTest, IsAlwaysValidUtf8OnOneLine) {
  reporter_.on(results::Notice{.text = "a\nb\xFF\xE2\x80\xA8"});
  reporter_.on(results::Waiting{.reason = std::string("\0", 1)});
  EXPECT_EQ(reader_.take(),
            "{\"event\":\"notice\",\"level\":\"info\",\"text\":\"a\\nb\uFFFD\u2028\"}\n"
            "{\"event\":\"waiting\",\"reason\":\"\\u0000\"}\n");
}

TEST_F(JsonEventsTest, GoesOnWhenTheReaderIsGone) {
  ASSERT_NE(std::signal(SIGPIPE, SIG_IGN), SIG_ERR);  // NOLINT(misc-include-cleaner): <csignal>.
  reader_.close_reader();
  run_everything(run_);
  EXPECT_TRUE(reporter_.flush(std::chrono::milliseconds(0)));
}

}  // namespace gorgon::report
