// The file is one JSON object, {"traceEvents": [...], ...}, an event a line. Times are microseconds
// since the run began, whole ones: fractions would let slices overlap by less than their last
// digit.
#include "report/trace.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "report/spooled_file.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::UnitResult;
using results::Verdict;

namespace {

using TraceJson = nlohmann::ordered_json;

/// The process of the run itself; those of hosts have the numbers behind it.
constexpr int kRun = 1;

/// Seconds that came from elsewhere are bounded, so that they fit in 64 bits.
std::int64_t microseconds(double seconds) {
  constexpr double kMostSeconds = 1e9;
  return std::isfinite(seconds) ? std::llround(std::clamp(seconds, 0.0, kMostSeconds) * 1e6) : 0;
}

std::string json_text(const TraceJson& json) {
  return json.dump(-1, ' ', false, TraceJson::error_handler_t::replace);
}

std::string name_event(std::string_view kind, int process, int thread, std::string_view name) {
  return json_text(
      {{"ph", "M"}, {"name", kind}, {"pid", process}, {"tid", thread}, {"args", {{"name", name}}}});
}

std::string instant(int process, std::string_view category, std::string_view name,
                    std::int64_t at) {
  return json_text({{"ph", "i"},
                    {"cat", category},
                    {"name", name},
                    {"ts", at},
                    {"pid", process},
                    {"tid", 0},
                    {"s", process == kRun ? "g" : "p"}});
}

struct Slice {
  std::string_view category;
  std::string_view name;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  TraceJson arguments;
};

std::string slice_event(int process, int thread, const Slice& slice) {
  return json_text({{"ph", "X"},
                    {"cat", slice.category},
                    {"name", slice.name},
                    {"ts", slice.begin},
                    {"dur", slice.end - slice.begin},
                    {"pid", process},
                    {"tid", thread},
                    {"args", slice.arguments}});
}

TraceJson arguments_of(const results::Unit& unit, const UnitResult& result) {
  TraceJson json = {{"file", unit.file},
                    {"unit", unit.id},
                    {"verdict", results::name_of(result.verdict)},
                    {"attempt", result.attempt},
                    {"seconds", result.seconds},
                    {"cases", result.cases.size()}};
  if (!result.errors.empty()) json["error"] = result.errors.front().message;
  return json;
}

}  // namespace

void TraceReporter::on(const results::RunEvent& event) {
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    start(*started);
  } else if (const auto* host = std::get_if<results::HostChanged>(&event)) {
    change_host(*host);
  } else if (const auto* begun = std::get_if<results::UnitStarted>(&event)) {
    start_unit(*begun);
  } else if (const auto* tried = std::get_if<results::UnitTried>(&event)) {
    end_try(*tried);
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    finish_unit(*unit);
  } else if (const auto* notice = std::get_if<results::Notice>(&event)) {
    add(instant(kRun, results::name_of(notice->level), notice->text, now_));
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    if (!finished->reason.empty()) add(instant(kRun, "end", finished->reason, now_));
    finish();
  }
}

void TraceReporter::start(const results::RunStarted& event) {
  job_ = event.job;
  started_at_ = event.started_at;
  open_units_ = event.units.size();
  add(name_event("process_name", kRun, 0, "gorgon"));
  add_counters();
}

void TraceReporter::change_host(const results::HostChanged& event) {
  pass_to(event.at);
  std::string text(results::name_of(event.state));
  if (!event.message.empty()) text += ": " + event.message;
  add(instant(process_of(event.host), "host", text, now_));
}

void TraceReporter::start_unit(const results::UnitStarted& event) {
  pass_to(event.at);
  // A second try is no second unit.
  if (running_.insert_or_assign(event.unit, now_).second) add_counters();
}

/// It waits once more.
void TraceReporter::end_try(const results::UnitTried& event) {
  pass_to(event.at);
  Worker& worker = worker_of(event.host, event.worker);
  const auto started = running_.extract(event.unit);
  const Microseconds begin = std::max(started ? started.mapped() : now_, worker.busy_until);
  worker.busy_until = now_;
  add(slice_event(worker.process, worker.thread,
                  {.category = "try",
                   .name = event.file,
                   .begin = begin,
                   .end = now_,
                   .arguments = {{"file", event.file},
                                 {"unit", event.unit},
                                 {"verdict", results::name_of(event.verdict)},
                                 {"attempt", event.attempt}}}));
  add_counters();
}

