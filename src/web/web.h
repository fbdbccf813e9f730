// `gorgon web`: the project's runs and machines, as pages of a server on loopback. docs/web.md says
// what is on them, and who may see them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "web/cluster_feed.h"

namespace gorgon::web {

struct WebOptions {
  ClusterOptions cluster;  ///< With the project.
  std::uint16_t port = 0;  ///< 0: one that is free.
  /// Called once the server answers, with the URL that lets a browser in.
  std::function<void(const std::string& url)> ready;
};

/// Serves until SIGINT, SIGTERM or SIGHUP. kUnavailable: the port is taken. kIo: the project cannot
/// be watched.
[[nodiscard]] Result<void> serve(WebOptions options);

}  // namespace gorgon::web
