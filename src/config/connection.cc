#include "config/connection.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/result.h"

// url       = scheme "://" [ userinfo "@" ] [ host [ ":" port ] ] [ "/" vhost ] [ "?" query ]
// scheme    = "amqp" | "amqps"
// userinfo  = user [ ":" password ]
// host      = name | IPv4 | "[" IPv6 "]"
// query     = name "=" value { "&" name "=" value }
// user, password, host, vhost and values are percent-encoded.

namespace gorgon::config {

namespace {

std::unexpected<Error> bad(std::string message) {
  return fail(ErrorKind::kUsage, std::move(message));
}

Result<std::string> decode(std::string_view text, std::string_view what) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const std::string digits(text.substr(i + 1, 2));
    unsigned code = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (parsed.ptr != digits.data() + 2 || code == 0) {
      return bad(
          fmt::format("the {} of the URL has a % without two hexadecimal digits behind it: a "
                      "percent sign itself is written %25",
                      what));
    }
    result += static_cast<char>(code);
    i += 2;
  }
  return result;
}

/// Cuts `text` before the first `separator`; gives what is behind it, nullopt without one.
std::optional<std::string_view> cut(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

Result<int> decode_number(std::string_view text, int most, std::string_view what) {
  const std::string digits(text);
  int number = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end && number >= 1 && number <= most) return number;
  // The text is not shown: with an unencoded "/" in the password, the "port" is a part of it.
  return bad(
      fmt::format("the {} in the URL is not a number from 1 to {} (special characters of "
                  "user and password are written as %XX)",
                  what, most));
}

Result<void> parse_user(std::string_view text, Connection& out) {
  const auto password = cut(text, ':');
  GORGON_TRY_ASSIGN(out.user, decode(text, "user"));
  if (password) {
    GORGON_TRY_ASSIGN(out.password, decode(*password, "password"));
  }
  return {};
}

Result<void> parse_host(std::string_view text, Connection& out) {
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    const auto rest = cut(text, ']');
    if (!rest || (!rest->empty() && rest->front() != ':')) {
      return bad("the IPv6 address in the URL is not closed by ]");
    }
    if (!rest->empty()) port = rest->substr(1);
  } else {
    port = cut(text, ':');
  }
  GORGON_TRY_ASSIGN(const std::string host, decode(text, "host"));
  if (!host.empty()) out.host = host;
  if (port && !port->empty()) {
    GORGON_TRY_ASSIGN(const int number, decode_number(*port, 65535, "port"));
    out.port = static_cast<std::uint16_t>(number);
  }
  return {};
}

Result<void> parse_parameter(std::string_view name, std::string_view text, Connection& out) {
  if (name == "heartbeat") {
    GORGON_TRY_ASSIGN(const int seconds, decode_number(text, 600, "heartbeat"));
    out.heartbeat = std::chrono::seconds(seconds);
    return {};
  }
  static constexpr std::string_view kKnown =
      "known are cacertfile, certfile, keyfile, verify and heartbeat";
  const bool is_tls =
      name == "cacertfile" || name == "certfile" || name == "keyfile" || name == "verify";
  if (!is_tls) return bad(fmt::format("unknown parameter behind the ? of the URL: {}", kKnown));
  if (!out.tls) return bad(fmt::format("{} in the URL needs amqps://", name));
  GORGON_TRY_ASSIGN(const std::string value, decode(text, name));
  if (name == "cacertfile") {
    out.tls->ca_file = value;
  } else if (name == "certfile") {
    out.tls->certificate_file = value;
  } else if (name == "keyfile") {
    out.tls->key_file = value;
  } else if (value != "verify_peer") {
    return bad(
        "verify in the URL can only be verify_peer: Gorgon always checks the broker's "
        "certificate (give its authority with cacertfile)");
  }
  return {};
}

Result<void> parse_query(std::string_view query, Connection& out) {
  while (!query.empty()) {
    std::string_view parameter = query;
    query = cut(parameter, '&').value_or("");
    const auto value = cut(parameter, '=');
    GORGON_TRY(parse_parameter(parameter, value.value_or(""), out));
  }
  return {};
}

}  // namespace

std::filesystem::path system_ca_file() {
  const char* given = std::getenv("SSL_CERT_FILE");
  if (given != nullptr && *given != '\0') return given;
  static constexpr std::array kPlaces = {"/etc/ssl/certs/ca-certificates.crt",
                                         "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
  for (const char* place : kPlaces) {
    std::error_code ignored;
    if (std::filesystem::exists(place, ignored)) return place;
  }
  return {};
}

Result<Connection> parse_url(std::string_view url) {
  Connection result;
  if (url.starts_with("amqps://")) {
    result.tls = Tls{.ca_file = system_ca_file()};
    result.port = 5671;
  } else if (!url.starts_with("amqp://")) {
    return bad("expected a URL that begins with amqp:// or amqps://");
  }
  url.remove_prefix(url.find("//") + 2);
  if (url.contains('#')) return bad("a # in the URL is written %23");
  const auto query = cut(url, '?');
  const auto virtual_host = cut(url, '/');
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    GORGON_TRY(parse_user(url.substr(0, at), result));
    url.remove_prefix(at + 1);
  }
  GORGON_TRY(parse_host(url, result));
  if (virtual_host) {
    if (virtual_host->find_first_of("/@") != std::string_view::npos) {
      return bad("a / in the user, password or virtual host of the URL is written %2F, an @ %40");
    }
    GORGON_TRY_ASSIGN(result.virtual_host, decode(*virtual_host, "virtual host"));
  }
  GORGON_TRY(parse_query(query.value_or(""), result));
  return result;
}

}  // namespace gorgon::config
