#include "report/terminal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): posix_openpt

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "report/display_text.h"
#include "report/look.h"
#include "report/testing/collector.h"
#include "report/testing/screen.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::report {

using results::Verdict;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

constexpr std::string_view kPlainReport = R"(gorgon: 7 files, about 3 min 05 s of tests, job k2x9
host build1: ready, 2 workers
host build2: failed: before_start failed: exit 1
    no database
FAIL     spec/models/user_spec.rb  1 of 2 cases failed, 2.31 s, build1:2
CRASH    spec/crash_spec.rb  killed by signal 11 (SIGSEGV), 0.42 s, build1:2
FAIL     spec/load_spec.rb  NameError: uninitialized constant Invoice, 0.05 s, build1:2
TIMEOUT  spec/hang it_spec.rb  killed after 15 min 00 s, 15 min 00 s, build1:2
progress: 5 of 7 files, 5 cases, 4 failures, 0.00 s

1) FAIL  User is valid
   spec/models/user_spec.rb:12 on build1, worker 2, 0.12 s

   RSpec::Expectations::ExpectationNotMetError:
     expected: true
          got: false

   spec/models/user_spec.rb:14:in `block (2 levels) in <main>'
   lib/user.rb:7:in `valid?'
   (2 frames outside the project left out; -v shows them)

   output:
   | SELECT 1
   | bell␇

2) CRASH  spec/crash_spec.rb
   on build1, worker 2, 0.42 s

   killed by signal 11 (SIGSEGV)
   while running: Parser reads huge input
   1 case had finished before

   last output:
   | reading…
   | [BUG] Segmentation fault at 0x0000000000000000

