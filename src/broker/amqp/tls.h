// The TLS side of a connection: always verified against a CA file.
#pragma once

#include <string>

#include "base/result.h"
#include "broker/amqp/library.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

/// A socket of `state`, which owns it, for a connection to `host`. It checks the broker's
/// certificate as `tls` says, and accepts TLS 1.2 and later. kUsage: a file cannot be read, or is
/// none of what it should be.
[[nodiscard]] Result<amqp_socket_t*> make_tls_socket(State* state, const config::Tls& tls,
                                                     const std::string& host);

}  // namespace gorgon::broker::amqp
