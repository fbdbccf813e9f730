#include "run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace gorgon::test {

namespace {

constexpr std::size_t kMostLines = 20;

std::string text_of(const Json& event, const char* key) {
  const auto found = event.find(key);
  if (found == event.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

double number_of(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<double>() : 0;
}

/// Its file; "a_spec.rb #3" for the third time in a run that runs it several times.
std::string unit_of(const Json& event) {
  const std::string id = text_of(event, "unit_id");
  const auto dot = id.find('.');
  const std::string file = text_of(event, "unit");
  return dot == std::string::npos ? file : file + " #" + id.substr(dot + 1);
}

/// An error or failure as one text.
std::string failure_text(const Json& failure) {
  if (!failure.is_object()) return {};
  return text_of(failure, "stage") + " " + text_of(failure, "class") + " " +
         text_of(failure, "message");
}

class ReportReader {
 public:
  void read_line(std::string_view line) {
    const auto event = parse_json(line);
    if (!event || !event->is_object()) return mistake("not a JSON object: " + std::string(line));
    if (report_.exit_code) mistake("an event after run_finished: " + std::string(line));
    const std::string kind = text_of(*event, "event");
    if (kind == "run_started") {
      report_.job = text_of(*event, "job");
      report_.planned = static_cast<std::size_t>(number_of(*event, "units"));
    } else if (kind == "unit_started") {
      ++report_.starts[unit_of(*event)];
    } else if (kind == "unit_tried") {
      if (report_.units.contains(unit_of(*event))) mistake("a try after the verdict");
    } else if (kind == "unit_slow") {
      report_.slow[unit_of(*event)].push_back(text_of(*event, "running_case"));
    } else if (kind == "case_finished") {
      read_case(*event);
    } else if (kind == "unit_finished") {
      read_unit(*event);
    } else if (kind == "host") {
      report_.hosts[text_of(*event, "host")] = text_of(*event, "state");
      if (event->contains("message"))
        report_.notices.push_back(text_of(*event, "host") + ": " + text_of(*event, "message"));
    } else if (kind == "notice") {
      report_.notices.push_back(text_of(*event, "text"));
    } else if (kind == "tree") {
      if (!report_.tree.empty()) mistake("a second tree");
      report_.tree = text_of(*event, "digest");
    } else if (kind == "waiting") {
      report_.waiting.push_back(text_of(*event, "reason"));
    } else if (kind == "run_finished") {
      read_end(*event);
    } else {
      mistake("an unknown event: " + std::string(line));
    }
  }

  Report take() { return std::move(report_); }

 private:
  void mistake(std::string text) { report_.mistakes.push_back(std::move(text)); }

  void read_case(const Json& event) {
    ReportedCase row{.unit = unit_of(event),
                     .id = text_of(event, "id"),
                     .name = text_of(event, "name"),
                     .status = text_of(event, "status"),
                     .message = {},
                     .output = text_of(event, "output")};
    if (event.contains("failure") && event["failure"].is_object())
      row.message = text_of(event["failure"], "message");
    if (report_.units.contains(row.unit))
      mistake("a case of " + row.unit + " after its unit_finished");
    report_.cases.push_back(std::move(row));
  }

  void read_unit(const Json& event) {
    ReportedUnit unit{.verdict = text_of(event, "verdict"),
                      .attempt = static_cast<int>(number_of(event, "attempt")),
                      .host = text_of(event, "host"),
                      .worker = text_of(event, "worker"),
                      .seconds = number_of(event, "seconds"),
                      .errors = text_of(event, "error") + "\n",
                      .output = text_of(event, "output")};
    if (event.contains("errors")) {
      for (const Json& error : event["errors"]) unit.errors += failure_text(error) + "\n";
    }
    const std::string file = unit_of(event);
    if (!report_.units.emplace(file, std::move(unit)).second) mistake(file + " has two verdicts");
  }

  void read_end(const Json& event) {
    report_.exit_code = static_cast<int>(number_of(event, "exit_code"));
    report_.reason = text_of(event, "reason");
    const auto units = static_cast<std::size_t>(number_of(event, "units"));
    const auto cases = static_cast<std::size_t>(number_of(event, "cases"));
    if (units != report_.units.size() || units != report_.planned)
      mistake("run_finished counts " + std::to_string(units) + " units, planned were " +
              std::to_string(report_.planned) + ", verdicts came for " +
              std::to_string(report_.units.size()));
    if (cases != report_.cases.size())
      mistake("run_finished counts " + std::to_string(cases) + " cases, " +
              std::to_string(report_.cases.size()) + " were reported");
  }

  Report report_;
};

void compare_cases(const std::string& file, const ExpectedUnit& expected, const Report& report,
                   std::string& text) {
  std::map<std::string, std::string> came;
  std::string messages;
  for (const ReportedCase& row : report.cases) {
    if (row.unit != file) continue;
    if (!came.emplace(row.name, row.status).second)
      text += fmt::format("{}: two results for \"{}\"\n", file, row.name);
    messages += row.message + "\n";
  }
  for (const auto& [name, status] : expected.cases) {
    const auto found = came.find(name);
    const std::string is = found == came.end() ? "missing" : found->second;
    if (is != status)
      text += fmt::format("{}: \"{}\" is {}, expected {}\n", file, name, is, status);
  }
  for (const auto& [name, status] : came) {
    if (!expected.cases.contains(name))
      text += fmt::format("{}: \"{}\" ({}) was not expected\n", file, name, status);
  }
  if (messages.find(expected.case_message) == std::string::npos)
    text += fmt::format("{}: no failure says \"{}\":\n{}", file, expected.case_message, messages);
}

std::string joined(const CaseRow& row) {
  std::string text;
  for (const std::string& field : row) text += (text.empty() ? "" : " | ") + field;
  return text;
}

}  // namespace

const ReportedUnit* Report::unit(const std::string& file) const {
  const auto found = units.find(file);
  return found == units.end() ? nullptr : &found->second;
}

std::string Report::notice_text() const {
  std::string text;
  for (const std::string& notice : notices) text += notice + "\n";
  return text;
}

Report read_report(std::string_view output) {
  ReportReader reader;
  for (std::size_t end = 0; (end = output.find('\n')) != std::string_view::npos;
       output.remove_prefix(end + 1)) {
    reader.read_line(output.substr(0, end));
  }
  return reader.take();
}

ExpectedUnits expected_units(const std::string& fixture) {
  const fs::path file = fs::path(GORGON_FIXTURES) / fixture / "expected.json";
  const auto text = read_file(file);
  const auto json = text ? parse_json(*text) : Result<Json>(std::unexpected(text.error()));
  if (!json || !json->is_object()) {
    std::fprintf(stderr, "cannot read %s\n", file.c_str());
    std::abort();
  }
  ExpectedUnits units;
  for (const auto& [name, row] : json->items()) {
    ExpectedUnit& unit = units[name];
    unit.verdict = text_of(row, "verdict");
    unit.error = text_of(row, "error");
    unit.case_message = text_of(row, "case_message");
    if (row.contains("or")) unit.alternatives = row["or"].get<std::vector<std::string>>();
    if (row.contains("cases")) unit.cases = row["cases"].get<std::map<std::string, std::string>>();
  }
  return units;
}

std::string differences(const ExpectedUnits& expected, const Report& report) {
  std::string text;
  for (const auto& [file, row] : expected) {
    const ReportedUnit* unit = report.unit(file);
    if (unit == nullptr) {
      text += file + ": no verdict\n";
      continue;
    }
    if (unit->verdict != row.verdict &&
        std::ranges::find(row.alternatives, unit->verdict) == row.alternatives.end()) {
      text +=
          file + ": " + unit->verdict + ", expected " + row.verdict + " (" + unit->errors + ")\n";
    }
    if (unit->errors.find(row.error) == std::string::npos)
      text += file + ": no error says \"" + row.error + "\": " + unit->errors + "\n";
    compare_cases(file, row, report, text);
  }
  for (const auto& [file, unit] : report.units) {
    if (!expected.contains(file)) text += file + " (" + unit.verdict + ") was not expected\n";
  }
  return text;
}

std::vector<CaseRow> read_rows(std::string_view text) {
  std::vector<CaseRow> rows;
  const auto json = parse_json(text);
  if (!json || !json->is_array()) return rows;
  for (const Json& row : *json) rows.push_back(row.get<std::vector<std::string>>());
  return rows;
}

std::string differences(std::vector<CaseRow> own, std::vector<CaseRow> ours) {
  std::ranges::sort(own);
  std::ranges::sort(ours);
  std::string text;
  const auto list = [&](const char* title, const std::vector<CaseRow>& rows) {
    if (rows.empty()) return;
    text += std::to_string(rows.size()) + " " + title + ":\n";
    for (std::size_t i = 0; i < std::min(rows.size(), kMostLines); ++i)
      text += "  " + joined(rows[i]) + "\n";
  };
  std::vector<CaseRow> rows;
  std::ranges::set_difference(own, ours, std::back_inserter(rows));
  list("cases only in the framework's own run", rows);
  rows.clear();
  std::ranges::set_difference(ours, own, std::back_inserter(rows));
  list("cases only in ours", rows);
  return text;
}

}  // namespace gorgon::test
