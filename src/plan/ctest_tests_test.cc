#include "plan/ctest_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gorgon::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<CTestTest> some_tests() {
  return {{.name = "cart.adds", .labels = {"quick"}},
          {.name = "cart.slow", .labels = {"slow", "net"}},
          {.name = "user/[1]", .labels = {}},
          {.name = "cart.adds", .labels = {}}};
}

std::vector<std::string> selected(Selection selection) {
  selection.config_name = "team.json";
  const auto files = select_of_ctest(some_tests(), selection);
  if (!files) return {files.error().message};
  std::vector<std::string> names;
  for (const TestFile& file : *files) names.push_back(file.path);
  return names;
}

TEST(CTestTestsTest, TheListHasNamesAndLabels) {
  const auto tests = parse_ctest_list(R"({"kind": "ctestInfo", "tests": [
      {"name": "a", "command": ["x"], "properties": [{"name": "TIMEOUT", "value": 3.0},
                                                     {"name": "LABELS", "value": ["slow", "db"]}]},
      {"name": "b"}]})");
  ASSERT_TRUE(tests) << tests.error().message;
  EXPECT_THAT(*tests, ElementsAre(CTestTest{.name = "a", .labels = {"slow", "db"}},
                                  CTestTest{.name = "b", .labels = {}}));
  for (const char* text :
       {"", "[]", R"({"tests": 3})", R"({"tests": [{}]})", R"({"tests": [{"name": ""}]})"})
    EXPECT_FALSE(parse_ctest_list(text)) << text;
}

TEST(CTestTestsTest, NamesPatternsLabelsAndPartsSelect) {
  EXPECT_THAT(selected({}), ElementsAre("cart.adds", "cart.slow", "user/[1]"));
  EXPECT_THAT(selected({.globs = {"cart.*", "!*slow"}}), ElementsAre("cart.adds"));
  EXPECT_THAT(selected({.globs = {"cart.*"}, .arguments = {"user/[1]"}}), ElementsAre("user/[1]"))
      << "a name goes before its meaning as a pattern";
  EXPECT_THAT(selected({.arguments = {"*", "!cart*"}}), ElementsAre("user/[1]"));
  EXPECT_THAT(selected({.names = {"slow", "user"}}), ElementsAre("cart.slow", "user/[1]"));
  EXPECT_THAT(selected({.tags = {"quick", "slow", "~net"}}), ElementsAre("cart.adds"));
}

TEST(CTestTestsTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(selected({.arguments = {"cart.gone"}}),
              ElementsAre("no test of build is called cart.gone"));
  EXPECT_THAT(selected({.tags = {"gone"}}), ElementsAre(HasSubstr("nothing to run")));
  const auto none = select_of_ctest({}, {.config_name = "team.json"});
  EXPECT_THAT(none.error().message, HasSubstr("\"ctest_directory\" in team.json"));
}

}  // namespace
}  // namespace gorgon::plan
