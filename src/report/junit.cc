#include "report/junit.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "report/case_facts.h"
#include "report/display_text.h"
#include "report/spooled_file.h"
#include "results/case_outside.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Failure;
using results::TestCase;
using results::UnitResult;

namespace {

constexpr std::string_view kForbidden = "\xEF\xBF\xBD";  // U+FFFD

/// U+FFFE and U+FFFF, the only characters of valid UTF-8 above the controls that XML forbids.
bool is_noncharacter(std::string_view rest) {
  return rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF");
}

std::string escaped(std::string_view text, bool is_attribute) {
  const std::string valid = valid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    const bool is_space = c == '\n' || c == '\t' || c == '\r';
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"' && is_attribute) {
      out += "&quot;";
    } else if (c == '\r' || (is_space && is_attribute)) {
      out += fmt::format("&#{};", static_cast<int>(c));
    } else if (static_cast<unsigned char>(c) < 0x20 && !is_space) {
      out += kForbidden;
    } else if (is_noncharacter(std::string_view(valid).substr(i))) {
      out += kForbidden;
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

/// Several lines of a test's, without terminal control.
std::string lines_of(std::string_view text) {
  std::string lines;
  for (const std::string& line : safe_lines(text)) lines += line + "\n";
  return xml_text(lines);
}

std::string utc(double unix_seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(std::max(unix_seconds, 0.0))));
}

/// Surefire's schema, and with it that of Jenkins, takes three decimals.
std::string seconds(double value) { return fmt::format("{:.3f}", std::max(value, 0.0)); }

/// `<KIND message="…" type="…">CONTENT</KIND>`
std::string failure_element(std::string_view kind, const Failure& failure,
                            std::string_view content) {
  const std::string type =
      !failure.exception_class.empty() ? failure.exception_class : failure.stage;
  return fmt::format("      <{0} message=\"{1}\" type=\"{2}\">{3}</{0}>\n", kind,
                     xml_attribute(safe_line(failure.message)),
                     xml_attribute(type.empty() ? kind : type), content);
}

std::string text_of(const Failure& failure) {
  std::string text = failure.message;
  for (const std::string& frame : failure.backtrace) text += "\n" + frame;
  return lines_of(text);
}

std::string failure_element(std::string_view kind, const Failure& failure) {
  return failure_element(kind, failure, text_of(failure));
}

/// Of a failure that does not decide. Surefire's names and form: a test that passed in the end is
/// flaky, and what was said has an element of its own.
std::string excused_element(std::string_view kind, const Failure& failure) {
  return failure_element(kind, failure, "<stackTrace>" + text_of(failure) + "</stackTrace>");
}

/// Of tries before the one that counts.
std::string earlier_elements(const std::vector<Failure>& failures, bool has_passed) {
  std::string elements;
  for (const Failure& failure : failures)
    elements += excused_element(has_passed ? "flakyFailure" : "rerunFailure", failure);
  return elements;
}

/// "spec/models/user_spec.rb" is "spec.models.user_spec": readers take dots for folders.
std::string class_of(const std::string& file) {
  const std::size_t dot = file.rfind('.');
  const std::size_t slash = file.rfind('/');
  const bool has_extension =
      dot != std::string::npos && (slash == std::string::npos || dot > slash);
  std::string name = has_extension ? file.substr(0, dot) : file;
  std::ranges::replace(name, '/', '.');
  return name;
}

/// What a case is called, in two parts. `Class#test_name` of Minitest and test-unit has them
/// already; so does no other name, whatever is in it. A class that is described in words may have a
/// "#" of its own.
std::pair<std::string, std::string> names_of(const std::string& file, const TestCase& test_case) {
  const std::string& name = test_case.name;
  const std::size_t test = name.find("#test");
  const std::size_t hash = test != std::string::npos ? test : name.find('#');
  const bool is_method = file.ends_with(".rb") && test_case.id.starts_with(name) &&
                         hash != std::string::npos && hash > 0;
  if (is_method) return {name.substr(0, hash), name.substr(hash + 1)};
  return {class_of(file), name};
}

std::string place_attributes(const TestCase& test_case, const std::string& file) {
  const SourcePlace place = source_place(test_case, file);
  std::string text = fmt::format(" file=\"{}\"", xml_attribute(place.file));
  if (!place.line.empty()) text += fmt::format(" line=\"{}\"", place.line);
  return text;
}

/// Of a test case or a suite; `artifacts` as Jenkins and GitLab read them.
std::string output_element(std::string_view indent, const std::string& output,
                           const std::vector<std::string>& artifacts) {
  if (output.empty() && artifacts.empty()) return "";
  std::string text = lines_of(output);
  for (const std::string& path : artifacts)
    text += xml_text(fmt::format("[[ATTACHMENT|{}]]\n", safe_line(path)));
  return fmt::format("{}<system-out>{}</system-out>\n", indent, text);
}

