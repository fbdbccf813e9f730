#include "plan/filterset.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {
namespace {

/// What is left of `text` for the runner of `file`; "-" when no case can match, "*" when all do.
std::string applied(std::string_view text, std::string_view file = "spec/a_spec.rb",
                    const FileRecord& record = {}) {
  const auto filterset = Filterset::parse(text);
  if (!filterset) return filterset.error().message;
  const auto rest = filterset->applied_to(file, record);
  if (!rest) return "-";
  return rest->empty() ? "*" : *rest;
}

std::string keywords(std::string_view text, std::string_view file = "spec/a_spec.rb") {
  const auto filterset = Filterset::parse_keywords(text);
  if (!filterset) return filterset.error().message;
  const auto rest = filterset->applied_to(file, {});
  if (!rest) return "-";
  return rest->empty() ? "*" : *rest;
}

FileRecord some_record() {
  FileRecord record;
  record.known = {"1", "2", "3"};
  record.failed = {"2"};
  record.flaky = {"3"};
  record.seconds = {{"1", 0.1}, {"2", 6}, {"3", 61}};
  return record;
}

TEST(FiltersetTest, FilesAreJudgedHere) {
  EXPECT_EQ(applied("file(spec/a_spec.rb)"), "*");
  EXPECT_EQ(applied("file(spec)"), "*");
  EXPECT_EQ(applied("file(spec/)"), "*");
  EXPECT_EQ(applied("file(spe)"), "-");
  EXPECT_EQ(applied("file(**/*_spec.rb)"), "*");
  EXPECT_EQ(applied("file(spec/{a,b}_spec.rb)"), "*");
  EXPECT_EQ(applied("not file(spec)"), "-");
}

TEST(FiltersetTest, NamesAndTagsAreLeftToTheRunner) {
  EXPECT_EQ(applied("test(is valid)"), R"(["name","is valid"])");
  EXPECT_EQ(applied("test( =A b )"), R"(["name_is","A b"])");
  EXPECT_EQ(applied("test(f(x) of (y))"), R"j(["name","f(x) of (y)"])j");
  EXPECT_EQ(applied("tag(db:mysql)"), R"(["tag","db:mysql"])");
}

TEST(FiltersetTest, NotBindsTighterThanAndAndThatTighterThanOr) {
  EXPECT_EQ(applied("test(a) or test(b) and not test(c)"),
            R"(["or",["name","a"],["and",["name","b"],["not",["name","c"]]]])");
  EXPECT_EQ(applied("(test(a) or test(b)) and test(c)"),
            R"(["and",["or",["name","a"],["name","b"]],["name","c"]])");
}

TEST(FiltersetTest, WhatIsDecidedIsNotAsked) {
  EXPECT_EQ(applied("file(spec) and tag(x)"), R"(["tag","x"])");
  EXPECT_EQ(applied("file(test) and tag(x)"), "-");
  EXPECT_EQ(applied("file(spec) or tag(x)"), "*");
  EXPECT_EQ(applied("none() or tag(x)"), R"(["tag","x"])");
  EXPECT_EQ(applied("all() and not none()"), "*");
}

TEST(FiltersetTest, RecordDecidesByIds) {
  EXPECT_EQ(applied("failed()", "f", some_record()), R"(["ids",["2"]])");
  EXPECT_EQ(applied("flaky()", "f", some_record()), R"(["ids",["3"]])");
  EXPECT_EQ(applied("slower(5s)", "f", some_record()), R"(["ids",["2","3"]])");
  EXPECT_EQ(applied("slower(1m)", "f", some_record()), R"(["ids",["3"]])");
  EXPECT_EQ(applied("new()", "f", some_record()), R"(["not",["ids",["1","2","3"]]])");
  EXPECT_EQ(applied("failed() or flaky()"), "-") << "nothing is recorded";
  FileRecord flaky_file;
  flaky_file.is_flaky_as_a_whole = true;
  EXPECT_EQ(applied("flaky()", "f", flaky_file), "*") << "all of its cases";
  EXPECT_EQ(applied("new()"), "*");
  FileRecord broken = some_record();
  broken.has_failed_as_a_whole = true;
  EXPECT_EQ(applied("failed()", "f", broken), "*");
}

TEST(FiltersetTest, OnlySomeAskTheRecord) {
  EXPECT_TRUE(Filterset::parse("test(a) or not (tag(b) and new())")->asks_the_record());
  EXPECT_FALSE(Filterset::parse("test(a) or file(b)")->asks_the_record());
  EXPECT_TRUE(Filterset::of_failed().asks_the_record());
}

TEST(FiltersetTest, WordsAreThoseOfNameOrFileInWhateverCase) {
  EXPECT_EQ(keywords("Cart"), R"(["word","cart"])");
  EXPECT_EQ(keywords("A_SPEC"), "*");
  EXPECT_EQ(keywords("cart and not 'full name'"),
            R"(["and",["word","cart"],["not",["word","full name"]]])");
  EXPECT_EQ(keywords("android or notable"), R"(["or",["word","android"],["word","notable"]])");
}

TEST(FiltersetTest, MistakesAreNamed) {
  EXPECT_NE(applied("").find("expected file(), test()"), std::string::npos) << applied("");
  EXPECT_NE(applied("name(x)").find("at \"name(x)\""), std::string::npos);
  EXPECT_NE(applied("test(x").find("expected \")\" at its end"), std::string::npos);
  EXPECT_NE(applied("(test(x)").find("expected \")\""), std::string::npos);
  EXPECT_NE(applied("test(x) test(y)").find("expected \"and\", \"or\""), std::string::npos);
  EXPECT_NE(applied("test()").find("a part of a name"), std::string::npos);
  EXPECT_NE(applied("failed(x)").find("nothing within failed()"), std::string::npos);
  EXPECT_NE(applied("slower(soon)").find("a duration"), std::string::npos);
  EXPECT_NE(keywords("a and").find("expected a word"), std::string::npos);
  EXPECT_NE(keywords("'a").find("expected '"), std::string::npos);
  EXPECT_NE(applied(std::string(2000, '(')).find("fewer terms"), std::string::npos);
  EXPECT_NE(applied("file({" + std::string(20, '{') + "a,b}").size(), 0U);
}

TEST(FiltersetTest, SeveralCanBeCombined) {
  const auto parse = [](std::string_view text) { return *Filterset::parse(text); };
  EXPECT_EQ(all_of({parse("tag(a)"), parse("tag(b)")}).applied_to("f", {}),
            R"(["and",["tag","a"],["tag","b"]])");
  EXPECT_EQ(any_of({parse("tag(a)"), parse("tag(b)")}).applied_to("f", {}),
            R"(["or",["tag","a"],["tag","b"]])");
  EXPECT_EQ(all_of({}).applied_to("f", {}), "");
  EXPECT_EQ(any_of({}).applied_to("f", {}), std::nullopt);
  EXPECT_EQ(Filterset::of_cases({"x", "y"}).applied_to("f", {}), R"(["ids",["x","y"]])");
}

}  // namespace
}  // namespace gorgon::plan
