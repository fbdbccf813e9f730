// What broker.h promises, of both implementations.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/embedded/server.h"
#include "broker/test_support.h"
#include "support/rabbitmq.h"

namespace gorgon::broker {
namespace {

using std::chrono::seconds;

enum class Implementation : std::uint8_t { kEmbedded, kRabbit };

class BrokerContractTest : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    if (is_rabbit()) {
      address_ = test::shared_rabbit().connection();
    } else {
      folder_ = must(TempDir::make("gorgon-broker-"));
      embedded_ = must(embedded::EmbeddedBroker::start(io_.get_executor(), folder_.path()));
      address_ = embedded_->address();
    }
  }
  static bool is_rabbit() { return GetParam() == Implementation::kRabbit; }

  template <class MakeTest>
  void run(MakeTest make_test) {
    run_test(io_, std::move(make_test));
  }
  Task<std::unique_ptr<Connection>> connect(std::string name = "contract test") {
    co_return must(co_await broker::connect(address_, std::move(name)));
  }
  /// A name of this test alone.
  [[nodiscard]] std::string named(const std::string& name) const { return prefix_ + name; }
  [[nodiscard]] WorkQueue work_queue(std::uint32_t max_deliveries = 3) const {
    return {.name = named("work"),
            .max_deliveries = max_deliveries,
            .dead_letter_to = named("replies"),
            .expires = seconds(60)};
  }
  [[nodiscard]] ReplyQueue reply_queue() const {
    return {.name = named("replies"), .expires = seconds(60)};
  }
  Task<void> declare_both(Connection& connection, std::uint32_t max_deliveries = 3) {
    must(co_await connection.declare_reply_queue(reply_queue()));
    must(co_await connection.declare_work_queue(work_queue(max_deliveries)));
  }

  asio::io_context io_;
  TempDir folder_;
  std::unique_ptr<embedded::EmbeddedBroker> embedded_;
  Address address_;
  std::string prefix_ = "test-" + random_id(8) + ".";
};

TEST_P(BrokerContractTest, MessagesArriveInTheOrderInWhichTheyWerePublished) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection);
    co_await publish_to(*connection, named("work"), words("1 2 3 4 5"));
    must(co_await connection->consume(named("work"), 1));
    for (const char* expected : {"1", "2", "3", "4", "5"}) {
      const Delivery delivery = co_await next_delivery(*connection);
      EXPECT_EQ(delivery.body, expected);
      EXPECT_EQ(delivery.queue, named("work"));
      EXPECT_EQ(delivery.attempt, 1U);
      EXPECT_FALSE(delivery.is_dead_letter);
      must(connection->ack(delivery.tag));
    }
    must(co_await connection->delete_queue(named("work")));
    must(co_await connection->delete_queue(named("replies")));
  });
}

TEST_P(BrokerContractTest, AConsumerHoldsAtMostItsPrefetch) {
  run([this]() -> Task<void> {
    const auto first = co_await connect();
    const auto second = co_await connect();
    co_await declare_both(*first);
    co_await publish_to(*first, named("work"), words("1 2 3 4 5"));
    must(co_await first->consume(named("work"), 2));
    EXPECT_EQ((co_await next_delivery(*first)).body, "1");
    EXPECT_EQ((co_await next_delivery(*first)).body, "2");
    must(co_await second->consume(named("work"), 10));
    for (const char* expected : {"3", "4", "5"})
      EXPECT_EQ((co_await next_delivery(*second)).body, expected);
  });
}

TEST_P(BrokerContractTest, UnackedMessagesOfALostPeerGoToAnother) {
  run([this]() -> Task<void> {
    auto dying = co_await connect();
    const auto living = co_await connect();
    co_await declare_both(*dying);
    co_await publish_to(*living, named("work"), words("1 2 3"));
    must(co_await dying->consume(named("work"), 2));
    co_await next_delivery(*dying);
    co_await next_delivery(*dying);
    dying.reset();
    must(co_await living->consume(named("work"), 1));
    for (const char* expected : {"1", "2", "3"}) {
      const Delivery delivery = co_await next_delivery(*living);
      EXPECT_EQ(delivery.body, expected);
      EXPECT_EQ(delivery.attempt, delivery.body == "3" ? 1U : 2U);
      must(living->ack(delivery.tag));
    }
  });
}

