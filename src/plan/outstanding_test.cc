#include "plan/outstanding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "results/verdict.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Progress whole(bool a_passes, bool came_to_its_end = true) {
  return {.file = "a_spec.rb",
          .came_to_its_end = came_to_its_end,
          .passes = {{"1", a_passes}, {"2", true}}};
}

/// Ids of the cases that are left, by file.
std::map<std::string, std::set<std::string>> cases_of(const Outstanding& left) {
  std::map<std::string, std::set<std::string>> cases;
  for (const auto& [file, one] : left.files) cases[file] = one.cases;
  return cases;
}

TEST(OutstandingTest, OneFailureAmongManyPassesOfARunIsLeft) {
  Outstanding left;
  take_run(left, {whole(true), whole(false), whole(true)});
  EXPECT_THAT(cases_of(left), ElementsAre(Pair("a_spec.rb", ElementsAre("1"))));
}

TEST(OutstandingTest, OneCrashAmongManyPassesOfARunLeavesTheFile) {
  Outstanding left;
  take_run(left, {whole(true), whole(true, false), whole(true)});
  EXPECT_THAT(cases_of(left), ElementsAre(Pair("a_spec.rb", IsEmpty())));
}

TEST(OutstandingTest, ARunThatPassesThroughoutLeavesNothing) {
  Outstanding left{.files = {{"a_spec.rb", {.cases = {"1"}}}}};
  take_run(left, {whole(true), whole(true)});
  EXPECT_THAT(cases_of(left), IsEmpty());
}

TEST(OutstandingTest, WhatWasWantedOfAFileIsAllThatIsLeftOfIt) {
  const results::CaseFilter slow{.tags = {"slow"}};
  Outstanding left;
  take_run(left, {{.file = "a_spec.rb", .filter = slow}});
  EXPECT_EQ(left.files.at("a_spec.rb").wanted, slow);
  const Progress part{.file = "a_spec.rb",
                      .filter = {.names = {"x"}},
                      .came_to_its_end = true,
                      .passes = {{"1", true}}};
  take(left, part);
  EXPECT_EQ(left.files.size(), 1U) << "the others have not run";
  Progress again = part;
  again.came_to_its_end = false;
  take(left, again);
  EXPECT_EQ(left.files.at("a_spec.rb").wanted, slow);
  Progress all = part;
  all.filter = slow;
  all.is_part = true;
  take(left, all);
  EXPECT_EQ(left.files.size(), 1U) << "the framework may have left some out";
  all.is_part = false;
  take(left, all);
  EXPECT_THAT(left.files, IsEmpty());
}

}  // namespace
}  // namespace gorgon::plan