std::string case_body(const TestCase& test_case, const std::vector<std::string>& artifacts) {
  static const Failure none;
  const Failure& failure = test_case.failure ? *test_case.failure : none;
  std::string body;
  switch (test_case.status) {
    case CaseStatus::kPassed:
      break;
    case CaseStatus::kFailed:
      body += failure_element("failure", failure);
      break;
    case CaseStatus::kError:
      body += failure_element("error", failure);
      break;
    case CaseStatus::kSkipped:
    case CaseStatus::kPending:
      body += test_case.pending_message.empty()
                  ? "      <skipped/>\n"
                  : fmt::format("      <skipped message=\"{}\"/>\n",
                                xml_attribute(safe_line(test_case.pending_message)));
      break;
    case CaseStatus::kQuarantined:
      // What a reader takes for failed, it would count against the run.
      body += fmt::format("      <skipped message=\"{}\"/>\n",
                          xml_attribute("in quarantine: " + safe_line(test_case.pending_message)));
      body += excused_element("rerunFailure", failure);
      break;
  }
  body += earlier_elements(test_case.earlier_failures, test_case.status == CaseStatus::kPassed);
  const bool is_failed = is_bad(test_case.status);
  static const std::vector<std::string> nothing;
  return body + output_element("      ", test_case.output, is_failed ? artifacts : nothing);
}

std::string element_of(std::string_view attributes, const std::string& body) {
  if (body.empty()) return fmt::format("    <testcase{}/>\n", attributes);
  return fmt::format("    <testcase{}>\n{}    </testcase>\n", attributes, body);
}

/// Which case has written what, nobody knows; readers look for it with those that failed.
std::string case_element(const results::Unit& unit, const TestCase& test_case,
                         const std::vector<std::string>& artifacts) {
  const std::string& file = unit.file;
  const auto [class_name, case_name] = names_of(file, test_case);
  const std::string name = case_name + round_of(unit);
  return element_of(fmt::format(" name=\"{}\" classname=\"{}\"{} time=\"{}\"", xml_attribute(name),
                                xml_attribute(class_name), place_attributes(test_case, file),
                                seconds(test_case.seconds)),
                    case_body(test_case, artifacts));
}

void count(CaseStatus status, JunitReporter::Counts& counts) {
  ++counts.tests;
  if (status == CaseStatus::kFailed) ++counts.failures;
  if (status == CaseStatus::kError) ++counts.errors;
  const bool is_left_out = status == CaseStatus::kSkipped || status == CaseStatus::kPending ||
                           status == CaseStatus::kQuarantined;
  if (is_left_out) ++counts.skipped;
}

std::string counts_attributes(const JunitReporter::Counts& counts) {
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", counts.tests, counts.failures,
                     counts.errors);
}

std::string properties_of(const UnitResult& result) {
  const std::string seed =
      result.seed ? fmt::format("      <property name=\"seed\" value=\"{}\"/>\n", *result.seed)
                  : std::string();
  return fmt::format(
      "    <properties>\n"
      "      <property name=\"verdict\" value=\"{}\"/>\n"
      "      <property name=\"attempt\" value=\"{}\"/>\n"
      "      <property name=\"worker\" value=\"{}\"/>\n"
      "{}"
      "    </properties>\n",
      name_of(result.verdict), result.attempt, xml_attribute(result.worker), seed);
}

}  // namespace

std::string xml_text(std::string_view text) { return escaped(text, false); }
std::string xml_attribute(std::string_view text) { return escaped(text, true); }

void JunitReporter::Counts::add(const Counts& other) {
  tests += other.tests;
  failures += other.failures;
  errors += other.errors;
  skipped += other.skipped;
}

void JunitReporter::on(const results::RunEvent& event) {
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    job_ = started->job;
    started_at_ = started->started_at;
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    add_suite(*unit);
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    finish(*finished);
  }
}

void JunitReporter::add_suite(const results::UnitFinished& event) {
  const UnitResult& result = *event.result;
  Counts counts;
  std::string cases;
  for (const TestCase& test_case : result.cases) {
    count(test_case.status, counts);
    cases += case_element(*event.unit, test_case, result.artifacts);
  }
  if (const auto outside = results::case_outside(result)) {
    count(outside->status, counts);
    cases += case_element(*event.unit, *outside, result.artifacts);
  }
  total_.add(counts);
  file_.add(fmt::format(
      "  <testsuite name=\"{}\" {} skipped=\"{}\" time=\"{}\" timestamp=\"{}\" "
      "hostname=\"{}\">\n{}{}",
      xml_attribute(event.unit->file + round_of(*event.unit)), counts_attributes(counts),
      counts.skipped, seconds(result.seconds), utc(started_at_ + event.at - result.seconds),
      xml_attribute(result.host), properties_of(result), cases));
  file_.add(output_element("    ", result.output, result.artifacts));
  file_.add("  </testsuite>\n");
}

void JunitReporter::finish(const results::RunFinished& event) {
  // A callback that failed, a limit that was reached: nothing of the tests says so.
  if (event.exit_code != results::kAllPassed && total_.failures + total_.errors == 0) {
    const Failure failure{.stage = fmt::format("exit code {}", event.exit_code),
                          .exception_class = "",
                          .message = event.reason.empty() ? "the run failed" : event.reason,
                          .backtrace = {}};
    ++total_.tests;
    ++total_.errors;
    file_.add(fmt::format(
        "  <testsuite name=\"gorgon\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" "
        "time=\"{}\" timestamp=\"{}\" hostname=\"\">\n{}  </testsuite>\n",
        seconds(event.seconds), utc(started_at_),
        element_of(" name=\"the run\" classname=\"gorgon\" time=\"0.000\"",
                   failure_element("error", failure))));
  }
  const std::string head = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"gorgon {}\" {} time=\"{}\">\n",
      xml_attribute(job_), counts_attributes(total_), seconds(event.seconds));
  error_ = finish_report(file_, head, "</testsuites>\n");
}

}  // namespace gorgon::report