TEST_P(BrokerContractTest, AMessageThatFailsTooOftenIsADeadLetterOfTheReplyQueue) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection, 3);
    must(co_await connection->consume(named("replies"), 10));
    co_await publish_to(*connection, named("work"), one("deadly"));
    for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
      auto victim = co_await connect();
      must(co_await victim->consume(named("work"), 1));
      EXPECT_EQ((co_await next_delivery(*victim)).attempt, attempt);
    }
    const Delivery dead = co_await next_delivery(*connection);
    EXPECT_EQ(dead.body, "deadly");
    EXPECT_EQ(dead.queue, named("replies"));
    EXPECT_TRUE(dead.is_dead_letter);
    must(connection->ack(dead.tag));
    co_await publish_to(*connection, named("replies"), one("alive"));
    EXPECT_FALSE((co_await next_delivery(*connection)).is_dead_letter);
  });
}

TEST_P(BrokerContractTest, AFailedTryCountsAndComesBackFirst) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection, 2);
    must(co_await connection->consume(named("replies"), 1));
    co_await publish_to(*connection, named("work"), words("1 2"));
    must(co_await connection->consume(named("work"), 1));
    const Delivery first = co_await next_delivery(*connection);
    must(connection->give_back(first.tag, GiveBack::kFailed));
    const Delivery again = co_await next_delivery(*connection);
    EXPECT_EQ(again.body, "1");
    EXPECT_EQ(again.attempt, 2U);
    must(connection->give_back(again.tag, GiveBack::kFailed));
    std::set<std::string> queues;
    for (int i = 0; i < 2; ++i) {
      const Delivery delivery = co_await next_delivery(*connection);
      EXPECT_EQ(delivery.is_dead_letter, delivery.body == "1");
      queues.insert(delivery.queue + " " + delivery.body);
    }
    EXPECT_EQ(queues, (std::set<std::string>{named("replies") + " 1", named("work") + " 2"}));
  });
}

TEST_P(BrokerContractTest, AnUntriedMessageComesBack) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection, 3);
    co_await publish_to(*connection, named("work"), words("1 2"));
    must(co_await connection->consume(named("work"), 1));
    const Delivery first = co_await next_delivery(*connection);
    must(connection->give_back(first.tag, GiveBack::kUntried));
    const Delivery again = co_await next_delivery(*connection);
    EXPECT_EQ(again.body, "1");
    // RabbitMQ before 4.3 counts it all the same.
    if (!is_rabbit()) {
      EXPECT_EQ(again.attempt, 1U);
    }
  });
}

TEST_P(BrokerContractTest, ConsumersLearnThatTheirQueueWasDeleted) {
  run([this]() -> Task<void> {
    const auto owner = co_await connect();
    const auto consumer = co_await connect();
    co_await declare_both(*owner);
    must(co_await consumer->consume(named("work"), 1));
    must(co_await owner->delete_queue(named("work")));
    EXPECT_EQ(co_await next_cancelled(*consumer), named("work"));
    EXPECT_FALSE(must(co_await owner->queue_exists(named("work"))));
    must(co_await owner->delete_queue(named("work")));
  });
}

TEST_P(BrokerContractTest, PurgingTakesWhatWaitsAndNothingElse) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection);
    for (const char* body : {"1", "2", "3"})
      co_await publish_to(*connection, named("work"), one(body));
    must(co_await connection->consume(named("work"), 1));
    const Delivery held = co_await next_delivery(*connection);
    EXPECT_EQ(held.body, "1");
    must(co_await connection->purge_queue(named("work")));
    must(connection->ack(held.tag));
    co_await publish_to(*connection, named("work"), one("4"));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "4");
    must(co_await connection->purge_queue(named("missing")));
  });
}

TEST_P(BrokerContractTest, AckingAMessageOfADeletedQueueIsHarmless) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection);
    co_await publish_to(*connection, named("work"), one("1"));
    must(co_await connection->consume(named("work"), 1));
    const Delivery delivery = co_await next_delivery(*connection);
    must(co_await connection->delete_queue(named("work")));
    EXPECT_EQ(co_await next_cancelled(*connection), named("work"));
    must(connection->ack(delivery.tag));
    EXPECT_TRUE(must(co_await connection->queue_exists(named("replies"))));
  });
}

