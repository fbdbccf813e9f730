// A Connection to RabbitMQ.
#pragma once

#include <memory>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

/// See broker::connect().
[[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(config::Connection address,
                                                                std::string name);

}  // namespace gorgon::broker::amqp
