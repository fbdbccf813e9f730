#include "runner/runner_protocol.h"

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "results/verdict.h"

namespace gorgon::runner {

namespace {

/// Linux' PID_MAX_LIMIT (include/linux/threads.h): 4 * 1024 * 1024.
constexpr std::int64_t kMaxPid = std::int64_t{4} * 1024 * 1024;
constexpr std::int64_t kMaxSignal = 64;

results::Failure read_failure(ObjectReader& in) {
  results::Failure failure;
  failure.stage = in.text_or("stage", "");
  failure.exception_class = in.text_or("class", "");
  failure.message = in.text_or("message", "");
  failure.backtrace = in.texts("backtrace");
  return failure;
}

std::vector<results::Failure> read_failures(ObjectReader& in, std::string_view key) {
  std::vector<results::Failure> failures;
  in.objects(key, [&](ObjectReader& element) { failures.push_back(read_failure(element)); });
  return failures;
}

RunnerReady read_ready(ObjectReader& in) {
  const std::int64_t signal = in.integer_or("stacks_signal", 0, {.least = 0, .most = SIGRTMAX});
  return {.pid = static_cast<pid_t>(in.integer_or("pid", 0, {.least = 0, .most = kMaxPid})),
          .stacks_signal = static_cast<int>(signal)};
}

RunnerStacks read_stacks(ObjectReader& in) {
  RunnerStacks stacks;
  in.objects("threads", [&](ObjectReader& element) {
    ThreadStack thread;
    thread.is_main = element.boolean_or("main", false);
    thread.name = element.text_or("name", "");
    thread.status = element.text_or("status", "");
    thread.backtrace = element.texts("backtrace");
    stacks.threads.push_back(std::move(thread));
  });
  return stacks;
}

/// Nullopt for anything but [from, to] with 0 <= from <= to.
std::optional<ByteRange> read_range(const Json& json) {
  if (!json.is_array() || json.size() != 2) return std::nullopt;
  // The library keeps every integer that is not negative as unsigned.
  if (!json[0].is_number_unsigned() || !json[1].is_number_unsigned()) return std::nullopt;
  const auto from = json[0].get<std::uint64_t>();
  const auto to = json[1].get<std::uint64_t>();
  if (from > to || !std::in_range<std::int64_t>(to)) return std::nullopt;
  return ByteRange{static_cast<std::int64_t>(from), static_cast<std::int64_t>(to)};
}

CaseDone read_case(ObjectReader& in, const Json& json) {
  CaseDone done;
  results::TestCase& test_case = done.test_case;
  test_case.id = in.text("id");
  test_case.name = in.text("name");
  test_case.location = in.text_or("location", "");
  const auto status = results::runner_status_named(in.text("status"));
  if (!status) in.reject("status", "passed, failed, error, skipped or pending");
  test_case.status = status.value_or(results::CaseStatus::kError);
  test_case.seconds = in.measured_seconds("seconds");
  in.object("failure", [&](ObjectReader& failure) { test_case.failure = read_failure(failure); });
  test_case.pending_message = in.text_or("pending", "");
  const auto output = json.find("output");
  if (output != json.end() && !output->is_null()) {
    done.output = read_range(*output);
    if (!done.output) in.reject("output", "[from, to]");
  }
  return done;
}

UnitDone read_unit_finished(ObjectReader& in, const Json& json) {
  UnitDone done;
  done.unit = in.text("unit");
  const std::string verdict = in.text("verdict");
  if (verdict != "passed" && verdict != "failed") in.reject("verdict", "passed or failed");
  done.errors = read_failures(in, "errors");
  // A verdict of its own that contradicts its errors would let a broken file pass.
  done.passed = verdict == "passed" && done.errors.empty();
  done.seconds = in.measured_seconds("seconds");
  done.replace = in.boolean_or("replace", false);
  // One that is too large for us can be repeated by nobody, and is no reason to fail a unit.
  const auto seed = json.find("seed");
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (seed != json.end() && seed->is_number_integer() &&
      (!seed->is_number_unsigned() || seed->get<std::uint64_t>() <= kMost))
    done.seed = seed->get<std::int64_t>();
  return done;
}

template <class T>
Result<RunnerMessage> checked(const ObjectReader& in, T value) {
  if (in.error()) return std::unexpected(*in.error());
  return RunnerMessage(std::move(value));
}

}  // namespace

Result<RunnerMessage> parse_runner_line(std::string_view line) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(line));
  ObjectReader in(json, "runner");
  const std::string type = in.text("type");
  GORGON_TRY(in.status());
  if (type == "ready") {
    const RunnerReady ready = read_ready(in);
    return checked(in, ready);
  }
  if (type == "failed") {
    RunnerFailed failed;
    in.object("error", [&](ObjectReader& error) { failed.error = read_failure(error); });
    return checked(in, std::move(failed));
  }
  if (type == "case_started") {
    CaseStarted started{in.text_or("id", ""), in.text("name"), in.text_or("location", "")};
    return checked(in, std::move(started));
  }
  if (type == "case") {
    CaseDone done = read_case(in, json);
    return checked(in, std::move(done));
  }
  if (type == "unit_finished") {
    UnitDone done = read_unit_finished(in, json);
    return checked(in, std::move(done));
  }
  if (type == "stopped") {
    RunnerStopped stopped{read_failures(in, "errors")};
    return checked(in, std::move(stopped));
  }
  if (type == "stacks") {
    RunnerStacks stacks = read_stacks(in);
    return checked(in, std::move(stacks));
  }
  return fail(ErrorKind::kProtocol, "a runner sent a message of unknown type \"" + type + "\"");
}