TEST_P(BrokerContractTest, PublishingToAMissingQueueIsUnroutable) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    must(co_await connection->declare_reply_queue(reply_queue()));
    auto messages = messages_to(named("replies"), one("1"));
    messages.push_back({to_queue(named("missing")), "2"});
    const Error error = must_fail(co_await connection->publish(std::move(messages)));
    EXPECT_EQ(error.kind, ErrorKind::kUnroutable);
    EXPECT_NE(error.message.find(named("missing")), std::string::npos) << error.message;
    co_await publish_to(*connection, named("replies"), one("3"));
    must(connection->post({to_queue(named("missing")), "4"}));
    must(co_await connection->consume(named("replies"), 2));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "1");
    EXPECT_EQ((co_await next_delivery(*connection)).body, "3");
  });
}

TEST_P(BrokerContractTest, ATopicCopiesToEveryOwnQueueBoundToIt) {
  run([this]() -> Task<void> {
    const auto sender = co_await connect();
    const auto first = co_await connect();
    const auto second = co_await connect();
    must(co_await sender->declare_topic(named("jobs")));
    must(co_await sender->declare_topic(named("jobs")));
    must(co_await sender->declare_topic(named("control")));
    std::vector<Message> unheard;
    unheard.push_back({to_topic(named("jobs")), "nobody listens"});
    must(co_await sender->publish(std::move(unheard)));
    const std::vector<std::string> both = {named("jobs"), named("control")};
    const std::string first_queue = must(co_await first->declare_own_queue(both));
    const std::string second_queue = must(co_await second->declare_own_queue(one(named("jobs"))));
    EXPECT_NE(first_queue, second_queue);
    must(co_await first->consume(first_queue, 10));
    must(co_await second->consume(second_queue, 10));
    std::vector<Message> messages;
    messages.push_back({to_topic(named("jobs")), "job"});
    messages.push_back({to_topic(named("control")), "drain"});
    messages.push_back({to_topic(named("jobs")), "last"});
    must(co_await sender->publish(std::move(messages)));
    for (const char* expected : {"job", "drain", "last"})
      EXPECT_EQ((co_await next_delivery(*first)).body, expected);
    for (const char* expected : {"job", "last"})
      EXPECT_EQ((co_await next_delivery(*second)).body, expected);
  });
}

TEST_P(BrokerContractTest, PostedMessagesArriveToo) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    must(co_await connection->declare_reply_queue(reply_queue()));
    must(co_await connection->declare_topic(named("topic")));
    const std::string own = must(co_await connection->declare_own_queue(one(named("topic"))));
    must(connection->post({to_queue(named("replies")), "progress"}));
    must(connection->post({to_topic(named("topic")), "hello"}));
    must(co_await connection->consume(named("replies"), 1));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "progress");
    must(co_await connection->consume(own, 1));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "hello");
  });
}

/// Publishes until the queue is gone. Asking for it instead would count as a use, in RabbitMQ.
Task<void> wait_until_gone(Connection& connection, std::string queue) {
  for (;;) {
    const auto published = co_await connection.publish(messages_to(queue, one("still there?")));
    if (!published && published.error().kind == ErrorKind::kUnroutable) co_return;
    must(published);
    co_await sleep_for(std::chrono::milliseconds(50));
  }
}

TEST_P(BrokerContractTest, AnOwnQueueTakesDirectMessagesAndEndsWithItsConnection) {
  run([this]() -> Task<void> {
    const auto sender = co_await connect();
    auto owner = co_await connect();
    const std::string queue = must(co_await owner->declare_own_queue(std::vector<std::string>()));
    must(co_await owner->consume(queue, 1));
    co_await publish_to(*sender, queue, one("direct"));
    EXPECT_EQ((co_await next_delivery(*owner)).body, "direct");
    co_await owner->close();
    owner.reset();
    co_await wait_until_gone(*sender, queue);
    EXPECT_FALSE(must(co_await sender->queue_exists(queue)));
  });
}

TEST_P(BrokerContractTest, AQueueWithoutConsumersExpires) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    const ReplyQueue unused{.name = named("unused"), .expires = seconds(1)};
    must(co_await connection->declare_reply_queue(unused));
    const ReplyQueue consumed{.name = named("consumed"), .expires = seconds(1)};
    must(co_await connection->declare_reply_queue(consumed));
    must(co_await connection->consume(named("consumed"), 1));
    EXPECT_TRUE(must(co_await connection->queue_exists(named("unused"))));
    co_await wait_until_gone(*connection, named("unused"));
    EXPECT_TRUE(must(co_await connection->queue_exists(named("consumed"))));
    must(co_await connection->stop_consuming(named("consumed")));
    co_await wait_until_gone(*connection, named("consumed"));
    EXPECT_FALSE(must(co_await connection->queue_exists(named("consumed"))));
  });
}

