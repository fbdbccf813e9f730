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

namespace gorgon::report {

using results::Verdict;
using ::testing::ElementsAre;
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
          "  2:20  spec/モデル/very/long/folder/number_0_spec.rb  build-0.example.org/1",
          "  2:19  spec/モデル/very/long/folder/number_1_spec.rb  build-0.example.org/2",
          "  2:18  spec/モデル/very/long/folder/number_2_spec.rb  build-0.example.org/3"));
  EXPECT_THAT(model.frame({.columns = 20, .rows = 10}, {}),
              ElementsAre("", "3/604  3 failed", "200/200 workers ...", "  2:20  ..._spec.rb",
                          "  2:19  ..._spec.rb"));
}

TEST(LiveFrameTest, EveryFrameFitsItsWindow) {
  for (const std::size_t workers : {0U, 1U, 21U, 200U}) {
    Model model;
    SyntheticRun run(model);
    fill(model, run, workers);
    for (const bool waits : {false, true}) {
      if (waits) {
        model.on(
            results::Waiting{.reason = "for listeners: 日本 " + std::string(300, 'x') + "\ny"});
      }
      for (const std::size_t columns :
           {3U, 4U, 8U, 19U, 20U, 21U, 29U, 30U, 31U, 32U, 47U, 80U, 133U}) {
        for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 10U, 24U, 60U}) {
          for (const bool unicode : {false, true}) {
            const auto lines =
                model.frame({.columns = columns, .rows = rows}, {.unicode = unicode});
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
