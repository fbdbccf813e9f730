#include "broker/embedded/wire.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gorgon::broker::embedded {
namespace {

std::vector<Frame> frames() {
  return {Hello{.name = "worker 1"},
          DeclareTopic{.request = 1, .name = "t"},
          DeclareWorkQueue{.request = 2,
                           .name = "w",
                           .max_deliveries = 3,
                           .dead_letter_to = "r",
                           .expires_seconds = 1ULL << 40U},
          DeclareReplyQueue{.request = 3, .name = "r", .expires_seconds = 60},
          DeclareOwnQueue{.request = 4, .topics = {"a", "", "c"}},
          QueueExists{.request = 5, .name = ""},
          DeleteQueue{.request = 6, .name = std::string(255, 'x')},
          Consume{.request = 7, .queue = "w", .prefetch = 65535},
          StopConsuming{.request = 8, .queue = "w"},
          Publish{.request = 9, .to_topic = true, .name = "t", .body = std::string("\0\xff", 2)},
          Ack{.tag = ~0ULL},
          Return{.tag = 1, .failed = true},
          Reply{.request = 10, .status = Status::kRefused, .text = "why"},
          Deliver{.tag = 1, .attempt = 2, .is_dead_letter = true, .queue = "w", .body = ""},
          Cancelled{.queue = "w"},
          PurgeQueue{.request = 11, .name = "w"}};
}

TEST(WireTest, EveryFrameComesBackAsItWas) {
  ASSERT_EQ(frames().size(), std::variant_size_v<Frame>);
  for (const Frame& frame : frames()) {
    const std::string bytes = encode(frame);
    const auto decoded = decode(std::string_view(bytes).substr(4));
    ASSERT_TRUE(decoded) << frame.index();
    EXPECT_TRUE(*decoded == frame) << frame.index();
  }
}

TEST(WireTest, TheLengthStandsInFront) {
  EXPECT_EQ(encode(Ack{.tag = 0x0102}), std::string("\x09\0\0\0\x0a\x02\x01\0\0\0\0\0\0", 13));
}

TEST(WireTest, TruncatedFramesAreRefused) {
  for (const Frame& frame : frames()) {
    if (std::holds_alternative<Publish>(frame) || std::holds_alternative<Deliver>(frame)) continue;
    const std::string bytes = encode(frame).substr(4);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const auto decoded = decode(std::string_view(bytes).substr(0, length));
      ASSERT_FALSE(decoded) << frame.index() << " cut to " << length;
      EXPECT_EQ(decoded.error().kind, ErrorKind::kProtocol);
    }
    EXPECT_FALSE(decode(bytes + "x")) << frame.index();
  }
}

TEST(WireTest, RandomBytesNeverDoHarm) {
  std::mt19937 random(17);  // NOLINT(bugprone-random-generator-seed): the same bytes in every run.
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (!bytes.empty()) bytes[0] = static_cast<char>(random() % 18);
    const auto decoded = decode(bytes);
    // There is one way to write a frame.
    if (decoded) {
      EXPECT_EQ(encode(*decoded).substr(4), bytes);
    }
  }
}

}  // namespace
}  // namespace gorgon::broker::embedded
