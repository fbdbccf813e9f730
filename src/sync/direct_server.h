// The originator serving its own stage: rsync started per connection on a socket that we accepted,
// read-only, for one job, with a secret of its own. Nothing runs between connections and nothing is
// left behind.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "config/source_location.h"
#include "sync/source_tree.h"

namespace gorgon::sync {

struct DirectServerOptions {
  /// "ADDRESS" or "ADDRESS:PORT" to listen on and to tell listeners; empty: the address that this
  /// machine has towards `broker_host`.
  std::string bind_address;
  std::string broker_host;
  bool compress = false;
};

class DirectServer {
 public:
  /// `stage` outlives the server. kSync: no address to listen on.
  [[nodiscard]] static Task<Result<std::unique_ptr<DirectServer>>> start(
      const Stage& stage, DirectServerOptions options);
  DirectServer(const DirectServer&) = delete;
  DirectServer& operator=(const DirectServer&) = delete;
  /// Stops listening and ends the transfers in progress.
  ~DirectServer();

  [[nodiscard]] const config::SourceLocation& location() const { return location_; }

 private:
  struct State;
  DirectServer(std::shared_ptr<State> state, config::SourceLocation location)
      : state_(std::move(state)), location_(std::move(location)) {}
  static Task<void> accept(std::shared_ptr<State> state);
  static Task<void> serve(std::shared_ptr<State> state, int socket);

  std::shared_ptr<State> state_;
  config::SourceLocation location_;
};

}  // namespace gorgon::sync
