#include "command_host/tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Read {
  std::vector<results::TestCase> cases;
  std::vector<std::string> facts;  ///< Of each case: "passed: name".
  std::vector<std::string> errors;
  std::string printed;
};

Read read(const std::string& document) {
  Read read;
  TapReader reader({.file = "t/a.t", .workspace = "/w"}, [&](const results::TestCase& found) {
    read.cases.push_back(found);
    read.facts.push_back(std::string(results::name_of(found.status)) + ": " + found.id);
  });
  std::istringstream lines(document);
  for (std::string line; std::getline(lines, line);) {
    if (!reader.read(line)) read.printed += line + "\n";
  }
  for (const results::Failure& error : reader.finish()) read.errors.push_back(error.message);
  return read;
}

TEST(TapReaderTest, PointsAreCasesAndDirectivesTheirStatuses) {
  const Read tap = read(R"(TAP version 13
1..8
ok 1 - adds
not ok 2 - divides
ok 3 # skip no database
not ok 4 - learns # TODO not yet
ok 5 - learnt # todo
ok - adds
not ok 7 - a lock # SKIP but it ran
ok 8 - issue \# SKIP of nothing
)");
  EXPECT_THAT(tap.facts, ElementsAre("passed: adds", "failed: divides", "skipped: test 3",
                                     "pending: learns", "passed: learnt", "passed: adds~2",
                                     "failed: a lock", "passed: issue # SKIP of nothing"));
  EXPECT_EQ(tap.cases[2].pending_message, "no database");
  EXPECT_EQ(tap.cases[1].failure->message, "not ok 2 - divides");
  EXPECT_THAT(tap.errors, IsEmpty());
  EXPECT_EQ(tap.printed, "");
}

TEST(TapReaderTest, WhatIsNotTapIsTheTestsOwn) {
  const Read tap = read("okay\n# a comment\n    indented text\nnot okay\n1...3\nok 1\n1..1\n");
  EXPECT_EQ(tap.printed, "okay\n# a comment\n    indented text\nnot okay\n1...3\n");
  EXPECT_THAT(tap.facts, ElementsAre("passed: test 1"));
  EXPECT_THAT(tap.errors, IsEmpty());
}

TEST(TapReaderTest, TheLeavesOfSubtestsAreTheCases) {
  const std::string leaves = R"(
        ok 1 - one
        not ok 2 - two
        1..2
    not ok 1 - inner
    ok 2 - beside
    1..2
not ok 1 - outer
ok 2 - last
1..2
)";
  const auto facts = ElementsAre("passed: outer > inner > one", "failed: outer > inner > two",
                                 "passed: outer > beside", "passed: last");
  EXPECT_THAT(read("# Subtest: outer\n    # Subtest: inner" + leaves).facts, facts);
  EXPECT_THAT(read("    # Subtest: outer\n        # Subtest: inner" + leaves).facts, facts);
  const Read unnamed = read(leaves);
  EXPECT_THAT(unnamed.facts, facts) << "the names come behind the subtests";
  EXPECT_THAT(unnamed.errors, IsEmpty());
}

TEST(TapReaderTest, AGroupThatFailsByItselfIsACase) {
  const Read tap = read("    ok 1 - one\n    1..1\nnot ok 1 - outer\n1..1\n");
  EXPECT_THAT(tap.facts, ElementsAre("passed: outer > one", "failed: outer"));
}

TEST(TapReaderTest, FailuresWithinATodoAreExpected) {
  const Read tap = read(R"(# Subtest: later
    # Subtest: group
        not ok 1 - one
        1..1
    not ok 1 - group
    ok 2 - two
    1..2
not ok 1 - later # TODO not yet
ok 2 - adds
1..2
)");
  EXPECT_THAT(tap.facts,
              ElementsAre("pending: later > group > one", "passed: later > two", "passed: adds"));
  EXPECT_THAT(tap.errors, IsEmpty());
}

TEST(TapReaderTest, NamesDoNotDependOnTheWorkspace) {
  // Node 18 gives each file a subtest.
  const Read tap = read("    ok 1 - one\n    1..1\nok 1 - /w/t/a.t\nnot ok 2 - /w/t/a.t\n1..2\n");
  EXPECT_THAT(tap.facts, ElementsAre("passed: one", "failed: t/a.t"));
}

