#include "report/live_frame.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "report/activity.h"
#include "report/display_text.h"
#include "report/look.h"
#include "report/reporter.h"
#include "report/summary.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::report {

using results::Verdict;
using ::testing::ElementsAre;
using ::testing::StartsWith;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class Model final : public Reporter {
 public:
  void on(const results::RunEvent& event) override {
    summary.add(event);
    activity.add(event, now);
  }
  std::vector<std::string> frame(TerminalSize size, const Look& look = {.unicode = true}) const {
    return live_frame(summary, activity, look, size, now);
  }
  Summary summary;
  Activity activity;
  TimePoint now;
};

/// `workers` of them busy on hosts of twenty each, with names as people give them; a few units are
/// finished.
void fill(Model& model, SyntheticRun& run, std::size_t workers) {
  const std::size_t files = workers * 3 + 4;
  for (std::size_t i = 0; i < files; ++i) {
    (void)run.add_unit(fmt::format("spec/モデル/very/long/folder/number_{}_spec.rb", i));
  }
  run.start({.job = "k2x9", .expected_seconds = 3600.0 * 30, .is_local = false});
  for (std::size_t i = 0; i < workers; ++i) {
    const std::string host = fmt::format("build-{}.example.org", i / 20);
    if (i % 20 == 0) run.host(host, std::min<std::size_t>(20, workers - i));
    run.start_unit(i, host, std::to_string(i % 20 + 1));
    model.now += std::chrono::milliseconds(700);
  }
  for (std::size_t i = files - 3; i < files; ++i) {
    run.finish_unit(i, result_of(Verdict::kFailed, {passed_case("a"), failed_case("b")}));
  }
}

}  // namespace

TEST(LiveFrameTest, NobodyThereYet) {
  Model model;
  SyntheticRun run(model);
  run.start();
  EXPECT_THAT(model.frame({}), ElementsAre("", "0/0 files  0:00", "starting"));
}

TEST(LiveFrameTest, EverybodyHasLeft) {
  Model model;
  SyntheticRun run(model);
  (void)run.add_unit("spec/a_spec.rb");
  run.start();
  run.finish_unit(0, result_of(Verdict::kPassed, {}));
  EXPECT_EQ(model.frame({}).at(2), "finishing");
}

TEST(LiveFrameTest, TwoHundredWorkers) {
  Model model;
  SyntheticRun run(model);
  fill(model, run, 200);
  EXPECT_THAT(
      model.frame({.columns = 100, .rows = 12}),
      ElementsAre(
          "",
          "──────────────────────────────  3/604 files  6 cases  3 failed  2:20  about 7:49 left",
          "200/200 workers busy on 10 hosts",
          "  2m20s  build-0.example.org:1  spec/モデル/very/long/folder/number_0_spec.rb",
          "  2m19s  build-0.example.org:2  spec/モデル/very/long/folder/number_1_spec.rb",
          "  2m18s  build-0.example.org:3  spec/モデル/very/long/folder/number_2_spec.rb",
          "  2m17s  build-0.example.org:4  spec/モデル/very/long/folder/number_3_spec.rb"));
  EXPECT_THAT(model.frame({.columns = 20, .rows = 10}, {}),
              ElementsAre("", "3/604  3 failed", "200/200 workers ...", "  2m20s  ...spec.rb",
                          "  2m19s  ...spec.rb", "  2m18s  ...spec.rb"));
  EXPECT_EQ(model.frame({.columns = 200, .rows = 50}).size(), 3U + 8U) << "eight rows at most";
}

TEST(LiveFrameTest, WhatDidNotRunStandsApart) {
  Model model;
  SyntheticRun run(model);
  for (int i = 0; i < 10; ++i) (void)run.add_unit(fmt::format("spec/{}_spec.rb", i));
  run.start({.job = "k2x9", .is_local = false});
  run.host("build1", 2);
  run.finish_unit(0, result_of(Verdict::kFailed, {failed_case("x")}));
  run.start_unit(1, "build1", "1");
  for (std::size_t i = 2; i < 9; ++i) run.finish_unit(i, result_of(Verdict::kCancelled, {}));
  EXPECT_THAT(model.frame({.columns = 120}).at(1),
              StartsWith("━━━───────────────────────────  1/10 files  1 case  1 failed  "
                         "7 cancelled  0:00"));
  run.finish_unit(9, result_of(Verdict::kLost, {}));
  run.finish_unit(1, result_of(Verdict::kPassed, {passed_case("y")}));
  EXPECT_EQ(model.frame({.columns = 120}).at(1),
            "━━━━━━────────────────────────  2/10 files  2 cases  1 failed  1 lost  7 cancelled  "
            "0:00");
  EXPECT_EQ(model.frame({.columns = 40}).at(1), "2/10 files  1 failed  7 cancelled");
}

