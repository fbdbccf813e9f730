#include "command_host/googletest_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "command_host/googletest_filter.h"

namespace gorgon::command_host {
namespace {

using State = GoogleTestCase::State;
using testing::ElementsAre;
using testing::HasSubstr;

Result<GoogleTestReport> read_json(const std::string& cases) {
  return read_googletest_report(R"({"testsuites": [{"name": "A", "testsuite": [)" + cases + "]}]}",
                                {.file = "build/a_test", .workspace = "/w"});
}

TEST(GoogleTestReportTest, CasesHaveTheirStatePlaceAndFailures) {
  const auto report = read_json(R"(
    {"name": "Lists", "file": "/w/a_test.cc", "line": 3},
    {"name": "Passes", "status": "RUN", "result": "COMPLETED", "time": "0.014s"},
    {"name": "Fails", "status": "RUN", "result": "COMPLETED",
     "failures": [{"failure": "/w/a_test.cc:4\nno", "type": ""}]},
    {"name": "Skips", "status": "RUN", "result": "SKIPPED"},
    {"name": "DISABLED_Off", "status": "NOTRUN", "result": "SUPPRESSED"},
    {"name": "", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "set-up"}]})");
  ASSERT_TRUE(report) << report.error().message;
  std::vector<State> states;
  for (const GoogleTestCase& one : report->cases) states.push_back(one.state);
  EXPECT_THAT(states, ElementsAre(State::kListed, State::kPassed, State::kFailed, State::kSkipped,
                                  State::kDisabled));
  EXPECT_EQ(report->cases[0].full_name(), "A.Lists");
  EXPECT_EQ(report->cases[0].location, "a_test.cc:3");
  EXPECT_EQ(report->cases[1].seconds, 0.014);
  EXPECT_THAT(report->cases[2].failures, ElementsAre("a_test.cc:4\nno"));
  ASSERT_EQ(report->failures.size(), 1U);
  EXPECT_EQ(report->failures[0].message, "set-up");
}

TEST(GoogleTestReportTest, AnythingElseIsRefused) {
  const ReadUnit unit{.file = "build/a_test", .workspace = "/w"};
  EXPECT_FALSE(read_googletest_report("", unit));
  EXPECT_THAT(read_googletest_report("[]", unit).error().message, HasSubstr("not GoogleTest's"));
  EXPECT_FALSE(read_googletest_report(R"({"testsuites": 3})", unit));
  EXPECT_FALSE(read_json(R"({"status": "RUN"})")) << "a case without a name";
}

TEST(GoogleTestFilterTest, WhatAFilterCannotSayIsAnyCharacter) {
  EXPECT_EQ(googletest_filter({"A.One", "Some/P.Two/0"}), "A.One:Some/P.Two/0");
  EXPECT_EQ(googletest_filter({"A.b-c:d*"}), "A.b?c?d?");
}

}  // namespace
}  // namespace gorgon::command_host
