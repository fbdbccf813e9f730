// The TLS side of a connection: always verified against a CA file.
#pragma once

#include "base/result.h"
#include "broker/amqp/library.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

/// A socket of `state`, which owns it, that checks the broker's certificate as `address.tls` (which
/// must be set) says, and accepts TLS 1.2 and later. kUsage: a file cannot be read, or is none of
/// what it should be.
[[nodiscard]] Result<amqp_socket_t*> make_tls_socket(State* state,
                                                     const config::Connection& address);

}  // namespace gorgon::broker::amqp
