// The file server of the anonymous transport: an rsync daemon that originators push to and
// listeners pull from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/asio.h"
#include "base/result.h"

namespace gorgon::sync {

/// Above the well-known ports, so that any user may run one; rsync's own is 873.
inline constexpr std::uint16_t kDefaultFileServerPort = 8730;
inline constexpr const char* kFileServerModule = "gorgon";

struct FileServerOptions {
  std::filesystem::path directory;  ///< Where pushed trees are kept; must exist.
  std::uint16_t port = kDefaultFileServerPort;
  std::string bind = "127.0.0.1";
  std::filesystem::path
      secrets;  ///< rsync's secrets file (0600); empty: everybody who can connect may write.
  std::filesystem::path state_directory;  ///< Configuration, pid file and log; made if missing.
};

/// Starts it in the background and waits, at most five seconds, until it answers. kRefused: one
/// runs already. kUsage: the directory or secrets file cannot be used. kSync: it does not start;
/// with its log.
[[nodiscard]] Task<Result<void>> start_file_server(FileServerOptions options);
/// kNotFound: none runs. kTimeout: it does not end.
[[nodiscard]] Task<Result<void>> stop_file_server(std::filesystem::path state_directory);

}  // namespace gorgon::sync
