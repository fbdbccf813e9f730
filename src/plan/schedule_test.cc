#include "plan/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "plan/runtimes.h"
#include "plan/test_files.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using Seconds = std::chrono::duration<double>;

std::vector<std::string> paths_of(const std::vector<PlannedFile>& plan) {
  std::vector<std::string> paths;
  paths.reserve(plan.size());
  for (const PlannedFile& file : plan) paths.push_back(file.path);
  return paths;
}

PlannedFile planned(double seconds) { return {.path = "f", .expected = Seconds(seconds)}; }

TEST(LongestFirstTest, RecordedFilesAreOrderedByRuntimeAndTiesKeepTheirOrder) {
  const std::vector<TestFile> files = {{"short"}, {"tie2"}, {"long"}, {"tie1"}};
  const Runtimes recorded = {{"short", Seconds(1)},
                             {"tie1", Seconds(2)},
                             {"tie2", Seconds(2)},
                             {"long", Seconds(9)},
                             {"not in this run", Seconds(100)}};
  EXPECT_THAT(paths_of(longest_first(files, recorded)),
              ElementsAre("long", "tie2", "tie1", "short"));
}

TEST(LongestFirstTest, WithoutRecordsTheGivenOrderStays) {
  const std::vector<TestFile> files = {{"b", 1}, {"a", 100}, {"c", 10}};
  const auto plan = longest_first(files, {});
  EXPECT_THAT(paths_of(plan), ElementsAre("b", "a", "c"));
  EXPECT_EQ(plan[0].expected, std::nullopt);
}

TEST(LongestFirstTest, UnknownFilesAreEstimatedFromSizeAndMedianRate) {
  // Rates 0.01, 0.02 and 5 s a byte: the middle one counts.
  const std::vector<TestFile> files = {
      {"a", 100}, {"b", 100}, {"sleeper", 2}, {"new", 75}, {"huge", 100'000'000}, {"empty", 0}};
  const Runtimes recorded = {{"a", Seconds(1)}, {"b", Seconds(2)}, {"sleeper", Seconds(10)}};
  const auto plan = longest_first(files, recorded);
  EXPECT_THAT(paths_of(plan), ElementsAre("sleeper", "huge", "b", "new", "a", "empty"));
  EXPECT_EQ(plan[1].expected, Seconds(10));
  EXPECT_EQ(plan[3].expected, Seconds(1.5));
  EXPECT_EQ(plan[5].expected, Seconds(1));
  EXPECT_FALSE(plan[3].is_recorded);
  EXPECT_TRUE(plan[4].is_recorded);
}

TEST(EstimatedMakespanTest, EachFreeSlotTakesTheNextFile) {
  const std::vector<PlannedFile> plan = {planned(5), planned(4), planned(3), planned(3),
                                         planned(3)};
  EXPECT_EQ(estimated_makespan(plan, 1), Seconds(18));
  EXPECT_EQ(estimated_makespan(plan, 2), Seconds(10));
  EXPECT_EQ(estimated_makespan(plan, 5), Seconds(5));
  EXPECT_EQ(estimated_makespan(plan, 1'000'000'000), Seconds(5));
  EXPECT_EQ(estimated_makespan({}, 3), Seconds(0));
}

TEST(EstimatedMakespanTest, UnknownRuntimesGiveNoEstimate) {
  const std::vector<PlannedFile> plan = {planned(5), {.path = "unknown"}};
  EXPECT_EQ(estimated_makespan(plan, 2), std::nullopt);
}

/// The best makespan of all assignments, by trying each.
double best_makespan(const std::vector<double>& runtimes, std::size_t next,
                     std::vector<double>& load) {
  if (next == runtimes.size()) return *std::ranges::max_element(load);
  double best = 1e9;
  for (double& slot : load) {
    slot += runtimes[next];
    best = std::min(best, best_makespan(runtimes, next + 1, load));
    slot -= runtimes[next];
  }
  return best;
}

TEST(EstimatedMakespanTest, LongestFirstStaysWithinGrahamsBound) {
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same cases every time.
  std::uniform_int_distribution<int> seconds(1, 20);
  for (int round = 0; round < 100; ++round) {
    const std::size_t slots = 2 + static_cast<std::size_t>(round % 2);
    std::vector<double> runtimes;
    std::vector<TestFile> files;
    Runtimes recorded;
    for (int i = 0; i < 7; ++i) {
      runtimes.push_back(seconds(random));
      files.push_back({.path = std::to_string(i)});
      recorded[std::to_string(i)] = Seconds(runtimes.back());
    }
    std::vector<double> load(slots, 0.0);
    const double best = best_makespan(runtimes, 0, load);
    const auto makespan = estimated_makespan(longest_first(files, recorded), slots);
    const double bound = 4.0 / 3 - 1.0 / (3.0 * static_cast<double>(slots));
    EXPECT_LE(makespan.value_or(Seconds(1e9)).count(), best * bound + 1e-9);
  }
}

}  // namespace
}  // namespace gorgon::plan
