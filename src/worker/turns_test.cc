#include "worker/turns.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"

namespace gorgon::worker {
namespace {

/// Workers of one machine, each with its own view of the folder.
class TurnsTest : public ::testing::Test {
 protected:
  /// Starts to take a turn; `turns_[i]` is there once it has come.
  std::size_t begin(TurnNeeds needs) {
    const std::size_t place = turns_.size();
    turns_.emplace_back();
    spawn(io_.get_executor(), take(*this, std::move(needs), place));
    settle();
    return place;
  }
  void end(std::size_t place) {
    turns_[place].reset();
    settle();
  }
  [[nodiscard]] bool has(std::size_t place) const { return turns_[place].has_value(); }

 private:
  static Task<void> take(TurnsTest& test, TurnNeeds needs, std::size_t place) {
    Turns turns(test.io_.get_executor(), test.folder_.path());
    Turn turn = co_await turns.take(std::move(needs));
    test.turns_[place] = std::move(turn);
  }
  /// All that can happen now has happened: inotify tells at once.
  void settle() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }
  asio::io_context io_{1};
  TempDir folder_ = *TempDir::make("gorgon-turns");
  std::vector<std::optional<Turn>> turns_;
};

TEST_F(TurnsTest, AnyNumberSideBySide) {
  const auto a = begin({});
  const auto b = begin({});
  EXPECT_TRUE(has(a) && has(b));
}

TEST_F(TurnsTest, WhoeverIsAloneWaitsForTheOthersAndHoldsThemBack) {
  const auto a = begin({});
  const auto alone = begin({.is_alone = true});
  const auto late = begin({});
  EXPECT_TRUE(has(a));
  EXPECT_FALSE(has(alone));
  EXPECT_FALSE(has(late)) << "else it would wait for ever";
  end(a);
  EXPECT_TRUE(has(alone));
  EXPECT_FALSE(has(late));
  end(alone);
  EXPECT_TRUE(has(late));
}

TEST_F(TurnsTest, GroupHasSoManyPlaces) {
  const TurnNeeds needs{.group = "db", .group_slots = 2};
  const auto a = begin(needs);
  const auto b = begin(needs);
  const auto c = begin(needs);
  const auto d = begin(needs);
  const auto other = begin({.group = "net", .group_slots = 1});
  EXPECT_TRUE(has(a) && has(b) && has(other));
  EXPECT_FALSE(has(c) || has(d));
  end(b);
  EXPECT_NE(has(c), has(d)) << "one place, one of them";
  end(a);
  EXPECT_TRUE(has(c) && has(d));
}

TEST_F(TurnsTest, WhoWaitsForAGroupHoldsNobodyUp) {
  const auto a = begin({.group = "db", .group_slots = 1});
  const auto waits = begin({.group = "db", .group_slots = 1});
  const auto alone = begin({.is_alone = true});
  EXPECT_FALSE(has(waits) || has(alone));
  end(a);
  EXPECT_NE(has(waits), has(alone));
  end(has(alone) ? alone : waits);
  EXPECT_TRUE(has(waits) || has(alone));
}

TEST_F(TurnsTest, WithoutAFolderNobodyWaits) {
  asio::io_context io(1);
  Turns turns(io.get_executor(), "/dev/null/nowhere");
  const Turn turn = run_to_completion(io, turns.take({.is_alone = true}));
  EXPECT_FALSE(turn.machine);
}

}  // namespace
}  // namespace gorgon::worker
