// One run of the system's rsync: an argv in, an Error with the server's own words out. Never a
// shell.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "config/source_location.h"

namespace gorgon::sync {

struct RsyncRun {
  std::string doing;                     ///< "push the tree to build.example", in front of errors.
  std::vector<std::string> arguments;    ///< After "rsync" and the time limits.
  std::string input = {};                ///< Given on standard input: a file list or a password.
  std::filesystem::path directory = {};  ///< Working directory.
  bool vanished_is_fine =
      false;  ///< Files that disappear while they are read are no error (exit code 24).
};

/// Runs it, at most fifteen minutes and never silent for longer than a minute. kSync with rsync's
/// last lines and, where we know it, a remedy. kNotFound: rsync is not installed.
[[nodiscard]] Task<Result<void>> run_rsync(RsyncRun run);

/// The arguments that reach a file server, and its password if it has one: {"-e", "ssh …"} or
/// {"--password-file=-"}.
struct Access {
  std::vector<std::string> arguments;
  std::string input;
};
[[nodiscard]] Access access_to(const config::SourceLocation& location);
/// What ssh is called with: $RSYNC_RSH or ssh, and options that never ask and check host keys.
[[nodiscard]] std::string ssh_command(bool strict_host_keys);

/// What an exit code of rsync (man rsync, EXIT VALUES) calls for; empty when we know no better than
/// rsync.
[[nodiscard]] std::string_view remedy_for(int exit_code, std::string_view errors);

}  // namespace gorgon::sync
