#include "doctor/finding.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace gorgon::doctor {
namespace {

// The only ways to make one are ok(), and note() and problem() with a Remedy.
static_assert(!std::is_constructible_v<Finding, Area, Level, std::string, std::string>);
static_assert(
    !std::is_constructible_v<Finding, Area, Level, std::string, std::string, std::string>);
static_assert(!std::is_default_constructible_v<Remedy>);
static_assert(!std::is_convertible_v<std::string, Remedy>);
static_assert(!std::is_convertible_v<const char*, Remedy>);

template <class... Arguments>
concept MakesNote = requires(Arguments... arguments) { Finding::note(arguments...); };
template <class... Arguments>
concept MakesProblem = requires(Arguments... arguments) { Finding::problem(arguments...); };
static_assert(MakesNote<Area, std::string, std::string, Remedy>);
static_assert(!MakesNote<Area, std::string, std::string>);
static_assert(!MakesNote<Area, std::string, std::string, std::string>);
static_assert(MakesProblem<Area, std::string, std::string, Remedy>);
static_assert(!MakesProblem<Area, std::string, std::string>);
static_assert(!MakesProblem<Area, std::string, std::string, std::string>);

TEST(FindingDeathTest, ARemedyThatSaysNothingCannotBeMade) {
  EXPECT_DEATH((void)Remedy(std::string()), "");
}

TEST(FindingTest, WhatIsWrongSaysWhatHelps) {
  EXPECT_EQ(Finding::note(Area::kProject, "git", "is missing", Remedy("install it")).remedy(),
            "install it");
  EXPECT_EQ(Finding::problem(Area::kBroker, "name", "is unknown", Remedy("see host")).remedy(),
            "see host");
  EXPECT_EQ(Finding::ok(Area::kProject, "git", "is there").remedy(), "");
}

TEST(FindingTest, NotesAreNoProblems) {
  const Finding note = Finding::note(Area::kProject, "a", "b", Remedy("c"));
  const Finding problem = Finding::problem(Area::kProject, "a", "b", Remedy("c"));
  EXPECT_FALSE(has_problem({}));
  EXPECT_FALSE(has_problem({note}));
  EXPECT_TRUE(has_problem({note, problem, note}));
}

}  // namespace
}  // namespace gorgon::doctor
