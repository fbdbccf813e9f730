#include "originator/dispatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::originator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Units 1 to N, of the groups given.
class DispatchTest : public ::testing::Test {
 protected:
  Dispatch dispatch(const std::vector<std::string>& groups,
                    const std::map<std::string, GroupLimit>& limits) {
    for (std::size_t i = 0; i < groups.size(); ++i)
      units_.push_back({.id = std::to_string(i + 1), .file = "a"});
    return {units_, limits, groups};
  }
  /// Hands out what it gives.
  static std::vector<std::string> next(Dispatch& dispatch, std::size_t hosts = 1) {
    std::vector<std::string> ids;
    for (const results::Unit* unit : dispatch.next(2, hosts)) {
      ids.push_back(unit->id);
      dispatch.hand_out(unit->id);
    }
    return ids;
  }
  std::vector<results::Unit> units_;
};

TEST_F(DispatchTest, WithoutLimitsNothingIsKeptBack) {
  EXPECT_FALSE(dispatch({"", ""}, {}).keeps_back());
}

TEST_F(DispatchTest, AsManyOfAGroupAsMayRun) {
  Dispatch some = dispatch({"db", "", "db", "db", ""}, {{"db", {.total = 2}}});
  EXPECT_THAT(next(some), ElementsAre("1", "2", "3", "5"));
  EXPECT_THAT(next(some), IsEmpty());
  some.finish("2");
  EXPECT_THAT(next(some), IsEmpty());
  some.finish("3");
  EXPECT_THAT(next(some), ElementsAre("4"));
}

TEST_F(DispatchTest, EachMachineAddsItsShare) {
  Dispatch some = dispatch({"db", "db", "db", "db"}, {{"db", {.total = 3, .per_host = 1}}});
  EXPECT_THAT(next(some, 0), ElementsAre("1"));
  EXPECT_THAT(next(some, 2), ElementsAre("2"));
  EXPECT_THAT(next(some, 9), ElementsAre("3")) << "no more than in all";
}

TEST_F(DispatchTest, TheQueueIsKeptShortSoThatAGroupIsNeverFarBehind) {
  std::vector<std::string> groups(1000, "");
  groups.back() = "db";
  Dispatch some = dispatch(groups, {{"db", {.total = 1}}});
  const std::size_t first = next(some).size();
  EXPECT_LT(first, 100U);
  EXPECT_GE(first, 2U);
  some.finish("1");
  EXPECT_THAT(next(some), ElementsAre(std::to_string(first + 1)));
}

TEST_F(DispatchTest, UnitsThatEndTwiceCountOnce) {
  Dispatch some = dispatch({"db", "db", "db"}, {{"db", {.total = 1}}});
  EXPECT_THAT(next(some), ElementsAre("1"));
  some.finish("1");
  some.finish("1");
  some.hand_out("1");
  EXPECT_THAT(next(some), ElementsAre("2"));
  EXPECT_THAT(next(some), IsEmpty());
}

TEST_F(DispatchTest, WhatIsTakenBackIsHandedOutAnew) {
  Dispatch some = dispatch({"db", "", "db"}, {{"db", {.total = 1}}});
  EXPECT_THAT(next(some), ElementsAre("1", "2"));
  some.finish("2");
  some.take_all_back();
  EXPECT_THAT(next(some), ElementsAre("1"));
  ASSERT_EQ(some.handed_out().size(), 1U);
  EXPECT_EQ(some.handed_out()[0]->id, "1");
}

TEST_F(DispatchTest, AUnitThatEndsBeforeItIsHandedOutIsDone) {
  Dispatch some = dispatch({"db", "db"}, {{"db", {.total = 1}}});
  some.finish("1");
  EXPECT_THAT(next(some), ElementsAre("2"));
}

}  // namespace
}  // namespace gorgon::originator
