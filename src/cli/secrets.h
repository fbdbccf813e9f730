// The broker's password where it does not stand in a file, and what keeps passwords inside this
// process.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "config/connection.h"
#include "config/project_config.h"

namespace gorgon::cli {

/// First thing in main(): takes $GORGON_PASSWORD out of the environment, so that neither children
/// nor /proc/PID/environ have it, and keeps this process out of core dumps. What we start may dump
/// as it likes: exec gives that back.
void keep_secrets();

/// Puts the password of $GORGON_PASSWORD, else of `password_command`, in place of that of the
/// configuration. Waits for the command, 30 s at most. kUnavailable: it fails, takes longer, or
/// prints nothing; with its words.
[[nodiscard]] Result<void> add_password(config::Connection& connection);

/// config::load_project_config() and add_password().
[[nodiscard]] Result<config::ProjectConfig> load_project(const std::filesystem::path& file,
                                                         bool is_required);

}  // namespace gorgon::cli
