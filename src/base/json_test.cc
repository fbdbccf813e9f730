#include "base/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gorgon {
namespace {

using std::chrono::duration;

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string error_of(std::string_view text) {
  const auto parsed = parse_json(text);
  return parsed ? "" : parsed.error().message;
}

TEST(JsonTest, EveryKindOfValueIsRead) {
  const auto json = parse_json(R"([null, true, -1, 18446744073709551615, 0.5, "x", {"a": [{}]}])");
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(json->dump(), R"([null,true,-1,18446744073709551615,0.5,"x",{"a":[{}]}])");
}

TEST(JsonTest, WhatIsNotJsonSaysWhere) {
  EXPECT_EQ(error_of(""), "not valid JSON (at byte 1)");
  EXPECT_EQ(error_of("{} {}"), "not valid JSON (at byte 4)");
  EXPECT_EQ(error_of(R"({"a": 1,})"), "not valid JSON (at byte 9)");
  EXPECT_EQ(error_of(std::string_view("[1\0]", 4)), "not valid JSON (at byte 3)");
}

TEST(JsonTest, BytesThatAreNotUtf8AreNoJson) {
  EXPECT_FALSE(parse_json("\"\xFF\""));
  EXPECT_FALSE(parse_json("\"\xC0\xAF\""));      // Overlong.
  EXPECT_FALSE(parse_json(R"("\ud800")"));       // Half of a surrogate pair.
  EXPECT_FALSE(parse_json("\"\xED\xA0\x80\""));  // The same, in bytes.
}

TEST(JsonTest, NumbersBeyondADoubleAreNoJson) {
  EXPECT_FALSE(parse_json("1e999"));
  EXPECT_FALSE(parse_json("NaN"));
  EXPECT_FALSE(parse_json("-Infinity"));
}

TEST(JsonTest, SixtyFourLevelsAreEnough) {
  EXPECT_TRUE(parse_json(repeated("[", 64) + repeated("]", 64)));
  EXPECT_EQ(error_of(repeated("[", 65) + repeated("]", 65)), "JSON nests deeper than 64 levels");
  EXPECT_EQ(error_of(repeated(R"({"a":)", 5'000'000)), "JSON nests deeper than 64 levels");
}

TEST(JsonTest, ALongListTakesTimeInProportion) {
  // With a look at all elements after each, this would go on for minutes.
  const auto json = parse_json("[{}" + repeated(",{}", 100'000) + "]");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->size(), 100'001U);
}

TEST(JsonTest, AShortTextMakesNoTreeWithoutLimit) {
  EXPECT_EQ(error_of("[0" + repeated(",0", 1'000'000) + "]"), "JSON of more than 1000000 values");
}

TEST(JsonTest, OfAKeyThatStandsTwiceTheLastValueCounts) {
  const auto json = parse_json(R"({"a": {"b": [1, 2]}, "a": "x"})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(), R"({"a":"x"})");
}

TEST(JsonTest, TextIsAlwaysWrittenAsUtf8) {
  EXPECT_EQ(dump_json("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(dump_json(std::string("a\0b", 3)), "\"a\\u0000b\"");
}

TEST(ObjectReaderTest, IntegersDoNotWrapAround) {
  const auto json = parse_json(R"({"a": 18446744073709551615, "b": 9223372036854775807})");
  ASSERT_TRUE(json);
  ObjectReader in(*json, "m");
  EXPECT_EQ(in.integer("b"), INT64_MAX);
  EXPECT_FALSE(in.error());
  EXPECT_EQ(in.integer_or("a", 7), 7);
  ASSERT_TRUE(in.error());
  EXPECT_EQ(in.error()->message,
            "m.a: expected an integer from -9223372036854775808 to 9223372036854775807");
}

TEST(ObjectReaderTest, IntegersHaveARange) {
  const auto json = parse_json(R"({"port": 65536, "worker": -1, "whole": 1.5})");
  ASSERT_TRUE(json);
  for (const std::string_view key : {"port", "worker", "whole"}) {
    ObjectReader in(*json, "m");
    EXPECT_EQ(in.integer(key, {.least = 0, .most = 65535}), 0);
    EXPECT_TRUE(in.error()) << key;
  }
}

TEST(ObjectReaderTest, MeasuredTimesAreAlwaysTimes) {
  const auto json = parse_json(R"({"back": -0.5, "huge": 1e308, "text": "1", "ok": 2.5})");
  ASSERT_TRUE(json);
  ObjectReader in(*json, "m");
  EXPECT_EQ(in.measured_seconds("back"), 0);
  EXPECT_EQ(in.measured_seconds("huge"), kMaxSeconds);
  EXPECT_EQ(in.measured_seconds("ok"), 2.5);
  EXPECT_EQ(in.measured_seconds("absent"), 0);
  EXPECT_FALSE(in.error());
  EXPECT_EQ(in.measured_seconds("text"), 0);
  ASSERT_TRUE(in.error());
  EXPECT_EQ(in.error()->message, "m.text: expected a number");
}

TEST(ObjectReaderTest, LimitsThatNoClockCanCountAreErrors) {
  const auto json = parse_json(R"({"negative": -1, "huge": 1e308, "text": "1", "ok": 3600})");
  ASSERT_TRUE(json);
  for (const std::string_view key : {"negative", "huge", "text"}) {
    ObjectReader in(*json, "m");
    EXPECT_EQ(in.limit_or(key, duration<double>(5)), duration<double>(5));
    EXPECT_TRUE(in.error()) << key;
  }
  ObjectReader in(*json, "m");
  EXPECT_EQ(in.limit_or("ok", duration<double>(0)), std::chrono::hours(1));
  EXPECT_EQ(in.limit_or("absent", duration<double>(5)), duration<double>(5));
  EXPECT_FALSE(in.error());
}

TEST(ObjectReaderTest, WrongTypesAreErrorsThatNameTheirPlace) {
  const auto json = parse_json(R"({"list": [{"id": 1}], "env": {"A": []}, "texts": ["a", null]})");
  ASSERT_TRUE(json);
  ObjectReader in(*json, "m");
  in.objects("list", [](ObjectReader& element) { (void)element.text("id"); });
  ASSERT_TRUE(in.error());
  EXPECT_EQ(in.error()->message, "m.list[0].id: expected a string");
  ObjectReader members(*json, "m");
  members.members("env", [](const std::string&, const std::optional<std::string>&) {});
  EXPECT_TRUE(members.error());
  ObjectReader texts(*json, "m");
  EXPECT_TRUE(texts.texts("texts").empty());
  EXPECT_TRUE(texts.error());
  const Json number = 3;
  const ObjectReader none(number, "m");
  EXPECT_EQ(none.error()->message, "m: expected an object");
}

}  // namespace
}  // namespace gorgon
