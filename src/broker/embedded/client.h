// A Connection to the embedded broker.
#pragma once

#include <memory>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker::embedded {

/// See broker::connect().
[[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(EmbeddedAddress address,
                                                                std::string name);

}  // namespace gorgon::broker::embedded
