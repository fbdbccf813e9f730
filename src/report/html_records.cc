// What stands in the page, as its model.js reads it:
//
//   data    = {"head": head, "records": [record, …]}
//   record  = ["host", at, host, state, workers, message]
//           | ["start", at, unit, file, host, worker, attempt]
//           | ["tried", at, unit, host, worker, verdict]
//           | ["notice", level, text]
//           | ["unit", at, unit, file, part, verdict, attempt, seconds, host, worker, [case, …],
//              details]
//   case    = [name, place, status, seconds, details, course]
//   details = 0 | {"errors": [failure, …], "earlier": [failure, …], "pending": text,
//                  "running": text, "output": text, "artifacts": [path, …],
//                  "unit_output": true, "flaky": true, "place": place, "course": course,
//                  "cut": true}
//   failure = {"stage", "class", "message", "frames": [text, …], "all": [text, …]}
//
// "at" counts seconds since the start. "part" says which cases of the file the unit has; "" is all
// of them. "place" is a line of the unit's file, or "path:line". "status" is a letter: p passed,
// y flaky (it passed when it was tried again), f failed, e error, s skipped, w pending ("waits"),
// q in quarantine. "course" has such a letter for each of the head's past runs, the oldest first,
// with "-" for a run that the case was not in; it is 1 when all are p, and 0 when all are "-". A
// unit's "errors" are those that no case tells. "unit_output" is there in a case that is to be read
// with its unit's "output"; "place" and "course" in a unit are those of the case that was
// "running". A unit is "flaky" that passed, and went wrong outside of its cases before; then
// "course" is that of what goes wrong outside of them in its file. Members of details
// and failure that are empty are not there; "frames" are those of the project, and "all" is there
// when they are not all there are.
#include "report/html_records.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/version.h"
#include "report/backtrace.h"
#include "report/past.h"
#include "report/summary.h"
#include "results/case_outside.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Failure;
using results::TestCase;
using results::UnitResult;
using results::Verdict;

namespace {

using OrderedJson = nlohmann::ordered_json;

/// JSON has all of these in strings alone, where an escape means the same.
std::string in_script(const OrderedJson& json) {
  const std::string text = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i, 3);
    if (text[i] == '<') {
      safe += "\\u003c";
    } else if (rest == "\xE2\x80\xA8" || rest == "\xE2\x80\xA9") {
      safe += rest == "\xE2\x80\xA8" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      safe += text[i];
    }
  }
  return safe;
}

/// To the microsecond: more digits are noise, and most of the bytes of a page.
double rounded(double seconds) { return std::round(seconds * 1e6) / 1e6; }

constexpr char kFlaky = 'y';

char letter_of(CaseStatus status) {
  switch (status) {
    case CaseStatus::kPassed:
      return 'p';
    case CaseStatus::kFailed:
      return 'f';
    case CaseStatus::kError:
      return 'e';
    case CaseStatus::kSkipped:
      return 's';
    case CaseStatus::kPending:
      return 'w';
    case CaseStatus::kQuarantined:
      return 'q';
  }
  return 'e';
}

OrderedJson json_of(const Course& course) {
  std::string letters;
  for (const auto& past : course)
    letters += !past ? '-' : past->is_flaky ? kFlaky : letter_of(past->status);
  const auto all_are = [&](char letter) {
    return letters.find_first_not_of(letter) == letters.npos;
  };
  if (all_are('-')) return 0;
  if (all_are('p')) return 1;
  return letters;
}

/// Texts of one unit or case, as long as the budget lasts.
class Details {
 public:
  Details(std::string_view file, std::size_t& budget) : file_(file), budget_(budget) {}

  void add(const char* key, const std::string& text) {
    if (!text.empty() && takes(text.size())) json_[key] = text;
  }
  void add(const char* key, const std::vector<std::string>& texts) {
    std::size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    if (!texts.empty() && takes(bytes)) json_[key] = texts;
  }
  void add(const char* key, const std::vector<Failure>& failures) {
    for (const Failure& failure : failures) add(key, failure);
  }
  void add(const char* key, const Failure& failure) {
    std::size_t bytes = failure.message.size();
    for (const std::string& frame : failure.backtrace) bytes += frame.size();
    if (takes(bytes)) json_[key].push_back(json_of(failure));
  }
  void add_mark(const char* key) { json_[key] = true; }
  void add_json(const char* key, OrderedJson json) { json_[key] = std::move(json); }
  [[nodiscard]] OrderedJson json() && { return json_.empty() ? OrderedJson(0) : std::move(json_); }

