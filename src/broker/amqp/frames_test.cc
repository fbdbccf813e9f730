// Frames as bytes, written into a socket that rabbitmq-c reads (AMQP 0-9-1, section 4.2).
#include "broker/amqp/frames.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "broker/amqp/library.h"
#include "broker/broker.h"

namespace gorgon::broker::amqp {
namespace {

constexpr std::size_t kPartBytes = 60'000;  // Below what rabbitmq-c reads before a tune.

std::string number(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i) & 0xFFU);
  return text;
}

std::string frame(std::uint8_t type, const std::string& payload) {
  return number(type, 1) + number(kMainChannel, 2) + number(payload.size(), 4) + payload + "\xCE";
}

/// The method and the header of a delivery of `size` bytes to the consumer "c".
std::string deliver(std::uint64_t tag, std::uint64_t size) {
  const std::string method = number(60, 2) + number(60, 2) + "\x01" + "c" + number(tag, 8) +
                             number(0, 1) + number(0, 1) + number(0, 1);
  const std::string header = number(60, 2) + number(0, 2) + number(size, 8) + number(0, 2);
  return frame(1, method) + frame(2, header);
}

class AmqpFramesTest : public ::testing::Test {
 protected:
  AmqpFramesTest() {
    auto pair = make_socket_pair(SocketType::kStream);
    peer_ = std::move(pair->theirs);
    // As rabbitmq-c makes its own; it reads before it asks whether there is anything.
    ::fcntl(pair->ours.get(), F_SETFL, O_NONBLOCK);
    amqp_socket_t* socket = amqp_tcp_socket_new(state_.get());
    amqp_tcp_socket_set_sockfd(socket, pair->ours.release());
  }

  /// Writes `bytes`, and gives what has become complete by them.
  std::vector<Incoming> feed(const std::string& bytes) {
    std::vector<Incoming> all;
    for (std::size_t start = 0; start < bytes.size(); start += kPartBytes) {
      const std::string part = bytes.substr(start, kPartBytes);
      EXPECT_EQ(::send(peer_.get(), part.data(), part.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(part.size()));
      for (;;) {
        auto next = reader_.next(state_.get());
        EXPECT_TRUE(next) << next.error().message;
        if (!next || !*next) break;
        all.push_back(**std::move(next));
      }
    }
    return all;
  }

 private:
  UniqueState state_{amqp_new_connection()};
  UniqueFd peer_;
  FrameReader reader_;
};

TEST_F(AmqpFramesTest, ADeliveryComesInParts) {
  const auto got = feed(deliver(7, 6) + frame(3, "abc") + frame(3, "def"));
  ASSERT_EQ(got.size(), 1U);
  const auto& delivered = std::get<Delivered>(got[0]);
  EXPECT_EQ(delivered.consumer_tag, "c");
  EXPECT_EQ(delivered.tag, 7U);
  EXPECT_EQ(delivered.body, "abcdef");
}

TEST_F(AmqpFramesTest, AMessageThatIsTooLongCountsAsEmptyAndTheNextOneIsWhole) {
  const std::size_t size = kMaxMessageBytes + 1;
  std::string bytes = deliver(1, size);
  for (std::size_t left = size; left > 0;) {
    const std::size_t part = std::min(left, kPartBytes);
    bytes += frame(3, std::string(part, 'x'));
    left -= part;
  }
  const auto got = feed(bytes + deliver(2, 2) + frame(3, "ok"));
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(std::get<Delivered>(got[0]).tag, 1U);
  EXPECT_EQ(std::get<Delivered>(got[0]).body, "");
  EXPECT_EQ(std::get<Delivered>(got[1]).body, "ok");
}

TEST_F(AmqpFramesTest, ASizeThatNoMemoryHoldsAllocatesNothing) {
  EXPECT_TRUE(feed(deliver(1, UINT64_MAX) + frame(3, "x")).empty());
}

TEST_F(AmqpFramesTest, ABodyLongerThanAnnouncedIsCut) {
  const auto got = feed(deliver(1, 2) + frame(3, "abc") + frame(3, "stray"));
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(std::get<Delivered>(got[0]).body, "ab");
}

}  // namespace
}  // namespace gorgon::broker::amqp