TEST_P(BrokerContractTest, ConsumingAMissingQueueLeavesTheConnectionUsable) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    must(co_await connection->declare_reply_queue(reply_queue()));
    must(co_await connection->consume(named("replies"), 1));
    const Error error = must_fail(co_await connection->consume(named("missing"), 1));
    EXPECT_EQ(error.kind, ErrorKind::kNotFound);
    EXPECT_NE(error.message.find(named("missing")), std::string::npos) << error.message;
    co_await publish_to(*connection, named("replies"), one("still here"));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "still here");
  });
}

TEST_P(BrokerContractTest, DeclaringOtherwiseIsRefusedAndLeavesTheConnectionUsable) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection);
    co_await declare_both(*connection);
    const ReplyQueue other{.name = named("work"), .expires = seconds(60)};
    const Error error = must_fail(co_await connection->declare_reply_queue(other));
    EXPECT_EQ(error.kind, ErrorKind::kRefused);
    EXPECT_TRUE(must(co_await connection->queue_exists(named("work"))));
    const Error long_name = must_fail(co_await connection->declare_topic(std::string(256, 'x')));
    EXPECT_EQ(long_name.kind, ErrorKind::kRefused);
  });
}

TEST_P(BrokerContractTest, AnotherConnectionsOwnQueueCannotBeConsumed) {
  run([this]() -> Task<void> {
    const auto owner = co_await connect();
    const auto other = co_await connect();
    const std::string queue = must(co_await owner->declare_own_queue(std::vector<std::string>()));
    const Error error = must_fail(co_await other->consume(queue, 1));
    EXPECT_EQ(error.kind, ErrorKind::kRefused);
    EXPECT_TRUE(must(co_await other->queue_exists(queue)));
  });
}

TEST_P(BrokerContractTest, SeveralCoroutinesPublishAtOnce) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    must(co_await connection->declare_reply_queue(reply_queue()));
    constexpr int kPublishers = 8;
    constexpr int kEach = 150;
    int running = kPublishers;
    for (int publisher = 0; publisher < kPublishers; ++publisher) {
      spawn(io_.get_executor(),
            [](Connection& to, std::string queue, int number, int& left) -> Task<void> {
              std::vector<std::string> bodies;
              bodies.reserve(kEach);
              for (int i = 0; i < kEach; ++i)
                bodies.push_back(std::to_string(number) + " " + std::to_string(1000 + i));
              co_await publish_to(to, std::move(queue), std::move(bodies));
              --left;
            }(*connection, named("replies"), publisher, running));
    }
    must(co_await connection->consume(named("replies"), 100));
    std::vector<std::vector<std::string>> received(kPublishers);
    for (int i = 0; i < kPublishers * kEach; ++i) {
      const Delivery delivery = co_await next_delivery(*connection);
      received.at(static_cast<std::size_t>(delivery.body[0] - '0')).push_back(delivery.body);
      must(connection->ack(delivery.tag));
    }
    // NOLINTNEXTLINE(bugprone-infinite-loop): the coroutines count it down.
    while (running > 0) co_await sleep_for(std::chrono::milliseconds(1));
    for (const auto& bodies : received) {
      EXPECT_EQ(bodies.size(), static_cast<std::size_t>(kEach));
      EXPECT_TRUE(std::ranges::is_sorted(bodies));
    }
  });
}

TEST_P(BrokerContractTest, TenThousandMessagesArePublishedInOneCall) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection);
    std::vector<std::string> bodies;
    bodies.reserve(10'000);
    for (int i = 0; i < 10'000; ++i) bodies.push_back("unit " + std::to_string(i));
    co_await publish_to(*connection, named("work"), bodies);
    must(co_await connection->consume(named("work"), 200));
    for (const std::string& expected : bodies) {
      const Delivery delivery = co_await next_delivery(*connection);
      if (delivery.body != expected) throw std::runtime_error("out of order: " + delivery.body);
      must(connection->ack(delivery.tag));
    }
    must(co_await connection->delete_queue(named("work")));
  });
}

