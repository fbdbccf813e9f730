// The project's callbacks that run in a process of their own: shell commands, and methods of the
// Ruby class outside the runner host.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "config/project_config.h"

namespace gorgon::runner {

/// timeouts.callback as a limit: 0 is none, which a waiting clock takes for ten years.
[[nodiscard]] std::chrono::steady_clock::duration callback_limit(
    std::chrono::duration<double> configured);

struct CallbackOptions {
  std::filesystem::path directory;  ///< The project or workspace: working directory.
  std::map<std::string, std::string> env;
  std::chrono::steady_clock::duration timeout;  ///< Then it is killed with all that it started.
};

/// Runs the shell command of `callback`, if the project has one. kCallback with its output when it
/// exits non-zero or takes too long. For before_originate a last line "cluster=NAME" on its
/// standard output is the result NAME: whatever else commands print means nothing.
[[nodiscard]] Task<Result<std::optional<std::string>>> run_callback_command(
    config::Callbacks callbacks, config::Callback callback, CallbackOptions options);
/// The command first, then the Ruby method, in a Ruby process of its own; gives what either
/// returned (a String of before_originate names the cluster). Only for before_originate, after_sync
/// and after_job_finishes: the others run in the host and runners.
[[nodiscard]] Task<Result<std::optional<std::string>>> run_callback(config::Callbacks callbacks,
                                                                    config::Callback callback,
                                                                    CallbackOptions options);

}  // namespace gorgon::runner
