#include "broker/broker.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "base/asio.h"
#include "base/result.h"
#include "broker/amqp/connection.h"
#include "broker/embedded/client.h"
#include "config/connection.h"

namespace gorgon::broker {

std::string describe(const Address& address) {
  if (std::holds_alternative<EmbeddedAddress>(address)) return "the embedded broker";
  const auto& connection = std::get<config::Connection>(address);
  // An IPv6 address needs brackets to be told from its port.
  const bool is_ipv6 = connection.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", connection.host, connection.port)
                 : fmt::format("{}:{}", connection.host, connection.port);
}

std::chrono::milliseconds longest_pause(const Address& address) {
  constexpr std::chrono::seconds kLongest{5};
  const auto* connection = std::get_if<config::Connection>(&address);
  return connection != nullptr ? std::min(connection->heartbeat, kLongest) : kLongest;
}

Task<Result<std::unique_ptr<Connection>>> connect(Address address, std::string name) {
  if (auto* embedded_address = std::get_if<EmbeddedAddress>(&address))
    return embedded::connect(std::move(*embedded_address), std::move(name));
  return amqp::connect(std::get<config::Connection>(std::move(address)), std::move(name));
}

}  // namespace gorgon::broker
