#include "report/output_excerpt.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace gorgon::report {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) text += fmt::format("line {}\n", i);
  return text;
}

}  // namespace

TEST(OutputExcerptTest, ShortOutputIsWholeWithoutEmptyLinesAtItsEnd) {
  const OutputExcerpt excerpt = excerpt_of_output("a\n\nb\n\n \n", false);
  EXPECT_THAT(excerpt.lines, ElementsAre("a", "", "b"));
  EXPECT_EQ(excerpt.note, "");
  EXPECT_THAT(excerpt_of_output("", false).lines, IsEmpty());
  EXPECT_THAT(excerpt_of_output("\n\n", true).lines, IsEmpty());
}

TEST(OutputExcerptTest, LongOutputIsItsEnd) {
  const OutputExcerpt excerpt = excerpt_of_output(numbered_lines(50), false);
  EXPECT_EQ(excerpt.lines.size(), 40U);
  EXPECT_EQ(excerpt.lines.front(), "line 11");
  EXPECT_EQ(excerpt.note, "its end; 10 lines before it left out, -v shows them");
  EXPECT_EQ(excerpt_of_output(numbered_lines(41), false).note,
            "its end; 1 line before it left out, -v shows it");
}

TEST(OutputExcerptTest, HugeOutputBeginsWithAWholeLine) {
  const std::string text = numbered_lines(20000);
  const OutputExcerpt excerpt = excerpt_of_output(text, false);
  EXPECT_EQ(excerpt.lines.front(), "line 19961");
  EXPECT_EQ(excerpt.note, fmt::format("its end; -v shows all {} bytes of it", text.size()));
  const std::string one_line(100'000, 'x');
  EXPECT_EQ(excerpt_of_output(one_line, false).lines.size(), 1U);
  EXPECT_EQ(excerpt_of_output(one_line, true).lines.front().size(), one_line.size());
}

TEST(OutputExcerptTest, AnInterpretersCrashReportIsItsBeginning) {
  const std::string text =
      numbered_lines(30) + "a.rb:3: [BUG] Segmentation fault at 0x0\n" + numbered_lines(2000);
  const OutputExcerpt excerpt = excerpt_of_output(text, false);
  ASSERT_EQ(excerpt.lines.size(), 40U);
  EXPECT_EQ(excerpt.lines[0], "line 21");
  EXPECT_EQ(excerpt.lines[10], "a.rb:3: [BUG] Segmentation fault at 0x0");
  EXPECT_EQ(excerpt.lines[11], "line 1");
  EXPECT_THAT(excerpt.note, HasSubstr("around the crash"));
}

TEST(OutputExcerptTest, AShortCrashReportIsWhole) {
  const OutputExcerpt excerpt = excerpt_of_output("about to die\na.rb:3: [BUG] x\nmore\n\n", false);
  EXPECT_THAT(excerpt.lines, ElementsAre("about to die", "a.rb:3: [BUG] x", "more"));
  EXPECT_EQ(excerpt.note, "");
  EXPECT_THAT(excerpt_of_output("[BUG] x", false).lines, ElementsAre("[BUG] x"));
}

}  // namespace gorgon::report
