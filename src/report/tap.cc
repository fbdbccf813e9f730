// The file:
//
//   TAP version 14
//   1..N
//   ok 1 - FILE: NAME
//   ok 1 - FILE: NAME \#3                of its third time
//   not ok 2 - FILE: NAME # TODO REASON
//     ---
//     message: "…"        diagnostics: a YAML map of double-quoted texts and lists of them
//     ...
//   Bail out! REASON      of a run that has not given every verdict
#include "report/tap.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "report/case_facts.h"
#include "report/display_text.h"
#include "report/look.h"
#include "report/spooled_file.h"
#include "results/case_outside.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Failure;
using results::TestCase;

namespace {

/// A JSON text is a double-quoted scalar of YAML 1.2. Control characters are pictures by now, so
/// there are no escapes in it but \n, \" and \\, which any reader knows.
std::string yaml_scalar(std::string_view text) {
  using Json = nlohmann::json;
  return Json(fmt::format("{}", fmt::join(safe_lines(text), "\n")))
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string yaml_text(std::string_view key, std::string_view text) {
  return text.empty() ? "" : fmt::format("  {}: {}\n", key, yaml_scalar(text));
}

std::string yaml_list(std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return "";
  std::string yaml = fmt::format("  {}:\n", key);
  for (const std::string& text : texts) yaml += fmt::format("    - {}\n", yaml_scalar(text));
  return yaml;
}

/// Of what has failed, now or in an earlier try; empty for all others.
std::string diagnostics(const std::string& file, const TestCase& test_case,
                        const std::string& output) {
  std::string yaml;
  const bool is_quarantined = test_case.status == CaseStatus::kQuarantined;
  if (is_bad(test_case.status) || is_quarantined) {
    const Failure failure = test_case.failure.value_or(Failure());
    const SourcePlace place = source_place(test_case, file);
    yaml += yaml_text("message", failure.message);
    yaml += yaml_text("severity", is_quarantined                            ? "todo"
                                  : test_case.status == CaseStatus::kFailed ? "fail"
                                                                            : "error");
    yaml += yaml_text("class", failure.exception_class);
    yaml += yaml_text("stage", failure.stage);
    yaml += yaml_text("file", place.file);
    yaml += yaml_text("line", place.line);
    yaml += yaml_list("backtrace", failure.backtrace);
    yaml += yaml_text("output", output);
  }
  std::vector<std::string> earlier;
  earlier.reserve(test_case.earlier_failures.size());
  for (const Failure& failure : test_case.earlier_failures) earlier.push_back(failure.message);
  yaml += yaml_list("earlier_failures", earlier);
  return yaml.empty() ? "" : "  ---\n" + yaml + "  ...\n";
}

/// TODO is TAP's word for a failure that is expected: what RSpec and test-unit call pending, and
/// what is in quarantine.
std::string directive(const TestCase& test_case) {
  std::string_view word;
  switch (test_case.status) {
    case CaseStatus::kPassed:
    case CaseStatus::kFailed:
    case CaseStatus::kError:
      return "";
    case CaseStatus::kSkipped:
      word = "SKIP";
      break;
    case CaseStatus::kPending:
      word = "TODO";
      break;
    case CaseStatus::kQuarantined:
      word = "TODO in quarantine:";
      break;
  }
  return joined({fmt::format(" # {}", word), tap_text(test_case.pending_message)}, " ");
}

bool is_ok(CaseStatus status) {
  return status == CaseStatus::kPassed || status == CaseStatus::kSkipped;
}

}  // namespace

std::string tap_text(std::string_view text) {
  std::string escaped;
  for (const char c : safe_line(text)) {
    if (c == '#' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

void TapReporter::on(const results::RunEvent& event) {
  if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    add_unit(*unit);
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    finish(*finished);
  }
}

void TapReporter::add_unit(const results::UnitFinished& event) {
  const results::Unit& unit = *event.unit;
  const results::UnitResult& result = *event.result;
  const TestCase* const told_by_output = results::case_with_output(result);
  for (const TestCase& test_case : result.cases)
    add_point(unit, test_case, &test_case == told_by_output ? result.output : test_case.output);
  if (const auto outside = results::case_outside(result)) add_point(unit, *outside, result.output);
}

void TapReporter::add_point(const results::Unit& unit, const TestCase& test_case,
                            const std::string& output) {
  ++points_;
  if (is_bad(test_case.status)) ++bad_points_;
  file_.add(fmt::format("{} {} - {}{}\n{}", is_ok(test_case.status) ? "ok" : "not ok", points_,
                        tap_text(unit.file + ": " + test_case.name + round_of(unit)),
                        directive(test_case), diagnostics(unit.file, test_case, output)));
}

void TapReporter::finish(const results::RunFinished& event) {
  // An error outside the test files: no point says so.
  if (event.exit_code == results::kTestsFailed && bad_points_ == 0) {
    TestCase run{.name = "the run", .status = CaseStatus::kError};
    run.failure.emplace().message = event.reason;
    add_point({.id = "", .file = "gorgon"}, run, "");
  }
  const std::string reason = safe_line(event.reason);
  if (event.exit_code > results::kTestsFailed)
    file_.add(joined({"Bail out!", reason.empty() ? "the run failed" : reason}, " ") + "\n");
  // A plan without points has to say why.
  const bool is_empty = points_ == 0 && event.exit_code == results::kAllPassed;
  const std::string why =
      is_empty ? " # SKIP " + (reason.empty() ? "no test cases" : tap_text(event.reason)) : "";
  error_ = finish_report(file_, fmt::format("TAP version 14\n1..{}{}\n", points_, why), "");
}

}  // namespace gorgon::report