3) ERROR  spec/load_spec.rb
   while loading the file, on build1, worker 2

   NameError: uninitialized constant Invoice

   spec/load_spec.rb:1:in `<top (required)>'

4) TIMEOUT  spec/hang it_spec.rb
   on build1, worker 2, 15 min 00 s

   killed after 15 min 00 s
   while running: Queue drains

CANCEL  1 unit did not finish: interrupted
   spec/cut_spec.rb

LOST  1 unit could not be run: no listener took it
   spec/nobody_spec.rb

   host  build2 could not take part: before_start failed: exit 1
           no database
  files  7: 1 passed, 2 failed, 1 crashed, 1 timed out, 1 cancelled, 1 lost
  cases  5: 3 passed, 1 failed, 1 pending
   time  41.2 s
  rerun  gorgon start spec/models/user_spec.rb spec/crash_spec.rb spec/load_spec.rb 'spec/hang it_spec.rb' spec/cut_spec.rb spec/nobody_spec.rb

gorgon: incomplete (exit 6): 1 unit could not be run; 4 failures in 4 of 7 files, 1 file lost, 1 file cancelled, 5 cases, 41.2 s
)";

/// A reporter with its clock, its window and its reader in the test's hands.
class TerminalReporterTest : public ::testing::Test {
 protected:
  TerminalReporter& make(Look look = {}, bool is_live = false) {
    TerminalOptions options{.look = std::move(look), .is_live = is_live};
    options.size = [this] { return size_; };
    options.now = [this] { return now_; };
    reporter_ = std::make_unique<TerminalReporter>(reader_.fd(), std::move(options));
    return *reporter_;
  }
  TerminalReporter& make_live() { return make({.unicode = true}, true); }
  void pass(double seconds) {
    now_ += std::chrono::duration_cast<TimePoint::duration>(std::chrono::duration<double>(seconds));
    reporter_->tick();
  }
  /// What a terminal of the present size shows after everything so far.
  std::vector<std::string> shown(Screen& screen) {
    screen.feed(reader_.take());
    EXPECT_EQ(screen.complaints(), "");
    return screen.lines();
  }

  Collector reader_;
  TimePoint now_;
  TerminalSize size_;
  std::unique_ptr<TerminalReporter> reporter_;
};

}  // namespace

TEST_F(TerminalReporterTest, PlainOutputIsTheWholeStoryWithoutControlCodes) {
  SyntheticRun run(make());
  run_everything(run);
  EXPECT_EQ(reader_.take(), kPlainReport);
}

TEST_F(TerminalReporterTest, QuietIsOnlyFailuresAndSummary) {
  SyntheticRun run(make({.verbosity = Verbosity::kQuiet}));
  run_everything(run);
  const std::string text = reader_.take();
  EXPECT_THAT(text, StartsWith("host build2: failed"));
  EXPECT_THAT(text, Not(HasSubstr("progress:")));
  EXPECT_THAT(text, HasSubstr("1) FAIL  User is valid"));
}

TEST_F(TerminalReporterTest, VerboseHasALineAUnitAndEveryFrame) {
  SyntheticRun run(make({.verbosity = Verbosity::kVerbose}));
  run_everything(run);
  const std::string text = reader_.take();
  EXPECT_THAT(text, HasSubstr("PASS     spec/a_spec.rb  2 cases, 1.50 s, build1:2\n"));
  EXPECT_THAT(text, HasSubstr("CANCEL  1 unit did not finish: interrupted\n   spec/cut_spec.rb\n"));
  EXPECT_THAT(text, HasSubstr("gems/rspec-support"));
  EXPECT_THAT(text, Not(HasSubstr("left out")));
  EXPECT_THAT(text, HasSubstr("slowest"));
}

TEST_F(TerminalReporterTest, AGoodRunEndsInFewLines) {
  SyntheticRun run(make());
  (void)run.add_unit("spec/a_spec.rb");
  run.start({.job = "k2x9"});
  run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("x")}));
  run.finish(1.5, 0);
  EXPECT_EQ(reader_.take(),
            "gorgon: 1 file\n\n"
            "  files  1: 1 passed\n"
            "  cases  1: 1 passed\n"
            "   time  1.50 s\n\n"
            "gorgon: passed, 1 file, 1 case, 1.50 s\n");
}

TEST_F(TerminalReporterTest, WhatIsSlowIsToldWithItsCase) {
  TerminalReporter& reporter = make();
  results::UnitSlow slow{.unit = "u1", .file = "spec/a_spec.rb", .host = "b", .worker = "2"};
  slow.seconds = 125;
  reporter.on(slow);
  slow.running_case = "A\tworks";
  slow.case_seconds = 60;
  reporter.on(slow);
  EXPECT_THAT(reader_.take(), AllOf(HasSubstr("SLOW     spec/a_spec.rb  runs for 2 min 05 s, "),
                                    HasSubstr("in \"A works\" for 1 min 00 s, ")));
  TerminalReporter& quiet = make({.verbosity = Verbosity::kQuiet});
  quiet.on(slow);
  EXPECT_EQ(reader_.take(), "");
}

TEST_F(TerminalReporterTest, ARunThatNeverBeganSaysWhy) {
  TerminalReporter& reporter = make();
  SyntheticRun run(reporter);
  reporter.on(results::Waiting{.reason = "for listeners: none answered on mq.example:5672"});
  reporter.on(results::Waiting{.reason = "for listeners: none answered on mq.example:5672"});
  run.finish(60, 2, "cannot push the tree: no space left on device");
  EXPECT_EQ(reader_.take(),
            "waiting for listeners: none answered on mq.example:5672\n\n"
            "   time  1 min 00 s\n\n"
            "gorgon: stopped (exit 2): cannot push the tree: no space left on device; 0 files, "
            "0 cases, 1 min 00 s\n");
}

TEST_F(TerminalReporterTest, ProgressTellsCancelledFilesApart) {
  TerminalReporter& reporter = make();
  SyntheticRun run(reporter);
  for (int i = 0; i < 40; ++i) (void)run.add_unit(fmt::format("spec/{}_spec.rb", i));
  run.start();
  for (std::size_t i = 0; i < 5; ++i) run.finish_unit(i, result_of(Verdict::kPassed, {}));
  for (std::size_t i = 5; i < 38; ++i) run.finish_unit(i, {.verdict = Verdict::kCancelled});
  EXPECT_THAT(reader_.take(), HasSubstr("progress: 5 of 40 files, 0 cases, 0.00 s\n"));
  reporter.show(View::kProgress);
  EXPECT_EQ(reader_.take(), "progress: 5 of 40 files, 0 cases, 33 cancelled, 0.00 s\n");
}

TEST_F(TerminalReporterTest, AnInterruptedRunSaysSoOnceAndNamesNothingTwice) {
  SyntheticRun run(make({.verbosity = Verbosity::kVerbose}));
  (void)run.add_unit("spec/a_spec.rb");
  (void)run.add_unit("spec/b_spec.rb");
  run.start({.job = "k2x9"});
  run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("x")}));
  run.finish_unit(1, {.verdict = Verdict::kCancelled});
  run.finish(2, 130, "interrupted");
  EXPECT_EQ(reader_.take(),
            "gorgon: 2 files\n"
            "PASS     spec/a_spec.rb  1 case, 1.50 s, worker 2\n"
            "\n"
            "CANCEL  1 unit did not finish:\n"
            "   spec/b_spec.rb\n"
            "\n"
            "slowest    1.50 s  spec/a_spec.rb\n"
            "  files  2: 1 passed, 1 cancelled\n"
            "  cases  1: 1 passed\n"
            "   time  2.00 s\n"
            "  rerun  gorgon start spec/b_spec.rb\n"
            "\n"
            "gorgon: interrupted (exit 130): 2 files, 1 file cancelled, 1 case, 2.00 s\n");
}

TEST_F(TerminalReporterTest, ColorsDoNotChangeTheText) {
  SyntheticRun run(make({.color = true}));
  run_everything(run);
  const std::string colored = reader_.take();
  EXPECT_THAT(colored, HasSubstr("\x1b[1;31mFAIL   \x1b[0m"));
  std::string plain;
  for (const std::string& line : safe_lines(colored)) plain += line + "\n";
  EXPECT_EQ(plain, kPlainReport);
}

TEST_F(TerminalReporterTest, TheRerunCommandWorksWhereTheRunWasStarted) {
  SyntheticRun run(make({.rerun = {.options = {"--config", "my app/gorgon.json"},
                                   .selection = {"my app/spec"},
                                   .project = "my app"}}));
  for (int i = 0; i < 13; ++i) (void)run.add_unit(fmt::format("spec/{:02}_spec.rb", i));
  run.start();
  run.finish_unit(0, result_of(Verdict::kPassed, {}));
  run.finish_unit(1, result_of(Verdict::kCancelled, {}));
  for (std::size_t i = 2; i < 13; ++i) run.finish_unit(i, result_of(Verdict::kLost, {}));
  run.finish(1, 6);
  const std::string text = reader_.take();
  EXPECT_THAT(text, HasSubstr("  rerun  gorgon start --config 'my app/gorgon.json' "
                              "'my app/spec/01_spec.rb' 'my app/spec/02_spec.rb' "));
  EXPECT_THAT(text, HasSubstr(" 'my app/spec/12_spec.rb'\n"));
  EXPECT_THAT(text, HasSubstr(": 13 files, 11 files lost, 1 file cancelled, 0 cases"));
}

TEST_F(TerminalReporterTest, TheRerunCommandKeepsTheSelection) {
  SyntheticRun run(make({.rerun = {.options = {"-e", "a b"},
                                   .selection = {"spec"},
                                   .framework_arguments = {"--order", "defined"}}}));
  (void)run.add_unit("spec/a_spec.rb");
  (void)run.add_unit("spec/b_spec.rb");
  run.unit(0).filter.places = {":12", "[1:2]", ":40", "[1:3]"};
  run.start();
  run.finish_unit(0, result_of(Verdict::kFailed, {failed_case("x")}));
  run.finish_unit(1, result_of(Verdict::kPassed, {}));
  run.finish(1, 1);
  EXPECT_THAT(reader_.take(), HasSubstr("  rerun  gorgon start -e 'a b' spec/a_spec.rb:12:40 "
                                        "'spec/a_spec.rb[1:2,1:3]' -- --order defined\n"));
}

TEST_F(TerminalReporterTest, RunningEverythingAgainNeedsNoListOfFiles) {
  SyntheticRun run(make({.rerun = {.selection = {"a[1]*"}}}));
  for (int i = 0; i < 11; ++i) (void)run.add_unit(fmt::format("spec/{:02}_spec.rb", i));
  run.start();
  for (std::size_t i = 0; i < 11; ++i) run.finish_unit(i, result_of(Verdict::kCancelled, {}));
  run.finish(1, 130);
  EXPECT_THAT(reader_.take(), HasSubstr("  rerun  gorgon start 'a[1]*'\n"));
}

TEST_F(TerminalReporterTest, ErrorsOutsideTheTestFilesAreToldAtTheEnd) {
  TerminalReporter& reporter = make();
  SyntheticRun run(reporter);
  (void)run.add_unit("spec/a_spec.rb");
  run.start();
  run.finish_unit(0, result_of(Verdict::kPassed, {}));
  run.host("build1", 0, results::HostChanged::State::kFailed, "after_creating_workers: no\nspace");
  reporter.on(results::Notice{results::Notice::Level::kError, "worker 1: after_complete: boom"});
  (void)reader_.take();
  run.finish(1, 1, "1 error outside the test files");
  const std::string text = reader_.take();
  EXPECT_THAT(text, HasSubstr("   host  build1 took no further part: after_creating_workers: no\n"
                              "           space\n"));
  EXPECT_THAT(text, HasSubstr("  error  worker 1: after_complete: boom\n"));
}

TEST_F(TerminalReporterTest, WhatEndedTheRunIsToldOnce) {
  TerminalReporter& reporter = make();
  SyntheticRun run(reporter);
  run.start();
  std::string message = "before_creating_workers: preload failed: no database";
  for (int i = 0; i < 100; ++i) message += fmt::format("\n    boot.rb:{}", i);
  for (const char* host : {"build1", "build2"})
    run.host(host, 0, results::HostChanged::State::kFailed, message);
  reporter.on(results::Notice{results::Notice::Level::kError, "after_sync: exit 3"});
  std::string text = reader_.take();
  EXPECT_THAT(text, HasSubstr("host build1: failed: before_creating_workers: preload failed: no "
                              "database\n        boot.rb:0\n"));
  EXPECT_THAT(text, HasSubstr("        boot.rb:99\nhost build2: failed: "));
  run.finish(1, 8,
             "no worker could be started: build1: " + message + "\nbuild2: " + message +
                 "\nafter_sync: exit 3");
  EXPECT_EQ(reader_.take(),
            "\n   time  1.00 s\n\n"
            "gorgon: stopped (exit 8): no worker could be started, see above; 0 files, 0 cases, "
            "1.00 s\n");
}

TEST_F(TerminalReporterTest, OfTheReasonWhatWasNotToldIsToldAtTheEnd) {
  SyntheticRun run(make());
  run.start();
  run.host("build1", 0, results::HostChanged::State::kFailed, "after_sync: exit 3\nno disk");
  (void)reader_.take();
  run.finish(1, 6,
             "waited 10 s for listeners: all that answered are out of the job\n"
             "build1: after_sync: exit 3\nno disk\nbuild2: lost: it stopped answering");
  EXPECT_THAT(reader_.take(),
              HasSubstr(" reason  waited 10 s for listeners: all that answered are out of the job\n"
                        "         build2: lost: it stopped answering\n\n"
                        "gorgon: incomplete (exit 6): waited 10 s for listeners: all that answered "
                        "are out of the job; "));
}

TEST_F(TerminalReporterTest, AHookOfRSpecSaysWhatWasRaised) {
  SyntheticRun run(make());
  (void)run.add_unit("spec/a_spec.rb");
  run.start();
  auto result = result_of(Verdict::kFailed, {});
  result.errors = {{.stage = "outside",
                    .exception_class = "RuntimeError",
                    .message = "An error occurred in an `after(:context)` hook.\nno disk"}};
  run.finish_unit(0, result);
  EXPECT_THAT(reader_.take(),
              HasSubstr("RuntimeError: An error occurred in an `after(:context)` hook: no disk,"));
}

TEST_F(TerminalReporterTest, ATestThatExitsIsToldOnce) {
  SyntheticRun run(make());
  (void)run.add_unit("spec/a_spec.rb");
  run.start();
  auto result = result_of(Verdict::kFailed, {failed_case("x")});
  result.cases[0].failure = {.stage = "exit", .message = "exit(0) was called"};
  result.errors = {{.stage = "exit", .message = "exit(0) was called while spec/a_spec.rb ran"}};
  run.finish_unit(0, result);
  (void)reader_.take();
  run.finish(1, 1);
  const std::string text = reader_.take();
  EXPECT_THAT(text, HasSubstr("1 failure in 1 of 1 file"));
  EXPECT_THAT(text, Not(HasSubstr("2) ")));
}

TEST_F(TerminalReporterTest, AFailureThatSaysNothingHasTheOutputOfItsFile) {
  SyntheticRun run(make());
  (void)run.add_unit("test/a.test.mjs");
  run.start();
  auto result = result_of(Verdict::kFailed, {failed_case("a.test.mjs")});
  result.cases[0].failure = {.message = "test failed"};
  result.output = "# Error: Cannot find package 'nosuch'\n";
  run.finish_unit(0, result);
  (void)reader_.take();
  run.finish(1, 1);
  EXPECT_THAT(reader_.take(), HasSubstr("   test failed\n\n   output:\n"
                                        "   | # Error: Cannot find package 'nosuch'\n"));
}

TEST_F(TerminalReporterTest, LongListsAndOutputsAreCutAndSayso) {
  SyntheticRun run(make());
  for (int i = 0; i < 12; ++i) (void)run.add_unit(fmt::format("spec/{:02}_spec.rb", i));
  run.start();
  for (std::size_t i = 0; i < 12; ++i) {
    auto result = result_of(Verdict::kFailed, {failed_case("x")});
    for (int line = 1; line <= 50; ++line) result.cases[0].output += fmt::format("line {}\n", line);
    run.finish_unit(i, result);
  }
  run.finish(1, 1);
  const std::string text = reader_.take();
  EXPECT_THAT(text, HasSubstr("output: (its end; 10 lines before it left out, -v shows them)\n"
                              "   | line 11\n"));
}

TEST_F(TerminalReporterTest, TheLiveDisplayShowsWhatGoesOn) {
  TerminalReporter& reporter = make_live();
  SyntheticRun run(reporter);
  Screen screen(size_.columns, size_.rows);
  for (int i = 0; i < 4; ++i) (void)run.add_unit(fmt::format("spec/{}_spec.rb", i));
  run.start({.job = "k2x9", .expected_seconds = 40, .is_local = false});
  reporter.on(results::Waiting{.reason = "for listeners: none answered"});
  pass(3);
  EXPECT_THAT(shown(screen), ElementsAre("gorgon: 4 files, about 40.0 s of tests, job k2x9", "",
                                         "──────────────────────────────  0/4 files  0:03",
                                         "waiting for listeners: none answered"));
  run.host("build1", 2);
  run.host("build2", 0, results::HostChanged::State::kPreparing);
  run.start_unit(0, "build1", "1");
  run.start_unit(1, "build1", "2");
  run.finish_unit(0, result_of(Verdict::kFailed, {failed_case("User is valid")}, 10));
  pass(10);
  EXPECT_THAT(
      shown(screen),
      ElementsAre("gorgon: 4 files, about 40.0 s of tests, job k2x9",
                  "FAIL     spec/0_spec.rb  1 of 1 case failed, 10.0 s, build1:2",
                  "         User is valid  expected: true", "",
                  "━━━━━━─────────────────────  1/4 files  1 case  1 failed  0:13  about 0:10 left",
                  "1/2 workers busy on 1 host, 1 host preparing",
                  "  10.0s  build1:2  spec/1_spec.rb"));
  EXPECT_EQ(screen.cursor_row(), 3U);
  EXPECT_EQ(screen.cursor_column(), 0U);
}

TEST_F(TerminalReporterTest, TheLiveDisplayGoesAwayBeforeTheReport) {
  SyntheticRun run(make_live());
  Screen screen(size_.columns, size_.rows);
  run_everything(run);
  std::vector<std::string> lines = shown(screen);
  const auto line = [&](std::size_t from_end) { return lines.at(lines.size() - from_end); };
  EXPECT_EQ(line(1), ", 1 file lost, 1 file cancelled, 5 cases, 41.2 s");
  EXPECT_EQ(line(2),
            "gorgon: incomplete (exit 6): 1 unit could not be run; 4 failures in 4 of 7 files");
  for (const std::string& shown_line : lines) EXPECT_THAT(shown_line, Not(HasSubstr("busy")));
  reporter_->tick();
  EXPECT_EQ(reader_.take(), "");
}

TEST_F(TerminalReporterTest, AResizedWindowShowsOneDisplayOnly) {
  SyntheticRun run(make_live());
  Screen screen(size_.columns, size_.rows);
  for (int i = 0; i < 4; ++i) (void)run.add_unit(fmt::format("spec/models/{}_spec.rb", i));
  run.start();
  run.host("build1", 2);
  run.start_unit(0, "build1", "1");
  pass(3);
  (void)shown(screen);
  size_.columns = 20;
  screen.resize(size_.columns);
  pass(0.1);
  EXPECT_THAT(shown(screen), ElementsAre("gorgon: 4 files, job", "", "────────  0/4  0:03",
                                         "1/2 workers busy", "   3.1s  …0_spec.rb"));
}

TEST_F(TerminalReporterTest, KeysAreAnsweredAboveTheDisplay) {
  TerminalReporter& reporter = make_live();
  SyntheticRun run(reporter);
  Screen screen(size_.columns, size_.rows);
  (void)run.add_unit("spec/a_spec.rb");
  (void)run.add_unit("spec/b_spec.rb");
  run.start();
  run.host("build1", 2);
  run.start_unit(1, "build1", "1");
  reporter.show(View::kFailures);
  reporter.show(View::kWorkers);
  reporter.show(View::kProgress);
  reporter.watch(results::OutputLines{.host = "build1", .worker = "1", .text = "hello\n"});
  reporter.watch(results::RunningTests{});
  EXPECT_THAT(
      shown(screen),
      ElementsAre("gorgon: 2 files, job k2x9", "no failures so far",
                  "build1  ready, 2 workers, 1 idle", "   1    0.0s  spec/b_spec.rb",
                  "progress: 0 of 2 files, 0 cases, 0.00 s", "build1:1 hello",
                  "no test runs at this moment", "",
                  "──────────────────────────────  0/2 files  0:00", "1/2 workers busy on 1 host"));
  run.finish_unit(0, result_of(Verdict::kFailed, {failed_case("User is valid")}));
  (void)shown(screen);
  reporter.show(View::kFailures);
  const auto lines = shown(screen);
  EXPECT_THAT(lines, ::testing::Contains("1) FAIL  User is valid"));
  EXPECT_EQ(lines.back(), "1/2 workers busy on 1 host");
  run.finish_unit(1, {.verdict = Verdict::kCancelled});
  reporter.show(View::kProgress);
  EXPECT_THAT(shown(screen),
              ::testing::Contains("progress: 1 of 2 files, 1 case, 1 failure, 1 cancelled, 0.00 s"))
      << "nothing is known of what was cancelled";
}

TEST_F(TerminalReporterTest, TheDisplayGoesAwayWhenTheTerminalDoesAndComesBack) {
  TerminalReporter& reporter = make_live();
  SyntheticRun run(reporter);
  Screen screen(size_.columns, size_.rows);
  run.start();
  reporter.hide();
  EXPECT_THAT(shown(screen), ElementsAre("gorgon: 0 files, job k2x9"));
  screen.feed("[1]+  Stopped\r\n$ fg\r\n");
  reporter.tick();
  EXPECT_THAT(shown(screen), ElementsAre("gorgon: 0 files, job k2x9", "[1]+  Stopped", "$ fg", "",
                                         "0/0 files  0:00", "starting"));
}

TEST_F(TerminalReporterTest, OutputThatNobodyReadsIsLeftOutAndThatIsSaid) {
  TerminalReporter& reporter = make();
  const results::OutputLines chunk{
      .host = "b", .worker = "1", .text = std::string(60'000, 'x') + "\n"};
  for (int i = 0; i < 100; ++i) reporter.watch(chunk);
  std::string text;
  for (std::string more; !(more = reader_.take()).empty(); reporter.tick()) text += more;
  EXPECT_LT(text.size(), 2'000'000U);
  reporter.watch(chunk);
  EXPECT_THAT(reader_.take(), HasSubstr("of output left out: the reader did not keep up]\n"));
}

TEST_F(TerminalReporterTest, WaitingTellsAllItsLines) {
  const results::Waiting waiting{.reason =
                                     "for listeners: none answered on mq.example:5672\n"
                                     "is gorgon listen running there?"};
  make().on(waiting);
  EXPECT_EQ(reader_.take(),
            "waiting for listeners: none answered on mq.example:5672\n"
            "    is gorgon listen running there?\n");
  Screen screen(size_.columns = 40, size_.rows);
  make_live().on(waiting);
  EXPECT_THAT(shown(screen),
              ElementsAre("", "0/0 files  0:00", "waiting for listeners: none answered on",
                          "mq.example:5672", "is gorgon listen running there?"));
}

TEST_F(TerminalReporterTest, AReasonOfManyLinesStandsAboveTheFinalLine) {
  SyntheticRun run(make());
  (void)run.add_unit("spec/a_spec.rb");
  run.start();
  run.finish_unit(0, result_of(Verdict::kPassed, {passed_case("x")}));
  run.finish(1, 8, "after_sync failed on every machine\nno such table: users\n\n");
  EXPECT_THAT(reader_.take(), HasSubstr("   time  1.00 s\n"
                                        " reason  after_sync failed on every machine\n"
                                        "         no such table: users\n\n"
                                        "gorgon: stopped (exit 8): after_sync failed on every "
                                        "machine; 1 file, 1 case, 1.00 s\n"));
}

TEST(TerminalOptionsTest, AreChosenFromTheDescriptorAndTheEnvironment) {
  std::map<std::string, std::string> variables;
  const Environment environment = [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY));
  ASSERT_TRUE(terminal);
  const auto options = [&](int fd, Color color = Color::kAuto,
                           Verbosity verbosity = Verbosity::kNormal) {
    return terminal_options(fd, color, verbosity, environment);
  };
  EXPECT_FALSE(options(terminal.get()).is_live) << "TERM is not set";
  variables["TERM"] = "xterm";
  EXPECT_TRUE(options(terminal.get()).is_live);
  EXPECT_TRUE(options(terminal.get()).look.color);
  EXPECT_FALSE(options(terminal.get()).look.unicode);
  EXPECT_FALSE(options(terminal.get(), Color::kAuto, Verbosity::kQuiet).is_live);
  EXPECT_FALSE(options(terminal.get(), Color::kNever).look.color);
  variables["LANG"] = "de_DE.UTF-8";
  EXPECT_TRUE(options(terminal.get()).look.unicode);
  variables["NO_COLOR"] = "1";
  EXPECT_FALSE(options(terminal.get()).look.color);
  EXPECT_TRUE(options(terminal.get(), Color::kAlways).look.color);
  variables["CI"] = "true";
  EXPECT_FALSE(options(terminal.get()).is_live) << "a log, even if it goes through a terminal";
  variables["CI"] = "false";
  EXPECT_TRUE(options(terminal.get()).is_live);
  variables["TERM"] = "dumb";
  EXPECT_FALSE(options(terminal.get()).is_live);
  variables = {{"TERM", "xterm"}};
  const Collector pipe;
  EXPECT_FALSE(options(pipe.fd()).is_live);
  EXPECT_FALSE(options(pipe.fd()).look.color);
  variables["CLICOLOR_FORCE"] = "1";
  EXPECT_TRUE(options(pipe.fd()).look.color);
}

}  // namespace gorgon::report
