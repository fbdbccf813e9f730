#include <gtest/gtest.h>

#include "base/result.h"
#include "cli/commands.h"

namespace gorgon::cli {
namespace {

TEST(ComplainTest, WhatOtherMachinesSayCannotSpeakToTheTerminal) {
  ::testing::internal::CaptureStderr();
  complain({ErrorKind::kIo, "the host said \x1b]0;title\x07 this:\n  and that\x08"});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "gorgon: the host said  this:\n  and that\xE2\x90\x88\n");
}

}  // namespace
}  // namespace gorgon::cli
