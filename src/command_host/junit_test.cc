#include "command_host/junit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<JunitResults> read_xml(const std::string& xml) {
  return read_junit(xml, {.file = "t/a.js", .workspace = "/w"});
}

TEST(JunitTest, CasesHaveTheirStatusMessagePlaceAndOutput) {
  const auto junit = read_xml(R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="6" failures="1" errors="1"><testsuite name="outer"><testsuite name="inner">
  <testcase classname="a.B" name="adds" time="0.25"><system-out>4 &lt; 5</system-out></testcase>
  <testcase classname="a.B" name="adds" file="/w/t/b.js" line="7"/>
  <testcase name="divides"><failure message="by 0" type="Oops"><![CDATA[ at /w/t/a.js:12:3 ]]></failure>
    <failure message="again"/></testcase>
  <testcase name="breaks"><error message="gone"/></testcase>
  <testcase name="waits"><skipped message="no database"/></testcase>
  <testcase name="is off" status="notrun"/>
</testsuite></testsuite></testsuites>)");
  ASSERT_TRUE(junit) << junit.error().message;
  std::vector<std::string> facts;
  for (const results::TestCase& found : junit->cases)
    facts.push_back(std::string(results::name_of(found.status)) + ": " + found.id);
  EXPECT_THAT(facts, ElementsAre("passed: a.B.adds", "passed: a.B.adds~2", "failed: divides",
                                 "error: breaks", "skipped: waits", "skipped: is off"));
  EXPECT_EQ(junit->cases[0].seconds, 0.25);
  EXPECT_EQ(junit->cases[0].output, "4 < 5");
  EXPECT_EQ(junit->cases[1].location, "t/b.js:7");
  EXPECT_EQ(junit->cases[2].failure->message, "by 0\nat t/a.js:12:3\nagain");
  EXPECT_EQ(junit->cases[2].failure->exception_class, "Oops");
  EXPECT_EQ(junit->cases[2].location, "t/a.js:12");
  EXPECT_EQ(junit->cases[4].pending_message, "no database");
  EXPECT_THAT(junit->errors, IsEmpty());
}

TEST(JunitTest, WhatFailedOutsideCasesIsAnError) {
  const auto broken = read_xml(R"(<testsuite><error message="cannot load"/></testsuite>)");
  ASSERT_TRUE(broken);
  ASSERT_EQ(broken->errors.size(), 1U);
  EXPECT_EQ(broken->errors[0].message, "cannot load");
  const auto counted = read_xml(R"(<testsuite errors="1"><testcase name="a"/></testsuite>)");
  ASSERT_TRUE(counted);
  ASSERT_EQ(counted->errors.size(), 1U);
  EXPECT_THAT(counted->errors[0].message, HasSubstr("count failures"));
}

TEST(JunitTest, AnythingElseIsRefused) {
  EXPECT_THAT(read_xml("").error().message, HasSubstr("not XML"));
  EXPECT_THAT(read_xml("<testsuites><testsuite>").error().message, HasSubstr("not XML: line 1"));
  EXPECT_THAT(read_xml("<html/>").error().message, HasSubstr("not JUnit XML"));
}

}  // namespace
}  // namespace gorgon::command_host
