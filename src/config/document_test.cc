#include "config/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gorgon::config {
namespace {

using Kind = Value::Kind;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

Value parse(std::string_view text, Problems& problems) {
  return parse_document(text, problems.add_file("f.json"), problems);
}

Value parse_good(std::string_view text) {
  Problems problems;
  Value value = parse(text, problems);
  EXPECT_TRUE(problems.is_empty()) << problems.error().message;
  return value;
}

std::string parse_error_of(std::string_view text) {
  Problems problems;
  const Value value = parse(text, problems);
  EXPECT_TRUE(value.is(Kind::kNull));
  return problems.is_empty() ? "no error" : problems.error().message;
}

TEST(DocumentTest, CommentsAndTrailingCommasAreAccepted) {
  const Value value = parse_good(R"(// head
/* a
   b */ {
  "list": [1, /* one */ 2, ], // "x": {
  "url": "http://no/*comment*/",
})");
  ASSERT_THAT(value.members, SizeIs(2));
  EXPECT_THAT(value.find("list")->elements, SizeIs(2));
  EXPECT_EQ(value.find("list")->line, 4U);
  EXPECT_EQ(value.find("url")->text, "http://no/*comment*/");
  EXPECT_EQ(value.members[1].line, 5U);
}

TEST(DocumentTest, ByteOrderMarkIsSkipped) {
  EXPECT_TRUE(parse_good("\xEF\xBB\xBF{}").is(Kind::kObject));
  EXPECT_THAT(parse_error_of("\xEF\xBB\xBF}"), StartsWith("f.json:1:1: "));
}

TEST(DocumentTest, CarriageReturnsAreSpace) {
  EXPECT_EQ(parse_good("{\r\n\"a\": 1\r\n}").find("a")->line, 2U);
}

TEST(DocumentTest, EscapesAreDecoded) {
  EXPECT_EQ(parse_good(R"("a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00")").text,
            "a\"\\/\b\f\n\r\té€😀");
}

TEST(DocumentTest, NumbersKeepTheirText) {
  const Value value = parse_good("[0, -1.5e3, 12345678901234567890]");
  EXPECT_EQ(value.elements[1].number, -1500);
  EXPECT_EQ(value.elements[2].text, "12345678901234567890");
}

TEST(DocumentTest, SyntaxErrorsNameLineAndColumn) {
  EXPECT_EQ(parse_error_of("{\n  \"a\": 1\n  \"b\": 2\n}"),
            "f.json:3:3: expected \",\" or \"}\", found a string");
  EXPECT_EQ(parse_error_of("{\"é\": x}"),
            "f.json:1:7: expected a value, found \"x\": strings stand in double quotes");
}

TEST(DocumentTest, CommonMistakesAreNamed) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"", "the file is empty"},
      {" // nothing\n", "the file is empty"},
      {"{a: 1}", "expected a key in double quotes, found \"a\""},
      {"{'a': 1}", "expected a key in double quotes"},
      {"{\"a\": 'b'}", "strings stand in double quotes"},
      {"{\"a\" 1}", "expected \":\" after the key, found \"1\""},
      {"{\"a\": 1,, }", "expected a key in double quotes, found \",\""},
      {"[,]", "expected a value, found \",\""},
      {"{\"a\": }", "expected a value, found \"}\""},
      {"{\"a\": [1}", "expected \",\" or \"]\", found \"}\""},
      {"{\"a\": 1", "found the end of the file"},
      {"{} {}", "expected the end of the file"},
      {"{ # x\n}", "comments begin with //"},
      {"{ /* x", "this comment has no closing */"},
      {"\"abc\ndef\"", "this string has no closing quote on its line"},
      {"\"a\\qb\"", "unknown escape"},
      {"\"\\u12\"", "unknown escape"},
      {"\"\\u12G4\"", "unknown escape"},
      {"\"\\ud800x\"", "half of a surrogate pair"},
      {"\"\\ude00\"", "half of a surrogate pair"},
      {"\"a\\u0000\"", "NUL"},
      {"01", "\"01\" is not a number"},
      {"-", "\"-\" is not a number"},
      {"1.", "\"1.\" is not a number"},
      {"1e999", "is not a number"},
      {"True", "found \"True\""},
      {"NaN", "found \"NaN\""},
      {"\"\\", "unknown escape"},
      {"\"a\x01\"", "control character"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_THAT(parse_error_of(text), HasSubstr(message)) << text;
}

TEST(DocumentTest, NulBytesAreNotText) {
  EXPECT_THAT(parse_error_of(std::string_view("{\0}", 3)), HasSubstr("\\x00"));
}

TEST(DocumentTest, InvalidUtf8IsNamedWhereItStands) {
  EXPECT_EQ(parse_error_of("{\n \"a\": \"\xFF\"}"), "f.json:2:8: this is not UTF-8 text");
}

TEST(DocumentTest, NestingHasALimit) {
  EXPECT_TRUE(parse_good(std::string(64, '[') + std::string(64, ']')).is(Kind::kArray));
  EXPECT_THAT(parse_error_of(std::string(1'000'000, '[')), HasSubstr("64 levels"));
}

TEST(DocumentTest, EveryDuplicateKeyIsReported) {
  Problems problems;
  const Value value = parse("{\"a\": 1,\n\"a\": 2,\n\"b\": {\"c\": 1,\n\"c\": 2}}", problems);
  EXPECT_EQ(problems.error().message,
            "f.json:2: the key \"a\" stands twice in this object: keep one\n"
            "f.json:4: the key \"c\" stands twice in this object: keep one");
  EXPECT_EQ(value.find("a")->number, 2);
}

TEST(DocumentTest, ManyMembersAreReadInReasonableTime) {
  std::string text = "{";
  for (int i = 0; i < 50'000; ++i) text += "\"key" + std::to_string(i) + "\": 1,\n";
  EXPECT_THAT(parse_good(text + "}").members, SizeIs(50'000));
}

TEST(ProblemsTest, AreSortedByLineAndLimited) {
  Problems problems;
  const std::size_t file = problems.add_file("f");
  for (std::size_t i = 30; i > 0; --i) problems.add(file, i, "a.b", "bad");
  const std::string message = problems.error().message;
  EXPECT_THAT(message, StartsWith("f:1: a.b: bad\nf:2: a.b: bad\n"));
  EXPECT_THAT(message, HasSubstr("f:20: a.b: bad\n… and 10 more"));
}

TEST(MergeTest, ObjectsMergeMemberByMemberAndTheRestIsReplaced) {
  const Value merged = merge(parse_good(R"({"a": {"b": 1, "c": 2}, "l": [1, 2]})"),
                             parse_good(R"({"a": {"c": 3, "d": 4}, "l": [9], "e": true})"));
  EXPECT_EQ(merged.find("a")->find("b")->number, 1);
  EXPECT_EQ(merged.find("a")->find("c")->number, 3);
  EXPECT_EQ(merged.find("a")->find("d")->number, 4);
  EXPECT_THAT(merged.find("l")->elements, SizeIs(1));
  EXPECT_TRUE(merged.find("e")->boolean);
}

TEST(QuotedTest, ControlCharactersAreEscapedAndLongTextIsCut) {
  EXPECT_EQ(in_quotes("a\x1b[2J"), "\"a\\x1b[2J\"");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(60, 'x') + "…\"");
}

}  // namespace
}  // namespace gorgon::config
