#include "report/json_events.h"

#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::HostChanged;
using results::Notice;

namespace {

// Ordered, so that a line begins with its event and reads well.
using OrderedJson = nlohmann::ordered_json;

OrderedJson failure_json(const results::Failure& failure) {
  OrderedJson json;
  if (!failure.stage.empty()) json["stage"] = failure.stage;
  json["class"] = failure.exception_class;
  json["message"] = failure.message;
  json["backtrace"] = failure.backtrace;
  return json;
}

OrderedJson failures_json(const std::vector<results::Failure>& failures) {
  OrderedJson json = OrderedJson::array();
  for (const results::Failure& failure : failures) json.push_back(failure_json(failure));
  return json;
}

/// People know a unit by its file; several units of a file are told apart by their ids.
void add_unit(OrderedJson& json, const std::string& file, const std::string& id) {
  json["unit"] = file;
  json["unit_id"] = id;
}

/// One sentence for a unit's `error`: null for a unit without one.
OrderedJson error_text(const results::UnitResult& result) {
  if (result.errors.empty()) return nullptr;
  const results::Failure& error = result.errors.front();
  if (error.exception_class.empty()) return error.message;
  return error.message.empty() ? error.exception_class
                               : error.exception_class + ": " + error.message;
}

OrderedJson json_of(const results::RunStarted& event) {
  std::set<std::string_view> files;
  for (const results::Unit& unit : event.units) files.insert(unit.file);
  OrderedJson json;
  json["event"] = "run_started";
  json["v"] = 1;
  json["job"] = event.job;
  json["units"] = event.units.size();
  json["files"] = files.size();
  json["expected_seconds"] =
      event.expected_seconds ? OrderedJson(*event.expected_seconds) : OrderedJson(nullptr);
  json["local"] = event.is_local;
  return json;
}

OrderedJson json_of(const results::Waiting& event) {
  return {{"event", "waiting"}, {"reason", event.reason}};
}

OrderedJson json_of(const HostChanged& event) {
  OrderedJson json;
  json["event"] = "host";
  json["host"] = event.host;
  json["state"] = name_of(event.state);
  json["workers"] = event.workers;
  if (!event.message.empty()) json["message"] = event.message;
  return json;
}

OrderedJson json_of(const results::UnitStarted& event) {
  OrderedJson json;
  json["event"] = "unit_started";
  add_unit(json, event.file, event.unit);
  json["attempt"] = event.attempt;
  json["host"] = event.host;
  json["worker"] = event.worker;
  return json;
}

OrderedJson json_of(const results::UnitTried& event) {
  OrderedJson json;
  json["event"] = "unit_tried";
  add_unit(json, event.file, event.unit);
  json["verdict"] = results::name_of(event.verdict);
  json["attempt"] = event.attempt;
  json["host"] = event.host;
  json["worker"] = event.worker;
  return json;
}

OrderedJson json_of(const results::UnitSlow& event) {
  OrderedJson json;
  json["event"] = "unit_slow";
  add_unit(json, event.file, event.unit);
  json["seconds"] = event.seconds;
  json["host"] = event.host;
  json["worker"] = event.worker;
  if (!event.running_case.empty()) {
    json["running_case"] = event.running_case;
    json["case_seconds"] = event.case_seconds;
  }
  return json;
}

OrderedJson json_of(const results::CaseFinished& event) {
  const results::TestCase& test_case = *event.test_case;
  OrderedJson json;
  json["event"] = "case_finished";
  add_unit(json, event.unit->file, event.unit->id);
  json["id"] = test_case.id;
  json["name"] = test_case.name;
  json["location"] = test_case.location;
  json["status"] = results::name_of(test_case.status);
  json["seconds"] = test_case.seconds;
  json["host"] = event.result->host;
  json["worker"] = event.result->worker;
  json["failure"] = test_case.failure ? failure_json(*test_case.failure) : OrderedJson(nullptr);
  if (!test_case.earlier_failures.empty())
    json["earlier_failures"] = failures_json(test_case.earlier_failures);
  if (is_flaky(test_case)) json["flaky"] = true;
  if (!test_case.pending_message.empty()) json["pending_message"] = test_case.pending_message;
  if (!test_case.output.empty()) json["output"] = test_case.output;
  return json;
}

OrderedJson json_of(const results::UnitFinished& event) {
  const results::UnitResult& result = *event.result;
  OrderedJson json;
  json["event"] = "unit_finished";
  add_unit(json, event.unit->file, event.unit->id);
  json["verdict"] = results::name_of(result.verdict);
  json["attempt"] = result.attempt;
  json["seconds"] = result.seconds;
  json["host"] = result.host;
  json["worker"] = result.worker;
  json["cases"] = result.cases.size();
  json["error"] = error_text(result);
  if (!result.errors.empty()) json["errors"] = failures_json(result.errors);
  if (!result.earlier_errors.empty()) json["earlier_errors"] = failures_json(result.earlier_errors);
  if (!result.running_case.empty()) json["running_case"] = result.running_case;
  if (!result.output.empty()) json["output"] = result.output;
  if (result.seed) json["seed"] = *result.seed;
  if (!result.artifacts.empty()) json["artifacts"] = result.artifacts;
  return json;
}

OrderedJson json_of(const Notice& event) {
  return {{"event", "notice"}, {"level", name_of(event.level)}, {"text", event.text}};
}

OrderedJson json_of(const results::TreeFound& event) {
  return {{"event", "tree"}, {"digest", event.digest}};
}

OrderedJson json_of(const results::RunFinished& event) {
  OrderedJson json;
  json["event"] = "run_finished";
  json["units"] = event.units;
  json["cases"] = event.cases;
  json["seconds"] = event.seconds;
  json["exit_code"] = event.exit_code;
  json["reason"] = event.reason.empty() ? OrderedJson(nullptr) : OrderedJson(event.reason);
  if (!event.artifacts.folder.empty()) {
    json["artifacts"] = {{"folder", event.artifacts.folder},
                         {"files", event.artifacts.files},
                         {"left_out", event.artifacts.left_out}};
  }
  return json;
}

/// As one line of valid UTF-8.
std::string line_of(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace

void JsonEventsReporter::show_plan(const std::vector<PlannedUnit>& units,
                                   const PlannedMakespan& makespan) {
  const auto number = [](const std::optional<double>& seconds) {
    return seconds ? OrderedJson(*seconds) : OrderedJson(nullptr);
  };
  std::optional<double> sum = 0;
  std::set<std::string_view> files;
  for (const PlannedUnit& planned : units) {
    OrderedJson json;
    json["event"] = "plan";
    add_unit(json, planned.unit.file, planned.unit.id);
    if (!planned.unit.filter.places.empty()) json["places"] = planned.unit.filter.places;
    json["expected_seconds"] = number(planned.expected_seconds);
    json["recorded"] = planned.is_recorded;
    output_.add(line_of(json));
    files.insert(planned.unit.file);
    if (sum && planned.expected_seconds) {
      *sum += *planned.expected_seconds;
    } else {
      sum.reset();
    }
  }
  OrderedJson json;
  json["event"] = "plan_finished";
  json["v"] = 1;
  json["units"] = units.size();
  json["files"] = files.size();
  json["expected_seconds"] = number(sum);
  json["slots"] = makespan.slots ? OrderedJson(*makespan.slots) : OrderedJson(nullptr);
  json["makespan_seconds"] = number(makespan.seconds);
  output_.write(line_of(json));
}

void JsonEventsReporter::on(const results::RunEvent& event) {
  output_.add(line_of(std::visit([](const auto& value) { return json_of(value); }, event)));
  if (!std::holds_alternative<results::CaseFinished>(event)) output_.pump();
}

}  // namespace gorgon::report
