#include "report/display_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>

namespace gorgon::report {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SafeLinesTest, KeepsPlainTextAndSplitsAtEveryKindOfLineEnd) {
  EXPECT_THAT(safe_lines(""), IsEmpty());
  EXPECT_THAT(safe_lines("one"), ElementsAre("one"));
  EXPECT_THAT(safe_lines("a\nb\r\nc\rd\xE2\x80\xA8"
                         "e\n"),
              ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(safe_lines("\n\n"), ElementsAre("", ""));
}

TEST(SafeLinesTest, TakesWholeEscapeSequencesOut) {
  EXPECT_THAT(safe_lines("\x1b[1;32mgreen\x1b[0m"), ElementsAre("green"));
  EXPECT_THAT(safe_lines("a\x1b]0;title\x07"
                         "b\x1b]8;;http://x\x1b\\c"),
              ElementsAre("abc"));
  EXPECT_THAT(safe_lines("\x1b(B\x1b=\x1b"
                         "c\x1bP1$q\x1b\\end"),
              ElementsAre("end"));
  EXPECT_THAT(safe_lines("\x1b[?25l\x1b[2J\x1b[10;10Hx"), ElementsAre("x"));
}

TEST(SafeLinesTest, ShowsWhatIsNoWholeSequence) {
  EXPECT_THAT(safe_lines("\x1b[31"), ElementsAre("␛[31"));
  EXPECT_THAT(safe_lines("a\x1b"), ElementsAre("a␛"));
  // An unclosed control string must not swallow the lines after it.
  EXPECT_THAT(safe_lines("\x1b]0;title\nnext"), ElementsAre("␛]0;title", "next"));
  EXPECT_THAT(safe_lines(std::string_view("a\0b\x07\x7f", 5)), ElementsAre("a␀b␇␡"));
}

TEST(SafeLinesTest, ReplacesInvalidBytesC1ControlsAndReorderingCharacters) {
  EXPECT_THAT(safe_lines("a\xFF"
                         "b\xC3"),
              ElementsAre("a\uFFFDb\uFFFD"));
  EXPECT_THAT(safe_lines("\xC2\x9B"
                         "31m"),
              ElementsAre("\uFFFD31m"));
  EXPECT_THAT(safe_lines("x\u202Ey"), ElementsAre("x\uFFFDy"));
}

TEST(SafeLinesTest, ExpandsTabsToColumns) {
  EXPECT_THAT(safe_lines("a\tb\n日本\tc"), ElementsAre("a       b", "日本    c"));
}

TEST(SafeLineTest, MakesOneLineOfAll) {
  EXPECT_EQ(safe_line("  a \n\n\t b\x1b[K  "), "a b");
  EXPECT_EQ(safe_line("\n"), "");
}

TEST(ColumnsOfTest, CountsWideAndCombiningCharacters) {
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("naïve"), 5U);
  EXPECT_EQ(columns_of("e\u0301"), 1U);
  EXPECT_EQ(columns_of("日本"), 4U);
  EXPECT_EQ(columns_of("한국"), 4U);
  EXPECT_EQ(columns_of("👍"), 2U);
  EXPECT_EQ(columns_of("━…│"), 3U);
  EXPECT_EQ(columns_of("\u200B"), 0U);
}

TEST(CutTest, NeverExceedsTheColumnsNorSplitsACharacter) {
  EXPECT_EQ(cut_end("abcdef", 6, "…"), "abcdef");
  EXPECT_EQ(cut_end("abcdef", 4, "…"), "abc…");
  EXPECT_EQ(cut_end("日本語", 4, "…"), "日…");
  EXPECT_EQ(cut_end("abcdef", 2, "..."), "ab");
  EXPECT_EQ(cut_end("abc", 0, "…"), "");
  EXPECT_EQ(cut_start("spec/a_spec.rb", 10, "…"), "…a_spec.rb");
  EXPECT_EQ(cut_start("日本語", 4, "…"), "…語");
  EXPECT_EQ(cut_start("ae\u0301xyz", 4, "…"), "…xyz");
  for (std::size_t columns = 0; columns < 12; ++columns) {
    EXPECT_LE(columns_of(cut_end("a日e\u0301本👍語zz", columns, "...")), columns);
    EXPECT_LE(columns_of(cut_start("a日e\u0301本👍語zz", columns, "...")), columns);
  }
}

TEST(WrappedTest, BreaksAtBlanksAndInsideLongWords) {
  EXPECT_THAT(wrapped("", 10), IsEmpty());
  EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("abcdefgh ij", 4), ElementsAre("abcd", "efgh", "ij"));
  EXPECT_THAT(wrapped("abcdef gh", 4), ElementsAre("abcd", "ef", "gh"));
  EXPECT_THAT(wrapped("日本語", 3), ElementsAre("日", "本", "語"));
  EXPECT_THAT(wrapped("日", 0), ElementsAre("日"));
}

TEST(ShellQuotedTest, QuotesWhatAShellWouldTouch) {
  EXPECT_EQ(shell_quoted("spec/a_spec.rb[1:2]"), "'spec/a_spec.rb[1:2]'");
  EXPECT_EQ(shell_quoted("spec/a_spec.rb"), "spec/a_spec.rb");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("spec/ü.rb"), "'spec/ü.rb'");
  EXPECT_EQ(shell_quoted("a\nb'\xFF"), "$'a\\012b\\'\\377'");
}

}  // namespace gorgon::report
