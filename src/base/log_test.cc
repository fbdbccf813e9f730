#include "base/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/result.h"

namespace gorgon {
namespace {

TEST(LogTest, WhatOthersSayCannotSpeakToATerminalOrForgeAnEntry) {
  ::testing::internal::CaptureStderr();
  log::warning("{}",
               "a\x1b]0;title\x07"
               "b\r\n2026-01-01 I forged\xC2\x9B"
               "1m\xFF");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "gorgon: a\\x1b]0;title\\x07b\\x0d\n    2026-01-01 I forged\\u009b1m\xEF\xBF\xBD\n");
}

TEST(LogTest, OrdinaryTextStaysAsItIs) {
  ::testing::internal::CaptureStderr();
  log::error("caf\u00e9 \u00a0 {}\ttab", 3);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "gorgon: caf\u00e9 \u00a0 3\ttab\n");
}

TEST(LogTest, AFileThatIsMadeIsPrivate) {
  const auto folder = TempDir::make("gorgon-log-");
  ASSERT_TRUE(folder);
  const auto file = folder->path() / "log";
  const mode_t before = ::umask(0);
  ASSERT_TRUE(log::open(file, log::Level::kWarning));
  ::umask(before);
  log::warning("x");
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  EXPECT_TRUE(read_file(file)->ends_with(" x\n"));
  ASSERT_TRUE(log::open({}, log::Level::kWarning));
}

}  // namespace
}  // namespace gorgon
