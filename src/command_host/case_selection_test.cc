#include "command_host/case_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "results/verdict.h"

namespace gorgon::command_host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> taken(const results::Unit& unit) {
  CaseSelection selection(unit);
  std::vector<std::string> names;
  for (const char* name : {"Cart.Adds", "Cart.Empties", "User.Adds", "User.IsSlow"}) {
    if (selection.takes(name)) names.emplace_back(name);
  }
  return names;
}

results::Unit with(results::CaseFilter filter) {
  return {.id = "1", .file = "build/a_test", .filter = std::move(filter)};
}

TEST(CaseSelectionTest, PartsOfASelectionHoldTogether) {
  EXPECT_THAT(taken(with({})), SizeIs(4));
  EXPECT_THAT(taken({.only = {"Cart.Adds", "User.Adds"}, .except = {"User.Adds"}}),
              ElementsAre("Cart.Adds"));
  EXPECT_THAT(taken(with({.places = {"::Cart.*", "::*Slow"}, .names = {"s"}})),
              ElementsAre("Cart.Adds", "Cart.Empties", "User.IsSlow"));
  EXPECT_THAT(taken(with({.names = {"Adds"}, .expression = R"(["not", ["word", "cart"]])"})),
              ElementsAre("User.Adds"));
}

TEST(CaseSelectionTest, ExpressionsAreThoseOfTheProtocol) {
  const auto by = [](std::string expression) {
    return taken(with({.expression = std::move(expression)}));
  };
  EXPECT_THAT(by(R"(["and", ["name", "Cart"], ["ids", ["Cart.Adds", "User.Adds"]]])"),
              ElementsAre("Cart.Adds"));
  EXPECT_THAT(by(R"(["or", ["name_is", "User.Adds"], ["tag", "slow"], ["word", "isslow"]])"),
              ElementsAre("User.Adds", "User.IsSlow"));
}

TEST(CaseSelectionTest, WhatCannotBeObeyedRunsNothing) {
  const auto problem = [](results::CaseFilter filter) {
    const results::Unit unit = with(std::move(filter));
    EXPECT_THAT(taken(unit), IsEmpty());
    const CaseSelection selection(unit);
    return selection.problems().empty() ? "" : selection.problems().front().message;
  };
  EXPECT_THAT(problem({.places = {":12"}}), HasSubstr("has no lines"));
  EXPECT_THAT(problem({.tags = {"slow"}}), HasSubstr("no tags"));
  for (const char* expression :
       {"null", "[]", R"(["nor"])", R"(["not"])", R"(["name"])", R"(["name", 3])",
        R"(["ids", "a"])", R"(["and", 3])", R"([["and"]])", "{"})
    EXPECT_THAT(problem({.expression = expression}), HasSubstr("does not understand"))
        << expression;
}

TEST(CaseSelectionTest, APlaceWithoutCasesIsNamed) {
  const results::Unit unit = with({.places = {"::Cart.Adds", "::Cart.Gone"}});
  CaseSelection selection(unit);
  EXPECT_TRUE(selection.takes("Cart.Adds"));
  ASSERT_THAT(selection.empty_places(), SizeIs(1));
  EXPECT_EQ(selection.empty_places()[0].message, "build/a_test::Cart.Gone: there is no such test");
}

TEST(WildcardsTest, AreThoseOfGoogleTest) {
  EXPECT_TRUE(matches_wildcards("*", ""));
  EXPECT_TRUE(matches_wildcards("A*B?", "A.x.BxB1"));
  EXPECT_TRUE(matches_wildcards("", ""));
  EXPECT_FALSE(matches_wildcards("A", "AB"));
  EXPECT_FALSE(matches_wildcards("A?", "A"));
  EXPECT_FALSE(matches_wildcards("*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace gorgon::command_host
