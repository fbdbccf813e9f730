// Which address of this machine another machine can reach it at.
#pragma once

#include <cstdint>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

/// The numeric address that this machine has on its way to `host` (by the routing table: nothing is
/// sent, and the host need not run). An empty host is this machine: 127.0.0.1. Waits for the name
/// service, at most ten seconds. kUnavailable: the name is unknown, or there is no route.
[[nodiscard]] Task<Result<std::string>> local_address_towards(std::string host);

/// A name or address as a numeric address. Limits and errors as above.
[[nodiscard]] Task<Result<std::string>> resolve(std::string host);

/// Whether `address`, numeric, reaches this machine alone.
[[nodiscard]] bool is_loopback(const std::string& address);
/// Whether `address`, numeric, stands for all addresses of this machine.
[[nodiscard]] bool is_unspecified(const std::string& address);
/// "10.0.0.1:80", "[::1]:80".
[[nodiscard]] std::string with_port(const std::string& address, int port);

struct ListeningSocket {
  UniqueFd fd;  ///< Non-blocking, close-on-exec.
  int port;
};
/// Listens on a numeric address; port 0 takes a free one. kIo: in use, not an address of ours.
[[nodiscard]] Result<ListeningSocket> listen_on(const std::string& address, int port);

}  // namespace gorgon::sync
