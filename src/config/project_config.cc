#include "config/project_config.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/artifacts.h"
#include "config/connection_reader.h"
#include "config/document.h"
#include "config/groups.h"
#include "config/key_row.h"
#include "config/keys.h"
#include "config/listener_config.h"
#include "config/load.h"

namespace gorgon::config {

namespace {

namespace fs = std::filesystem;
using Kind = Value::Kind;

Setter<Sync> transport() {
  return {R"("direct", "ssh", "anonymous", "daemon" or "none")",
          [](Sync& out, const Value& value, const Place& place) {
            static constexpr std::array<std::string_view, 5> kWords = {"direct", "ssh", "anonymous",
                                                                       "daemon", "none"};
            static constexpr std::array kMeanings = {Transport::kDirect, Transport::kSsh,
                                                     Transport::kAnonymous, Transport::kAnonymous,
                                                     Transport::kNone};
            const auto read = read_word(value, place, kWords);
            if (read) out.transport = kMeanings[*read];
          }};
}

const Table<Sync>& ssh_keys() {
  static const Table<Sync> table = {
      {{"strict"},
       "The file server's host key must be known already. With false a new key is accepted and "
       "remembered; a changed one never. Default: true.",
       boolean(&Sync::strict_host_keys)},
  };
  return table;
}

/// An object of the file whose keys go to the same structure as those around it.
template <class T>
Setter<T> inline_object(const Table<T>& table) {
  return {"object",
          [&table](T& out, const Value& value, const Place& place) {
            read_object(value, table, out, place);
          },
          rows_of(table)};
}

const Table<Sync>& sync_keys() {
  static const Table<Sync> table = {
      {{"rsync_transport"},
       "How the source tree travels, see below. Default: \"ssh\" with a file server, else "
       "\"direct\"; \"none\" without `connection`.",
       transport()},
      {{"exclude"}, "What is never copied: patterns of `rsync --exclude`.", texts(&Sync::exclude)},
      {{"gitignore"},
       "In a git checkout, also leave out what git ignores. Default: true.",
       boolean(&Sync::gitignore)},
      {{"compress"}, "Compress on the wire. Default: false.", boolean(&Sync::compress)},
      {{"ssh"}, "For transport \"ssh\".", inline_object(ssh_keys())},
      {{"bind_address"},
       "\"direct\": the IP address of this machine that listeners reach it by, with \":PORT\" or "
       "without. Default: found out.",
       text(&Sync::bind_address)},
      {{"source_tree_path"},
       "\"none\": the folder of the code on each machine. Otherwise: the folder on the file server "
       "for "
       "the trees of jobs. Default: `.cache/gorgon/trees` (ssh), the served folder itself "
       "(anonymous).",
       text(&Sync::source_tree_path)},
      {{"user"},
       "\"anonymous\": user of the rsync module. \"ssh\": login name on the file server.",
       text(&Sync::user)},
      {{"password"},
       "\"anonymous\": password of the rsync module. Its place is `gorgon_secret.json`.",
       text(&Sync::password)},
  };
  return table;
}

Setter<Callbacks> command(Callback callback) {
  return {"shell command", [callback](Callbacks& out, const Value& value, const Place& place) {
            auto read = read_text(value, place);
            if (!read) return;
            if (read->find_first_not_of(" \t\n") == std::string::npos) {
              return place.reject(value,
                                  "expected a shell command, found an empty string: remove "
                                  "the key");
            }
            out.commands[callback] = *std::move(read);
          }};
}

const Table<Callbacks>& callback_keys() {
  static const Table<Callbacks> table = {
      {{"callbacks_class_file"},
       "Ruby file, relative to the project, that sets `Gorgon.callbacks`.",
       text(&Callbacks::class_file)},
      {{name_of(Callback::kBeforeOriginate)},
       "Here, before anything else. A last line `cluster=NAME` on its standard output names the "
       "cluster.",
       command(Callback::kBeforeOriginate)},
      {{name_of(Callback::kAfterSync)},
       "On each machine, in the fresh workspace.",
       command(Callback::kAfterSync)},
      {{name_of(Callback::kBeforeCreatingWorkers)},
       "Once per machine, before its first worker.",
       command(Callback::kBeforeCreatingWorkers)},
      {{name_of(Callback::kBeforeStart)},
       "For each worker, before its first file.",
       command(Callback::kBeforeStart)},
      {{name_of(Callback::kAfterComplete)},
       "For each worker, after its last file.",
       command(Callback::kAfterComplete)},
      {{name_of(Callback::kAfterCreatingWorkers)},
       "Once per machine, after its last worker has ended.",
       command(Callback::kAfterCreatingWorkers)},
      {{name_of(Callback::kAfterJobFinishes)},
       "Here, after the last result.",
       command(Callback::kAfterJobFinishes)},
  };
  return table;
}

Setter<Job> environment() {
  return {"object of strings", [](Job& out, const Value& value, const Place& place) {
            if (!value.is(Kind::kObject)) return place.reject_type(value, "an object of strings");
            for (const Member& member : value.members) {
              const Place inner = place.inside(member.name);
              auto read = read_text(member.value, inner);
              if (!read) continue;
              if (member.name.empty() || member.name.contains('=')) {
                inner.reject(member.value, "this cannot be the name of an environment variable");
              }
              out.env[member.name] = *std::move(read);
            }
          }};
}

const Table<Job>& job_keys() {
  static const Table<Job> table = {
      {{"sync"}, "The source tree between machines.", object(&Job::sync, sync_keys())},
      {{"callbacks"}, "The project's hooks.", object(&Job::callbacks, callback_keys())},
      {{"env"}, "Environment variables of the tests.", environment()},
      {{"preload"},
       "Ruby files or libraries, with pytest Python modules, that each machine loads once per job, "
       "before it forks its runners.",
       texts(&Job::preload)},
  };
  return table;
}

const Table<Timeouts>& timeout_keys() {
  static const Table<Timeouts> table = {
      {{"unit"},
       "A file that runs longer is killed, and its verdict is \"timed out\". 0: never. Default: "
       "900.",
       duration(&Timeouts::unit)},
      {{"case"},
       "A test case that runs longer is killed; the others of its file run. The file's verdict is "
       "\"timed out\". 0: never. Default: 0.",
       duration(&Timeouts::test_case)},
      {{"slow"},
       "A file or test case that has run for so long is told of while it runs, and again whenever "
       "that has doubled. 0: never. Default: 60.",
       duration(&Timeouts::slow)},
      {{"grace"},
       "A file that is to be killed gets SIGTERM so long before, to clean up. 0: no SIGTERM. "
       "Default: 5.",
       duration(&Timeouts::grace)},
      {{"start"},
       "Give up (exit code 6) when no listener works on the job for so long; after ten seconds "
       "when each that answered has failed. `gorgon resume` waits as long for a broker that is "
       "away "
       "(exit code 3), once to reach it and once to take the job up. Default: 60.",
       duration(&Timeouts::start)},
      {{"callback"},
       "A callback that runs longer is killed and has failed. 0: never. Default: 600.",
       duration(&Timeouts::callback)},
      {{"run"},
       "The whole run, from its start to the last verdict: what is left then is cancelled, and the "
       "exit code is 7. 0: no limit. Default: 0.",
       duration(&Timeouts::run)},
  };
  return table;
}

const Table<FileServer>& file_server_keys() {
  static const Table<FileServer> table = {
      {{"host"},
       "Name or address that originators and listeners reach it by.",
       text(&FileServer::host)},
      {{"port"},
       "\"anonymous\": port of the rsync daemon; default: 8730. \"ssh\": port of the ssh server; "
       "default: that of ~/.ssh/config, or 22.",
       port(&FileServer::port)},
  };
  return table;
}

const Table<Retries>& retry_keys() {
  static const Table<Retries> table = {
      {{"count"},
       "How often a file that did not pass is tried again: those of its cases that failed, or all "
       "of it if it crashed or took too long. Default: 0.",
       count(&Retries::count, 0, 100)},
      {{"budget"},
       "How often that may happen in the whole run. Default: a tenth of the number of its files, "
       "at least 10.",
       count(&Retries::budget, 0, 1'000'000)},
  };
  return table;
}

/// Like count(), for a member that may stay unset.
Setter<Group> limit(std::optional<std::uint32_t> Group::* member) {
  return count(member, 1, 1'000'000);
}

const Table<Group>& group_keys() {
  static const Table<Group> table = {
      {{"per_host"},
       "At most so many of its files run at a time on one machine. Default: no limit.",
       limit(&Group::per_host)},
      {{"total"},
       "At most so many run at a time in the whole run. Default: no limit.",
       limit(&Group::total)},
      {{"alone"},
       "While one of them runs, nothing else of the run does on its machine. Default: false.",
       boolean(&Group::alone)},
  };
  return table;
}

Setter<ProjectConfig> groups() {
  std::vector<KeyRow> rows = rows_of(group_keys());
  for (KeyRow& row : rows) row.path = "NAME." + row.path;
  return {"object of objects",
          [](ProjectConfig& out, const Value& value, const Place& place) {
            if (!value.is(Kind::kObject)) return place.reject_type(value, "an object of objects");
            for (const Member& member : value.members) {
              const Place inner = place.inside(member.name);
              if (!is_group_name(member.name))
                inner.reject(member.value, "a group is called by 1 to 64 of a-z, A-Z, 0-9, _, -");
              read_object(member.value, group_keys(), out.groups[member.name], inner);
            }
          },
          std::move(rows)};
}

Setter<Override> limit(std::optional<std::chrono::duration<double>> Override::* member) {
  return {"duration", [member](Override& out, const Value& value, const Place& place) {
            if (const auto read = read_duration(value, place, std::chrono::hours(24)))
              out.*member = *read;
          }};
}

const Table<Override>& override_keys() {
  static const Table<Override> table = {
      {{"files"}, "Globs, as in `files`.", texts(&Override::files)},
      {{"group"}, "The group that they are in.", text(&Override::group)},
      {{"timeout"}, "In place of `timeouts.unit`.", limit(&Override::timeout)},
      {{"case_timeout"}, "In place of `timeouts.case`.", limit(&Override::case_timeout)},
  };
  return table;
}

Setter<ProjectConfig> overrides() {
  return {"array of objects",
          [](ProjectConfig& out, const Value& value, const Place& place) {
            if (!value.is(Kind::kArray)) return place.reject_type(value, "an array");
            for (std::size_t i = 0; i < value.elements.size(); ++i) {
              Override entry;
              const Value& element = value.elements[i];
              read_object(element, override_keys(), entry, place.element(i));
              if (element.is(Kind::kObject) && entry.files.empty())
                place.element(i).inside("files").reject(element, "is missing: which files?");
              out.overrides.push_back(std::move(entry));
            }
          },
          rows_of(override_keys())};
}

const Table<Reports>& report_keys() {
  static const Table<Reports> table = {
      {{"junit"}, "JUnit XML. Default: none.", project_path(&Reports::junit)},
      {{"html"},
       "An HTML page that tells all of the run. Default: none.",
       project_path(&Reports::html)},
      {{"tap"}, "TAP version 14. Default: none.", project_path(&Reports::tap)},
      {{"trace"},
       "What ran where and when, for Perfetto: JSON trace events. Default: none.",
       project_path(&Reports::trace)},
  };
  return table;
}

constexpr std::array<std::string_view, 3> kResultFormats = {"tap", "junit", "exit_code"};

Setter<TestCommand> result_format() {
  return {R"("tap", "junit" or "exit_code")",
          [](TestCommand& out, const Value& value, const Place& place) {
            const auto read = read_word(value, place, kResultFormats);
            if (read) out.results = static_cast<ResultFormat>(*read);
          }};
}

const Table<TestCommand>& test_command_keys() {
  static const Table<TestCommand> table = {
      {{"run"},
       "The program with its arguments. `{file}` is the test file, `{output}` a file for the "
       "results, and an element `{arguments}` what stands behind `--`; without one that comes "
       "last.",
       texts(&TestCommand::run)},
      {{"results"},
       "\"tap\": TAP, in `{output}`, or without that on standard output. \"junit\": JUnit XML, in "
       "`{output}`. \"exit_code\": 0 means passed. Default: \"exit_code\".",
       result_format()},
  };
  return table;
}

Setter<ProjectConfig> runner() {
  return {
      R"("rspec", "minitest", "test_unit", "pytest", "node", "googletest", "ctest" or "command")",
      [](ProjectConfig& out, const Value& value, const Place& place) {
        static constexpr std::array<std::string_view, 8> kWords = {
            "rspec", "minitest", "test_unit", "pytest", "node", "googletest", "ctest", "command"};
        const auto read = read_word(value, place, kWords);
        if (read) out.runner = kWords[*read];
      }};
}

Setter<ProjectConfig> artifacts() {
  return {"object",
          [](ProjectConfig& out, const Value& value, const Place& place) {
            read_object(value, artifact_keys(), out.artifacts.emplace(), place);
          },
          rows_of(artifact_keys())};
}

const Table<ProjectConfig>& project_keys() {
  using Config = ProjectConfig;
  static const Table<Config> table = {
      {{"connection"},
       "The RabbitMQ server. Without it Gorgon runs on this machine alone.",
       connection(&Config::connection)},
      {{"cluster"}, "Only listeners with this `cluster_id` take part.", text(&Config::cluster)},
      {{"file_server"},
       "The machine that keeps the source tree between originator and listeners: for \"ssh\" and "
       "\"anonymous\".",
       object(&Config::file_server, file_server_keys())},
      {{"files"},
       "The test files: globs, relative to the project; \"!glob\" takes away. Default: "
       "`spec/**/*_spec.rb`, `test/**/*_test.rb`; when there are none, what pytest would find; "
       "with \"googletest\", programs "
       "below `build` with names of tests. With \"ctest\": patterns of tests' names; default: all.",
       texts(&Config::files)},
      {{"runner"},
       "The test framework; \"node\": Node's test runner; \"googletest\": the test files are "
       "programs; \"ctest\": what ctest knows; \"command\": `test_command`. Default: "
       "\"pytest\" when all files are `.py`, else one of Ruby's, found out for each file; without "
       "`files` too, [what the project shows](languages.md).",
       runner()},
      {{"runner_arguments"},
       "Further arguments of the framework's command line.",
       texts(&Config::runner_arguments)},
      {{"runner_command"},
       "A runner host for another language, with its arguments: a program that speaks "
       "[the runner protocol](runner_protocol.md). A name with a `/` is relative to the project. "
       "Default: Gorgon's own hosts, for Ruby, pytest, GoogleTest, ctest and test commands.",
       texts(&Config::runner_command)},
      {{"test_command"},
       "With the runner \"command\": how one test file is run, and how that tells its results. "
       "[Languages](languages.md) has examples.",
       object(&Config::test_command, test_command_keys())},
      {{"ctest_directory"},
       "\"ctest\": the build folder, relative to the project. Default: `build`.",
       text(&Config::ctest_directory)},
      {{"runner_python"},
       "pytest: the command that starts Python, `[\"uv\", \"run\", \"python\"]`. Default: "
       "`.venv/bin/python` when the project has it, else `python3`.",
       texts(&Config::runner_python)},
      {{"failed_files"},
       "Written after each run: JSON array of the files that failed or were not finished.",
       project_path(&Config::failed_files)},
      {{"runtime_file"},
       "Recorded seconds per file, for the next run's order. Default: `.gorgon/runtimes.json`.",
       project_path(&Config::runtime_file)},
      {{"reports"},
       "Files for CI, written at the end of each run.",
       object(&Config::reports, report_keys())},
      {{"artifacts"},
       "Files that tests write come back from the workers, see [artifacts](artifacts.md). Also "
       "when empty: those in the folder GORGON_ARTIFACTS do. Default: none.",
       artifacts()},
      {{"history_runs"},
       "How many runs stay recorded in `.gorgon/history.db`, for `gorgon runs`. 0: none. Default: "
       "100.",
       count(&Config::history_runs, 0, 100'000)},
      {{"originator_log_file"},
       "Log of `gorgon start`. Default: none.",
       project_path(&Config::originator_log_file)},
      {{"max_attempts"},
       "How often a file is tried that takes its worker or machine down; then it is crashed. "
       "Default: 2.",
       count(&Config::max_attempts, 1, 10)},
      {{"retries"}, "What did not pass is tried again.", object(&Config::retries, retry_keys())},
      {{"groups"},
       "Files that share something there is not enough of: a port, a browser, a licence. "
       "[Groups](control.md#files-that-share-something) has examples.",
       groups()},
      {{"overrides"},
       "Groups and limits of single files. Of several entries that match a file, the first that "
       "says something counts.",
       overrides()},
      {{"signing_key"},
       "The private key that signs your jobs, outside the project. Default: `~/.config/gorgon/key` "
       "if there is one, else they are not signed.",
       local_path(&Config::signing_key)},
      {{"job"}, "What the machines do.", object(&Config::job, job_keys())},
      {{"timeouts"}, "Upper limits of waiting.", object(&Config::timeouts, timeout_keys())},
  };
  return table;
}

/// What can only be judged with the whole file in view. `root` gives the lines.
class CrossChecks {
 public:
  CrossChecks(const Value& root, Problems& problems) : root_(root), problems_(problems) {}

  void run(const ProjectConfig& config, const fs::path& project) {
    check_sync(config.job.sync, config);
    check_test_command(config);
    check_groups(config);
    const std::string& class_file = config.job.callbacks.class_file;
    std::error_code ignored;
    if (!class_file.empty() && !fs::is_regular_file(project / class_file, ignored)) {
      reject({"job", "callbacks", "callbacks_class_file"},
             fmt::format("there is no file {} in {}", in_quotes(class_file), project.string()));
    }
  }

 private:
  void check_sync(const Sync& sync, const ProjectConfig& config) {
    const std::string_view name = name_of(sync.transport);
    const bool needs_server =
        sync.transport == Transport::kSsh || sync.transport == Transport::kAnonymous;
    if (needs_server && config.file_server.host.empty()) {
      reject(
          {"job", "sync", "rsync_transport"},
          fmt::format("\"{}\" needs a file server: set file_server.host, or use \"direct\"", name));
    }
    if (sync.transport == Transport::kNone && config.connection && sync.source_tree_path.empty()) {
      reject({"job", "sync", "rsync_transport"},
             "\"none\" with a broker needs job.sync.source_tree_path, the folder of the code on "
             "each machine");
    }
    if (!sync.password.empty() && sync.transport != Transport::kAnonymous) {
      reject({"job", "sync", "password"},
             fmt::format("is for the transport \"anonymous\"; \"{}\" has no use for it: remove it",
                         name));
    } else if (!sync.password.empty() && sync.user.empty()) {
      reject({"job", "sync", "password"}, "needs job.sync.user beside it");
    }
  }

  /// Of GoogleTest or ctest.
  void check_programs(const ProjectConfig& config) {
    if (!config.job.preload.empty())
      reject({"job", "preload"}, "a test program loads for itself what it needs: remove it");
    if (!config.runner_command.empty()) {
      reject(
          {"runner_command"},
          fmt::format("is another way to run tests than \"runner\": \"{}\": remove one of the two",
                      config.runner));
    }
  }

  void check_test_command(const ProjectConfig& config) {
    if (config.runner != "ctest" && root_.find("ctest_directory") != nullptr)
      reject({"ctest_directory"}, "needs \"runner\": \"ctest\" beside it");
    if (config.ctest_directory.empty())
      reject({"ctest_directory"}, "expected the build folder, found an empty string");
    const TestCommand& command = config.test_command;
    const auto has = [&](std::string_view word) {
      return std::ranges::any_of(command.run,
                                 [&](const std::string& part) { return part.contains(word); });
    };
    if (config.runner != "command") {
      if (root_.find("test_command") != nullptr)
        reject({"test_command"}, "needs \"runner\": \"command\" beside it");
      if (config.runner == "node" && !config.job.preload.empty())
        reject({"job", "preload"}, "is not for node: give it \"--import\" in runner_arguments");
      if (config.runner == "googletest" || config.runner == "ctest") check_programs(config);
      return;
    }
    if (command.run.empty()) {
      reject({"test_command", "run"},
             "\"runner\": \"command\" needs test_command.run, the command for one test file");
    } else if (!has("{file}")) {
      reject({"test_command", "run"}, "has no \"{file}\", so every test file would be the same");
    } else if (command.results == ResultFormat::kJunit && !has("{output}")) {
      reject({"test_command", "run"},
             "has no \"{output}\", the file that \"junit\" results are read from");
    }
    if (!config.runner_command.empty()) {
      reject({"runner_command"},
             "is another way to run tests than \"runner\": \"command\": remove "
             "one of the two");
    }
    if (!config.job.preload.empty())
      reject({"job", "preload"}, "a test command loads for itself what it needs: remove it");
  }

  void check_groups(const ProjectConfig& config) {
    for (std::size_t i = 0; i < config.overrides.size(); ++i) {
      const std::string& group = config.overrides[i].group;
      if (group.empty() || config.groups.contains(group)) continue;
      const Value* list = root_.find("overrides");
      problems_.add(list->elements[i], fmt::format("overrides[{}].group", i),
                    fmt::format("there is no group {} in \"groups\"", in_quotes(group)));
    }
  }

  /// Reports at the deepest part of the path that the file has.
  void reject(std::initializer_list<std::string_view> path, std::string_view text) {
    const Value* at = &root_;
    for (const std::string_view key : path) {
      const Value* inner = at->find(key);
      if (inner == nullptr) break;
      at = inner;
    }
    problems_.add(*at, fmt::format("{}", fmt::join(path, ".")), text);
  }

  const Value& root_;
  Problems& problems_;
};

/// The transport of a file that names none.
Transport default_transport(const ProjectConfig& config) {
  if (!config.connection) return Transport::kNone;
  return config.file_server.host.empty() ? Transport::kDirect : Transport::kSsh;
}

bool names_transport(const Value& root) {
  const Value* job = root.find("job");
  const Value* sync = job == nullptr ? nullptr : job->find("sync");
  const Value* transport = sync == nullptr ? nullptr : sync->find("rsync_transport");
  return transport != nullptr && !transport->is(Kind::kNull);
}

}  // namespace

Result<ProjectConfig> load_project_config(const fs::path& file, bool required) {
  ProjectConfig config;
  config.job.sync.transport = default_transport(config);
  Problems problems;
  auto root = load_with_secret(file, project_config_rows(), listener_config_rows(), problems);
  if (!root && root.error().kind == ErrorKind::kNotFound) {
    if (!required) return config;
    return fail(ErrorKind::kUsage, "the configuration " + root.error().message);
  }
  if (!root) return std::unexpected(std::move(root).error());
  const fs::path project = fs::absolute(file).parent_path();
  read_object(*root, project_keys(), config, Place{.problems = problems, .folder = project});
  if (!names_transport(*root)) config.job.sync.transport = default_transport(config);
  // The passwords stay on this machine, whatever the project excludes.
  config.job.sync.exclude.emplace_back("/gorgon_secret.json");
  // What earlier runs have brought back is no part of the tree.
  if (config.artifacts && config.artifacts->folder.is_relative())
    config.job.sync.exclude.push_back(
        "/" + (config.artifacts->folder / "").lexically_normal().generic_string());
  // With a key misread, these would complain about what the file does not say.
  if (problems.is_empty()) CrossChecks(*root, problems).run(config, project);
  if (!problems.is_empty()) return std::unexpected(problems.error());
  return config;
}

std::string_view name_of(ResultFormat format) {
  return kResultFormats[static_cast<std::size_t>(format)];
}

std::optional<ResultFormat> result_format_named(std::string_view name) {
  const auto found = std::ranges::find(kResultFormats, name);
  if (found == kResultFormats.end()) return std::nullopt;
  return static_cast<ResultFormat>(found - kResultFormats.begin());
}

bool can_run_cases(const ProjectConfig& config) {
  return config.runner_command.empty() && config.runner != "command" && config.runner != "node" &&
         config.runner != "ctest";
}

bool leaves_tests_open(const ProjectConfig& config) {
  const bool names_files =
      std::ranges::any_of(config.files, [](const auto& glob) { return !glob.starts_with('!'); });
  return !names_files && config.runner.empty() && config.runner_command.empty() &&
         config.job.preload.empty() && config.job.callbacks.class_file.empty();
}

std::vector<KeyRow> project_config_rows() { return rows_of(project_keys()); }

}  // namespace gorgon::config