Result<StatusLine> parse_status_line(std::string_view line) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(line));
  ObjectReader in(json, "status");
  if (json.contains("pid")) {
    // The worker kills what is named here: 1, 0 and negative ones mean others, or many at once.
    const auto pid = static_cast<pid_t>(in.integer("pid", {.least = 2, .most = kMaxPid}));
    GORGON_TRY(in.status());
    return StatusLine(pid);
  }
  ExitStatus status;
  if (json.contains("signal")) {
    status.signal = static_cast<int>(in.integer("signal", {.least = 1, .most = kMaxSignal}));
  } else {
    status.code = static_cast<int>(in.integer("exit", {.least = 0, .most = 255}));
  }
  GORGON_TRY(in.status());
  return StatusLine(status);
}

std::string run_line(const results::Unit& unit, std::uint32_t attempt,
                     const std::string& framework) {
  Json json = {{"type", "run"}, {"unit", unit.id}, {"file", unit.file}, {"attempt", attempt}};
  if (!unit.only.empty()) json["only"] = unit.only;
  if (!unit.except.empty()) json["except"] = unit.except;
  if (!unit.filter.places.empty()) json["places"] = unit.filter.places;
  if (!unit.filter.names.empty()) json["names"] = unit.filter.names;
  if (!unit.filter.tags.empty()) json["tags"] = unit.filter.tags;
  if (!unit.filter.expression.empty()) {
    // One that is none would select everything: the runner refuses null.
    const auto expression = parse_json(unit.filter.expression);
    json["expression"] = expression ? *expression : Json();
  }
  if (unit.seed) json["seed"] = *unit.seed;
  if (!framework.empty()) json["framework"] = framework;
  return dump_json(json) + "\n";
}

std::string stop_line() { return "{\"type\":\"stop\"}\n"; }

std::string init_datagram(const std::string& job, const std::string& host,
                          const std::string& workspace, const std::string& inputs,
                          const config::RunnerSettings& settings) {
  Json json = {{"type", "init"},
               {"v", 1},
               {"job", job},
               {"host", host},
               {"workspace", workspace},
               {"inputs", inputs},
               {"framework", nullptr},
               {"folders", settings.folders},
               {"preload", settings.preload},
               {"callbacks_class_file", nullptr},
               {"arguments", settings.arguments},
               {"seed", nullptr},
               {"order", nullptr}};
  if (settings.seed) json["seed"] = *settings.seed;
  if (!settings.order.empty()) json["order"] = settings.order;
  if (!settings.framework.empty()) json["framework"] = settings.framework;
  if (!settings.test_command.run.empty()) {
    json["test_command"] = {{"run", settings.test_command.run},
                            {"results", config::name_of(settings.test_command.results)}};
  }
  if (!settings.callbacks.class_file.empty())
    json["callbacks_class_file"] = settings.callbacks.class_file;
  return dump_json(json);
}

std::string fork_datagram(const ForkRequest& request) {
  Json json = {{"type", "fork"},
               {"id", request.id},
               {"worker", request.worker},
               {"env", request.env},
               {"cgroup", nullptr}};
  if (!request.cgroup.empty()) json["cgroup"] = request.cgroup;
  return dump_json(json);
}

std::string job_datagram(const std::optional<std::string>& job) {
  Json json = {{"type", "job"}, {"job", nullptr}};
  if (job) json["job"] = *job;
  return dump_json(json);
}

std::string finish_datagram() { return "{\"type\":\"finish\"}"; }

Result<HostMessage> parse_host_datagram(std::string_view bytes) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(bytes));
  ObjectReader in(json, "host");
  const std::string type = in.text("type");
  if (type == "ready") {
    HostReady ready{.language = in.text_or("language", ""),
                    .threads = in.integer_or("threads", 1),
                    .seconds = in.measured_seconds("seconds"),
                    .inputs = in.text_or("inputs", "")};
    GORGON_TRY(in.status());
    return HostMessage(std::move(ready));
  }
  if (type == "failed") {
    HostFailed failed{.stage = in.text_or("stage", "preload")};
    in.object("error", [&](ObjectReader& error) { failed.error = read_failure(error); });
    GORGON_TRY(in.status());
    return HostMessage(std::move(failed));
  }
  if (type == "finished") return HostMessage(HostFinished{});
  GORGON_TRY(in.status());
  return fail(ErrorKind::kProtocol,
              "a runner host sent a message of unknown type \"" + type + "\"");
}

std::string describe(const results::Failure& failure) {
  std::string text = failure.exception_class;
  if (!text.empty() && !failure.message.empty()) text += ": ";
  text += failure.message;
  for (const std::string& line : failure.backtrace) text += "\n    " + line;
  return text;
}

}  // namespace gorgon::runner
