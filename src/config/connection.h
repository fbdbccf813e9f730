// How to reach RabbitMQ: the "connection" of gorgon.json and gorgon_listener.json, as an object or
// as a URL.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gorgon::config {

struct Tls {
  std::filesystem::path ca_file;  ///< Required: the broker's certificate must be signed by it.
  std::filesystem::path certificate_file;  ///< Ours, PEM; empty: none.
  std::filesystem::path key_file;
  bool verify_host = true;  ///< The certificate must name `host` (a DNS name or an IP address).
};

struct Connection {
  std::string host = "localhost";
  std::uint16_t port = 5672;  ///< 5671 with TLS, unless given.
  std::string user = "guest";
  std::string password = "guest";
  std::string virtual_host = "/";
  std::optional<Tls> tls;
  std::chrono::seconds heartbeat{
      10};  ///< 1 … 600. A dead peer is noticed after two to three of them.
  friend bool operator==(const Connection&, const Connection&) = default;
};
inline bool operator==(const Tls& a, const Tls& b) {
  return a.ca_file == b.ca_file && a.certificate_file == b.certificate_file &&
         a.key_file == b.key_file && a.verify_host == b.verify_host;
}

/// Parses amqp://user:password@host:port/vhost and amqps:// (RabbitMQ's URI rules:
/// percent-encoding, an absent path means the virtual host "/", an empty one the empty name; query
/// parameters cacertfile, certfile, keyfile, heartbeat). kUsage, without the password in the
/// message.
[[nodiscard]] Result<Connection> parse_url(std::string_view url);

}  // namespace gorgon::config
