// The file server of the anonymous transport: an rsync daemon in the background that originators
// push to and listeners pull from. One per user and machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"

namespace gorgon::sync {

/// Above the well-known ports, so that any user may run one, and below the range that systems take
/// outgoing ports from (32768 and up on Linux), so that it is free. rsync's own is 873.
inline constexpr std::uint16_t kDefaultFileServerPort = 8730;
inline constexpr const char* kFileServerModule = "gorgon";

struct FileServerOptions {
  fs::path directory;  ///< Where pushed trees are kept; must exist.
  std::uint16_t port = kDefaultFileServerPort;
  std::string bind = "127.0.0.1";  ///< A name or address of this machine.
  /// "user:password" lines, closed to others. Read now: a change takes effect with the next start.
  /// Empty: everybody who can connect may read and write.
  fs::path secrets = {};
  fs::path state_directory;  ///< Configuration, pid file and log; made if missing.
};

/// Starts it in the background and waits, at most ten seconds, until it answers. Started by root it
/// serves with the rights of the directory's owner. kRefused: one runs already, or something else
/// listens there. kUsage: the directory, the address or the secrets file cannot be used. kSync: it
/// does not start; with its log.
[[nodiscard]] Task<Result<void>> start_file_server(FileServerOptions options);

/// Ends it with the transfers in progress, in at most five seconds. kNotFound: none runs. kTimeout:
/// it does not end.
[[nodiscard]] Task<Result<void>> stop_file_server(fs::path state_directory);

}  // namespace gorgon::sync
