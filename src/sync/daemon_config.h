// The text of an rsyncd.conf(5) with one module, for the two daemons that Gorgon runs: the one that
// serves a stage, and the file server.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::sync {

struct DaemonConfig {
  std::string module;
  fs::path path;
  bool is_writable = false;
  std::vector<std::string> users = {};  ///< Who may connect; empty: anyone.
  fs::path secrets_file = {};           ///< "user:password" lines, mode 0600.
  fs::path log_file;
  // For a daemon that listens itself; empty and 0 for one that gets an accepted socket.
  fs::path pid_file = {};
  std::string address = {};
  int port = 0;
};

/// kUsage: a path that the file format cannot hold.
[[nodiscard]] Result<std::string> daemon_config_text(const DaemonConfig& config);

}  // namespace gorgon::sync
