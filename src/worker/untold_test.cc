#include "worker/untold.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/codec.h"
#include "protocol/messages.h"

namespace gorgon::worker {
namespace {

using namespace std::chrono_literals;

class UntoldTest : public ::testing::Test {
 protected:
  void start(const std::string& unit) {
    untold_.start({.job = "j", .unit = unit, .host = "h", .worker = "1"}, now_);
  }
  void finish(const std::string& unit) {
    protocol::UnitFinished finished{.job = "j", .run = "r"};
    finished.result.unit = unit;
    untold_.finish(std::move(finished), now_);
  }
  /// "start 1", "end 1" of each message that is told now.
  std::vector<std::string> tell() {
    std::vector<std::string> told;
    const std::string body = untold_.tell(now_);
    for (const std::string_view line : protocol::lines_of(body)) {
      const auto message = protocol::decode(line);
      if (!message) continue;
      if (const auto* started = std::get_if<protocol::UnitStarted>(&*message)) {
        told.push_back("start " + started->unit);
        ago_.push_back(started->ago);
      } else if (const auto* finished = std::get_if<protocol::UnitFinished>(&*message)) {
        told.push_back("end " + finished->result.unit);
        ago_.push_back(finished->ago);
      }
    }
    return told;
  }
  Untold untold_;
  Untold::TimePoint now_{};
  std::vector<double> ago_;
};

TEST_F(UntoldTest, EachStartStandsBeforeItsEndAndSaysHowLongAgoItWas) {
  start("1");
  now_ += 250ms;
  finish("1");
  start("2");
  now_ += 250ms;
  EXPECT_EQ(tell(), (std::vector<std::string>{"start 1", "end 1", "start 2"}));
  EXPECT_EQ(ago_, (std::vector<double>{0.5, 0.25, 0.25}));
}

TEST_F(UntoldTest, AStartIsToldOnceAndAResultUntilItIsTaken) {
  start("1");
  finish("1");
  start("2");
  (void)tell();
  EXPECT_EQ(tell(), (std::vector<std::string>{"end 1"}));
  finish("2");
  EXPECT_EQ(tell(), (std::vector<std::string>{"end 1", "end 2"}));
  const auto results = untold_.take_results();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].finish.result.unit, "2");
  EXPECT_EQ(results[1].at, now_);
  EXPECT_TRUE(untold_.is_empty());
  EXPECT_EQ(untold_.bytes(), 0U);
}

TEST_F(UntoldTest, AUnitThatRunsHasNoResultToTake) {
  start("1");
  EXPECT_FALSE(untold_.is_empty());
  EXPECT_TRUE(untold_.take_results().empty());
}

}  // namespace
}  // namespace gorgon::worker
