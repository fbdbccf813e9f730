#include "runner/unit_clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "runner/runner_protocol.h"

namespace gorgon::runner {
namespace {

using namespace std::chrono_literals;
using Due = UnitClock::Due;

constexpr UnitClock::TimePoint kStart{1000s};

CaseStarted case_named(const std::string& id) {
  return {.id = id, .name = "does " + id, .location = "a_spec.rb:1"};
}

TEST(UnitClock, WithoutLimitsNothingIsEverDue) {
  UnitClock clock({}, kStart);
  clock.start_case(case_named("a"), kStart);
  EXPECT_EQ(clock.due(kStart + 1000h), Due::kNothing);
  EXPECT_EQ(clock.next(), UnitClock::TimePoint::max());
}

TEST(UnitClock, AUnitHasItsLimitWhateverItsCasesDo) {
  UnitClock clock({.unit = 10s, .test_case = 20s}, kStart);
  clock.start_case(case_named("a"), kStart + 1s);
  EXPECT_EQ(clock.next(), kStart + 10s);
  EXPECT_EQ(clock.due(kStart + 9s), Due::kNothing);
  EXPECT_EQ(clock.due(kStart + 10s), Due::kUnitLimit);
}

TEST(UnitClock, EachCaseHasALimitOfItsOwn) {
  UnitClock clock({.unit = 100s, .test_case = 5s}, kStart);
  EXPECT_EQ(clock.next(), kStart + 100s) << "loading the file is no case";
  clock.start_case(case_named("a"), kStart + 10s);
  EXPECT_EQ(clock.next(), kStart + 15s);
  clock.end_case("a");
  EXPECT_EQ(clock.due(kStart + 15s), Due::kNothing);
  clock.start_case(case_named("b"), kStart + 14s);
  EXPECT_EQ(clock.due(kStart + 18s), Due::kNothing);
  EXPECT_EQ(clock.due(kStart + 19s), Due::kCaseLimit);
  EXPECT_EQ(clock.oldest()->started.id, "b");
}

TEST(UnitClock, OfCasesSideBySideTheOldestIsDue) {
  UnitClock clock({.test_case = 5s}, kStart);
  clock.start_case(case_named("a"), kStart);
  clock.start_case(case_named("b"), kStart + 1s);
  clock.start_case(case_named("c"), kStart + 2s);
  clock.end_case("a");
  EXPECT_EQ(clock.next(), kStart + 6s);
  EXPECT_EQ(clock.oldest()->started.id, "b");
  EXPECT_EQ(clock.newest()->started.id, "c");
}

TEST(UnitClock, WhatTakesItsTimeIsToldAtGrowingIntervals) {
  UnitClock clock({.slow = 60s}, kStart);
  EXPECT_EQ(clock.next(), kStart + 60s);
  EXPECT_EQ(clock.due(kStart + 60s), Due::kSlow);
  EXPECT_EQ(clock.tell_slow(kStart + 60s).seconds, 60);
  EXPECT_EQ(clock.due(kStart + 119s), Due::kNothing);
  EXPECT_EQ(clock.next(), kStart + 120s);
  (void)clock.tell_slow(kStart + 250s);
  EXPECT_EQ(clock.next(), kStart + 480s) << "what was missed is not told later";
}

TEST(UnitClock, ACaseThatTakesItsTimeIsShownUntilItsEnd) {
  UnitClock clock({.show = 2s}, kStart);
  EXPECT_EQ(clock.next(), UnitClock::TimePoint::max()) << "a unit without cases is not";
  clock.start_case(case_named("a"), kStart + 1s);
  EXPECT_EQ(clock.next(), kStart + 3s);
  clock.end_case("a");
  EXPECT_EQ(clock.due(kStart + 3s), Due::kNothing) << "it was quick";
  clock.start_case(case_named("b"), kStart + 4s);
  EXPECT_EQ(clock.due(kStart + 6s), Due::kShow);
  EXPECT_EQ(clock.tell_case(kStart + 6s).running_case, "does b");
  EXPECT_EQ(clock.due(kStart + 100s), Due::kNothing) << "it is shown already";
  clock.end_case("b");
  EXPECT_EQ(clock.due(kStart + 100s), Due::kShow);
  EXPECT_EQ(clock.tell_case(kStart + 100s).running_case, "") << "it is shown no more";
  EXPECT_EQ(clock.next(), UnitClock::TimePoint::max());
}

TEST(UnitClock, ACaseThatHangsInALongUnitIsToldOfOnItsOwn) {
  UnitClock clock({.slow = 60s}, kStart);
  (void)clock.tell_slow(kStart + 700s);
  EXPECT_EQ(clock.next(), kStart + 960s);
  clock.start_case(case_named("a"), kStart + 710s);
  EXPECT_EQ(clock.next(), kStart + 770s);
  EXPECT_EQ(clock.due(kStart + 770s), Due::kSlow);
  const SlowUnit slow = clock.tell_slow(kStart + 770s);
  EXPECT_EQ(slow.seconds, 770);
  EXPECT_EQ(slow.running_case, "does a");
  EXPECT_EQ(slow.case_seconds, 60);
  EXPECT_EQ(clock.next(), kStart + 830s);
  clock.end_case("a");
  EXPECT_EQ(clock.next(), kStart + 960s);
}

TEST(UnitClock, AUnitAndItsOnlyCaseAreToldOfAtOnce) {
  UnitClock clock({.slow = 60s}, kStart);
  clock.start_case(case_named("a"), kStart + 2s);
  for (const auto age : {60s, 120s, 240s}) {
    EXPECT_EQ(clock.next(), kStart + age);
    (void)clock.tell_slow(kStart + age);
  }
}

TEST(UnitClock, ALimitIsMoreUrgentThanAWord) {
  UnitClock clock({.unit = 60s, .slow = 60s}, kStart);
  EXPECT_EQ(clock.due(kStart + 60s), Due::kUnitLimit);
}

TEST(UnitClock, ACaseOfWhichOnlyTheEndHasAnIdEndsTheOneThatRan) {
  UnitClock clock({.test_case = 5s}, kStart);
  clock.start_case({.id = "", .name = "does a", .location = ""}, kStart);
  clock.end_case("a");
  EXPECT_EQ(clock.newest(), nullptr);
  EXPECT_EQ(clock.due(kStart + 10s), Due::kNothing);
}

}  // namespace
}  // namespace gorgon::runner
