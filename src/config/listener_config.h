// gorgon_listener.json: what one machine offers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/user.h"
#include "config/connection.h"
#include "config/key_row.h"

namespace gorgon::config {

/// Paths are absolute or empty: relative ones in the file start from the file's folder.
struct ListenerConfig {
  Connection connection;
  std::size_t worker_slots = 0;         ///< 0: one per core ("auto"). At most 1024.
  std::filesystem::path log_file;       ///< Empty: ~/.gorgon/listener.log
  std::filesystem::path pid_file;       ///< Empty: ~/.gorgon/listener.pid
  std::string cluster_id;               ///< Empty: the default cluster.
  std::string host_name;                ///< Empty: the machine's name.
  std::filesystem::path workspace_dir;  ///< Empty: ~/.gorgon/workspaces. One folder a job below it.
  std::size_t keep_trees = 4;           ///< Of so many projects, for their next jobs. At most 64.
  std::filesystem::path
      bin_gem_path;  ///< The gem program that `gorgon gem` uses. Empty: "gem" in PATH.
  std::filesystem::path trusted_keys;  ///< Empty: ~/.gorgon/trusted_keys, if there is one.
  ResourceLimits worker_limits;
  std::optional<User> run_as;      ///< Nullopt: whoever starts the listener.
  bool allow_gem_command = false;  ///< `gorgon gem` is refused otherwise.
};

/// Reads `file`, which has to be there, and a gorgon_secret.json beside it. kUsage as
/// load_project_config.
[[nodiscard]] Result<ListenerConfig> load_listener_config(const std::filesystem::path& file);
/// The first that exists of ./gorgon_listener.json and ~/.gorgon/gorgon_listener.json. kNotFound
/// names both.
[[nodiscard]] Result<std::filesystem::path> find_listener_config();

/// The reference: every key of gorgon_listener.json, in the order of the documentation.
[[nodiscard]] std::vector<KeyRow> listener_config_rows();

}  // namespace gorgon::config
