#include "doctor/versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gorgon::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(VersionsTest, TheNumbersAreReadUpToTheFirstWord) {
  EXPECT_THAT(numbers_of("3.10.8"), ElementsAre(3, 10, 8));
  EXPECT_THAT(numbers_of("3.13.0-rc.2"), ElementsAre(3, 13, 0));
  EXPECT_THAT(numbers_of("3.4.0.dev"), ElementsAre(3, 4, 0));
  EXPECT_THAT(numbers_of("4."), ElementsAre(4));
  EXPECT_THAT(numbers_of(""), IsEmpty());
  EXPECT_THAT(numbers_of("v18"), IsEmpty());
  EXPECT_THAT(numbers_of("99999999999.1"), IsEmpty());
}

TEST(VersionsTest, TheyAreComparedAsNumbers) {
  EXPECT_TRUE(is_older("3.9.1", "3.10"));
  EXPECT_FALSE(is_older("3.10", "3.9.1"));
  EXPECT_TRUE(is_older("3.10", "3.10.1"));
  EXPECT_FALSE(is_older("3.10", "3.10"));
}

TEST(VersionsTest, ASeriesIsAsLongAsTheProgramHasIt) {
  EXPECT_EQ(distance("3.1.2", "3.1.2", 2), Distance::kSame);
  EXPECT_EQ(distance("3.1.2", "3.1.4", 2), Distance::kPatch);
  EXPECT_EQ(distance("3.1.2", "3.2.0", 2), Distance::kSeries);
  EXPECT_EQ(distance("18.1.0", "18.20.4", 1), Distance::kPatch);
  EXPECT_EQ(distance("18.1.0", "20.1.0", 1), Distance::kSeries);
  EXPECT_EQ(distance("3", "3.0", 2), Distance::kPatch);
}

}  // namespace
}  // namespace gorgon::doctor