TEST_P(BrokerContractTest, BodiesAreBytesOfAnyLengthUpToTheLimit) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    must(co_await connection->declare_reply_queue(reply_queue()));
    std::string all_bytes;
    for (int i = 0; i < 1024 * 1024; ++i) all_bytes.push_back(static_cast<char>(i * 7 + i / 256));
    std::string large;
    while (large.size() < std::size_t{7} * 1024 * 1024) large += all_bytes;
    const std::vector<std::string> bodies = {"", std::string("\0x\0", 3), all_bytes, large};
    co_await publish_to(*connection, named("replies"), bodies);
    must(co_await connection->consume(named("replies"), 1));
    for (const std::string& expected : bodies) {
      const Delivery delivery = co_await next_delivery(*connection);
      EXPECT_TRUE(delivery.body == expected) << expected.size();
      must(connection->ack(delivery.tag));
    }
    const Error error = must_fail(co_await connection->publish(
        messages_to(named("replies"), one(std::string(kMaxMessageBytes + 1, 'x')))));
    EXPECT_EQ(error.kind, ErrorKind::kRefused);
  });
}

TEST_P(BrokerContractTest, AfterStopConsumingNewMessagesStayInTheQueue) {
  run([this]() -> Task<void> {
    const auto stopping = co_await connect();
    const auto other = co_await connect();
    co_await declare_both(*stopping);
    co_await publish_to(*stopping, named("work"), words("1 2"));
    must(co_await stopping->consume(named("work"), 1));
    const Delivery delivery = co_await next_delivery(*stopping);
    must(co_await stopping->stop_consuming(named("work")));
    must(stopping->ack(delivery.tag));
    must(co_await other->consume(named("work"), 10));
    EXPECT_EQ((co_await next_delivery(*other)).body, "2");
    co_await publish_to(*stopping, named("work"), one("3"));
    EXPECT_EQ((co_await next_delivery(*other)).body, "3");
    must(co_await stopping->stop_consuming(named("work")));
    must(co_await stopping->consume(named("replies"), 1));
    co_await publish_to(*other, named("replies"), one("4"));
    EXPECT_EQ((co_await next_delivery(*stopping)).body, "4");
  });
}

TEST_P(BrokerContractTest, AClosedConnectionEndsEveryWait) {
  run([this]() -> Task<void> {
    auto connection = co_await connect();
    must(co_await connection->declare_reply_queue(reply_queue()));
    std::optional<Result<Event>> outcome;
    Signal ended(io_.get_executor());
    spawn(io_.get_executor(), [](Connection& waiting, auto& out, Signal& done) -> Task<void> {
      out = co_await waiting.next_event();
      done.notify();
    }(*connection, outcome, ended));
    co_await sleep_for(std::chrono::milliseconds(1));
    co_await connection->close();
    EXPECT_EQ(must_fail(connection->ack(1)).kind, ErrorKind::kConnectionLost);
    EXPECT_EQ(must_fail(co_await connection->queue_exists("x")).kind, ErrorKind::kConnectionLost);
    EXPECT_EQ(must_fail(co_await connection->publish(messages_to(named("replies"), one("x")))).kind,
              ErrorKind::kConnectionLost);
    connection.reset();
    while (!outcome) co_await ended.wait();
    EXPECT_EQ(must_fail(*outcome).kind, ErrorKind::kConnectionLost);
  });
}

TEST_P(BrokerContractTest, EveryWaitEndsWhenTheBrokerDies) {
  run([this]() -> Task<void> {
    const auto connection = co_await connect();
    co_await declare_both(*connection);
    must(co_await connection->consume(named("work"), 1));
    if (is_rabbit()) {
      test::shared_rabbit().kill();
    } else {
      embedded_.reset();
    }
    const Error error = must_fail(co_await connection->next_event());
    EXPECT_EQ(error.kind, ErrorKind::kConnectionLost) << error.message;
    const auto published = co_await connection->publish(messages_to(named("work"), one("x")));
    EXPECT_EQ(must_fail(published).kind, ErrorKind::kConnectionLost);
    const Error unreachable = must_fail(co_await broker::connect(address_, "late"));
    EXPECT_EQ(unreachable.kind, ErrorKind::kUnavailable) << unreachable.message;
  });
  if (is_rabbit()) must(test::shared_rabbit().restart());
}

INSTANTIATE_TEST_SUITE_P(, BrokerContractTest,
                         ::testing::Values(Implementation::kEmbedded, Implementation::kRabbit),
                         [](const auto& parameter) {
                           return parameter.param == Implementation::kEmbedded ? "Embedded"
                                                                               : "Rabbit";
                         });

}  // namespace
}  // namespace gorgon::broker
