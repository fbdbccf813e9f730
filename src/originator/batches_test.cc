#include "originator/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "originator/make_plan.h"
#include "results/verdict.h"

namespace gorgon::originator {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// Units of which these seconds are recorded; a negative number: an estimate.
class BatchesTest : public ::testing::Test {
 protected:
  /// How many units are in each batch.
  std::vector<std::size_t> sizes(const std::vector<double>& seconds) {
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      const std::string name = std::to_string(i + 1);
      plan_.units.push_back({.id = name, .file = name});
      const bool is_recorded = seconds[i] >= 0;
      plan_.files.push_back(
          {.path = name,
           .expected = std::chrono::duration<double>(is_recorded ? seconds[i] : -seconds[i]),
           .is_recorded = is_recorded});
    }
    std::vector<const results::Unit*> units;
    for (const results::Unit& unit : plan_.units) units.push_back(&unit);
    std::vector<std::size_t> sizes;
    std::size_t next = 0;
    for (const Batches::Batch& batch : Batches(plan_).of(units)) {
      sizes.push_back(batch.size());
      for (const results::Unit* unit : batch) EXPECT_EQ(unit, units[next++]) << "in their order";
    }
    EXPECT_EQ(next, units.size()) << "each once";
    return sizes;
  }
  Plan plan_;
};

TEST_F(BatchesTest, ManyShortUnitsMakeFortyBatches) {
  EXPECT_EQ(sizes(std::vector<double>(1000, 0.0005)).size(), 40U);
}

TEST_F(BatchesTest, ABatchIsNotLongerThanATenthOfASecond) {
  EXPECT_THAT(sizes(std::vector<double>(10'000, 0.01)), Each(::testing::Le(10U)));
}

TEST_F(BatchesTest, NorHasItMoreThanAMessageShallHold) {
  EXPECT_THAT(sizes(std::vector<double>(10'000, 0.0)), Each(::testing::Le(kMostUnitsTogether)));
}

TEST_F(BatchesTest, LongOnesStandAlone) {
  EXPECT_THAT(sizes({5, 0.5, 0.001, 0.001, 0.021, 0.001}), ElementsAre(1, 1, 2, 1, 1));
}

TEST_F(BatchesTest, AnEstimateIsNoRecord) { EXPECT_THAT(sizes({9, -0.001, -0.001}), Each(1U)); }

TEST_F(BatchesTest, WithoutAPlanEachStandsAlone) {
  const results::Unit unit{.id = "1", .file = "a"};
  const std::vector<const results::Unit*> units = {&unit, &unit};
  EXPECT_EQ(Batches().of(units).size(), 2U);
}

}  // namespace
}  // namespace gorgon::originator
