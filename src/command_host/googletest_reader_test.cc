#include "command_host/googletest_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command_host/conversation.h"
#include "command_host/googletest_report.h"
#include "results/verdict.h"

namespace gorgon::command_host {
namespace {

using State = GoogleTestCase::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

GoogleTestCase named(const std::string& name, State state = State::kListed) {
  return {.suite = "A", .name = name, .location = "a_test.cc:3", .state = state};
}

/// A program that tells what the test says.
class GoogleTestReaderTest : public testing::Test {
 protected:
  void print(std::string_view text) {
    reader_.add_output(text, static_cast<std::int64_t>(printed_.size()));
    printed_ += text;
  }
  void tell(std::string_view event) { reader_.add_event(event); }
  void start(const std::string& name) {
    print("[ RUN      ] A." + name + "\n");
    tell("event=TestStart&name=" + name);
  }
  void end(const std::string& name, std::string_view label, bool passed) {
    tell(passed ? "event=TestEnd&passed=1&elapsed_time=2ms" : "event=TestEnd&passed=0");
    print(std::string(label) + "A." + name + " (2 ms)\n");
  }
  void end_program(bool passed) {
    for (const std::string event : {"TestCaseEnd", "TestIterationEnd", "TestProgramEnd"})
      tell("event=" + event + "&passed=" + (passed ? "1" : "0"));
  }
  void fail_part(const std::string& message) {
    print("/w/a_test.cc:4: Failure\n" + message + "\n");
    tell("event=TestPartResult&file=/w/a_test.cc&line=4&message=" + message);
  }
  /// "passed A.One" of each case, in order.
  [[nodiscard]] std::vector<std::string> told() const {
    std::vector<std::string> lines;
    for (const results::TestCase& one : cases_)
      lines.push_back(std::string(results::name_of(one.status)) + " " + one.id);
    return lines;
  }
  std::vector<std::string> finish(int exit_code, std::vector<GoogleTestCase> report) {
    const GoogleTestReport whole{.cases = std::move(report), .failures = {}};
    return messages(reader_.finish(exit_code, &whole));
  }
  static std::vector<std::string> messages(const std::vector<results::Failure>& failures) {
    std::vector<std::string> texts;
    for (const results::Failure& failure : failures) texts.push_back(failure.message);
    return texts;
  }