void TraceReporter::finish_unit(const results::UnitFinished& event) {
  pass_to(event.at);
  const UnitResult& result = *event.result;
  if (result.host.empty() || result.worker.empty()) {
    add(instant(kRun, "unit",
                event.unit->file + ": " + std::string(results::name_of(result.verdict)), now_));
  } else {
    add_unit(worker_of(result.host, result.worker), event);
  }
  running_.erase(event.unit->id);
  if (open_units_ > 0) --open_units_;
  add_counters();
}

/// The worker has measured how long it took; when that was, we know from when we heard of its end.
/// Ends that come late and together would overlap: such a slice is shorter than what it stands for.
void TraceReporter::add_unit(Worker& worker, const results::UnitFinished& event) {
  const Microseconds end = now_;
  Microseconds begin = std::max(end - microseconds(event.result->seconds), worker.busy_until);
  // Of one that was tried before, the seconds are those of all tries.
  const auto started = running_.find(event.unit->id);
  if (event.result->attempt > 1 && started != running_.end())
    begin = std::max(begin, started->second);
  worker.busy_until = end;
  add(slice_event(worker.process, worker.thread,
                  {.category = "unit",
                   .name = event.unit->file,
                   .begin = begin,
                   .end = end,
                   .arguments = arguments_of(*event.unit, *event.result)}));
  add_cases(worker, *event.result, begin, end);
}

/// In their order, one behind the other: nobody measures what lies between them. What a file does
/// before its first case, such as loading, is most of it, so the last case ends with the unit. A
/// unit that was cut off ends with the case that was running then.
void TraceReporter::add_cases(const Worker& worker, const UnitResult& result, Microseconds begin,
                              Microseconds end) {
  Microseconds sum = 0;
  for (const results::TestCase& test_case : result.cases) sum += microseconds(test_case.seconds);
  const bool is_whole = result.verdict == Verdict::kPassed || result.verdict == Verdict::kFailed;
  Slice slice{.category = "case", .end = is_whole ? std::max(begin, end - sum) : begin};
  for (const results::TestCase& test_case : result.cases) {
    slice.name = test_case.name;
    slice.begin = slice.end;
    slice.end = std::min(end, slice.begin + microseconds(test_case.seconds));
    slice.arguments = {{"status", results::name_of(test_case.status)},
                       {"location", test_case.location}};
    add(slice_event(worker.process, worker.thread, slice));
  }
  if (is_whole || result.running_case.empty()) return;
  slice.name = result.running_case;
  slice.begin = slice.end;
  slice.end = end;
  slice.arguments = {{"status", results::name_of(result.verdict)}};
  add(slice_event(worker.process, worker.thread, slice));
}

void TraceReporter::add_counters() {
  const std::size_t running = std::min(running_.size(), open_units_);
  add(json_text({{"ph", "C"},
                 {"name", "units"},
                 {"ts", now_},
                 {"pid", kRun},
                 {"tid", 0},
                 {"args", {{"running", running}, {"waiting", open_units_ - running}}}}));
}

void TraceReporter::finish() {
  const std::string tail = json_text({{"job", job_}, {"started_at", started_at_}});
  error_ = finish_report(file_, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n",
                         "\n],\"otherData\":" + tail + "}\n");
}

int TraceReporter::process_of(const std::string& host) {
  const auto [place, is_new] =
      processes_.try_emplace(host, kRun + 1 + static_cast<int>(processes_.size()));
  if (is_new) add(name_event("process_name", place->second, 0, host));
  return place->second;
}

TraceReporter::Worker& TraceReporter::worker_of(const std::string& host,
                                                const std::string& worker) {
  const auto [place, is_new] = workers_.try_emplace({host, worker});
  if (is_new) {
    place->second = {.process = process_of(host), .thread = static_cast<int>(workers_.size())};
    add(name_event("thread_name", place->second.process, place->second.thread, "worker " + worker));
  }
  return place->second;
}

void TraceReporter::add(std::string_view event) {
  if (has_events_) file_.add(",\n");
  file_.add(event);
  has_events_ = true;
}

/// What a run tells has no time of its own in places: it happens when the event before it did.
void TraceReporter::pass_to(results::RunClock at) { now_ = std::max(now_, microseconds(at)); }

}  // namespace gorgon::report
