// gorgon.json, merged with gorgon_secret.json: what a project says about its own runs.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/connection.h"

namespace gorgon::config {

enum class Transport {
  kDirect,     ///< The originator serves its stage itself. The default with a broker and no file
               ///< server.
  kAnonymous,  ///< A file server run by `gorgon start_rsync`; "daemon" is another name for it.
  kSsh,        ///< rsync over ssh to the file server.
  kNone,       ///< The machines have the code already: the workspace is `source_tree_path`.
};
[[nodiscard]] std::string_view name_of(Transport transport);

struct Sync {
  Transport transport = Transport::kDirect;
  std::vector<std::string> exclude;  ///< rsync patterns, as --exclude takes them.
  bool gitignore = true;             ///< In a git checkout, leave out what git ignores.
  bool compress = false;
  bool strict_host_keys = true;  ///< ssh only.
  std::string
      bind_address;  ///< direct: where to listen and what to tell listeners; empty: found out.
  std::string source_tree_path;  ///< none: the folder on each machine. Otherwise an rsync module or
                                 ///< folder on the file server.
  std::string user;              ///< anonymous: of the rsync module. ssh: login name. Empty: none.
  std::string password;          ///< anonymous: of the rsync module.
};

/// A callback given as a shell command, by the name of the callback.
enum class Callback {
  kBeforeOriginate,
  kAfterSync,
  kBeforeCreatingWorkers,
  kBeforeStart,
  kAfterComplete,
  kAfterCreatingWorkers,
  kAfterJobFinishes
};
[[nodiscard]] std::string_view name_of(Callback callback);

struct Callbacks {
  std::string class_file;  ///< "callbacks_class_file", relative to the project; empty: none.
  std::map<Callback, std::string> commands;  ///< Run by /bin/sh -c in the project or workspace.
  friend bool operator==(const Callbacks&, const Callbacks&) = default;
};

struct Timeouts {
  std::chrono::duration<double> unit{900};      ///< A unit is killed after it. 0: never.
  std::chrono::duration<double> start{60};      ///< Without any listener for so long: exit 6.
  std::chrono::duration<double> callback{600};  ///< One callback.
};

struct Job {
  Sync sync;
  Callbacks callbacks;
  std::map<std::string, std::string> env;
  std::vector<std::string> preload;  ///< Files or libraries that the runner host requires once.
};

struct ProjectConfig {
  std::optional<Connection> connection;  ///< Nullopt: the embedded broker.
  std::string cluster;                   ///< Empty: the default cluster.
  std::string file_server_host;
  std::vector<std::string>
      files;           ///< Globs; "!glob" takes away. Empty: the defaults of plan/test_files.
  std::string runner;  ///< "rspec", "minitest", "test_unit"; empty: found out per file.
  std::vector<std::string> runner_arguments;
  std::filesystem::path failed_files;         ///< Empty: not written.
  std::filesystem::path runtime_file;         ///< Empty: .gorgon/runtimes.json
  std::filesystem::path originator_log_file;  ///< Empty: no log.
  Job job;
  Timeouts timeouts;
};

/// Reads `file` (gorgon.json) and gorgon_secret.json beside it, deep-merged over it. A missing
/// `file` gives the defaults when `required` is false. kUsage: not JSON, an unknown key, a wrong
/// type or value; the message names the file, line and key path, what was expected and, for unknown
/// keys, the nearest known one. All errors of a file are reported at once, a line each.
[[nodiscard]] Result<ProjectConfig> load_project_config(const std::filesystem::path& file,
                                                        bool required);

}  // namespace gorgon::config