TEST(LiveFrameTest, RowsAreForWhatTakesItsTime) {
  Model model;
  SyntheticRun run(model);
  for (const char* file : {"spec/a_spec.rb", "spec/b_spec.rb", "spec/c_spec.rb"})
    (void)run.add_unit(file);
  run.start({.job = "k2x9", .is_local = false});
  run.host("build1", 2);
  run.host("build10", 1);
  run.start_unit(0, "build1", "1");
  run.start_unit(1, "build10", "1");
  model.now += std::chrono::milliseconds(1900);
  EXPECT_EQ(model.frame({}).size(), 3U) << "what takes less than two seconds has none";
  model.now += std::chrono::milliseconds(400);
  run.start_unit(2, "build1", "2");
  model.activity.add(results::LongCase{.unit = "u2",
                                       .host = "build10",
                                       .worker = "1",
                                       .running_case = "Cart \x1b[31mwaits\nfor 倉庫",
                                       .case_seconds = 2.04},
                     model.now);
  EXPECT_THAT(model.frame({}),
              ElementsAre("", "──────────────────────────────  0/3 files  0:02",
                          "3/3 workers busy on 2 hosts", "   2.3s  build1:1   spec/a_spec.rb",
                          "   2.0s  build10:1  spec/b_spec.rb  Cart waits for 倉庫"));
  // It has ended, and its file goes on.
  model.activity.add(results::LongCase{.unit = "u2", .host = "build10", .worker = "1"}, model.now);
  EXPECT_EQ(model.frame({}).back(), "   2.3s  build10:1  spec/b_spec.rb");
  run.finish_unit(0, result_of(Verdict::kPassed, {}));
  run.finish_unit(1, result_of(Verdict::kPassed, {}));
  EXPECT_EQ(model.frame({}).size(), 3U);
}

TEST(LiveFrameTest, ANarrowRowKeepsTheFileAndCutsTheCase) {
  Model model;
  SyntheticRun run(model);
  (void)run.add_unit("spec/models/order_spec.rb");
  run.start({.job = "k2x9", .is_local = true});
  run.start_unit(0, "desk", "1");
  model.now += std::chrono::seconds(3700);
  model.activity.add(results::LongCase{.unit = "u1",
                                       .host = "desk",
                                       .worker = "1",
                                       .running_case = "Order adds up what was put into it",
                                       .case_seconds = 61},
                     model.now);
  const Look look{.unicode = true, .is_local = true};
  const auto row = [&](std::size_t columns) {
    return model.frame({.columns = columns, .rows = 24}, look).back();
  };
  EXPECT_EQ(row(80),
            "  1m01s  worker 1  spec/models/order_spec.rb  Order adds up what was put into …");
  EXPECT_EQ(row(50), "  1m01s  worker 1  …/order_spec.rb  Order adds u…");
  EXPECT_EQ(row(20), "  1m01s  …r_spec.rb");
}

TEST(LiveFrameTest, TheKeysAreNamedWhereThereAreAnyAndThereIsRoom) {
  Model model;
  SyntheticRun run(model);
  fill(model, run, 1);
  const Look look{.unicode = true, .has_keys = true};
  EXPECT_EQ(model.frame({.columns = 80, .rows = 24}, look).at(2),
            "1/1 worker busy on 1 host  ? for keys");
  EXPECT_EQ(model.frame({.columns = 30, .rows = 24}, look).at(2), "1/1 worker busy on 1 host");
}

TEST(LiveFrameTest, EveryFrameFitsItsWindow) {
  for (const std::size_t workers : {0U, 1U, 4U, 21U, 200U}) {
    Model model;
    SyntheticRun run(model);
    fill(model, run, workers);
    model.now += std::chrono::seconds(3);
    for (std::size_t i = 0; i < workers; i += 2) {
      model.activity.add(
          results::LongCase{.unit = fmt::format("u{}", i + 1),
                            .host = fmt::format("build-{}.example.org", i / 20),
                            .worker = fmt::format("{}", i % 20 + 1),
                            .running_case = "é\t名前 \x1b]0;title\a " + std::string(i * 3, 'n'),
                            .case_seconds = 2.5 * static_cast<double>(i)},
          model.now);
    }
    for (const bool waits : {false, true}) {
      if (waits) {
        model.on(
            results::Waiting{.reason = "for listeners: 日本 " + std::string(300, 'x') + "\ny"});
      }
      for (const std::size_t columns :
           {3U, 4U, 8U, 19U, 20U, 21U, 29U, 30U, 31U, 32U, 47U, 80U, 133U, 200U}) {
        for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 10U, 24U, 50U, 60U}) {
          for (const bool unicode : {false, true}) {
            const auto lines = model.frame({.columns = columns, .rows = rows},
                                           {.unicode = unicode, .has_keys = rows % 2 == 0});
            ASSERT_LT(lines.size(), std::max<std::size_t>(rows, 2)) << columns << "x" << rows;
            for (const std::string& line : lines) {
              ASSERT_LT(columns_of(line), std::max<std::size_t>(columns, 2)) << line;
              for (const char c : line) ASSERT_GE(static_cast<unsigned char>(c), 0x20) << line;
            }
          }
        }
      }
    }
  }
}

TEST(LiveFrameTest, ColorsTakeNoRoom) {
  Model model;
  SyntheticRun run(model);
  fill(model, run, 3);
  const TerminalSize size{.columns = 60, .rows = 24};
  const auto plain = model.frame(size);
  const auto colored = model.frame(size, {.color = true, .unicode = true});
  ASSERT_EQ(plain.size(), colored.size());
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_EQ(safe_line(colored[i]), safe_line(plain[i]));
  EXPECT_NE(plain, colored);
}

TEST(LiveFrameTest, ALongReasonIsCutAfterSixLines) {
  Model model;
  std::string reason;
  for (int i = 0; i < 20; ++i) reason += "line\n";
  model.on(results::Waiting{.reason = reason});
  const auto lines = model.frame({});
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_EQ(lines[2], "waiting line");
  EXPECT_EQ(lines[7], "line …");
}

}  // namespace gorgon::report
