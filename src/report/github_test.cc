#include "report/github.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "report/testing/synthetic_run.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::Verdict;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

class GithubTest : public ::testing::Test {
 protected:
  /// What is written for one unit of spec/a_spec.rb.
  void report(results::UnitResult result, int exit_code = 1, std::string reason = {},
              std::string project = {}) {
    std::FILE* annotations = std::fopen(annotations_file_.c_str(), "we");
    ASSERT_NE(annotations, nullptr);
    GithubReporter reporter(
        {.annotations = annotations, .summary_file = summary_file_, .project = std::move(project)});
    SyntheticRun run(reporter);
    run.add_unit("spec/a_spec.rb");
    run.start();
    run.finish_unit(0, std::move(result));
    run.finish(3, exit_code, std::move(reason));
    std::fclose(annotations);
  }
  [[nodiscard]] std::string annotations() const { return read_file(annotations_file_).value(); }
  [[nodiscard]] std::string summary() const { return read_file(summary_file_).value(); }

  TempDir folder_ = TempDir::make("gorgon-github-").value();
  fs::path annotations_file_ = folder_.path() / "log";
  fs::path summary_file_ = folder_.path() / "summary.md";
};

results::TestCase failing(const std::string& name, const std::string& message) {
  results::TestCase test_case = failed_case(name);
  test_case.failure = results::Failure{.exception_class = "E", .message = message};
  return test_case;
}

}  // namespace

TEST_F(GithubTest, CommandsAreEscapedAsGithubReadsThem) {
  EXPECT_EQ(github_data("100%\r\na:b,c"), "100%25%0D%0Aa:b,c");
  EXPECT_EQ(github_property("100%\r\na:b,c"), "100%25%0D%0Aa%3Ab%2Cc");
}

TEST_F(GithubTest, AFailureIsAnError) {
  report(result_of(Verdict::kFailed, {failing("x: y, z\n::debug::", "\n50%\nnot\x1b[31m good")}));
  EXPECT_EQ(annotations(),
            "::error file=spec/models/user_spec.rb,line=12,title=x%3A y%2C z %3A%3Adebug%3A%3A::"
            "E: 50%25%0Anot good\n");
}

TEST_F(GithubTest, ACrashIsAtTheCaseThatRan) {
  results::UnitResult crashed = result_of(Verdict::kCrashed, {});
  crashed.running_case = "a (b) dies";
  crashed.running_location = "spec/a_spec.rb:3";
  crashed.errors = {{.stage = "crash", .message = "it ended"}};
  report(std::move(crashed));
  EXPECT_THAT(annotations(), StartsWith("::error file=spec/a_spec.rb,line=3,title=a (b) dies::"));
}

TEST_F(GithubTest, FilesAreNamedFromTheRepository) {
  report(result_of(Verdict::kFailed, {failing("a", "b")}), 1, {}, "services/shop");
  EXPECT_THAT(annotations(), StartsWith("::error file=services/shop/spec/models/user_spec.rb,"));
}

TEST_F(GithubTest, WhatEndedTheRunComesFirst) {
  results::UnitResult lost{.verdict = Verdict::kLost};
  report(std::move(lost), 6, "no listener");
  EXPECT_EQ(annotations(), "::error title=gorgon::no listener\n");
  EXPECT_THAT(summary(), HasSubstr("## gorgon: failed (exit code 6)\n\n<p>no listener</p>\n"));
  EXPECT_THAT(summary(), HasSubstr("1 unit without a verdict</summary><pre>spec/a_spec.rb: lost"));
}

TEST_F(GithubTest, MoreThanGithubShowsIsCounted) {
  std::vector<results::TestCase> cases(23, failing("f", "m"));
  for (int i = 0; i < 11; ++i) {
    cases.push_back(passed_case("p"));
    cases.back().earlier_failures = {{.message = "at first"}};
  }
  report(result_of(Verdict::kFailed, std::move(cases)));
  std::size_t errors = 0;
  std::size_t warnings = 0;
  const std::string log = annotations();
  for (std::size_t at = 0; at < log.size(); at = log.find('\n', at) + 1) {
    if (log.compare(at, 8, "::error ") == 0) ++errors;
    if (log.compare(at, 10, "::warning ") == 0) ++warnings;
  }
  EXPECT_EQ(errors, 10U);
  EXPECT_EQ(warnings, 10U);
  EXPECT_THAT(log, HasSubstr("\n::notice title=gorgon::13 more errors and 1 more warning in the "
                             "log\n"));
}

