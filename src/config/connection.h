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
  std::filesystem::path ca_file;  ///< Never empty once loaded: the broker's certificate must be
                                  ///< signed by it. The system's own bundle unless given.
  std::filesystem::path certificate_file;  ///< Ours, PEM; empty: none.
  std::filesystem::path key_file;          ///< Given exactly if `certificate_file` is.
  bool verify_host = true;  ///< The certificate must name `host` (a DNS name or an IP address).
  friend bool operator==(const Tls&, const Tls&) = default;
};

struct Connection {
  std::string host = "localhost";  ///< A name or an address; IPv6 without brackets.
  std::uint16_t port = 5672;       ///< 5671 with TLS, unless given.
  std::string user = "guest";
  std::string password = "guest";
  /// For /bin/sh: prints the password. Empty: `password` is the one. For cli/secrets to run.
  std::string password_command;
  std::string virtual_host = "/";
  std::optional<Tls> tls;
  std::chrono::seconds heartbeat{
      10};  ///< 1 … 600. A dead peer is noticed after two to three of them.
  friend bool operator==(const Connection&, const Connection&) = default;
};

/// Parses amqp://user:password@host:port/vhost and amqps:// (RabbitMQ's URI rules:
/// percent-encoding, an absent path means the virtual host "/", an empty one the empty name; query
/// parameters cacertfile, certfile, keyfile, verify, heartbeat). File names are given as written.
/// kUsage; the message holds no part of the URL that could be a password.
/// Source: https://www.rabbitmq.com/docs/uri-spec and .../uri-query-parameters.
[[nodiscard]] Result<Connection> parse_url(std::string_view url);

/// The system's bundle of trusted authorities: $SSL_CERT_FILE, else where Debian, Red Hat or Alpine
/// keep it. Empty when there is none.
[[nodiscard]] std::filesystem::path system_ca_file();

}  // namespace gorgon::config
