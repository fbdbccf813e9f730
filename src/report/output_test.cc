#include "report/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/unique_fd.h"
#include "report/testing/collector.h"

namespace gorgon::report {

using std::chrono::milliseconds;
using testing::Collector;

namespace {

/// More than any pipe holds by default (64 KiB; pipe(7)).
std::string big_text() {
  std::string text;
  for (int i = 0; text.size() < 500'000; ++i) text += std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST(OutputTest, KeepsWhatAFullPipeDoesNotTakeAndLosesNothing) {
  Collector reader;
  Output output(reader.fd());
  const std::string text = big_text();
  output.write(text);
  EXPECT_TRUE(output.is_behind());
  EXPECT_FALSE(output.drain(milliseconds(5)));
  std::string read;
  for (int i = 0; i < 1000 && output.is_behind(); ++i) {
    read += reader.take();
    output.pump();
  }
  EXPECT_TRUE(output.drain(milliseconds(0)));
  EXPECT_EQ(read + reader.take(), text);
}

TEST(OutputTest, LeavesTheFlagsOfASharedDescriptorAlone) {
  Collector reader;
  const int before = ::fcntl(reader.fd(), F_GETFL);
  Output output(reader.fd());
  output.write("x");
  EXPECT_EQ(::fcntl(reader.fd(), F_GETFL), before);
}

TEST(OutputTest, GoesOnQuietlyWhenTheReaderIsGone) {
  ASSERT_NE(std::signal(SIGPIPE, SIG_IGN), SIG_ERR);  // NOLINT(misc-include-cleaner): <csignal>.
  Collector reader;
  Output output(reader.fd());
  reader.close_reader();
  output.write("lost");
  EXPECT_TRUE(output.is_broken());
  EXPECT_FALSE(output.is_behind());
  output.write("lost too");
  EXPECT_TRUE(output.drain(milliseconds(0)));
}

TEST(OutputTest, AFullDeviceIsAnErrorAndAReaderThatIsGoneIsNone) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  Output output(full.get());
  EXPECT_EQ(output.error(), 0);
  output.write("x");
  EXPECT_EQ(output.error(), ENOSPC);
  ASSERT_NE(std::signal(SIGPIPE, SIG_IGN), SIG_ERR);  // NOLINT(misc-include-cleaner): <csignal>.
  Collector reader;
  Output pipe(reader.fd());
  reader.close_reader();
  pipe.write("lost");
  EXPECT_TRUE(pipe.is_broken());
  EXPECT_EQ(pipe.error(), 0);
}

TEST(OutputTest, DoesNotBlockOnASocket) {
  auto pair = make_socket_pair(SocketType::kStream);
  ASSERT_TRUE(pair.has_value());
  ASSERT_EQ(::fcntl(pair->ours.get(), F_SETFL, 0), 0);
  Output output(pair->ours.get());
  // More than a socket holds by default (about 200 KiB; socket(7), net.core.wmem_default).
  output.write(std::string(5'000'000, 'x'));
  EXPECT_TRUE(output.is_behind());
  pair->theirs.reset();
  output.pump();
  EXPECT_TRUE(output.is_broken());
}

TEST(OutputTest, AppendsToAFileWhereItStands) {
  auto dir = TempDir::make("output");
  ASSERT_TRUE(dir.has_value());
  const fs::path path = dir->path() / "log";
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(file.get(), "a", 1), 1);
  Output output(file.get());
  output.write("b");
  EXPECT_EQ(read_file(path).value_or(""), "ab");
}

TEST(OutputTest, AClosedDescriptorIsAReaderThatIsGone) {
  Output output(-1);
  output.write("x");
  EXPECT_TRUE(output.is_broken());
  EXPECT_FALSE(output.is_behind());
}

}  // namespace gorgon::report
