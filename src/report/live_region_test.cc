#include "report/live_region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "report/live_frame.h"
#include "report/testing/screen.h"

namespace gorgon::report {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Screen;

namespace {

constexpr TerminalSize kSize{.columns = 20, .rows = 5};

class LiveRegionTest : public ::testing::Test {
 protected:
  void draw(const std::vector<std::string>& lines, TerminalSize size = kSize) {
    screen_.feed(region_.draw(lines, size));
    EXPECT_EQ(screen_.complaints(), "");
  }
  LiveRegion region_;
  Screen screen_{kSize.columns, kSize.rows};
};

}  // namespace

TEST_F(LiveRegionTest, DrawsOverItselfAndGoesAway) {
  draw({"", "one", "two", "three"});
  EXPECT_THAT(screen_.lines(), ElementsAre("", "one", "two", "three"));
  EXPECT_EQ(region_.draw({"", "one", "two", "three"}, kSize), "");
  draw({"", "o", "t"});
  EXPECT_THAT(screen_.lines(), ElementsAre("", "o", "t"));
  screen_.feed(region_.erase());
  EXPECT_EQ(screen_.complaints(), "");
  EXPECT_THAT(screen_.lines(), IsEmpty());
  EXPECT_EQ(region_.erase(), "");
}

TEST_F(LiveRegionTest, ScrollsAtTheBottomOfTheScreenWithoutLeavingAnything) {
  for (const char* line : {"a\n", "b\n", "c\n", "d\n", "e\n"}) screen_.feed(line);
  draw({"", "one", "two"});
  EXPECT_THAT(screen_.lines(), ElementsAre("a", "b", "c", "d", "e", "", "one", "two"));
  screen_.feed(region_.erase());
  screen_.feed("f\n");
  draw({"", "three", "four", "five"});
  EXPECT_THAT(screen_.lines(),
              ElementsAre("a", "b", "c", "d", "e", "f", "", "three", "four", "five"));
  EXPECT_EQ(screen_.cursor_row(), 1U);
}

TEST_F(LiveRegionTest, WhatWasTypedIsWrittenOver) {
  draw({"", "one"});
  screen_.feed("^C");
  draw({"", "two"});
  EXPECT_THAT(screen_.lines(), ElementsAre("", "two"));
}

TEST_F(LiveRegionTest, AfterAResizeNothingOfTheOldLinesStays) {
  screen_.feed("above\n");
  draw({"", "line of 19 columns!", "two"});
  // A terminal that wraps lines anew has made two of the long one.
  screen_.feed("\n\n\n\x1b[K...\x1b[3A\r");
  draw({"", "short"}, {.columns = 10, .rows = 5});
  EXPECT_THAT(screen_.lines(), ElementsAre("above", "", "short"));
}

}  // namespace gorgon::report
