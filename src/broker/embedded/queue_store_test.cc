#include "broker/embedded/queue_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker::embedded {
namespace {

using std::chrono::seconds;

class RecordingOutlet : public Outlet {
 public:
  [[nodiscard]] bool can_take(PeerId peer) const override { return !full.contains(peer); }
  void deliver(PeerId peer, const Delivery& delivery) override {
    deliveries[peer].push_back(delivery);
  }
  void cancel(PeerId peer, const std::string& queue) override { cancelled[peer].push_back(queue); }

  [[nodiscard]] std::vector<std::string> bodies(PeerId peer) const {
    std::vector<std::string> result;
    if (const auto found = deliveries.find(peer); found != deliveries.end())
      for (const Delivery& delivery : found->second) result.push_back(delivery.body);
    return result;
  }
  std::map<PeerId, std::vector<Delivery>> deliveries;
  std::map<PeerId, std::vector<std::string>> cancelled;
  std::set<PeerId> full;
};

class QueueStoreTest : public ::testing::Test {
 protected:
  void declare_work(std::uint32_t max_deliveries = 3) {
    const WorkQueue queue{
        .name = "work", .max_deliveries = max_deliveries, .dead_letter_to = "replies"};
    ASSERT_TRUE(store_.declare(queue, start_));
  }
  void publish(const std::vector<std::string>& bodies) {
    for (const std::string& body : bodies) ASSERT_TRUE(store_.publish(to_queue("work"), body));
  }
  using Bodies = std::vector<std::string>;

  TimePoint start_{seconds(1000)};
  RecordingOutlet outlet_;
  QueueStore store_{outlet_};
};

TEST_F(QueueStoreTest, ConsumersTakeTurns) {
  declare_work();
  ASSERT_TRUE(store_.consume(1, "work", 10));
  ASSERT_TRUE(store_.consume(2, "work", 10));
  publish({"a", "b", "c", "d"});
  EXPECT_EQ(outlet_.bodies(1), (Bodies{"a", "c"}));
  EXPECT_EQ(outlet_.bodies(2), (Bodies{"b", "d"}));
}

TEST_F(QueueStoreTest, WhatComesBackFindsItsOldPlace) {
  declare_work();
  publish({"a", "b", "c", "d"});
  ASSERT_TRUE(store_.consume(1, "work", 3));
  const auto held = outlet_.deliveries[1];
  // In another order than they were taken.
  store_.stop_consuming(1, "work", start_);
  EXPECT_TRUE(store_.give_back(1, held[2].tag, GiveBack::kUntried));
  EXPECT_TRUE(store_.give_back(1, held[0].tag, GiveBack::kFailed));
  EXPECT_TRUE(store_.give_back(1, held[1].tag, GiveBack::kUntried));
  ASSERT_TRUE(store_.consume(2, "work", 10));
  EXPECT_EQ(outlet_.bodies(2), (Bodies{"a", "b", "c", "d"}));
  EXPECT_EQ(outlet_.deliveries[2][0].attempt, 2U);
  EXPECT_EQ(outlet_.deliveries[2][1].attempt, 1U);
}

TEST_F(QueueStoreTest, ALostPeersMessagesCountAsFailed) {
  declare_work(1);
  ASSERT_TRUE(store_.declare(ReplyQueue{.name = "replies"}, start_));
  publish({"a", "b"});
  ASSERT_TRUE(store_.consume(1, "work", 1));
  ASSERT_TRUE(store_.consume(2, "replies", 1));
  store_.drop_peer(1, start_);
  EXPECT_EQ(outlet_.bodies(2), (Bodies{"a"}));
  EXPECT_TRUE(outlet_.deliveries[2][0].is_dead_letter);
  ASSERT_TRUE(store_.consume(3, "work", 1));
  EXPECT_EQ(outlet_.bodies(3), (Bodies{"b"}));
}

TEST_F(QueueStoreTest, ADeadLetterWithoutItsQueueIsDropped) {
  declare_work(1);
  publish({"a", "b"});
  ASSERT_TRUE(store_.consume(1, "work", 1));
  EXPECT_TRUE(store_.give_back(1, outlet_.deliveries[1][0].tag, GiveBack::kFailed));
  EXPECT_EQ(outlet_.bodies(1), (Bodies{"a", "b"}));
}

TEST_F(QueueStoreTest, TagsAreSettledOnceAndByTheirPeer) {
  declare_work();
  publish({"a"});
  ASSERT_TRUE(store_.consume(1, "work", 1));
  const auto tag = outlet_.deliveries[1][0].tag;
  EXPECT_FALSE(store_.ack(2, tag));
  EXPECT_TRUE(store_.ack(1, tag));
  EXPECT_FALSE(store_.ack(1, tag));
  EXPECT_FALSE(store_.give_back(1, tag, GiveBack::kFailed));
}

TEST_F(QueueStoreTest, AFullPeerGetsNothingUntilItIsResumed) {
  declare_work();
  ASSERT_TRUE(store_.consume(1, "work", 10));
  outlet_.full.insert(1);
  publish({"a", "b"});
  EXPECT_EQ(outlet_.bodies(1), Bodies{});
  outlet_.full.clear();
  store_.resume(1);
  EXPECT_EQ(outlet_.bodies(1), (Bodies{"a", "b"}));
}

TEST_F(QueueStoreTest, QueuesExpireOnlyWithoutConsumers) {
  ASSERT_TRUE(store_.declare(ReplyQueue{.name = "r", .expires = seconds(10)}, start_));
  EXPECT_EQ(store_.next_expiry(), start_ + seconds(10));
  ASSERT_TRUE(store_.consume(1, "r", 1));
  EXPECT_EQ(store_.next_expiry(), std::nullopt);
  store_.expire(start_ + seconds(60));
  EXPECT_TRUE(store_.exists("r"));
  store_.drop_peer(1, start_ + seconds(60));
  store_.expire(start_ + seconds(69));
  EXPECT_TRUE(store_.exists("r"));
  // Declaring is a use.
  ASSERT_TRUE(
      store_.declare(ReplyQueue{.name = "r", .expires = seconds(10)}, start_ + seconds(69)));
  store_.expire(start_ + seconds(78));
  EXPECT_TRUE(store_.exists("r"));
  store_.expire(start_ + seconds(79));
  EXPECT_FALSE(store_.exists("r"));
}

TEST_F(QueueStoreTest, OwnQueuesNeedTheirTopics) {
  const auto missing = store_.declare_own_queue(1, {"t"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  store_.declare_topic("t");
  const auto queue = store_.declare_own_queue(1, {"t"});
  ASSERT_TRUE(queue);
  store_.drop_peer(1, start_);
  EXPECT_FALSE(store_.exists(*queue));
  EXPECT_TRUE(store_.publish(to_topic("t"), "nobody"));
}

}  // namespace
}  // namespace gorgon::broker::embedded
