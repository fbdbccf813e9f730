// What only a RabbitMQ can do to a connection: refuse it, die, hang, come back, raise alarms.
#include "broker/amqp/connection.h"  // IWYU pragma: keep

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "broker/test_support.h"
#include "config/connection.h"
#include "support/certificates.h"
#include "support/rabbitmq.h"

// NOLINTBEGIN(bugprone-unchecked-optional-access): an empty one throws or crashes, a failure too.
namespace gorgon::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using test::shared_rabbit;

constexpr std::size_t kMegabyte = std::size_t{1024} * 1024;

class AmqpConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override { address_ = shared_rabbit().connection(); }

  template <class MakeTest>
  void run(MakeTest make_test) {
    run_test(io_, std::move(make_test));
  }
  Task<Result<std::unique_ptr<Connection>>> try_to_connect() {
    return connect(address_, "amqp test");
  }
  Task<std::unique_ptr<Connection>> connected() { co_return must(co_await try_to_connect()); }
  [[nodiscard]] std::string named(const std::string& name) const { return prefix_ + name; }
  Task<void> declare_both(Connection& connection) {
    const ReplyQueue replies{.name = named("replies"), .expires = seconds(60)};
    must(co_await connection.declare_reply_queue(replies));
    const WorkQueue work{.name = named("work"), .dead_letter_to = named("replies")};
    must(co_await connection.declare_work_queue(work));
  }
  /// Publishes in the background; the outcome appears in the result.
  std::shared_ptr<std::optional<Result<void>>> start_publishing(Connection& connection,
                                                                std::vector<Message> messages) {
    auto outcome = std::make_shared<std::optional<Result<void>>>();
    spawn(io_.get_executor(),
          [](Task<Result<void>> publishing,
             std::shared_ptr<std::optional<Result<void>>> out) -> Task<void> {
            *out = co_await std::move(publishing);
          }(connection.publish(std::move(messages)), outcome));
    return outcome;
  }

  asio::io_context io_;
  config::Connection address_;
  std::string prefix_ = "amqp-" + random_id(8) + ".";
};

/// Counts how often the event loop came by, to see that nothing blocks it.
class LoopWatch {
 public:
  explicit LoopWatch(asio::io_context& io) {
    spawn(io.get_executor(), [](std::shared_ptr<State> state) -> Task<void> {
      while (!state->is_over) {
        const auto before = Clock::now();
        co_await sleep_for(milliseconds(10));
        state->longest = std::max(state->longest, Clock::now() - before);
      }
    }(state_));
  }
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;
  ~LoopWatch() { state_->is_over = true; }
  [[nodiscard]] Clock::duration longest_turn() const { return state_->longest; }

