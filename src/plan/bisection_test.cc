#include "plan/bisection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <random>
#include <set>
#include <vector>

namespace gorgon::plan {
namespace {

using Oracle = std::function<Outcome(const Subset&)>;

struct Search {
  Subset found;
  std::size_t rounds = 0;
  std::size_t candidates = 0;
};

/// To its end, with as many candidates a round as `most`.
Search searched(std::size_t count, std::size_t most, const Oracle& oracle) {
  Bisection bisection(count);
  Search done;
  std::set<Subset> seen;
  for (auto round = bisection.next(most); !round.empty(); round = bisection.next(most)) {
    EXPECT_LE(round.size(), most);
    ++done.rounds;
    for (const Subset& candidate : round) {
      EXPECT_TRUE(std::ranges::is_sorted(candidate));
      EXPECT_FALSE(candidate.empty());
      EXPECT_TRUE(seen.insert(candidate).second) << "tried twice";
      bisection.take(candidate, oracle(candidate));
      ++done.candidates;
    }
    if (done.rounds > 10'000) {
      ADD_FAILURE() << "it does not end";
      break;
    }
  }
  done.found = bisection.smallest();
  return done;
}

bool has(const Subset& set, std::size_t element) {
  return std::ranges::find(set, element) != set.end();
}

Oracle fails_with(const Subset& guilty) {
  return [guilty](const Subset& candidate) {
    return std::ranges::includes(candidate, guilty) ? Outcome::kFails : Outcome::kPasses;
  };
}

TEST(BisectionTest, OneGuiltyThingIsFoundWhereverItIs) {
  for (const std::size_t most : {1U, 2U, 3U, 8U, 64U}) {
    for (std::size_t guilty = 0; guilty < 40; ++guilty)
      EXPECT_EQ(searched(40, most, fails_with({guilty})).found, Subset({guilty})) << most;
  }
}

TEST(BisectionTest, MoreSlotsNeedFewerRounds) {
  EXPECT_LE(searched(1000, 2, fails_with({617})).rounds, 10U) << "log2(1000)";
  EXPECT_LE(searched(1000, 10, fails_with({617})).rounds, 3U) << "log10(1000)";
  EXPECT_LE(searched(1000, 1, fails_with({617})).candidates, 20U) << "two halves a step";
}

TEST(BisectionTest, AllGuiltyThingsAreFoundInTheirOrder) {
  const std::vector<Subset> sets = {{0, 1}, {0, 39}, {17, 23}, {3, 20, 38}, {1, 2, 3, 4, 5}};
  for (const std::size_t most : {1U, 2U, 5U, 16U, 100U}) {
    for (const Subset& guilty : sets)
      EXPECT_EQ(searched(40, most, fails_with(guilty)).found, guilty) << most;
  }
}

TEST(BisectionTest, APairAmongManyTakesFewRounds) {
  EXPECT_LE(searched(512, 8, fails_with({100, 400})).rounds, 25U);
}

TEST(BisectionTest, WhereAllAreNeededAllStay) {
  const Subset all = {0, 1, 2, 3, 4, 5};
  for (const std::size_t most : {1U, 4U, 32U})
    EXPECT_EQ(searched(6, most, fails_with(all)).found, all);
}

TEST(BisectionTest, OneThingNeedsNoCandidate) {
  EXPECT_EQ(searched(1, 4, fails_with({0})).candidates, 0U);
  EXPECT_EQ(searched(0, 4, fails_with({})).candidates, 0U);
}

TEST(BisectionTest, WithTwoCausesOneOfThemIsFound) {
  for (const std::size_t most : {1U, 2U, 8U}) {
    const Subset found = searched(30, most, [](const Subset& candidate) {
                           const bool fails = has(candidate, 4) || has(candidate, 21);
                           return fails ? Outcome::kFails : Outcome::kPasses;
                         }).found;
    EXPECT_TRUE(found == Subset({4}) || found == Subset({21}));
  }
}

/// One thing breaks, another repairs it unless a third is there: more is not always worse.
TEST(BisectionTest, OutcomesThatAreNotMonotoneEndInASetOfWhichNothingCanBeLeftOut) {
  const Oracle oracle = [](const Subset& candidate) {
    const bool is_repaired = has(candidate, 12) && !has(candidate, 18);
    return has(candidate, 7) && !is_repaired ? Outcome::kFails : Outcome::kPasses;
  };
  for (const std::size_t most : {1U, 2U, 3U, 8U}) {
    const Subset found = searched(24, most, oracle).found;
    EXPECT_EQ(oracle(found), Outcome::kFails);
    for (const std::size_t one : found) {
      Subset rest;
      std::ranges::remove_copy(found, std::back_inserter(rest), one);
      EXPECT_NE(oracle(rest), Outcome::kFails) << "with " << most << " a round";
    }
  }
}

/// Something only loads behind another: without that the case is not reached.
TEST(BisectionTest, WhatIsUnclearDoesNotFail) {
  for (const std::size_t most : {1U, 2U, 8U}) {
    const Subset found = searched(20, most, [](const Subset& candidate) {
                           if (has(candidate, 9) && !has(candidate, 2)) return Outcome::kUnclear;
                           return has(candidate, 9) ? Outcome::kFails : Outcome::kPasses;
                         }).found;
    EXPECT_EQ(found, Subset({2, 9}));
  }
}

TEST(BisectionTest, FlakyOutcomesEndInWhatWasSeenToFail) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    std::set<Subset> failed;
    Subset all;
    for (std::size_t i = 0; i < 30; ++i) all.push_back(i);
    failed.insert(all);
    const Subset found = searched(30, 1 + seed % 9, [&](const Subset& candidate) {
                           if (random() % 3 != 0) return Outcome::kPasses;
                           failed.insert(candidate);
                           return Outcome::kFails;
                         }).found;
    EXPECT_TRUE(failed.contains(found)) << "with seed " << seed;
  }
}

TEST(BisectionTest, ACandidateWithoutOutcomeIsProposedAgain) {
  Bisection bisection(4);
  const auto first = bisection.next(2);
  EXPECT_EQ(bisection.next(2), first);
  EXPECT_EQ(bisection.smallest().size(), 4U);
}

}  // namespace
}  // namespace gorgon::plan
