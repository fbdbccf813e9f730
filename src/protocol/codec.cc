// Every message is one JSON object: {"v": 1, "type": NAME, …fields}. docs/messages.md lists them.
#include "protocol/codec.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/base64.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/result.h"
#include "base/text.h"
#include "config/groups.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "config/source_location.h"
#include "config/tree_generation.h"
#include "protocol/messages.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::protocol {

namespace {

using results::Failure;
using results::RunningTest;
using results::TestCase;
using results::UnitResult;

constexpr std::int64_t kMaxCount = std::numeric_limits<std::uint32_t>::max();

std::uint32_t read_count(ObjectReader& in, std::string_view key, std::uint32_t fallback = 0) {
  return static_cast<std::uint32_t>(in.integer_or(key, fallback, {.least = 0, .most = kMaxCount}));
}

std::optional<std::chrono::duration<double>> optional_limit(ObjectReader& in,
                                                            std::string_view key) {
  constexpr std::chrono::duration<double> kAbsent(-1);
  const auto limit = in.limit_or(key, kAbsent);
  return limit == kAbsent ? std::nullopt : std::optional(limit);
}

std::uint64_t read_bytes(ObjectReader& in, std::string_view key) {
  return static_cast<std::uint64_t>(in.integer_or(key, 0, {.least = 0}));
}

// ---- parts ----

Json write(const Failure& failure) {
  Json json = {{"stage", failure.stage},
               {"class", failure.exception_class},
               {"message", failure.message},
               {"backtrace", failure.backtrace}};
  if (!failure.killed_case.empty()) json["killed_case"] = failure.killed_case;
  return json;
}

Failure read_failure(ObjectReader& in) {
  Failure failure;
  failure.stage = in.text_or("stage", "");
  failure.exception_class = in.text_or("class", "");
  failure.message = in.text_or("message", "");
  failure.backtrace = in.texts("backtrace");
  failure.killed_case = in.text_or("killed_case", "");
  return failure;
}

Json write(const TestCase& test_case) {
  Json json = {{"id", test_case.id},
               {"name", test_case.name},
               {"location", test_case.location},
               {"status", name_of(test_case.status)},
               {"seconds", test_case.seconds}};
  if (test_case.failure) json["failure"] = write(*test_case.failure);
  if (!test_case.pending_message.empty()) json["pending"] = test_case.pending_message;
  if (!test_case.output.empty()) json["output"] = test_case.output;
  return json;
}

TestCase read_case(ObjectReader& in) {
  TestCase test_case;
  test_case.id = in.text("id");
  test_case.name = in.text("name");
  test_case.location = in.text_or("location", "");
  const auto status = results::runner_status_named(in.text("status"));
  if (!status) in.reject("status", "passed, failed, error, skipped or pending");
  test_case.status = status.value_or(results::CaseStatus::kError);
  test_case.seconds = in.measured_seconds("seconds");
  in.object("failure", [&](ObjectReader& failure) { test_case.failure = read_failure(failure); });
  test_case.pending_message = in.text_or("pending", "");
  test_case.output = in.text_or("output", "");
  return test_case;
}

constexpr std::array kStacksNames = std::to_array<std::pair<std::string_view, RunningTest::Stacks>>(
    {{"told", RunningTest::Stacks::kTold},
     {"silent", RunningTest::Stacks::kSilent},
     {"unable", RunningTest::Stacks::kUnable}});

Json write(const results::ThreadStack& thread) {
  return {{"main", thread.is_main},
          {"name", thread.name},
          {"status", thread.status},
          {"backtrace", thread.backtrace}};
}

results::ThreadStack read_thread(ObjectReader& in) {
  results::ThreadStack thread;
  thread.is_main = in.boolean_or("main", false);
  thread.name = in.text_or("name", "");
  thread.status = in.text_or("status", "");
  thread.backtrace = in.texts("backtrace");
  return thread;
}

constexpr std::array<std::pair<HostedJob::State, std::string_view>, 3> kHostedStates = {{
    {HostedJob::State::kPreparing, "preparing"},
    {HostedJob::State::kRunning, "running"},
    {HostedJob::State::kEnding, "ending"},
}};

Json write(const HostedJob& hosted) {
  std::string_view state;
  for (const auto& [value, name] : kHostedStates) {
    if (value == hosted.state) state = name;
  }
  return {{"job", hosted.job},
          {"project", hosted.project},
          {"originator", hosted.originator},
          {"state", state}};
}

HostedJob read_hosted_job(ObjectReader& in) {
  HostedJob hosted{.job = in.text("job"),
                   .project = in.text_or("project", ""),
                   .originator = in.text_or("originator", "")};
  const std::string state = in.text("state");
  const auto* known =
      std::ranges::find(kHostedStates, state, [](const auto& s) { return s.second; });
  if (known == kHostedStates.end()) {
    in.reject("state", "preparing, running or ending");
  } else {
    hosted.state = known->first;
  }
  return hosted;
}

Json write(const WorkerStatus& worker) {
  Json json = {{"slot", worker.slot}, {"job", worker.job}};
  if (worker.file.empty()) return json;
  json["file"] = worker.file;
  json["seconds"] = worker.seconds;
  if (worker.running_case.empty()) return json;
  json["running_case"] = worker.running_case;
  json["case_seconds"] = worker.case_seconds;
  return json;
}

WorkerStatus read_worker_status(ObjectReader& in) {
  return {.slot = read_count(in, "slot"),
          .job = in.text("job"),
          .file = in.text_or("file", ""),
          .seconds = in.measured_seconds("seconds"),
          .running_case = in.text_or("running_case", ""),
          .case_seconds = in.measured_seconds("case_seconds")};
}

template <class T>
Json write_all(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(write(value));
  return array;
}

Json write(const config::SourceLocation& source) {
  return {{"transport", name_of(source.transport)},
          {"source", source.source},
          {"user", source.user},
          {"password", source.password},
          {"compress", source.compress},
          {"strict_host_keys", source.strict_host_keys}};
}

config::SourceLocation read_source(ObjectReader& in) {
  config::SourceLocation source;
  const std::string transport = in.text("transport");
  bool known = false;
  for (const auto candidate : {config::Transport::kDirect, config::Transport::kAnonymous,
                               config::Transport::kSsh, config::Transport::kNone}) {
    if (name_of(candidate) != transport) continue;
    source.transport = candidate;
    known = true;
  }
  if (!known) in.reject("transport", "direct, anonymous, ssh or none");
  source.source = in.text("source");
  source.user = in.text_or("user", "");
  source.password = in.text_or("password", "");
  source.compress = in.boolean_or("compress", false);
  source.strict_host_keys = in.boolean_or("strict_host_keys", true);
  return source;
}

Json write(const config::TreeGeneration& tree) {
  Json changes = Json::array();
  for (const config::TreeChange& change : tree.changes)
    changes.push_back({{"from", change.from}, {"paths", change.paths}});
  return {{"id", tree.id}, {"entries", tree.entries}, {"changes", std::move(changes)}};
}

config::TreeGeneration read_tree(ObjectReader& in) {
  config::TreeGeneration tree{.id = in.text("id")};
  tree.entries = static_cast<std::uint64_t>(in.integer_or("entries", 0, {.least = 0}));
  in.objects("changes", [&](ObjectReader& change) {
    tree.changes.push_back({.from = change.text("from"), .paths = change.texts("paths")});
    if (!std::ranges::all_of(tree.changes.back().paths, is_path_below))
      change.reject("paths", "relative paths without \"..\"");
  });
  if (!is_id(tree.id)) in.reject("id", "1 to 64 characters of a-z and 0-9");
  return tree;
}

constexpr std::array kCallbacks = {
    config::Callback::kBeforeOriginate,       config::Callback::kAfterSync,
    config::Callback::kBeforeCreatingWorkers, config::Callback::kBeforeStart,
    config::Callback::kAfterComplete,         config::Callback::kAfterCreatingWorkers,
    config::Callback::kAfterJobFinishes};

Json write(const config::RunnerSettings& runner) {
  Json commands = Json::object();
  for (const auto& [callback, command] : runner.callbacks.commands)
    commands[std::string(name_of(callback))] = command;
  Json json = {{"framework", runner.framework},
               {"arguments", runner.arguments},
               {"command", runner.command},
               {"test_command",
                {{"run", runner.test_command.run},
                 {"results", config::name_of(runner.test_command.results)}}},
               {"python", runner.python},
               {"folders", runner.folders},
               {"preload", runner.preload},
               {"callbacks_class_file", runner.callbacks.class_file},
               {"callback_commands", commands},
               {"env", runner.env}};
  if (runner.seed) json["seed"] = *runner.seed;
  if (!runner.order.empty()) json["order"] = runner.order;
  return json;
}

Json write(const ArtifactRules& rules) {
  return {{"always", rules.always},
          {"on_failure", rules.on_failure},
          {"max_unit_bytes", rules.max_unit_bytes},
          {"max_run_bytes", rules.max_run_bytes},
          {"folder", rules.folder}};
}

ArtifactRules read_artifact_rules(ObjectReader& in) {
  ArtifactRules rules{.always = in.texts("always"),
                      .on_failure = in.texts("on_failure"),
                      .max_unit_bytes = read_bytes(in, "max_unit_bytes"),
                      .max_run_bytes = read_bytes(in, "max_run_bytes"),
                      .folder = in.text_or("folder", "")};
  const auto leads_out = [](const std::string& glob) { return !is_path_below(glob); };
  if (std::ranges::any_of(rules.always, leads_out)) in.reject("always", "globs in the workspace");
  if (std::ranges::any_of(rules.on_failure, leads_out))
    in.reject("on_failure", "globs in the workspace");
  return rules;
}

/// What no name of an environment variable can hold.
constexpr std::string_view kNoName("=\0", 2);

config::RunnerSettings read_runner(ObjectReader& in) {
  config::RunnerSettings runner;
  runner.framework = in.text_or("framework", "");
  runner.arguments = in.texts("arguments");
  constexpr std::int64_t kNoSeed = -1;
  const std::int64_t seed = in.integer_or(
      "seed", kNoSeed, {.least = 0, .most = std::numeric_limits<std::uint32_t>::max()});
  if (seed != kNoSeed) runner.seed = static_cast<std::uint32_t>(seed);
  runner.order = in.text_or("order", "");
  if (!runner.order.empty() && runner.order != "random" && runner.order != "defined")
    in.reject("order", "random or defined");
  runner.command = in.texts("command");
  in.object("test_command", [&](ObjectReader& command) {
    runner.test_command.run = command.texts("run");
    const auto results = config::result_format_named(command.text("results"));
    if (!results) command.reject("results", "tap, junit or exit_code");
    runner.test_command.results = results.value_or(config::ResultFormat::kExitCode);
  });
  runner.python = in.texts("python");
  runner.folders = in.texts("folders");
  runner.preload = in.texts("preload");
  runner.callbacks.class_file = in.text_or("callbacks_class_file", "");
  in.members("callback_commands",
             [&](const std::string& name, const std::optional<std::string>& command) {
               for (const config::Callback callback : kCallbacks) {
                 if (name_of(callback) == name && command)
                   runner.callbacks.commands[callback] = *command;
               }
             });
  in.members("env", [&](const std::string& name, const std::optional<std::string>& value) {
    if (name.empty() || name.find_first_of(kNoName) != std::string::npos)
      return in.reject("env", "names without \"=\" and NUL");
    if (value && value->contains('\0')) return in.reject("env", "values without NUL");
    if (value) runner.env[name] = *value;
  });
  return runner;
}

// ---- messages: a name, a writer and a reader each ----

template <class M>
struct Codec;

template <>
struct Codec<JobDefinition> {
  static constexpr std::string_view kName = "job";
  static Json write(const JobDefinition& m) {
    Json json = {{"id", m.id},
                 {"epoch", m.epoch},
                 {"project", m.project},
                 {"originator", m.originator},
                 {"cluster", m.cluster},
                 {"file_queue", m.file_queue},
                 {"reply_queue", m.reply_queue},
                 {"slot_queue", m.slot_queue},
                 {"source", protocol::write(m.source)},
                 {"tree_digest", m.tree_digest},
                 {"runner", protocol::write(m.runner)},
                 {"unit_timeout", m.unit_timeout.count()},
                 {"case_timeout", m.case_timeout.count()},
                 {"slow_after", m.slow_after.count()},
                 {"grace", m.grace.count()},
                 {"callback_timeout", m.callback_timeout.count()},
                 {"max_attempts", m.max_attempts},
                 {"sign_interval", m.sign_interval.count()},
                 {"show_cases_after", m.show_cases_after.count()},
                 {"shows_output", m.shows_output},
                 {"expires_at", m.expires_at}};
    if (!m.tree.id.empty()) json["tree"] = protocol::write(m.tree);
    if (m.artifacts) json["artifacts"] = protocol::write(*m.artifacts);
    return json;
  }
  static JobDefinition read(ObjectReader& in) {
    JobDefinition m;
    m.id = in.text("id");
    m.epoch = read_count(in, "epoch");
    m.project = in.text_or("project", "");
    m.originator = in.text_or("originator", "");
    m.cluster = in.text_or("cluster", "");
    m.file_queue = in.text("file_queue");
    m.reply_queue = in.text("reply_queue");
    m.slot_queue = in.text_or("slot_queue", "");
    if (!in.object("source", [&](ObjectReader& source) { m.source = read_source(source); })) {
      in.reject("source", "an object");
    }
    in.object("tree", [&](ObjectReader& tree) { m.tree = read_tree(tree); });
    m.tree_digest = in.text_or("tree_digest", "");
    in.object("runner", [&](ObjectReader& runner) { m.runner = read_runner(runner); });
    m.unit_timeout = in.limit_or("unit_timeout", std::chrono::seconds(0));
    m.case_timeout = in.limit_or("case_timeout", std::chrono::seconds(0));
    m.slow_after = in.limit_or("slow_after", std::chrono::seconds(0));
    m.grace = in.limit_or("grace", std::chrono::seconds(0));
    m.callback_timeout = in.limit_or("callback_timeout", std::chrono::seconds(0));
    m.max_attempts = read_count(in, "max_attempts", 2);
    m.sign_interval = std::chrono::seconds(
        in.integer_or("sign_interval", m.sign_interval.count(), {.least = 1, .most = 10}));
    m.show_cases_after = in.limit_or("show_cases_after", std::chrono::seconds(0));
    m.shows_output = in.boolean_or("shows_output", false);
    in.object("artifacts", [&](ObjectReader& rules) { m.artifacts = read_artifact_rules(rules); });
    m.expires_at = in.integer_or("expires_at", 0, {.least = 0});
    // The id becomes part of directory and cgroup names.
    if (!is_id(m.id)) in.reject("id", "1 to 64 characters of a-z and 0-9");
    return m;
  }
};

template <>
struct Codec<Ping> {
  static constexpr std::string_view kName = "ping";
  static Json write(const Ping& m) { return {{"reply_queue", m.reply_queue}}; }
  static Ping read(ObjectReader& in) { return {.reply_queue = in.text("reply_queue")}; }
};

template <>
struct Codec<GemCommand> {
  static constexpr std::string_view kName = "gem_command";
  static Json write(const GemCommand& m) {
    return {{"reply_queue", m.reply_queue}, {"arguments", m.arguments}};
  }
  static GemCommand read(ObjectReader& in) {
    GemCommand m;
    m.reply_queue = in.text("reply_queue");
    m.arguments = in.texts("arguments");
    return m;
  }
};

template <>
struct Codec<CancelJob> {
  static constexpr std::string_view kName = "cancel_job";
  static Json write(const CancelJob& m) { return {{"job", m.job}}; }
  static CancelJob read(ObjectReader& in) { return {.job = in.text("job")}; }
};

template <>
struct Codec<JobOver> {
  static constexpr std::string_view kName = "job_over";
  static Json write(const JobOver& m) { return {{"job", m.job}}; }
  static JobOver read(ObjectReader& in) { return {.job = in.text("job")}; }
};

template <>
struct Codec<ShowTests> {
  static constexpr std::string_view kName = "show_tests";
  static Json write(const ShowTests& m) { return {{"job", m.job}}; }
  static ShowTests read(ObjectReader& in) { return {.job = in.text("job")}; }
};

template <>
struct Codec<StatusRequest> {
  static constexpr std::string_view kName = "status_request";
  static Json write(const StatusRequest& m) {
    Json json = {{"reply_queue", m.reply_queue}};
    if (m.asks_machine) json["asks_machine"] = true;
    return json;
  }
  static StatusRequest read(ObjectReader& in) {
    StatusRequest m{.reply_queue = in.text("reply_queue")};
    m.asks_machine = in.boolean_or("asks_machine", false);
    return m;
  }
};

template <>
struct Codec<ListenerUp> {
  static constexpr std::string_view kName = "listener_up";
  static Json write(const ListenerUp& m) { return {{"host", m.host}, {"queue", m.queue}}; }
  static ListenerUp read(ObjectReader& in) {
    ListenerUp m;
    m.host = in.text("host");
    m.queue = in.text("queue");
    return m;
  }
};

/// Which file, which cases of it, from which seed: all of a unit but its id and what is around it.
Json write_piece(const results::Unit& unit) {
  Json json = {{"file", unit.file}};
  if (!unit.only.empty()) json["only"] = unit.only;
  if (!unit.except.empty()) json["except"] = unit.except;
  if (!unit.filter.places.empty()) json["places"] = unit.filter.places;
  if (!unit.filter.names.empty()) json["names"] = unit.filter.names;
  if (!unit.filter.tags.empty()) json["tags"] = unit.filter.tags;
  if (!unit.filter.expression.empty()) json["expression"] = unit.filter.expression;
  if (unit.seed) json["seed"] = *unit.seed;
  return json;
}

results::Unit read_piece(ObjectReader& in) {
  results::Unit unit;
  unit.file = in.text("file");
  if (!is_path_below(unit.file)) in.reject("file", "a path within the project");
  unit.only = in.texts("only");
  unit.except = in.texts("except");
  unit.filter.places = in.texts("places");
  unit.filter.names = in.texts("names");
  unit.filter.tags = in.texts("tags");
  unit.filter.expression = in.text_or("expression", "");
  unit.seed = in.optional_integer("seed");
  return unit;
}

template <>
struct Codec<UnitMessage> {
  static constexpr std::string_view kName = "unit";
  static Json write(const UnitMessage& m) {
    Json json = write_piece(m.unit);
    json["id"] = m.unit.id;
    if (m.unit.needs_fresh_runner) json["fresh_runner"] = true;
    for (const results::Unit& one : m.unit.before) json["before"].push_back(write_piece(one));
    if (m.attempt > 1) json["attempt"] = m.attempt;
    if (m.runs_alone) json["runs_alone"] = true;
    if (!m.avoid_host.empty()) json["avoid_host"] = m.avoid_host;
    if (!m.group.empty()) json["group"] = m.group;
    if (m.group_slots > 0) json["group_slots"] = m.group_slots;
    if (m.timeout) json["timeout"] = m.timeout->count();
    if (m.case_timeout) json["case_timeout"] = m.case_timeout->count();
    return json;
  }
  static UnitMessage read(ObjectReader& in) {
    UnitMessage m;
    m.unit = read_piece(in);
    m.unit.id = in.text("id");
    m.unit.needs_fresh_runner = in.boolean_or("fresh_runner", false);
    in.objects("before", [&](ObjectReader& one) { m.unit.before.push_back(read_piece(one)); });
    m.attempt = read_count(in, "attempt", 1);
    m.runs_alone = in.boolean_or("runs_alone", false);
    m.avoid_host = in.text_or("avoid_host", "");
    m.group = in.text_or("group", "");
    // It becomes part of a file's name.
    if (!m.group.empty() && !config::is_group_name(m.group)) in.reject("group", "a group's name");
    m.group_slots = static_cast<std::uint32_t>(
        in.integer_or("group_slots", 0, {.least = 0, .most = kMostGroupSlots}));
    m.timeout = optional_limit(in, "timeout");
    m.case_timeout = optional_limit(in, "case_timeout");
    return m;
  }
};

template <>
struct Codec<UnitStarted> {
  static constexpr std::string_view kName = "unit_started";
  static Json write(const UnitStarted& m) {
    Json json = {{"job", m.job},         {"id", m.id},     {"unit", m.unit},
                 {"attempt", m.attempt}, {"host", m.host}, {"worker", m.worker}};
    if (m.ago > 0) json["ago"] = m.ago;
    return json;
  }
  static UnitStarted read(ObjectReader& in) {
    UnitStarted m;
    m.job = in.text("job");
    m.id = in.text_or("id", "");
    m.unit = in.text("unit");
    m.attempt = read_count(in, "attempt", 1);
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.ago = in.measured_seconds_or("ago", 0);
    return m;
  }
};

template <>
struct Codec<UnitSlow> {
  static constexpr std::string_view kName = "unit_slow";
  static Json write(const UnitSlow& m) {
    Json json = {{"job", m.job},
                 {"unit", m.unit},
                 {"host", m.host},
                 {"worker", m.worker},
                 {"seconds", m.seconds}};
    if (!m.running_case.empty()) {
      json["running_case"] = m.running_case;
      json["case_seconds"] = m.case_seconds;
    }
    return json;
  }
  static UnitSlow read(ObjectReader& in) {
    UnitSlow m;
    m.job = in.text("job");
    m.unit = in.text("unit");
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.seconds = in.measured_seconds("seconds");
    m.running_case = in.text_or("running_case", "");
    m.case_seconds = in.measured_seconds("case_seconds");
    return m;
  }
};

template <>
struct Codec<CaseRunning> {
  static constexpr std::string_view kName = "case_running";
  static Json write(const CaseRunning& m) {
    return {{"job", m.job},
            {"unit", m.now.unit},
            {"host", m.now.host},
            {"worker", m.now.worker},
            {"running_case", m.now.running_case},
            {"case_seconds", m.now.case_seconds}};
  }
  static CaseRunning read(ObjectReader& in) {
    CaseRunning m;
    m.job = in.text("job");
    m.now.unit = in.text("unit");
    m.now.host = in.text("host");
    m.now.worker = in.text("worker");
    m.now.running_case = in.text_or("running_case", "");
    m.now.case_seconds = in.measured_seconds("case_seconds");
    return m;
  }
};

template <>
struct Codec<UnitOutput> {
  static constexpr std::string_view kName = "unit_output";
  static Json write(const UnitOutput& m) {
    Json json = {{"job", m.job},         {"unit", m.lines.unit},
                 {"host", m.lines.host}, {"worker", m.lines.worker},
                 {"from", m.from},       {"text", m.lines.text}};
    if (m.lines.left_out_bytes > 0) json["left_out_bytes"] = m.lines.left_out_bytes;
    return json;
  }
  static UnitOutput read(ObjectReader& in) {
    UnitOutput m;
    m.job = in.text("job");
    m.lines.unit = in.text("unit");
    m.lines.host = in.text("host");
    m.lines.worker = in.text("worker");
    m.from = read_bytes(in, "from");
    m.lines.text = in.text("text");
    m.lines.left_out_bytes = read_bytes(in, "left_out_bytes");
    return m;
  }
};

template <>
struct Codec<UnitShown> {
  static constexpr std::string_view kName = "unit_shown";
  static Json write(const UnitShown& m) {
    const RunningTest& test = m.test;
    Json json = {{"job", m.job},
                 {"unit", test.unit},
                 {"host", test.host},
                 {"worker", test.worker},
                 {"seconds", test.seconds},
                 {"output", test.output},
                 {"output_bytes", test.output_bytes}};
    if (!test.running_case.empty()) {
      json["running_case"] = test.running_case;
      json["case_seconds"] = test.case_seconds;
    }
    for (const auto& [name, stacks] : kStacksNames) {
      if (stacks == test.stacks) json["stacks"] = name;
    }
    if (test.stacks == RunningTest::Stacks::kTold) json["threads"] = write_all(test.threads);
    return json;
  }
  static UnitShown read(ObjectReader& in) {
    UnitShown m;
    m.job = in.text("job");
    m.test.unit = in.text("unit");
    m.test.host = in.text("host");
    m.test.worker = in.text("worker");
    m.test.seconds = in.measured_seconds("seconds");
    m.test.running_case = in.text_or("running_case", "");
    m.test.case_seconds = in.measured_seconds("case_seconds");
    m.test.output = in.text_or("output", "");
    m.test.output_bytes = read_bytes(in, "output_bytes");
    const std::string stacks = in.text_or("stacks", "unable");
    for (const auto& [name, value] : kStacksNames) {
      if (name == stacks) m.test.stacks = value;
    }
    in.objects("threads",
               [&](ObjectReader& thread) { m.test.threads.push_back(read_thread(thread)); });
    return m;
  }
};

template <>
struct Codec<UnitReturned> {
  static constexpr std::string_view kName = "unit_returned";
  static Json write(const UnitReturned& m) {
    Json json = {
        {"job", m.job}, {"id", m.id}, {"unit", m.unit}, {"host", m.host}, {"worker", m.worker}};
    if (m.is_declined) json["declined"] = true;
    return json;
  }
  static UnitReturned read(ObjectReader& in) {
    UnitReturned m;
    m.job = in.text("job");
    m.id = in.text_or("id", "");
    m.unit = in.text("unit");
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.is_declined = in.boolean_or("declined", false);
    return m;
  }
};

std::vector<TestCase> read_cases(ObjectReader& in) {
  std::vector<TestCase> cases;
  in.objects("cases", [&](ObjectReader& element) { cases.push_back(read_case(element)); });
  return cases;
}

template <>
struct Codec<UnitCases> {
  static constexpr std::string_view kName = "unit_cases";
  static Json write(const UnitCases& m) {
    return {{"job", m.job},
            {"unit", m.unit},
            {"run", m.run},
            {"part", m.part},
            {"cases", write_all(m.cases)}};
  }
  static UnitCases read(ObjectReader& in) {
    UnitCases m;
    m.job = in.text("job");
    m.unit = in.text("unit");
    m.run = in.text("run");
    m.part = read_count(in, "part", 0);
    m.cases = read_cases(in);
    return m;
  }
};

template <>
struct Codec<Artifact> {
  static constexpr std::string_view kName = "artifact";
  static Json write(const Artifact& m) {
    Json json = {
        {"job", m.job},   {"id", m.id},     {"host", m.host},     {"worker", m.worker},
        {"path", m.path}, {"size", m.size}, {"offset", m.offset}, {"bytes", to_base64(m.bytes)}};
    if (m.unit.empty()) {
      json["runner"] = m.runner;
    } else {
      json["unit"] = m.unit;
      json["attempt"] = m.attempt;
    }
    return json;
  }
  static Artifact read(ObjectReader& in) {
    Artifact m;
    m.job = in.text("job");
    m.id = in.text("id");
    // It becomes the name of a file.
    if (!is_id(m.id)) in.reject("id", "1 to 64 characters of a-z and 0-9");
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.unit = in.text_or("unit", "");
    m.attempt = read_count(in, "attempt", 1);
    m.runner = in.text_or("runner", "");
    m.path = in.text("path");
    if (!is_path_below(m.path)) in.reject("path", "a path below its unit's folder");
    m.size = read_bytes(in, "size");
    m.offset = read_bytes(in, "offset");
    auto bytes = from_base64(in.text("bytes"));
    if (!bytes) in.reject("bytes", "base64");
    m.bytes = std::move(bytes).value_or("");
    if (m.offset > m.size || m.bytes.size() > m.size - m.offset)
      in.reject("bytes", "no more than its size");
    return m;
  }
};

template <>
struct Codec<ArtifactsLeftOut> {
  static constexpr std::string_view kName = "artifacts_left_out";
  static Json write(const ArtifactsLeftOut& m) {
    return {{"job", m.job},   {"id", m.id},       {"host", m.host},    {"worker", m.worker},
            {"unit", m.unit}, {"files", m.files}, {"reason", m.reason}};
  }
  static ArtifactsLeftOut read(ObjectReader& in) {
    ArtifactsLeftOut m;
    m.job = in.text("job");
    m.id = in.text_or("id", "");
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.unit = in.text_or("unit", "");
    m.files = read_count(in, "files");
    m.reason = in.text_or("reason", "");
    return m;
  }
};

template <>
struct Codec<UnitFinished> {
  static constexpr std::string_view kName = "unit_finished";
  static Json write(const UnitFinished& m) {
    const UnitResult& r = m.result;
    Json json = {{"job", m.job},
                 {"unit", r.unit},
                 {"run", m.run},
                 {"earlier_cases", m.earlier_cases},
                 {"verdict", name_of(r.verdict)},
                 {"attempt", r.attempt},
                 {"seconds", r.seconds},
                 {"host", r.host},
                 {"worker", r.worker},
                 {"cases", write_all(r.cases)}};
    if (!r.errors.empty()) json["errors"] = write_all(r.errors);
    if (!r.running_case.empty()) json["running_case"] = r.running_case;
    if (!r.running_location.empty()) json["running_location"] = r.running_location;
    if (!r.output.empty()) json["output"] = r.output;
    if (!r.runner.empty()) json["runner"] = r.runner;
    if (r.seed) json["seed"] = *r.seed;
    if (m.ago > 0) json["ago"] = m.ago;
    return json;
  }
  static UnitFinished read(ObjectReader& in) {
    UnitFinished m;
    m.job = in.text("job");
    m.run = in.text("run");
    m.earlier_cases = read_count(in, "earlier_cases");
    UnitResult& r = m.result;
    r.unit = in.text("unit");
    const auto verdict = results::verdict_named(in.text("verdict"));
    if (!verdict) in.reject("verdict", "a verdict");
    r.verdict = verdict.value_or(results::Verdict::kLost);
    r.attempt = read_count(in, "attempt", 1);
    r.seconds = in.measured_seconds("seconds");
    r.host = in.text("host");
    r.worker = in.text("worker");
    r.cases = read_cases(in);
    in.objects("errors", [&](ObjectReader& element) { r.errors.push_back(read_failure(element)); });
    r.running_case = in.text_or("running_case", "");
    r.running_location = in.text_or("running_location", "");
    r.output = in.text_or("output", "");
    r.runner = in.text_or("runner", "");
    r.seed = in.optional_integer("seed");
    m.ago = in.measured_seconds_or("ago", 0);
    return m;
  }
};

constexpr std::array<std::pair<HostState::State, std::string_view>, 5> kHostStates = {{
    {HostState::State::kPreparing, "preparing"},
    {HostState::State::kReady, "ready"},
    {HostState::State::kFailed, "failed"},
    {HostState::State::kLeft, "left"},
    {HostState::State::kRefused, "refused"},
}};

template <>
struct Codec<HostState> {
  static constexpr std::string_view kName = "host_state";
  static Json write(const HostState& m) {
    std::string_view state;
    for (const auto& [value, name] : kHostStates) {
      if (value == m.state) state = name;
    }
    Json json = {{"job", m.job},        {"epoch", m.epoch},     {"host", m.host},
                 {"state", state},      {"workers", m.workers}, {"stage", m.stage},
                 {"message", m.message}};
    if (m.pull) json["pull_seconds"] = m.pull->count();
    if (m.callbacks) json["callback_seconds"] = m.callbacks->count();
    if (m.boot) json["boot_seconds"] = m.boot->count();
    return json;
  }
  static HostState read(ObjectReader& in) {
    HostState m;
    m.job = in.text("job");
    m.host = in.text("host");
    const std::string state = in.text("state");
    bool known = false;
    for (const auto& [value, name] : kHostStates) {
      if (name != state) continue;
      m.state = value;
      known = true;
    }
    if (!known) in.reject("state", "a host state");
    m.epoch = read_count(in, "epoch");
    m.workers = read_count(in, "workers");
    m.stage = in.text_or("stage", "");
    m.message = in.text_or("message", "");
    m.pull = optional_limit(in, "pull_seconds");
    m.callbacks = optional_limit(in, "callback_seconds");
    m.boot = optional_limit(in, "boot_seconds");
    return m;
  }
};

template <>
struct Codec<WorkerAlive> {
  static constexpr std::string_view kName = "worker_alive";
  static Json write(const WorkerAlive& m) {
    Json json = {{"job", m.job}, {"host", m.host}, {"worker", m.worker}};
    if (m.unit) json["unit"] = *m.unit;
    return json;
  }
  static WorkerAlive read(ObjectReader& in) {
    WorkerAlive m;
    m.job = in.text("job");
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.unit = in.optional_text("unit");
    return m;
  }
};

template <>
struct Codec<WorkerDone> {
  static constexpr std::string_view kName = "worker_done";
  static Json write(const WorkerDone& m) {
    return {{"job", m.job},
            {"id", m.id},
            {"host", m.host},
            {"worker", m.worker},
            {"errors", write_all(m.errors)},
            {"was_stopped", m.was_stopped}};
  }
  static WorkerDone read(ObjectReader& in) {
    WorkerDone m;
    m.job = in.text("job");
    m.id = in.text_or("id", "");
    m.host = in.text("host");
    m.worker = in.text("worker");
    in.objects("errors", [&](ObjectReader& element) { m.errors.push_back(read_failure(element)); });
    m.was_stopped = in.boolean_or("was_stopped", false);
    return m;
  }
};

template <>
struct Codec<WorkerDied> {
  static constexpr std::string_view kName = "worker_died";
  static Json write(const WorkerDied& m) {
    return {{"job", m.job},       {"id", m.id},   {"host", m.host},
            {"worker", m.worker}, {"how", m.how}, {"output", m.output}};
  }
  static WorkerDied read(ObjectReader& in) {
    WorkerDied m;
    m.job = in.text("job");
    m.id = in.text_or("id", "");
    m.host = in.text("host");
    m.worker = in.text("worker");
    m.how = in.text_or("how", "");
    m.output = in.text_or("output", "");
    return m;
  }
};

template <>
struct Codec<Probe> {
  static constexpr std::string_view kName = "probe";
  static Json write(const Probe& m) { return {{"job", m.job}}; }
  static Probe read(ObjectReader& in) { return {.job = in.text("job")}; }
};

template <>
struct Codec<Pong> {
  static constexpr std::string_view kName = "pong";
  static Json write(const Pong& m) {
    return {
        {"host", m.host}, {"version", m.version}, {"slots", m.slots}, {"free_slots", m.free_slots}};
  }
  static Pong read(ObjectReader& in) {
    Pong m;
    m.host = in.text("host");
    m.version = in.text("version");
    m.slots = read_count(in, "slots");
    m.free_slots = read_count(in, "free_slots");
    return m;
  }
};

Json write_machine(const MachineFacts& m) {
  return {{"free_bytes", m.free_bytes},
          {"demands_signature", m.demands_signature},
          {"programs", m.programs}};
}

MachineFacts read_machine(ObjectReader& in) {
  MachineFacts m;
  m.free_bytes = static_cast<std::uint64_t>(in.integer_or("free_bytes", 0, {.least = 0}));
  m.demands_signature = in.boolean_or("demands_signature", false);
  in.members("programs", [&](const std::string& name, const std::optional<std::string>& version) {
    if (m.programs.size() == kMostPrograms) return in.reject("programs", "no more than 64 of them");
    if (version) m.programs[name] = *version;
  });
  return m;
}

template <>
struct Codec<ListenerStatus> {
  static constexpr std::string_view kName = "listener_status";
  static Json write(const ListenerStatus& m) {
    Json json = {{"host", m.host},
                 {"version", m.version},
                 {"cluster", m.cluster},
                 {"slots", m.slots},
                 {"free_slots", m.free_slots},
                 {"jobs", write_all(m.jobs)},
                 {"workers", write_all(m.workers)}};
    if (m.is_reserved) json["reserved"] = true;
    if (m.clock) json["clock"] = *m.clock;
    if (m.refusal) json["refusal"] = *m.refusal;
    if (m.machine) json["machine"] = write_machine(*m.machine);
    return json;
  }
  static ListenerStatus read(ObjectReader& in) {
    ListenerStatus m;
    m.host = in.text("host");
    m.version = in.text("version");
    m.cluster = in.text_or("cluster", "");
    m.slots = read_count(in, "slots");
    m.free_slots = read_count(in, "free_slots");
    m.is_reserved = in.boolean_or("reserved", false);
    in.objects("jobs", [&](ObjectReader& job) { m.jobs.push_back(read_hosted_job(job)); });
    in.objects("workers",
               [&](ObjectReader& worker) { m.workers.push_back(read_worker_status(worker)); });
    if (m.workers.size() > m.slots) in.reject("workers", "no more than its slots");
    m.clock = in.optional_integer("clock");
    // Up to the year 9999; beyond, differences would overflow.
    if (m.clock && (*m.clock < 0 || *m.clock > 253'402'300'799))
      in.reject("clock", "Unix seconds of a year up to 9999");
    m.refusal = in.optional_text("refusal");
    in.object("machine", [&](ObjectReader& machine) { m.machine = read_machine(machine); });
    return m;
  }
};

template <>
struct Codec<JobStatus> {
  static constexpr std::string_view kName = "job_status";
  static Json write(const JobStatus& m) {
    Json json = {{"job", m.job},         {"project", m.project}, {"originator", m.originator},
                 {"seconds", m.seconds}, {"units", m.units},     {"done", m.done},
                 {"failed", m.failed},   {"running", m.running}};
    if (!m.waiting_for.empty()) json["waiting_for"] = m.waiting_for;
    return json;
  }
  static JobStatus read(ObjectReader& in) {
    JobStatus m;
    m.job = in.text("job");
    m.project = in.text_or("project", "");
    m.originator = in.text_or("originator", "");
    m.seconds = in.measured_seconds("seconds");
    m.units = read_count(in, "units");
    m.done = read_count(in, "done");
    m.failed = read_count(in, "failed");
    m.running = read_count(in, "running");
    m.waiting_for = in.text_or("waiting_for", "");
    return m;
  }
};

template <>
struct Codec<CommandOutput> {
  static constexpr std::string_view kName = "command_output";
  static Json write(const CommandOutput& m) {
    return {{"host", m.host}, {"exit_code", m.exit_code}, {"output", m.output}};
  }
  static CommandOutput read(ObjectReader& in) {
    CommandOutput m;
    m.host = in.text("host");
    m.exit_code = static_cast<int>(in.integer_or("exit_code", -1, {.least = -1, .most = 255}));
    m.output = in.text_or("output", "");
    return m;
  }
};

template <>
struct Codec<WorkerComplete> {
  static constexpr std::string_view kName = "worker_complete";
  static Json write(const WorkerComplete& m) {
    return {{"job", m.job}, {"worker", m.worker}, {"units", m.units}};
  }
  static WorkerComplete read(ObjectReader& in) {
    WorkerComplete m;
    m.job = in.text("job");
    m.worker = in.text("worker");
    m.units = read_count(in, "units");
    return m;
  }
};

template <class... M>
Result<Message> decode_as(const std::string& type, const Json& json, std::variant<M...>*) {
  Result<Message> message = fail(ErrorKind::kProtocol, "unknown message type \"" + type + "\"");
  const auto attempt = [&]<class One>(One*) {
    if (Codec<One>::kName != type) return;
    ObjectReader in(json, type);
    One value = Codec<One>::read(in);
    if (const auto status = in.status(); !status) {
      message = std::unexpected(status.error());
    } else {
      message = std::move(value);
    }
  };
  (attempt(static_cast<M*>(nullptr)), ...);
  return message;
}

}  // namespace

std::string encode(const Message& message) {
  return std::visit(
      []<class M>(const M& m) {
        Json json = Codec<M>::write(m);
        json["v"] = kVersion;
        json["type"] = Codec<M>::kName;
        return dump_json(json);
      },
      message);
}

Result<Message> decode(std::string_view body) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(body));
  ObjectReader in(json, "message");
  const std::int64_t version = in.integer("v");
  const std::string type = in.text("type");
  GORGON_TRY(in.status());
  if (version != kVersion) {
    return fail(ErrorKind::kRefused, "protocol version " + std::to_string(version) +
                                         " where this Gorgon speaks " + std::to_string(kVersion) +
                                         ": install the same release on all machines");
  }
  return decode_as(type, json, static_cast<Message*>(nullptr));
}