 private:
  struct State {
    bool is_over = false;
    Clock::duration longest{0};
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Runs what blocks on a thread, so that the loop goes on sending heartbeats meanwhile.
Task<void> without_blocking(std::function<Result<void>()> action) {
  auto outcome = std::async(std::launch::async, std::move(action));
  while (outcome.wait_for(seconds(0)) != std::future_status::ready)
    co_await sleep_for(milliseconds(5));
  must(outcome.get());
}

TEST_F(AmqpConnectionTest, AWrongPasswordIsRefusedAndNotRepeated) {
  address_.password = "open-sesame";
  run([this]() -> Task<void> {
    const Error error = must_fail(co_await try_to_connect());
    EXPECT_EQ(error.kind, ErrorKind::kRefused);
    EXPECT_NE(error.message.find(describe(Address(address_))), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("\"password\""), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find("open-sesame"), std::string::npos) << error.message;
  });
}

TEST_F(AmqpConnectionTest, AMissingVirtualHostIsRefused) {
  address_.virtual_host = "nowhere";
  run([this]() -> Task<void> {
    const Error error = must_fail(co_await try_to_connect());
    EXPECT_EQ(error.kind, ErrorKind::kRefused);
    EXPECT_NE(error.message.find("\"nowhere\""), std::string::npos) << error.message;
  });
}

TEST_F(AmqpConnectionTest, VirtualHostsAndUsersCanBeAdded) {
  must(shared_rabbit().add_virtual_host(named("host")));
  must(shared_rabbit().add_user(named("user"), "secret"));
  run([this]() -> Task<void> {
    address_.virtual_host = named("host");
    must(co_await try_to_connect());
    address_.virtual_host = "/";
    address_.user = named("user");
    address_.password = "secret";
    must(co_await try_to_connect());
  });
}

TEST_F(AmqpConnectionTest, NobodyListeningIsUnavailableAtOnce) {
  address_.port = 1;
  run([this]() -> Task<void> {
    const auto start = Clock::now();
    const Error error = must_fail(co_await try_to_connect());
    EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
    EXPECT_NE(error.message.find("127.0.0.1:1"), std::string::npos) << error.message;
    EXPECT_LT(Clock::now() - start, seconds(3));
  });
}

TEST_F(AmqpConnectionTest, AnUnknownHostIsUnavailable) {
  address_.host = "no-such-host.invalid";
  run([this]() -> Task<void> {
    const Error error = must_fail(co_await try_to_connect());
    EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
    EXPECT_NE(error.message.find("no-such-host.invalid"), std::string::npos) << error.message;
  });
}

TEST_F(AmqpConnectionTest, ASilentServerIsGivenUpWithoutBlockingTheLoop) {
  // Connections wait in its backlog for ever.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  address_.port = ntohs(address.sin_port);
  run([this]() -> Task<void> {
    const LoopWatch watch(io_);
    const auto start = Clock::now();
    const Error error = must_fail(co_await try_to_connect());
    EXPECT_EQ(error.kind, ErrorKind::kUnavailable) << error.message;
    EXPECT_LT(Clock::now() - start, milliseconds(10'500));
    EXPECT_LT(watch.longest_turn(), seconds(1));
  });
}

TEST_F(AmqpConnectionTest, AStoppingBrokerSaysSoAndKeepsWhatIsDurable) {
  run([this]() -> Task<void> {
    auto connection = co_await connected();
    co_await declare_both(*connection);
    co_await publish_to(*connection, named("work"), words("1 2 3"));
    co_await publish_to(*connection, named("replies"), words("a b"));
    must(co_await connection->consume(named("work"), 1));
    const Delivery first = co_await next_delivery(*connection);
    must(connection->ack(first.tag));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "2");
    shared_rabbit().stop();
    const Error error = must_fail(co_await connection->next_event());
    EXPECT_EQ(error.kind, ErrorKind::kConnectionLost);
    EXPECT_NE(error.message.find("320"), std::string::npos) << error.message;
    must(shared_rabbit().restart());
    connection = co_await connected();
    must(co_await connection->consume(named("work"), 2));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "2");
    EXPECT_EQ((co_await next_delivery(*connection)).body, "3");
    must(co_await connection->consume(named("replies"), 2));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "a");
    EXPECT_EQ((co_await next_delivery(*connection)).body, "b");
  });
}

TEST_F(AmqpConnectionTest, AnUnknownTagEndsTheConnection) {
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    must(connection->ack(17));
    const Error error = must_fail(co_await connection->next_event());
    EXPECT_EQ(error.kind, ErrorKind::kConnectionLost);
    EXPECT_NE(error.message.find("406"), std::string::npos) << error.message;
  });
}

TEST_F(AmqpConnectionTest, PublishingToAnUndeclaredTopicEndsTheConnection) {
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    std::vector<Message> messages;
    messages.push_back({to_topic(named("undeclared")), "x"});
    const Error error = must_fail(co_await connection->publish(std::move(messages)));
    EXPECT_EQ(error.kind, ErrorKind::kConnectionLost);
    EXPECT_NE(error.message.find("404"), std::string::npos) << error.message;
  });
}

TEST_F(AmqpConnectionTest, AnIdleConnectionLivesOnByItsHeartbeats) {
  address_.heartbeat = seconds(1);
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    co_await sleep_for(seconds(5));
    EXPECT_FALSE(must(co_await connection->queue_exists(named("x"))));
  });
}

TEST_F(AmqpConnectionTest, AHangingBrokerIsNoticedByItsHeartbeats) {
  address_.heartbeat = seconds(1);
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    co_await declare_both(*connection);
    const LoopWatch watch(io_);
    const auto start = Clock::now();
    shared_rabbit().pause();
    const auto publishing = start_publishing(*connection, messages_to(named("work"), one("x")));
    const Error error = must_fail(co_await connection->next_event());
    EXPECT_EQ(error.kind, ErrorKind::kConnectionLost);
    EXPECT_NE(error.message.find("heartbeat"), std::string::npos) << error.message;
    // Twice the heartbeat, a turn of the loop, and a busy machine.
    EXPECT_LT(Clock::now() - start, seconds(4));
    EXPECT_EQ(must_fail(co_await connection->publish(messages_to(named("work"), one("y")))).kind,
              ErrorKind::kConnectionLost);
    EXPECT_EQ(must_fail(publishing->value()).kind, ErrorKind::kConnectionLost);
    EXPECT_LT(watch.longest_turn(), seconds(1));
  });
  shared_rabbit().resume();
}

