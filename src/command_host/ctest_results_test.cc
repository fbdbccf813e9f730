#include "command_host/ctest_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::command_host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kLog = R"(Test project /w/build
    Start 7: a.b
1/2 Test #7: a.b ......................***Exception: SegFault  0.01 sec
2/2 Test #8: a.bc .....................***Failed  Required regular expression not found. Regex=[x]  0.02 sec
)";

std::string testcase(const std::string& name, const std::string& status, const std::string& inner) {
  return "<testcase name=\"" + name + "\" classname=\"" + name + "\" time=\"0.5\" status=\"" +
         status + "\">" + inner + "</testcase>";
}

std::vector<std::string> told(const std::string& cases, const std::string& test = "a.b") {
  const auto read =
      read_ctest("<testsuite>" + cases + "</testsuite>", kLog, {.file = test, .workspace = "/w"});
  if (!read) return {read.error().message};
  std::vector<std::string> lines;
  for (const results::TestCase& one : read->cases) {
    lines.push_back(std::string(results::name_of(one.status)) + " " + one.id + ": " +
                    (one.failure ? one.failure->message : one.pending_message));
  }
  for (const results::Failure& error : read->errors) lines.push_back("error: " + error.message);
  return lines;
}

TEST(CTestResultsTest, ATestHasTheVerdictOfCTest) {
  EXPECT_THAT(told(testcase("a.b", "run", "")), ElementsAre("passed a.b: "));
  EXPECT_THAT(told(testcase("a.b", "fail", "<failure message=\"\"/>")),
              ElementsAre("failed a.b: Exception: SegFault"));
  EXPECT_THAT(told(testcase("a.b", "notrun", "<skipped message=\"SKIP_RETURN_CODE=77\"/>")),
              ElementsAre("skipped a.b: SKIP_RETURN_CODE=77"));
  EXPECT_THAT(told(testcase("a.b", "notrun", "<skipped message=\"Unable to find executable\"/>")),
              ElementsAre("failed a.b: Unable to find executable"));
  EXPECT_THAT(told(testcase("a.b", "disabled", "")), ElementsAre("skipped a.b: disabled"));
  EXPECT_THAT(told(testcase("a.b", "run", "") + testcase("a.b", "run", "")),
              ElementsAre("passed a.b: ", "passed a.b~2: "));
}

TEST(CTestResultsTest, AFixtureThatFailsIsAnErrorAndNoCase) {
  EXPECT_THAT(
      told(testcase("setup", "fail", "<failure message=\"\"/><system-out>no server</system-out>") +
           testcase("a.b", "notrun", "<skipped message=\"Fixture dependency failed\"/>")),
      ElementsAre("failed a.b: Fixture dependency failed",
                  "error: the fixture setup: \nno server"));
  EXPECT_THAT(told(testcase("setup", "run", "")), IsEmpty());
}

TEST(CTestResultsTest, ReasonsAreThoseOfTheTestsOwnLine) {
  EXPECT_EQ(ctest_reason(kLog, "a.bc"), "Failed  Required regular expression not found. Regex=[x]");
  EXPECT_EQ(ctest_reason(kLog, "a"), "");
}

TEST(CTestResultsTest, APatternIsForOneName) {
  EXPECT_EQ(ctest_pattern("a.b (1+1) [x]|$"), "^a\\.b \\(1\\+1\\) \\[x\\]\\|\\$$");
}

}  // namespace
}  // namespace gorgon::command_host
