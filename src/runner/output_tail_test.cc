#include "runner/output_tail.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/unique_fd.h"

namespace gorgon::runner {
namespace {

using namespace std::chrono_literals;

class OutputTailTest : public ::testing::Test {
 protected:
  OutputTailTest() {
    auto folder = TempDir::make("gorgon-output-tail");
    EXPECT_TRUE(folder);
    folder_ = *std::move(folder);
    fd_ = UniqueFd(
        ::open((folder_.path() / "out").c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  }
  void write(std::string_view text) {
    ASSERT_EQ(::write(fd_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  OutputTail::Lines take(bool is_end = false) { return tail_.take(fd_.get(), now_, is_end); }

  TempDir folder_;
  UniqueFd fd_;
  OutputTail tail_;
  OutputTail::TimePoint now_ = OutputTail::TimePoint() + 1h;
};

TEST_F(OutputTailTest, LinesAreTakenOnceAndWhole) {
  EXPECT_TRUE(take().is_empty());
  write("one\ntw");
  EXPECT_EQ(take().text, "one\n");
  EXPECT_TRUE(take().is_empty());
  write("o\n\nthree");
  const auto lines = take();
  EXPECT_EQ(lines.text, "two\n\n");
  EXPECT_EQ(lines.from, 4);
  EXPECT_EQ(take(true).text, "three\n") << "the end of the unit is the end of its line";
  EXPECT_TRUE(take(true).is_empty());
}

TEST_F(OutputTailTest, AFloodIsCutInItsMiddleAndSaysHowMuch) {
  std::string flood;
  for (int i = 0; i < 100'000; ++i) flood += "line " + std::to_string(i) + "\n";
  write(flood);
  const auto first = take();
  EXPECT_LE(first.text.size(), static_cast<std::size_t>(OutputTail::kBurstBytes));
  EXPECT_EQ(first.left_out_bytes + first.text.size(), flood.size());
  EXPECT_TRUE(first.text.starts_with("line ")) << first.text.substr(0, 20);
  EXPECT_TRUE(first.text.ends_with("line 99999\n"));
  write(flood);
  const auto held = take();
  EXPECT_TRUE(held.is_held && held.is_empty());
  now_ += 1s;
  const auto next = take();
  EXPECT_GE(next.text.size(), static_cast<std::size_t>(OutputTail::kBytesPerSecond) / 2);
  EXPECT_LE(next.text.size(), static_cast<std::size_t>(OutputTail::kBytesPerSecond) + 100);
  EXPECT_EQ(next.left_out_bytes + next.text.size(), flood.size());
}

TEST_F(OutputTailTest, WhatIsLeftAtTheEndOfAUnitIsSaidToBeLeftOut) {
  write(std::string(static_cast<std::size_t>(OutputTail::kBurstBytes), 'x') + "\n");
  (void)take();
  write("short\n" + std::string(20'000, 'y') + "\nlast\n");
  std::uint64_t seen = 0;
  const auto end = take(true);
  seen += end.text.size() + end.left_out_bytes;
  EXPECT_GE(seen, 20'012U);
}

TEST_F(OutputTailTest, ALineThatDoesNotEndIsCut) {
  write(std::string(10'000, '.'));
  const auto lines = take();
  EXPECT_EQ(lines.text, std::string(10'000, '.') + "\n");
}

TEST_F(OutputTailTest, AnEmptiedFileStartsAgain) {
  write("one\n");
  EXPECT_EQ(take().text, "one\n");
  ASSERT_EQ(::ftruncate(fd_.get(), 0), 0);
  tail_.restart();
  write("two\n");
  const auto lines = take();
  EXPECT_EQ(lines.text, "two\n");
  EXPECT_EQ(lines.from, 0);
}

}  // namespace
}  // namespace gorgon::runner
