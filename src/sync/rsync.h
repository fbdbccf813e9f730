// One run of the system's rsync (3.2 or later): its argv, its limits, and its exit code and last
// words turned into an Error that says what to do. Knows nothing of projects, stages or jobs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace gorgon::sync {

/// What stands between the two ends of a copy.
enum class Via : std::uint8_t { kLocal, kDaemon, kSsh };

struct RsyncRun {
  std::vector<std::string> options = {};  ///< Behind the ones that every run has.
  std::string source = {};                ///< As rsync takes it. Local paths absolute.
  std::string destination = {};
  Via via = Via::kLocal;
  std::string peer = {};          ///< For messages: "the file server mac.local". Empty: local.
  std::string refused_hint = {};  ///< What may be wrong when `peer` refuses the connection.
  std::string password = {};      ///< kDaemon: travels on standard input, never in the argv.
  std::optional<std::string> file_list = {};  ///< kLocal: what rsync_list() gives.
  fs::path list_file = {};  ///< The same in a file, where standard input is the password's.
  bool compress = false;
  std::string ssh_port = {};     ///< kSsh: empty for ssh's own choice.
  bool strict_host_keys = true;  ///< kSsh: an unknown host is refused; else learned (accept-new).
  bool allow_vanished = false;   ///< Files that vanish while they are copied are no error.
  int attempts = 1;  ///< For a tree that changes: again, while rsync says that it is incomplete.
  /// How often it starts again, after a pause, when the connection broke or could not be made, or
  /// rsync was killed. What has arrived by then stays; `options` must allow to go on from there.
  int reconnects = 0;
  /// Each try. Independent of it, a silent peer ends it after half a minute.
  std::chrono::seconds limit{3600};
};

/// For `file_list`: exactly these, relative to the source; of folders not what is in them.
[[nodiscard]] std::string rsync_list(const std::vector<std::string>& paths);

/// Never contains the password. kSsh: the remote shell is $RSYNC_RSH or "ssh", with options that
/// keep it from asking questions.
[[nodiscard]] std::vector<std::string> rsync_argv(const RsyncRun& run);

/// kSync, always: the cause as far as we know it, what to do about it, and the last lines that
/// rsync (or the server through it) said.
[[nodiscard]] Error rsync_error(const RsyncRun& run, const RunOutput& output);

/// Whether another try may do better: the connection broke, or the peer was not there just now.
[[nodiscard]] bool may_pass(const RsyncRun& run, const RunOutput& output);

/// Runs it to its end. kSync: as rsync_error, also when rsync is not installed or did not end
/// within `limit`.
[[nodiscard]] Task<Result<void>> run_rsync(RsyncRun run);

}  // namespace gorgon::sync
