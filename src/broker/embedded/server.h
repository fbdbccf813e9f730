// The broker that the originator runs when no RabbitMQ is configured: on its event loop, for the
// processes of the same user on the same machine.
#pragma once

#include <filesystem>
#include <memory>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker::embedded {

class Core;

/// Queues live in this process's memory and end with it. A message is confirmed once it is queued.
/// The destructor drops all connections (clients see kConnectionLost) and removes the socket.
class EmbeddedBroker {
 public:
  /// Listens on a socket in `directory`, which must exist, belong to us and be closed to others
  /// (0700), and whose path must be short enough for a socket address (about 90 bytes). Only
  /// processes of our user are let in. kRefused: the directory is open to others. kIo.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedBroker>> start(
      const asio::any_io_executor& executor, const std::filesystem::path& directory);
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;
  ~EmbeddedBroker();

  [[nodiscard]] const EmbeddedAddress& address() const { return address_; }

 private:
  EmbeddedBroker(std::shared_ptr<Core> core, EmbeddedAddress address)
      : core_(std::move(core)), address_(std::move(address)) {}
  std::shared_ptr<Core> core_;
  EmbeddedAddress address_;
};

}  // namespace gorgon::broker::embedded