TEST_F(GithubTest, AFlakyCaseIsAWarning) {
  results::TestCase flaky = passed_case("works again");
  flaky.earlier_failures = {{.message = "at first"}};
  report(result_of(Verdict::kPassed, {flaky}), 0);
  EXPECT_EQ(annotations(),
            "::warning file=spec/a_spec.rb,line=3,title=flaky%3A works again::"
            "passed after it had failed with%0Aat first\n");
  EXPECT_THAT(summary(), HasSubstr("### Flaky: 1\n"));
  EXPECT_THAT(summary(), HasSubstr("<td>works again</td><td>spec/a_spec.rb</td><td>at first</td>"));
}

TEST_F(GithubTest, AFileThatWentWrongOutsideOfItsCasesBeforeIsFlakyToo) {
  results::UnitResult result = result_of(Verdict::kPassed, {passed_case("works")});
  result.earlier_errors = {{.message = "no database"}};
  report(result, 0);
  EXPECT_THAT(annotations(), HasSubstr("passed after it had failed with%0Ano database\n"));
  EXPECT_THAT(summary(), HasSubstr("### Flaky: 1\n"));
}

TEST_F(GithubTest, NothingOfATestMeansAnythingInTheSummary) {
  report(result_of(Verdict::kFailed,
                   {failing("<img src=x>|`*_\n# head", "a\n\n</pre><script>\n\n- [x](y)")}));
  EXPECT_THAT(summary(), HasSubstr("<details><summary><code>&lt;img src=x&gt;|`*_ # head</code> "
                                   "spec/models/user_spec.rb:12</summary><pre>"
                                   "E: a&#10;&#10;&lt;/pre&gt;&lt;script&gt;&#10;&#10;- [x](y)"
                                   "</pre></details>\n"));
}

TEST_F(GithubTest, TheSummaryIsAddedToWhatIsThere) {
  ASSERT_TRUE(write_file(summary_file_, "mine\n"));
  report(result_of(Verdict::kPassed, {passed_case("works")}), 0);
  EXPECT_THAT(summary(), StartsWith("mine\n## gorgon: passed\n"));
  EXPECT_THAT(summary(), HasSubstr("| cases | 1 | 1 passed |\n"));
  EXPECT_THAT(summary(), HasSubstr("<td>1.50 s</td><td>spec/a_spec.rb</td>"));
  EXPECT_EQ(annotations(), "");
}

TEST_F(GithubTest, WhatDoesNotFitIntoTheSummaryIsCounted) {
  constexpr std::size_t kMost = std::size_t{1024} * 1024;
  std::vector<results::TestCase> cases(30,
                                       failing("f", "begin" + std::string(50'000, '\n') + "end"));
  cases.push_back(failing("small", "one"));
  ASSERT_TRUE(write_file(summary_file_, std::string(100'000, 'x')));
  report(result_of(Verdict::kFailed, std::move(cases)));
  EXPECT_LE(summary().size(), kMost);
  EXPECT_THAT(summary(), HasSubstr("27 failures left out: GitHub takes no more than 1 MiB."));
  EXPECT_THAT(summary(), HasSubstr("<code>small</code>"));
  EXPECT_THAT(summary(), HasSubstr("### Slowest files"));
}

TEST_F(GithubTest, AFullSummaryStaysAsItIs) {
  const std::string full(std::size_t{1024} * 1024, 'x');
  ASSERT_TRUE(write_file(summary_file_, full));
  report(result_of(Verdict::kPassed, {passed_case("works")}), 0);
  EXPECT_EQ(summary(), full);
}

}  // namespace gorgon::report