std::vector<std::string_view> lines_of(std::string_view body) {
  std::vector<std::string_view> lines;
  for (;;) {
    const bool is_last = lines.size() + 1 == kMostLines;
    const std::size_t end = is_last ? std::string_view::npos : body.find('\n');
    lines.push_back(body.substr(0, end));
    if (end == std::string_view::npos) return lines;
    body.remove_prefix(end + 1);
  }
}

void add_line(std::string& body, const Message& message) {
  if (!body.empty()) body += '\n';
  body += encode(message);
}

std::optional<Sender> sender_of_job(std::string_view body) {
  const auto json = parse_json(body);
  if (!json) return std::nullopt;
  ObjectReader in(*json, "job");
  const std::string type = in.text("type");
  if (type == "signed") {  // envelope.h
    const std::string message = in.text("message");
    return message.empty() ? std::nullopt : sender_of_job(message);
  }
  Sender sender{.job = in.text("id"), .reply_queue = in.text("reply_queue")};
  if (!in.status() || type != Codec<JobDefinition>::kName) return std::nullopt;
  return sender;
}

Result<std::vector<UnitMessage>> units_in(std::string_view body) {
  std::vector<UnitMessage> units;
  for (const std::string_view line : lines_of(body)) {
    GORGON_TRY_ASSIGN(auto message, decode(line));
    auto* unit = std::get_if<UnitMessage>(&message);
    if (unit == nullptr) return fail(ErrorKind::kProtocol, "it is not a unit");
    units.push_back(std::move(*unit));
  }
  return units;
}

}  // namespace gorgon::protocol