  std::string printed_;
  std::vector<std::string> started_;
  std::vector<results::TestCase> cases_;
  std::vector<std::string> outputs_;  ///< Of each case.
  GoogleTestReader reader_{
      {.file = "build/a_test", .workspace = "/w"},
      {named("One"), named("Two")},
      {.on_start = [this](const auto& one) { started_.push_back(one.id); },
       .on_case =
           [this](const results::TestCase& one, std::optional<OutputRange> output) {
             cases_.push_back(one);
             outputs_.push_back(
                 output ? printed_.substr(static_cast<std::size_t>(output->from),
                                          static_cast<std::size_t>(output->to - output->from))
                        : "");
           }}};
};

TEST_F(GoogleTestReaderTest, CasesAreToldAsTheyHappen) {
  tell("event=TestCaseStart&name=A");
  start("One");
  EXPECT_THAT(started_, ElementsAre("A.One"));
  print("hello");
  end("One", "[       OK ] ", true);
  EXPECT_THAT(told(), ElementsAre("passed A.One")) << "before the next one starts";
  start("Two");
  fail_part("no");
  tell("event=TestPartResult&file=/w/a_test.cc&line=5&message=Succeeded");
  end("Two", "[  FAILED  ] ", false);
  end_program(false);
  EXPECT_THAT(finish(1, {named("One", State::kPassed), named("Two", State::kFailed)}), IsEmpty());
  EXPECT_THAT(told(), ElementsAre("passed A.One", "failed A.Two"));
  EXPECT_THAT(outputs_, ElementsAre("hello", "")) << "a failure is told once";
  EXPECT_EQ(cases_[0].seconds, 0.002);
  EXPECT_EQ(cases_[0].location, "a_test.cc:3");
  EXPECT_EQ(cases_[1].failure->message, "no");
  EXPECT_THAT(cases_[1].failure->backtrace, ElementsAre("a_test.cc:4"));
}

TEST_F(GoogleTestReaderTest, WhatATestPrintsDoesNotDecide) {
  tell("event=TestCaseStart&name=A");
  start("One");
  fail_part("no");
  print("[       OK ] A.One (0 ms)\n[  SKIPPED ] A.One (0 ms)\n[ RUN      ] A.Two\n");
  end("One", "[  FAILED  ] ", false);
  start("Two");
  print("[  FAILED  ] A.Two (0 ms)\n");
  end("Two", "[       OK ] ", true);
  end_program(false);
  EXPECT_THAT(finish(1, {named("One", State::kFailed), named("Two", State::kPassed)}), IsEmpty());
  EXPECT_THAT(told(), ElementsAre("failed A.One", "passed A.Two"));
}

TEST_F(GoogleTestReaderTest, TheReportSaysWhatAPrinterOfTheProjectDoesNot) {
  tell("event=TestCaseStart&name=A");
  for (const char* name : {"One", "Two"}) {
    tell(std::string("event=TestStart&name=") + name);
    print(std::string("[  FAILED  ] A.") + name + " (0 ms)\n");  // The test itself.
    tell("event=TestPartResult&file=&line=-1&message=because");
    tell("event=TestEnd&passed=0&elapsed_time=0ms");
  }
  end_program(false);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(finish(1, {named("One", State::kFailed), named("Two", State::kSkipped)}), IsEmpty());
  EXPECT_THAT(told(), ElementsAre("failed A.One", "skipped A.Two"));
  EXPECT_EQ(cases_[0].failure->message, "because");
  EXPECT_EQ(cases_[1].pending_message, "because");
}

TEST_F(GoogleTestReaderTest, AReportThatSaysAnotherThingIsAnError) {
  tell("event=TestCaseStart&name=A");
  start("One");
  end("One", "[       OK ] ", true);
  end_program(true);
  EXPECT_THAT(finish(0, {named("One", State::kFailed)}),
              ElementsAre(HasSubstr("A.One has failed")));
}

TEST_F(GoogleTestReaderTest, AnExitInTheMiddleIsNoPass) {
  tell("event=TestCaseStart&name=A");
  start("One");
  print("good bye");
  EXPECT_THAT(messages(reader_.finish(0, nullptr)),
              ElementsAre("the process ended with exit code 0 before its tests had; did not run: "
                          "A.Two"));
  EXPECT_THAT(told(), ElementsAre("failed A.One"));
  EXPECT_EQ(cases_[0].failure->stage, "exit");
  EXPECT_THAT(outputs_, ElementsAre("good bye"));
}

TEST_F(GoogleTestReaderTest, AReportOfAnEarlierRoundDoesNotStandForTheLast) {
  tell("event=TestCaseStart&name=A");
  start("One");
  end("One", "[       OK ] ", true);
  tell("event=TestIterationEnd&passed=1");
  tell("event=TestCaseStart&name=A");
  start("One");
  EXPECT_THAT(finish(0, {named("One", State::kPassed)}), ElementsAre(HasSubstr("exit code 0")));
  EXPECT_THAT(told(), ElementsAre("passed A.One", "failed A.One~2"));
}

TEST_F(GoogleTestReaderTest, FailuresOutsideOfCasesAreErrorsUnlessTheirSuitePasses) {
  tell("event=TestCaseStart&name=A");
  tell("event=TestPartResult&file=/w/a_test.cc&line=5&message=Succeeded");
  fail_part("no server");
  tell("event=TestCaseEnd&passed=0");
  tell("event=TestCaseStart&name=B");
  tell("event=TestPartResult&file=/w/a_test.cc&line=6&message=not needed here");
  tell("event=TestCaseEnd&passed=1");
  fail_part("no environment");
  tell("event=TestIterationEnd&passed=0");
  tell("event=TestProgramEnd&passed=0");
  EXPECT_THAT(finish(1, {}), ElementsAre("A: no server", "no environment"));
}

TEST_F(GoogleTestReaderTest, AFailedEnvironmentIsAnErrorThoughTheSuitesBehindItPass) {
  fail_part("no environment");
  tell("event=TestCaseStart&name=A");
  tell("event=TestCaseEnd&passed=1");
  tell("event=TestIterationEnd&passed=0");
  tell("event=TestProgramEnd&passed=0");
  EXPECT_THAT(messages(reader_.finish(1, nullptr)), ElementsAre("no environment"))
      << "its report is broken then";
}

TEST_F(GoogleTestReaderTest, TheSummaryAtTheEndIsNoCase) {
  tell("event=TestCaseStart&name=A");
  print("[ RUN      ] A.One\n[  FAILED  ] A.One, where TypeParam = int (0 ms)\n");
  print("[ RUN      ] A.Two\n[  SKIPPED ] A.Two (0 ms)\n");
  print("[  SKIPPED ] A.Two\n[  FAILED  ] A.One, where TypeParam = int\n");
  for (const char* name : {"One", "Two"}) {  // All of it came at once.
    tell(std::string("event=TestStart&name=") + name);
    tell("event=TestEnd&passed=0");
  }
  end_program(false);
  EXPECT_THAT(told(), ElementsAre("failed A.One", "skipped A.Two"));
}

TEST_F(GoogleTestReaderTest, WithoutEventsTheReportIsAll) {
  EXPECT_THAT(finish(1, {named("One", State::kPassed), named("Two", State::kFailed),
                         named("DISABLED_Three", State::kDisabled)}),
              IsEmpty());
  EXPECT_THAT(told(), ElementsAre("passed A.One", "failed A.Two", "skipped A.DISABLED_Three"));
}

TEST_F(GoogleTestReaderTest, WhatGoogleTestHasNotRunIsSkipped) {
  tell("event=TestIterationEnd&passed=1");
  tell("event=TestProgramEnd&passed=1");
  EXPECT_THAT(finish(0, {named("One", State::kPassed)}), IsEmpty());
  EXPECT_THAT(told(), ElementsAre("skipped A.One"));
}

}  // namespace
}  // namespace gorgon::command_host
