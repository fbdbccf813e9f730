#include "report/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "report/spooled_file.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using nlohmann::json;
using results::Verdict;
using ::testing::ElementsAre;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class TraceTest : public ::testing::Test {
 protected:
  void start(std::size_t units) {
    for (std::size_t i = 0; i < units; ++i)
      units_.push_back({.id = std::to_string(i), .file = "spec/" + std::to_string(i) + "_spec.rb"});
    reporter_.on(results::RunStarted{.job = "k2x9", .units = units_});
  }
  void begin(std::size_t unit, double at) {
    reporter_.on(results::UnitStarted{.unit = units_[unit].id, .at = at});
  }
  void end(std::size_t unit, const results::UnitResult& result, double at) {
    reporter_.on(results::UnitFinished{.unit = &units_[unit], .result = &result, .at = at});
  }
  json finish() {
    reporter_.on(results::RunFinished{});
    EXPECT_EQ(reporter_.write_error(), 0);
    const json file = json::parse(read_file(file_).value(), nullptr, false);
    EXPECT_FALSE(file.is_discarded());
    return file.value("traceEvents", json::array());
  }
  static std::vector<json> of_phase(const json& events, const std::string& phase) {
    std::vector<json> found;
    for (const json& event : events) {
      if (event["ph"] == phase) found.push_back(event);
    }
    return found;
  }
  /// "name begin-end", in microseconds.
  static std::vector<std::string> slices(const json& events) {
    std::vector<std::string> texts;
    for (const json& event : of_phase(events, "X")) {
      const auto ts = event["ts"].get<std::int64_t>();
      texts.push_back(event["name"].get<std::string>() + " " + std::to_string(ts) + "-" +
                      std::to_string(ts + event["dur"].get<std::int64_t>()));
    }
    return texts;
  }

  TempDir folder_ = TempDir::make("gorgon-trace-").value();
  fs::path file_ = folder_.path() / "trace.json";
  TraceReporter reporter_{SpooledFile::make(file_).value()};
  std::vector<results::Unit> units_;
};

}  // namespace

TEST_F(TraceTest, CasesStandAtTheEndOfTheirUnit) {
  start(1);
  end(0, result_of(Verdict::kPassed, {passed_case("a", 0.25), passed_case("b", 0.5)}, 1), 3);
  EXPECT_THAT(slices(finish()), ElementsAre("spec/0_spec.rb 2000000-3000000", "a 2250000-2500000",
                                            "b 2500000-3000000"));
}

TEST_F(TraceTest, AUnitThatWasCutOffEndsWithTheCaseThatRan) {
  start(1);
  results::UnitResult result = result_of(Verdict::kTimedOut, {passed_case("a", 0.25)}, 1);
  result.running_case = "hangs";
  end(0, result, 3);
  EXPECT_THAT(slices(finish()), ElementsAre("spec/0_spec.rb 2000000-3000000", "a 2000000-2250000",
                                            "hangs 2250000-3000000"));
}

TEST_F(TraceTest, SlicesOfAWorkerDoNotOverlapWhateverItSays) {
  start(3);
  end(0, result_of(Verdict::kPassed, {passed_case("a", 7)}, 5), 1);
  end(1, result_of(Verdict::kPassed, {passed_case("b", 0.1)}, 1e300), 1.000001);
  end(2, result_of(Verdict::kPassed, {}, 0.5), 9);
  EXPECT_THAT(slices(finish()), ElementsAre("spec/0_spec.rb 0-1000000", "a 0-1000000",
                                            "spec/1_spec.rb 1000000-1000001", "b 1000000-1000001",
                                            "spec/2_spec.rb 8500000-9000000"));
}

TEST_F(TraceTest, AHostIsAProcessAndAWorkerAThread) {
  start(2);
  results::UnitResult result = result_of(Verdict::kPassed, {}, 1);
  end(0, result, 1);
  result.host = "build \"2\"\n";
  end(1, result, 2);
  const json events = finish();
  std::map<std::string, std::vector<std::string>> names;
  for (const json& event : of_phase(events, "M"))
    names[event["name"]].push_back(event["args"]["name"]);
  EXPECT_THAT(names["process_name"], ElementsAre("gorgon", "build1", "build \"2\"\n"));
  EXPECT_THAT(names["thread_name"], ElementsAre("worker 2", "worker 2"));
  const std::vector<json> units = of_phase(events, "X");
  EXPECT_NE(units[0]["pid"], units[1]["pid"]);
  EXPECT_EQ(units[0]["args"]["verdict"], "passed");
}

TEST_F(TraceTest, AUnitThatNobodyRanIsNoSlice) {
  start(1);
  end(0, {.verdict = Verdict::kLost}, 4);
  const json events = finish();
  EXPECT_THAT(slices(events), ElementsAre());
  ASSERT_EQ(of_phase(events, "i").size(), 1U);
  EXPECT_EQ(of_phase(events, "i")[0]["name"], "spec/0_spec.rb: lost");
}

TEST_F(TraceTest, NoticesStandWhereTheyWereGiven) {
  start(1);
  begin(0, 2);
  reporter_.on(results::Notice{.level = results::Notice::Level::kWarning, .text = "worker died"});
  const std::vector<json> instants = of_phase(finish(), "i");
  ASSERT_EQ(instants.size(), 1U);
  EXPECT_EQ(instants[0]["name"], "worker died");
  EXPECT_EQ(instants[0]["ts"], 2'000'000);
}

TEST_F(TraceTest, CountersSayWhatWaitsAndWhatRuns) {
  start(2);
  begin(0, 1);
  begin(0, 2);  // A second try.
  begin(1, 3);
  end(0, result_of(Verdict::kPassed, {}), 4);
  end(1, result_of(Verdict::kPassed, {}), 5);
  std::vector<std::string> counters;
  for (const json& event : of_phase(finish(), "C"))
    counters.push_back(event["args"]["waiting"].dump() + " " + event["args"]["running"].dump());
  EXPECT_THAT(counters, ElementsAre("2 0", "1 1", "0 2", "0 1", "0 0"));
}

}  // namespace gorgon::report
