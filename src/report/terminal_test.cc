#include "report/terminal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "report/testing/synthetic_run.h"

namespace gorgon::report {

// Not a test: a run to look at.
//   gorgon_report_test --gtest_also_run_disabled_tests --gtest_filter='*WatchIt'
TEST(TerminalReporterDemo, DISABLED_WatchIt) {
  using results::Verdict;
  const bool is_bad_day = std::getenv("DEMO_EVERYTHING") != nullptr;
  const Verbosity verbosity =
      std::getenv("DEMO_VERBOSE") != nullptr ? Verbosity::kVerbose : Verbosity::kNormal;
  TerminalReporter reporter(STDOUT_FILENO,
                            terminal_options(STDOUT_FILENO, Color::kAuto, verbosity,
                                             [](const char* name) { return std::getenv(name); }));
  testing::SyntheticRun run(reporter);
  if (is_bad_day) {
    testing::run_everything(run);
    return;
  }
  constexpr std::size_t kUnits = 60;
  constexpr std::size_t kWorkers = 6;
  for (std::size_t i = 0; i < kUnits; ++i)
    (void)run.add_unit(fmt::format("spec/models/file_{:02}_spec.rb", i));
  run.start({.job = "k2x9", .expected_seconds = 100, .is_local = false});
  reporter.on(results::Waiting{.reason = "for listeners: none answered on mq.example:5672"});
  const auto pass_time = [&](int ticks) {
    for (int i = 0; i < ticks; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      reporter.tick();
    }
  };
  pass_time(15);
  run.host("build1", 3);
  run.host("build2", 3);
  for (std::size_t i = 0; i < kUnits + kWorkers; ++i) {
    if (i >= kWorkers) {
      const std::size_t done = i - kWorkers;
      const bool fails = done % 17 == 5;
      auto result = testing::result_of(fails ? Verdict::kFailed : Verdict::kPassed,
                                       {testing::passed_case("a"), testing::passed_case("b")});
      if (fails) result.cases.push_back(testing::failed_case("User is valid"));
      run.finish_unit(done, result);
    }
    if (i < kUnits) {
      run.start_unit(i, i % 2 == 0 ? "build1" : "build2", std::to_string(i % kWorkers / 2 + 1));
    }
    pass_time(2);
  }
  run.finish(12.5, 1);
}

}  // namespace gorgon::report
