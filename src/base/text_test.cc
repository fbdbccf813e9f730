#include "base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace gorgon {
namespace {

using Seconds = std::chrono::duration<double>;

TEST(TextTest, NoDurationIsTooLongToSay) {
  EXPECT_EQ(human_duration(Seconds(-3)), "0.00 s");
  EXPECT_EQ(human_duration(Seconds(1e308)), human_duration(Seconds(1e12)));
  EXPECT_EQ(human_duration(Seconds(std::numeric_limits<double>::infinity())),
            human_duration(Seconds(1e12)));
}

TEST(TextTest, TheNearestWordIsFoundAtOnce) {
  static constexpr std::array<std::string_view, 2> kWords = {"connection", "files"};
  EXPECT_EQ(nearest("conection", kWords), "connection");
  EXPECT_EQ(nearest("fils", kWords), "files");
  // NOLINTNEXTLINE(bugprone-string-constructor): it is meant to be that long.
  EXPECT_EQ(nearest(std::string(10'000'000, 'f'), kWords), std::nullopt);
}

TEST(TextTest, IdsAreFitForFileNames) {
  EXPECT_TRUE(is_id(random_id(12)));
  EXPECT_TRUE(is_id(std::string(64, 'a')));
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string("../x"),
                                 std::string("A"), std::string("a\0b", 3), std::string("a.b")})
    EXPECT_FALSE(is_id(bad)) << bad;
}

}  // namespace
}  // namespace gorgon
