#include "doctor/environment.h"

#include <gtest/gtest.h>

#include <string>

#include "doctor/finding.h"

namespace gorgon::doctor {
namespace {

Environment ruby() { return {.versions = {{"ruby", "3.1.2"}, {"rspec", "3.12.0"}}, .chooser = {}}; }

TEST(EnvironmentTest, WhatIsTheSameIsNotWorthAWord) {
  EXPECT_TRUE(
      judge_parity(ruby(), "a", {{"ruby", "3.1.2"}, {"rspec", "3.12.0"}, {"node", "1.0"}}).empty());
  EXPECT_TRUE(judge_parity({}, "a", {}).empty());
}

TEST(EnvironmentTest, AnInterpreterOfAnotherSeriesIsAProblem) {
  const Findings findings = judge_parity(ruby(), "b", {{"ruby", "2.7.8"}, {"rspec", "3.12.0"}});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].level(), Level::kProblem);
  EXPECT_EQ(findings[0].subject(), "b");
  EXPECT_EQ(findings[0].what(), "has ruby 2.7.8; here is 3.1.2");
}

TEST(EnvironmentTest, AnotherPatchOrFrameworkIsWorthANote) {
  const Findings findings = judge_parity(ruby(), "b", {{"ruby", "3.1.4"}, {"rspec", "2.0.0"}});
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_FALSE(has_problem(findings));
}

TEST(EnvironmentTest, AMachineWithoutTheInterpreterIsAProblem) {
  EXPECT_TRUE(has_problem(judge_parity(ruby(), "b", {{"rspec", "3.12.0"}})));
  EXPECT_FALSE(has_problem(judge_parity(ruby(), "b", {{"ruby", "3.1.2"}})));
}

TEST(EnvironmentTest, WhereAFileOfTheProjectChoosesTheListenerCannotKnow) {
  Environment chosen = ruby();
  chosen.chooser = ".ruby-version";
  const Findings findings = judge_parity(chosen, "b", {{"ruby", "2.7.8"}, {"rspec", "3.12.0"}});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].level(), Level::kNote);
  EXPECT_NE(findings[0].remedy().find(".ruby-version"), std::string::npos);
}

}  // namespace
}  // namespace gorgon::doctor
