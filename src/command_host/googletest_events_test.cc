#include "command_host/googletest_events.h"

#include <gtest/gtest.h>

#include <string>

namespace gorgon::command_host {
namespace {

using Kind = GoogleTestEvent::Kind;

TEST(GoogleTestEventsTest, FieldsAreDecodedAndNamesAreNot) {
  const auto part = parse_googletest_event(
      "event=TestPartResult&file=/w/a_test.cc&line=12&message=a %3D b %26 100%25%0Aend");
  EXPECT_EQ(part.kind, Kind::kPart);
  EXPECT_EQ(part.file, "/w/a_test.cc");
  EXPECT_EQ(part.line, 12);
  EXPECT_EQ(part.message, "a = b & 100%\nend");
  const auto start = parse_googletest_event("event=TestStart&name=IsOdd/a&b=%0A");
  EXPECT_EQ(start.kind, Kind::kCaseStart);
  EXPECT_EQ(start.name, "IsOdd/a&b=%0A");
  const auto end = parse_googletest_event("event=TestEnd&passed=1&elapsed_time=1250ms");
  EXPECT_EQ(end.kind, Kind::kCaseEnd);
  EXPECT_TRUE(end.passed);
  EXPECT_EQ(end.seconds, 1.25);
}

TEST(GoogleTestEventsTest, WhatIsNoEventIsNothing) {
  for (const char* line : {"", "gtest_streaming_protocol_version=1.0", "event=", "event=Other&x=1",
                           "[       OK ] A.B (0 ms)"})
    EXPECT_EQ(parse_googletest_event(line).kind, Kind::kOther) << line;
  const auto broken =
      parse_googletest_event("event=TestEnd&passed&elapsed_time=soon&=&line=99999999999999999999");
  EXPECT_EQ(broken.kind, Kind::kCaseEnd);
  EXPECT_FALSE(broken.passed);
  EXPECT_EQ(broken.seconds, 0);
  EXPECT_EQ(broken.line, -1);
}

}  // namespace
}  // namespace gorgon::command_host
