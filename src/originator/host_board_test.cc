#include "originator/host_board.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "protocol/messages.h"
#include "results/exit_code.h"

namespace gorgon::originator {
namespace {

using State = protocol::HostState::State;
constexpr HostBoard::TimePoint kStart{};

protocol::HostState state_of(std::string host, State state, std::string stage = {}) {
  return {.host = std::move(host),
          .state = state,
          .stage = std::move(stage),
          .message = state == State::kFailed ? "no gem" : ""};
}

TEST(HostBoardTest, NobodyHasNotFailed) { EXPECT_FALSE(HostBoard().all_failed()); }

TEST(HostBoardTest, OneThatWorksOrHasLeftMayWorkAgain) {
  HostBoard board;
  board.update(state_of("one", State::kFailed, "runner"), kStart);
  EXPECT_TRUE(board.all_failed());
  board.update(state_of("two", State::kPreparing), kStart);
  EXPECT_FALSE(board.all_failed());
  board.update(state_of("two", State::kLeft), kStart);
  EXPECT_FALSE(board.all_failed());
}

TEST(HostBoardTest, EachHostSaysWhyItIsOut) {
  HostBoard board;
  board.update(state_of("one", State::kFailed, "after_sync"), kStart);
  board.update(state_of("two", State::kFailed, "before_creating_workers"), kStart);
  EXPECT_EQ(board.reasons(), "one: after_sync: no gem\ntwo: before_creating_workers: no gem");
  EXPECT_EQ(board.exit_code(), results::kCallbackFailed);
  board.update(state_of("three", State::kFailed, "runner"), kStart);
  EXPECT_EQ(board.exit_code(), results::kIncomplete);
}

}  // namespace
}  // namespace gorgon::originator
