// gorgon.json, merged with gorgon_secret.json: what a project says about its own runs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/artifacts.h"
#include "config/connection.h"
#include "config/groups.h"
#include "config/key_row.h"

namespace gorgon::config {

enum class Transport : std::uint8_t {
  kDirect,     ///< The originator serves its stage itself. The default with a broker and no file
               ///< server.
  kAnonymous,  ///< A file server run by `gorgon start_rsync`; "daemon" is another name for it.
  kSsh,        ///< rsync over ssh to the file server.
  kNone,       ///< The machines have the code already: the workspace is `source_tree_path`, or
               ///< the project's own folder on the embedded broker.
};
[[nodiscard]] std::string_view name_of(Transport transport);

struct Sync {
  Transport transport = Transport::kDirect;
  std::vector<std::string> exclude;  ///< rsync patterns, as --exclude takes them; once loaded,
                                     ///< gorgon_secret.json is among them.
  bool gitignore = true;             ///< In a git checkout, leave out what git ignores.
  bool compress = false;
  bool strict_host_keys = true;  ///< ssh: "job.sync.ssh.strict". False takes an unknown host's key
                                 ///< on trust, and remembers it.
  std::string bind_address;      ///< direct: the address to listen on and to tell listeners, with a
                                 ///< port or without; empty: found out.
  std::string source_tree_path;  ///< none: the folder on each machine; never empty with a broker.
                                 ///< Otherwise a folder on the file server, or below its module.
  std::string user;              ///< anonymous: of the rsync module. ssh: login name. Empty: none.
  std::string password;          ///< anonymous: of the rsync module.
};

/// A callback given as a shell command, by the name of the callback.
enum class Callback : std::uint8_t {
  kBeforeOriginate,
  kAfterSync,
  kBeforeCreatingWorkers,
  kBeforeStart,
  kAfterComplete,
  kAfterCreatingWorkers,
  kAfterJobFinishes
};
inline constexpr std::array kAllCallbacks = {
    Callback::kBeforeOriginate, Callback::kAfterSync,     Callback::kBeforeCreatingWorkers,
    Callback::kBeforeStart,     Callback::kAfterComplete, Callback::kAfterCreatingWorkers,
    Callback::kAfterJobFinishes};
[[nodiscard]] std::string_view name_of(Callback callback);

struct Callbacks {
  std::string class_file;  ///< "callbacks_class_file", relative to the project; empty: none.
  std::map<Callback, std::string>
      commands;  ///< None empty. Run by /bin/sh -c in the project or workspace.
  friend bool operator==(const Callbacks&, const Callbacks&) = default;
};

struct Timeouts {
  std::chrono::duration<double> unit{900};      ///< A unit is killed after it. 0: never.
  std::chrono::duration<double> test_case{0};   ///< A test case is killed after it. 0: never.
  std::chrono::duration<double> slow{60};       ///< What runs for longer is told of. 0: never.
  std::chrono::duration<double> grace{5};       ///< From SIGTERM to SIGKILL. 0: no SIGTERM.
  std::chrono::duration<double> start{60};      ///< Without any listener for so long: exit 6.
  std::chrono::duration<double> callback{600};  ///< One callback.
  std::chrono::duration<double> run{0};         ///< The whole run; 0: no limit.
};

struct Job {
  Sync sync;
  Callbacks callbacks;
  std::map<std::string, std::string> env;
  std::vector<std::string> preload;  ///< Files or libraries that the runner host requires once.
};

struct FileServer {
  std::string host;        ///< Never empty with kSsh and kAnonymous.
  std::uint16_t port = 0;  ///< kAnonymous; 0: the usual one.
};

/// Of test files that did not pass.
struct Retries {
  std::uint32_t count = 0;              ///< Further tries of each.
  std::optional<std::uint32_t> budget;  ///< Further tries of all files together; nullopt: a tenth
                                        ///< of their number, at least ten.
};

/// Files for CI and people; empty: not written.
struct Reports {
  std::filesystem::path junit;
  std::filesystem::path html;
  std::filesystem::path tap;
  std::filesystem::path trace;
};

/// Where the results of a test command are.
enum class ResultFormat : std::uint8_t {
  kTap,       ///< In its standard output, or in {output}.
  kJunit,     ///< In {output}.
  kExitCode,  ///< 0: passed. One case for the whole file.
};
/// "tap", "junit", "exit_code".
[[nodiscard]] std::string_view name_of(ResultFormat format);
[[nodiscard]] std::optional<ResultFormat> result_format_named(std::string_view name);

/// A command that runs one test file.
struct TestCommand {
  std::vector<std::string> run;  ///< With {file}, {output} and {arguments}; empty: none.
  ResultFormat results = ResultFormat::kExitCode;
  friend bool operator==(const TestCommand&, const TestCommand&) = default;
};

struct ProjectConfig {
  std::optional<Connection> connection;  ///< Nullopt: the embedded broker.
  std::string cluster;                   ///< Empty: the default cluster.
  FileServer file_server;
  std::vector<std::string>
      files;           ///< Globs; "!glob" takes away. Empty: the defaults of plan/test_files.
  std::string runner;  ///< "rspec", "minitest", "test_unit", "pytest", "node", "googletest",
                       ///< "ctest", "command"; empty: found out.
  std::vector<std::string> runner_arguments;
  std::vector<std::string> runner_command;  ///< A runner host of the project's own; empty: ours.
  TestCommand test_command;               ///< Not empty with the runner "command", and there alone.
  std::string ctest_directory = "build";  ///< Of the runner "ctest".
  std::vector<std::string> runner_python;  ///< Starts Python for pytest; empty: found out.
  // Relative paths are relative to the project's folder, the one that gorgon.json stands in.
  std::filesystem::path failed_files;         ///< Empty: not written.
  std::filesystem::path runtime_file;         ///< Empty: .gorgon/runtimes.json
  std::filesystem::path originator_log_file;  ///< Empty: no log.
  std::filesystem::path signing_key;  ///< Absolute. Empty: the default one, if there is one.
  Job job;
  std::uint32_t max_attempts = 2;  ///< At a unit that takes its worker or machine down.
  Retries retries;
  Groups groups;
  std::vector<Override> overrides;
  Timeouts timeouts;
  Reports reports;                     ///< Relative to the project.
  std::optional<Artifacts> artifacts;  ///< Nullopt: nothing comes back from the workers.
  std::uint32_t history_runs = 100;    ///< How many runs stay recorded; 0: none is.
};

/// Its runner can run single cases of a file. A command never can, and a host of the project's own
/// may not.
[[nodiscard]] bool can_run_cases(const ProjectConfig& config);

/// It says nothing of how tests run, nor which files they are.
[[nodiscard]] bool leaves_tests_open(const ProjectConfig& config);

/// Reads `file` (gorgon.json) and gorgon_secret.json beside it, deep-merged over it. A missing
/// `file` gives the defaults when `required` is false, kUsage otherwise. Without
/// "rsync_transport" a file server means kSsh, as it always did; a broker without one kDirect; no
/// broker kNone (in place). kUsage: not JSON, an unknown key, a wrong type or value, keys that
/// contradict each other, a named file that is not there; the message names the file, line and key
/// path, what was expected and, for unknown keys, the nearest known one. All errors of both files
/// are reported at once, a line each.
[[nodiscard]] Result<ProjectConfig> load_project_config(const std::filesystem::path& file,
                                                        bool required);

/// The reference: every key of gorgon.json with its full path, in the order of the documentation.
[[nodiscard]] std::vector<KeyRow> project_config_rows();

}  // namespace gorgon::config