/// Its deliveries would be lost to whoever connects again.
TEST_F(AmqpConnectionTest, AMessageThatIsNotConfirmedInTimeEndsTheConnection) {
  address_.heartbeat = seconds(600);
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    co_await declare_both(*connection);
    shared_rabbit().pause();
    EXPECT_EQ(must_fail(co_await connection->publish(messages_to(named("work"), one("x")))).kind,
              ErrorKind::kTimeout);
    EXPECT_EQ(must_fail(co_await connection->next_event()).kind, ErrorKind::kConnectionLost);
  });
  shared_rabbit().resume();
}

TEST_F(AmqpConnectionTest, AHangingBrokerWithAFullSocketIsNoticedToo) {
  address_.heartbeat = seconds(1);
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    co_await declare_both(*connection);
    const LoopWatch watch(io_);
    const auto start = Clock::now();
    shared_rabbit().pause();
    // More than the socket's buffers hold.
    const std::vector<std::string> bodies(5, std::string(7 * kMegabyte, 'x'));
    const auto publishing = start_publishing(*connection, messages_to(named("work"), bodies));
    EXPECT_EQ(must_fail(co_await connection->next_event()).kind, ErrorKind::kConnectionLost);
    EXPECT_LT(Clock::now() - start, seconds(6));
    EXPECT_LT(watch.longest_turn(), seconds(1));
    while (!*publishing) co_await sleep_for(milliseconds(1));
    EXPECT_EQ(must_fail(publishing->value()).kind, ErrorKind::kConnectionLost);
  });
  shared_rabbit().resume();
}

TEST_F(AmqpConnectionTest, AnAlarmHoldsPublishesBackUntilItIsOver) {
  address_.heartbeat = seconds(1);
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    co_await declare_both(*connection);
    EXPECT_EQ(connection->blocked_reason(), std::nullopt);
    co_await without_blocking([] { return shared_rabbit().raise_alarm("memory"); });
    const std::vector<std::string> bodies(5, std::string(7 * kMegabyte, 'x'));
    const auto publishing = start_publishing(*connection, messages_to(named("replies"), bodies));
    while (!connection->blocked_reason() && !*publishing) co_await sleep_for(milliseconds(5));
    EXPECT_NE(connection->blocked_reason().value_or("").find("memory"), std::string::npos);
    // Longer than all limits for dead links, which this is none.
    co_await sleep_for(seconds(6));
    EXPECT_FALSE(publishing->has_value());
    co_await without_blocking([] { return shared_rabbit().clear_alarm("memory"); });
    while (!*publishing) co_await sleep_for(milliseconds(5));
    must(publishing->value());
    EXPECT_EQ(connection->blocked_reason(), std::nullopt);
    must(co_await connection->consume(named("replies"), 10));
    for (const std::string& body : bodies)
      EXPECT_TRUE((co_await next_delivery(*connection)).body == body);
  });
  must(shared_rabbit().clear_alarm("memory"));
}

TEST_F(AmqpConnectionTest, HoldingAMessageForTooLongLosesTheConnection) {
  must(shared_rabbit().rabbitmqctl({"eval",
                                    "application:set_env(rabbit, consumer_timeout, 1000), "
                                    "application:set_env(rabbit, channel_tick_interval, 500)."}));
  run([this]() -> Task<void> {
    const auto connection = co_await connected();
    co_await declare_both(*connection);
    co_await publish_to(*connection, named("work"), one("slow"));
    must(co_await connection->consume(named("work"), 1));
    EXPECT_EQ((co_await next_delivery(*connection)).body, "slow");
    const Error error = must_fail(co_await connection->next_event());
    EXPECT_EQ(error.kind, ErrorKind::kConnectionLost);
    EXPECT_NE(error.message.find("acknowledgement"), std::string::npos) << error.message;
  });
  must(shared_rabbit().rabbitmqctl({"eval",
                                    "application:set_env(rabbit, consumer_timeout, 1800000), "
                                    "application:set_env(rabbit, channel_tick_interval, 60000)."}));
}

