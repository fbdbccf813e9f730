// Connecting and logging in, which rabbitmq-c can only do by blocking: on a thread of its own.
#pragma once

#include <chrono>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "broker/amqp/library.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

/// A connection with the main channel open and in confirm mode. Waits at most 10 s; when it gives
/// up, the thread goes on until its own limits end it and cleans up after itself. Errors as
/// broker::connect(), and kUsage when a TLS file cannot be read.
[[nodiscard]] Task<Result<UniqueState>> log_in(config::Connection address, std::string name);

/// Breaks the connection when what we sent has not been acknowledged by the peer's system for so
/// long (TCP_USER_TIMEOUT); 0: never. log_in() sets three heartbeats.
void limit_unacknowledged(int socket, std::chrono::milliseconds limit);

}  // namespace gorgon::broker::amqp