TEST(TapReaderTest, DiagnosticsSayWhereAndWhy) {
  const Read tap = read(R"(not ok 1 - adds
  ---
  duration_ms: 1500.5
  location: '/w/t/a.t:3:1'
  failureType: 'testCodeFailure'
  error: |-
    Expected values to be strictly equal:

    1 !== 2

  name: 'AssertionError'
  expected: 2
  actual: 1
  stack: |-
    TestContext.<anonymous> (file:///w/t/a.t:4:10)
    node:internal/test:5:3
  ...
not ok 2 - has
  ---
  message: "it's \"odd\""
  found: 3
  wanted: 4
  at:
    file: t/b.t
    line: 5
  ...
1..2
)");
  ASSERT_EQ(tap.cases.size(), 2U);
  EXPECT_EQ(tap.cases[0].seconds, 1.5005);
  EXPECT_EQ(tap.cases[0].location, "t/a.t:3");
  const results::Failure& first = *tap.cases[0].failure;
  EXPECT_EQ(first.exception_class, "AssertionError");
  EXPECT_EQ(first.message, "Expected values to be strictly equal:\n\n1 !== 2");
  EXPECT_THAT(first.backtrace,
              ElementsAre("t/a.t:4:in TestContext.<anonymous>", "node:internal/test:5"));
  EXPECT_EQ(tap.cases[1].failure->message, "it's \"odd\"\nexpected: 4\n  actual: 3");
  EXPECT_EQ(tap.cases[1].location, "t/a.t");
  EXPECT_THAT(tap.errors, IsEmpty());
}

TEST(TapReaderTest, AnEmptyGroupOfNodeIsNoCase) {
  EXPECT_THAT(read("ok 1 - empty\n  ---\n  type: 'suite'\n  ...\n1..1\n").facts, IsEmpty());
}

TEST(TapReaderTest, APlanOfNothingSkipsTheFile) {
  const Read skipped = read("1..0 # SKIP no network\n");
  EXPECT_THAT(skipped.facts, ElementsAre("skipped: t/a.t"));
  EXPECT_EQ(skipped.cases[0].pending_message, "no network");
  EXPECT_THAT(skipped.errors, IsEmpty());
  const Read empty = read("1..0\n");
  EXPECT_THAT(empty.facts, IsEmpty());
  EXPECT_THAT(empty.errors, IsEmpty());
}

TEST(TapReaderTest, WhatDoesNotAddUpIsAnError) {
  const auto errors = [](const std::string& document) { return read(document).errors; };
  EXPECT_THAT(errors(""), ElementsAre(HasSubstr("no plan")));
  EXPECT_THAT(errors("ok 1\n"), ElementsAre(HasSubstr("no plan")));
  EXPECT_THAT(errors("1..3\nok 1\nok 2\n"), ElementsAre("the plan says 3 tests, 2 came"));
  EXPECT_THAT(errors("1..1\nok 1\nok 2\n"), ElementsAre("the plan says 1 test, 2 came"));
  EXPECT_THAT(errors("1..1\n1..1\nok 1\n"), ElementsAre(HasSubstr("two plans")));
  EXPECT_THAT(errors("1..2\nok 1\nok 3\n"), ElementsAre(HasSubstr("not numbered in order")));
  EXPECT_THAT(errors("1..1\nok 1\n  ---\n  x: 1\n"), ElementsAre(HasSubstr("YAML")));
  EXPECT_THAT(errors("    1..2\n    ok 1\nok 1 - outer\n1..1\n"),
              ElementsAre("\"outer\": the plan says 2 tests, 1 came"));
  EXPECT_THAT(errors("    ok 1\n    1..1\n1..0\n"),
              ElementsAre(HasSubstr("not brought to an end")));
  EXPECT_THAT(read("# Subtest: a\n    not ok 1 - b\n").facts, ElementsAre("failed: a > b"));
  EXPECT_THAT(errors("1..2\nok 1\nBail out! no disk\nok 2\n"),
              ElementsAre("the command bailed out: no disk"));
  const Read cut = read("# Subtest: a\n    not ok 1 - b\nBail out!\n");
  EXPECT_THAT(cut.facts, ElementsAre("failed: a > b"));
  EXPECT_THAT(cut.errors, ElementsAre("the command bailed out"));
}

}  // namespace
}  // namespace gorgon::command_host
