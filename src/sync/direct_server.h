// The transport `direct`: the originator serves its own stage. It accepts connections itself and
// gives each to an `rsync --daemon` of its own, as inetd would, so that there is no port to choose,
// nothing to set up and nothing left behind (FACTS.md §4.1). Who pulls proves by challenge and
// response that the job told them its one-time secret; the files travel in the clear.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "config/source_location.h"
#include "sync/snapshot.h"

namespace gorgon::sync {

struct DirectServerOptions {
  /// Where to listen, and what listeners are told: "HOST" or "HOST:PORT", a name or address of this
  /// machine; without a port a free one. 0.0.0.0 (or ::) listens everywhere and tells the one
  /// below. Empty: the address of this machine on its way to `broker_host`, which listeners reach
  /// too; loopback for a broker on this machine.
  std::string bind_address = {};
  std::string broker_host = {};  ///< Empty: this machine.
  bool compress = false;
  /// More connections wait until one ends. Each is a process.
  int max_connections = 64;
};

/// The numeric address at which listeners would be told to find such a server, having listened
/// there for a moment. kSync as DirectServer::start().
[[nodiscard]] Task<Result<std::string>> try_direct_address(DirectServerOptions options);

/// Serves one stage, read-only, while it lives. The destructor ends all transfers.
class DirectServer {
 public:
  /// Serves from the running event loop. `stage` must outlive it. kSync: the address is not one of
  /// this machine's, is in use, or cannot be found out.
  [[nodiscard]] static Task<Result<std::unique_ptr<DirectServer>>> start(
      const Stage& stage, DirectServerOptions options);
  DirectServer(const DirectServer&) = delete;
  DirectServer& operator=(const DirectServer&) = delete;
  ~DirectServer();

  /// For the job, with the secret in it.
  [[nodiscard]] const config::SourceLocation& location() const { return location_; }

 private:
  struct State;
  DirectServer(std::shared_ptr<State> state, config::SourceLocation location)
      : state_(std::move(state)), location_(std::move(location)) {}
  std::shared_ptr<State> state_;  ///< Shared with the coroutines that serve.
  config::SourceLocation location_;
};

}  // namespace gorgon::sync