/// One broker with TLS for all of them, whose certificate is for localhost and 127.0.0.1, and which
/// wants certificates of its clients.
class AmqpTlsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority().emplace(must(test::TestAuthority::make()));
    const auto server = must(authority()->issue("broker", "DNS:localhost,IP:127.0.0.1"));
    rabbit() = must(test::PrivateRabbit::start({.ca_file = authority()->ca_file(),
                                                .certificate_file = server.certificate_file,
                                                .key_file = server.key_file,
                                                .require_client_certificate = true}));
  }
  static void TearDownTestSuite() {
    rabbit().reset();
    authority().reset();
  }
  static std::optional<test::TestAuthority>& authority() {
    static std::optional<test::TestAuthority> instance;
    return instance;
  }
  static std::unique_ptr<test::PrivateRabbit>& rabbit() {
    static std::unique_ptr<test::PrivateRabbit> instance;
    return instance;
  }

  void SetUp() override {
    const auto client = must(authority()->issue("client", "DNS:client"));
    address_ = rabbit()->connection();
    address_.port = rabbit()->tls_port();
    address_.tls = config::Tls{.ca_file = authority()->ca_file(),
                               .certificate_file = client.certificate_file,
                               .key_file = client.key_file};
  }
  Result<void> try_to_connect() {
    asio::io_context io;
    auto connection = run_to_completion(io, connect(address_, "tls test"));
    if (!connection) return std::unexpected(connection.error());
    return {};
  }

  config::Connection address_;
};

TEST_F(AmqpTlsTest, TheRightAuthorityAndAddressConnect) {
  must(try_to_connect());
  address_.host = "localhost";
  must(try_to_connect());
}

TEST_F(AmqpTlsTest, MessagesOfAllSizesPass) {
  asio::io_context io;
  run_test(io, [this]() -> Task<void> {
    const auto connection = must(co_await connect(address_, "tls test"));
    const ReplyQueue replies{.name = "tls", .expires = seconds(60)};
    must(co_await connection->declare_reply_queue(replies));
    std::vector<std::string> bodies;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 20'000ul, 7 * kMegabyte})
      bodies.push_back(std::string(size, 'x'));
    co_await publish_to(*connection, "tls", bodies);
    must(co_await connection->consume("tls", 10));
    for (const std::string& body : bodies)
      EXPECT_TRUE((co_await next_delivery(*connection)).body == body);
    co_await connection->close();
  });
}

TEST_F(AmqpTlsTest, AnotherAuthorityIsRefused) {
  const auto other = must(test::TestAuthority::make());
  address_.tls->ca_file = other.ca_file();
  const Error error = must_fail(try_to_connect());
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(error.message.find(other.ca_file().string()), std::string::npos) << error.message;
}

TEST_F(AmqpTlsTest, AnAddressOutsideTheCertificateIsRefused) {
  address_.host = "127.0.0.2";
  EXPECT_EQ(must_fail(try_to_connect()).kind, ErrorKind::kUnavailable);
  address_.tls->verify_host = false;
  must(try_to_connect());
}

TEST_F(AmqpTlsTest, AHostNameOutsideTheCertificateIsRefused) {
  // An old way to write 127.0.0.1, so a name in the eyes of the certificate check.
  address_.host = "127.1";
  EXPECT_EQ(must_fail(try_to_connect()).kind, ErrorKind::kUnavailable);
  address_.tls->verify_host = false;
  must(try_to_connect());
}

TEST_F(AmqpTlsTest, AMissingClientCertificateIsExplained) {
  address_.tls->certificate_file.clear();
  const Error error = must_fail(try_to_connect());
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(error.message.find("client certificate"), std::string::npos) << error.message;
}

TEST_F(AmqpTlsTest, AClientCertificateOfAnotherAuthorityIsRefused) {
  const auto other = must(test::TestAuthority::make());
  const auto foreign = must(other.issue("client", "DNS:client"));
  address_.tls->certificate_file = foreign.certificate_file;
  address_.tls->key_file = foreign.key_file;
  const Error error = must_fail(try_to_connect());
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(error.message.find("client certificate"), std::string::npos) << error.message;
}

TEST_F(AmqpTlsTest, PlainAndTlsPortsAreToldApart) {
  const auto tls = std::exchange(address_.tls, std::nullopt);
  EXPECT_EQ(must_fail(try_to_connect()).kind, ErrorKind::kUnavailable);
  address_ = rabbit()->connection();
  address_.tls = tls;
  EXPECT_EQ(must_fail(try_to_connect()).kind, ErrorKind::kUnavailable);
}

TEST_F(AmqpTlsTest, UnreadableFilesAreNamed) {
  address_.tls->ca_file = "/no/such/ca.pem";
  const Error error = must_fail(try_to_connect());
  EXPECT_EQ(error.kind, ErrorKind::kUsage);
  EXPECT_NE(error.message.find("/no/such/ca.pem"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace gorgon::broker
// NOLINTEND(bugprone-unchecked-optional-access)