 private:
  bool takes(std::size_t bytes) {
    if (bytes > budget_) {
      json_["cut"] = true;
      return false;
    }
    budget_ -= bytes;
    return true;
  }
  [[nodiscard]] OrderedJson json_of(const Failure& failure) const {
    OrderedJson json = OrderedJson::object();
    if (!failure.stage.empty()) json["stage"] = failure.stage;
    if (!failure.exception_class.empty()) json["class"] = failure.exception_class;
    if (!failure.message.empty()) json["message"] = failure.message;
    CutBacktrace cut = cut_to_project(failure.backtrace, file_, {});
    if (!cut.lines.empty()) json["frames"] = std::move(cut.lines);
    if (cut.left_out > 0) json["all"] = failure.backtrace;
    return json;
  }

  std::string_view file_;
  std::size_t& budget_;
  OrderedJson json_;
};

/// "spec/a_spec.rb:12" is 12 among the cases of that file.
OrderedJson place_of(const TestCase& test_case, const std::string& file) {
  const std::string& place = test_case.location;
  std::string_view line = place;
  if (line.starts_with("./")) line.remove_prefix(2);
  if (!line.starts_with(file + ":")) return place;
  line.remove_prefix(file.size() + 1);
  constexpr std::size_t kMostDigits = 9;
  const bool is_number = !line.empty() && line.size() <= kMostDigits && line.front() != '0' &&
                         std::ranges::all_of(line, [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? OrderedJson(std::stoi(std::string(line))) : OrderedJson(place);
}

struct CaseIn {
  const results::Unit& unit;
  bool sees_output = false;  ///< It is to be read with the output of the unit.
};

OrderedJson case_json(const TestCase& test_case, const CaseIn& in,
                      const std::map<std::string, Course>& courses, TextBudget& budget) {
  const std::string& file = in.unit.file;
  const bool is_good = !is_bad(test_case.status) && test_case.status != CaseStatus::kQuarantined &&
                       test_case.earlier_failures.empty();
  Details details(file, is_good ? budget.passed_bytes : budget.failure_bytes);
  if (test_case.failure) details.add("errors", *test_case.failure);
  details.add("earlier", test_case.earlier_failures);
  details.add("pending", test_case.pending_message);
  details.add("output", test_case.output);
  if (in.sees_output) details.add_mark("unit_output");
  const char letter = is_flaky(test_case) ? kFlaky : letter_of(test_case.status);
  const auto course = courses.find(test_case.name);
  return OrderedJson::array({test_case.name, place_of(test_case, file), std::string(1, letter),
                             rounded(test_case.seconds), std::move(details).json(),
                             course == courses.end() ? OrderedJson(0) : json_of(course->second)});
}

std::string words_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string part_of(const results::Unit& unit) {
  std::string part = words_of(unit.filter.places);
  if (!unit.only.empty()) part += (part.empty() ? "only " : " only ") + words_of(unit.only);
  if (!unit.except.empty())
    part += (part.empty() ? "without " : " without ") + words_of(unit.except);
  return part;
}

OrderedJson record_of(const results::UnitFinished& event, const Past& past, TextBudget& budget) {
  const results::Unit& unit = *event.unit;
  const UnitResult& result = *event.result;
  std::map<std::string, Course> courses;
  if (past.courses_of) courses = past.courses_of(unit.file);
  OrderedJson cases = OrderedJson::array();
  const TestCase* const told_by_output = results::case_with_output(result);
  for (const TestCase& test_case : result.cases) {
    const bool sees_unit = &test_case == told_by_output;
    cases.push_back(
        case_json(test_case, {.unit = unit, .sees_output = sees_unit}, courses, budget));
  }
  Details details(unit.file,
                  result.verdict == Verdict::kPassed ? budget.passed_bytes : budget.failure_bytes);
  details.add("errors", results::errors_outside(result));
  details.add("earlier", result.earlier_errors);
  details.add("running", result.running_case);
  const auto outside = results::case_outside(result);
  const bool is_flaky_outside = outside && is_flaky(*outside);
  if (is_flaky_outside) details.add_mark("flaky");
  if (!result.running_case.empty())
    details.add_json("place", outside ? place_of(*outside, unit.file) : OrderedJson(unit.file));
  if (is_flaky_outside || !result.running_case.empty()) {
    const auto course = courses.find(is_flaky_outside ? outside->name : result.running_case);
    if (course != courses.end()) details.add_json("course", json_of(course->second));
  }
  details.add("output", result.output);
  details.add("artifacts", result.artifacts);
  return OrderedJson::array({"unit", rounded(event.at), unit.id, unit.file, part_of(unit),
                             name_of(result.verdict), result.attempt, rounded(result.seconds),
                             result.host, result.worker, std::move(cases),
                             std::move(details).json()});
}

OrderedJson json_of(const PastRun& run) {
  return {{"number", run.number},
          {"started_at", run.started_at},
          {"seconds", run.seconds ? OrderedJson(*run.seconds) : OrderedJson(nullptr)},
          {"exit_code", run.exit_code ? OrderedJson(*run.exit_code) : OrderedJson(nullptr)},
          {"cases", run.cases},
          {"failed", run.failures},
          {"flaky", run.flaky}};
}

template <class Ending, std::size_t kEndings>
OrderedJson json_of(const Counts<Ending, kEndings>& counts) {
  OrderedJson json;
  for (std::size_t i = 0; i < kEndings; ++i) {
    const auto ending = static_cast<Ending>(i);
    json[std::string(name_of(ending))] = counts[ending];
  }
  return json;
}

}  // namespace

std::string head_json(const RunHead& head, const Summary& summary, std::span<const PastRun> past) {
  const CaseCounts& cases = summary.cases();
  OrderedJson past_runs = OrderedJson::array();
  for (const PastRun& run : past) past_runs.push_back(json_of(run));
  OrderedJson json;
  json["version"] = kVersion;
  json["job"] = head.job;
  json["started_at"] = head.started_at;
  json["arguments"] = head.arguments;
  json["seconds"] = rounded(head.finished.seconds);
  json["exit_code"] = head.goes_on ? OrderedJson(nullptr) : OrderedJson(head.finished.exit_code);
  json["reason"] = head.finished.reason;
  json["cases"] = json_of(cases);
  json["flaky"] = summary.flaky().count;
  json["flaky_cases"] = head.flaky_cases;
  json["outside"] = summary.failures() - cases[CaseStatus::kFailed] - cases[CaseStatus::kError];
  json["units"] = json_of(summary.units());
  json["files"] = summary.planned_files();
  json["failing_files"] = summary.failing_files().size();
  json["unit_seconds"] = rounded(summary.unit_seconds());
  json["past"] = std::move(past_runs);
  if (const results::Artifacts& artifacts = head.finished.artifacts; !artifacts.folder.empty()) {
    json["artifacts"] = {{"folder", artifacts.folder},
                         {"link", head.artifacts_link},
                         {"files", artifacts.files},
                         {"left_out", artifacts.left_out}};
  }
  return in_script(json);
}

std::string record_json(const results::RunEvent& event, const Past& past, TextBudget& budget) {
  if (const auto* unit = std::get_if<results::UnitFinished>(&event))
    return in_script(record_of(*unit, past, budget));
  if (const auto* start = std::get_if<results::UnitStarted>(&event)) {
    return in_script(OrderedJson::array({"start", rounded(start->at), start->unit, start->file,
                                         start->host, start->worker, start->attempt}));
  }
  if (const auto* tried = std::get_if<results::UnitTried>(&event)) {
    return in_script(OrderedJson::array({"tried", rounded(tried->at), tried->unit, tried->host,
                                         tried->worker, name_of(tried->verdict)}));
  }
  if (const auto* host = std::get_if<results::HostChanged>(&event)) {
    return in_script(OrderedJson::array({"host", rounded(host->at), host->host,
                                         name_of(host->state), host->workers, host->message}));
  }
  if (const auto* notice = std::get_if<results::Notice>(&event))
    return in_script(OrderedJson::array({"notice", name_of(notice->level), notice->text}));
  return {};
}

}  // namespace gorgon::report
