#include "report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/files.h"
#include "report/html_records.h"
#include "report/past.h"
#include "report/spooled_file.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Verdict;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;  // NOLINT(google-build-using-namespace): this folder's test helpers.

namespace {

using Json = nlohmann::json;

class HtmlTest : public ::testing::Test {
 protected:
  /// The page of a run of one unit of spec/models/user_spec.rb.
  std::string page_of(results::UnitResult result, HtmlContext context = {}) {
    HtmlReporter reporter(SpooledFile::make(file_).value(), std::move(context));
    SyntheticRun run(reporter);
    run.add_unit("spec/models/user_spec.rb");
    run.start({.job = "k2x9", .started_at = 1764180000});
    run.host("build1", 2);
    run.start_unit(0, "build1", "2");
    run.finish_unit(0, std::move(result));
    run.finish(3, 1);
    EXPECT_EQ(reporter.write_error(), 0);
    return read_file(file_).value();
  }

  TempDir folder_ = TempDir::make("gorgon-html-").value();
  fs::path file_ = folder_.path() / "reports/run.html";
};

std::string between(const std::string& text, std::string_view before, std::string_view after) {
  const std::size_t from = text.find(before) + before.size();
  return text.substr(from, text.find(after, from) - from);
}

std::string data_text(const std::string& page) {
  return between(page, R"(<script type="application/json" id="data">)", "</script>");
}

Json data_of(const std::string& page) { return Json::parse(data_text(page), nullptr, false); }

/// The record of the only unit.
Json unit_in(const Json& data) { return data["records"].back(); }

std::size_t count_in(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_F(HtmlTest, TotalsAreThoseOfTheOtherReports) {
  HtmlReporter reporter(SpooledFile::make(file_).value(), {.arguments = {"-j", "2"}});
  SyntheticRun run(reporter);
  run_everything(run);
  const Json head = data_of(read_file(file_).value())["head"];
  EXPECT_EQ(head["cases"], Json::parse(R"({"passed": 3, "failed": 1, "error": 0, "skipped": 0,
                                           "pending": 1, "quarantined": 0})"));
  EXPECT_EQ(head["outside"], 3) << "crashed, not loaded, timed out";
  EXPECT_EQ(head["units"]["lost"], 1);
  EXPECT_EQ(head["files"], 7);
  EXPECT_EQ(head["failing_files"], 4);
  EXPECT_EQ(head["exit_code"], 6);
  EXPECT_EQ(head["reason"], "1 unit could not be run");
  EXPECT_EQ(head["arguments"], Json({"-j", "2"}));
}

TEST_F(HtmlTest, ACaseHasItsDetailsAndItsPlace) {
  results::TestCase test_case = failed_case("is valid");
  test_case.output = "SELECT 1";
  const Json unit = unit_in(data_of(page_of(result_of(Verdict::kFailed, {test_case}))));
  EXPECT_EQ(unit[0], "unit");
  EXPECT_EQ(unit[3], "spec/models/user_spec.rb");
  const Json& row = unit[10][0];
  EXPECT_EQ(row[0], "is valid");
  EXPECT_EQ(row[1], 12) << "a line of the unit's own file";
  EXPECT_EQ(row[2], "f");
  EXPECT_EQ(row[4]["output"], "SELECT 1");
  const Json& failure = row[4]["errors"][0];
  EXPECT_EQ(failure["class"], "RSpec::Expectations::ExpectationNotMetError");
  EXPECT_EQ(failure["frames"][0], "spec/models/user_spec.rb:14:in `block (2 levels) in <main>'");
  EXPECT_EQ(failure["all"].size(), 4U);
}

TEST_F(HtmlTest, AFaultIsThereOnce) {
  results::TestCase killed = failed_case("sleeps");
  killed.status = CaseStatus::kError;
  killed.failure = {.stage = "timeout", .message = "killed at the limit"};
  results::UnitResult result = result_of(Verdict::kTimedOut, {killed});
  result.errors = {{.stage = "timeout", .message = "it took too long", .killed_case = "sleeps"}};
  result.output = "the last words";
  const Json data = data_of(page_of(std::move(result)));
  EXPECT_EQ(data["head"]["outside"], 0);
  EXPECT_FALSE(unit_in(data)[11].contains("errors"));
  EXPECT_EQ(unit_in(data)[10][0][4]["unit_output"], true);
}

TEST_F(HtmlTest, AFlakyCaseSaysHowItFailedBefore) {
  results::TestCase test_case = passed_case("passes later");
  test_case.earlier_failures = {{.exception_class = "E", .message = "at first"}};
  const Json data = data_of(page_of(result_of(Verdict::kPassed, {test_case})));
  EXPECT_EQ(data["head"]["flaky"], 1);
  EXPECT_EQ(unit_in(data)[10][0][2], "y");
  EXPECT_EQ(unit_in(data)[10][0][4]["earlier"][0]["message"], "at first");
}

TEST_F(HtmlTest, AFileThatWentWrongOutsideOfItsCasesAtFirstIsFlakyAsACaseIs) {
  HtmlContext context;
  context.past.runs = {{.number = 1}};
  context.past.courses_of = [](const std::string&) {
    return std::map<std::string, Course>{
        {"(outside of the cases)", {PastStatus{.is_flaky = true}}}};
  };
  results::UnitResult result = result_of(Verdict::kPassed, {passed_case("x")});
  result.earlier_errors = {{.message = "no database yet"}};
  const Json data = data_of(page_of(std::move(result), std::move(context)));
  EXPECT_EQ(data["head"]["flaky"], 1);
  EXPECT_EQ(unit_in(data)[11]["flaky"], true);
  EXPECT_EQ(unit_in(data)[11]["course"], "y");
}

TEST_F(HtmlTest, ArtifactsAreLinkedWhereTheyAreBelowThePage) {
  const auto head_of = [&](const fs::path& project, const fs::path& page_folder,
                           const std::string& artifacts) {
    HtmlReporter reporter(SpooledFile::make(file_).value(),
                          {.project = project, .page_folder = page_folder});
    reporter.on(results::RunFinished{.artifacts = {.folder = artifacts, .files = 3}});
    return data_of(read_file(file_).value())["head"]["artifacts"];
  };
  EXPECT_EQ(
      head_of("/p", "/p", "kept/k2x9"),
      Json({{"folder", "kept/k2x9"}, {"link", "./kept/k2x9"}, {"files", 3}, {"left_out", 0}}));
  EXPECT_EQ(head_of("/repo/p", "/repo", "kept/k2x9")["link"], "./p/kept/k2x9");
  EXPECT_EQ(head_of("/p", "/p/kept", "/p/kept/k2x9")["link"], "./k2x9");
  EXPECT_EQ(head_of("/p", "/p/reports", "kept/k2x9")["link"], "");
  EXPECT_EQ(head_of("", "/p", "kept/k2x9")["link"], "") << "of a run that a server shows";
  results::UnitResult result = result_of(Verdict::kFailed, {failed_case("is valid")});
  result.artifacts = {"kept/k2x9/build1/2/a.png"};
  EXPECT_EQ(unit_in(data_of(page_of(std::move(result))))[11]["artifacts"],
            Json({"kept/k2x9/build1/2/a.png"}));
}

TEST_F(HtmlTest, NothingOfATestEndsTheDataOrTheLine) {
  const std::string hostile =
      "</script><script>alert(1)</"
      "script><!--<script>\xE2\x80\xA8\xE2\x80\xA9{script}{data}\xFF\x1b[31m";
  results::UnitResult result = result_of(Verdict::kPassed, {passed_case(hostile)});
  result.output = hostile;
  result.host = hostile;
  const std::string page = page_of(std::move(result), {.arguments = {hostile}});
  EXPECT_EQ(count_in(page, "<script"), 2U);
  EXPECT_EQ(count_in(page, "</script"), 2U);
  EXPECT_EQ(count_in(page, "<!--"), 0U);
  EXPECT_THAT(data_text(page), Not(HasSubstr("\xE2\x80\xA8")));
  const Json unit = unit_in(data_of(page));
  const std::string as_text = hostile.substr(0, hostile.find('\xFF')) + "\xEF\xBF\xBD\x1b[31m";
  EXPECT_EQ(unit[10][0][0], as_text);
  EXPECT_EQ(unit[11]["output"], as_text);
}

TEST_F(HtmlTest, ThePageMayRunItsOwnScriptAlone) {
  const std::string page = page_of(result_of(Verdict::kPassed, {passed_case("works")}));
  const std::string policy =
      between(page, R"(http-equiv="Content-Security-Policy" content=")", "\"");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; ")) << policy;
  EXPECT_THAT(policy, HasSubstr("'sha256-" + sha256_base64(between(page, "<style>", "</style>"))));
  EXPECT_THAT(policy,
              HasSubstr("'sha256-" + sha256_base64(between(page, "<script>", "</script>"))));
  EXPECT_EQ(count_in(page, "http://") + count_in(page, "https://"), 1U)
      << "the namespace of SVG is no resource";
}

TEST_F(HtmlTest, ACaseHasItsCourseOverEarlierRuns) {
  HtmlContext context;
  context.past.runs = {
      {.number = 4, .seconds = 2, .exit_code = 1, .cases = 3, .failures = 1, .flaky = 2},
      {.number = 5}};
  context.past.courses_of = [](const std::string& file) {
    EXPECT_EQ(file, "spec/models/user_spec.rb");
    const PastStatus passed{.status = CaseStatus::kPassed};
    return std::map<std::string, Course>{
        {"always", {passed, passed}},
        {"sometimes", {PastStatus{.status = CaseStatus::kFailed}, PastStatus{.is_flaky = true}}},
        {"once", {std::nullopt, passed}}};
  };
  const Json data =
      data_of(page_of(result_of(Verdict::kPassed, {passed_case("always"), passed_case("sometimes"),
                                                   passed_case("once"), passed_case("never")}),
                      std::move(context)));
  const Json cases = unit_in(data)[10];
  EXPECT_EQ(cases[0][5], 1);
  EXPECT_EQ(cases[1][5], "fy");
  EXPECT_EQ(cases[2][5], "-p");
  EXPECT_EQ(cases[3][5], 0);
  EXPECT_EQ(data["head"]["past"][0]["failed"], 1);
  EXPECT_EQ(data["head"]["past"][0]["flaky"], 2);
  EXPECT_EQ(data["head"]["past"][1]["seconds"], nullptr);
}

TEST_F(HtmlTest, ARunThatEndsBeforeItBeginsHasAPage) {
  HtmlReporter reporter(SpooledFile::make(file_).value(), {});
  reporter.on(results::RunFinished{.exit_code = 0, .reason = "no file is in partition 2/2"});
  const Json data = data_of(read_file(file_).value());
  EXPECT_EQ(data["head"]["reason"], "no file is in partition 2/2");
  EXPECT_TRUE(data["records"].empty());
}

TEST_F(HtmlTest, TextsBeyondTheBudgetAreLeftOutAndSaySo) {
  results::UnitResult result =
      result_of(Verdict::kPassed, {passed_case("works"), passed_case("x")});
  result.cases[0].output = "0123456789";
  result.cases[1].output = "01234";
  const results::Unit unit{.id = "1", .file = "a"};
  TextBudget budget{.failure_bytes = 0, .passed_bytes = 7};
  const Json record =
      Json::parse(record_json(results::UnitFinished{.unit = &unit, .result = &result}, {}, budget));
  EXPECT_EQ(record[10][0][4], Json({{"cut", true}}));
  EXPECT_EQ(record[10][1][4], Json({{"output", "01234"}}));
  EXPECT_EQ(budget.passed_bytes, 2U);
}

}  // namespace gorgon::report
