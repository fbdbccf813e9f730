#include "web/admission.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/secret.h"

namespace gorgon::web {

namespace {

constexpr std::string_view kToken = "token";

/// Up to `separator`, which goes, too.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// The port may be another than ours, at the near end of a tunnel.
bool is_loopback(std::string_view host) {
  for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (!host.starts_with(name)) continue;
    const std::string_view rest = host.substr(name.size());
    if (rest.empty()) return true;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return rest.size() > 1 && rest.front() == ':' && std::ranges::all_of(rest.substr(1), is_digit);
  }
  return false;
}

std::string without_token(const Target& target) {
  std::string location = target.path;
  for (const auto& [key, value] : target.query) {
    if (key == kToken) continue;
    location +=
        fmt::format("{}{}={}", location.size() == target.path.size() ? '?' : '&', key, value);
  }
  return location;
}

}  // namespace

Target Target::parse(std::string_view target) {
  Target parsed;
  parsed.path = std::string(take_until(target, '?'));
  while (!target.empty()) {
    std::string_view pair = take_until(target, '&');
    const std::string_view key = take_until(pair, '=');
    parsed.query.emplace(key, pair);
  }
  return parsed;
}

std::string_view Target::operator[](std::string_view key) const {
  const auto found = query.find(key);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

Admission::Admission(std::string token, std::uint16_t port)
    : token_(std::move(token)), port_(port), cookie_name_(fmt::format("gorgon-{}", port)) {}

Decision Admission::decide(const Request& request) const {
  if (!is_loopback(request.host)) {
    return {.status = 403,
            .reason = "This server answers to 127.0.0.1 and localhost alone.",
            .location = {},
            .cookie = {}};
  }
  if (request.method != "GET")
    return {.status = 405,
            .reason = "There is nothing here but to read.",
            .location = {},
            .cookie = {}};
  const Target target = Target::parse(request.target);
  // A location that begins with two slashes leads to another machine.
  if (!target.path.starts_with('/') || target.path.starts_with("//") ||
      target.path.find('\\') != std::string::npos)
    return {.status = 400, .reason = "That is no path.", .location = {}, .cookie = {}};
  if (is_secret(token_, target[kToken])) {
    return {
        .status = 303,
        .reason = {},
        .location = without_token(target),
        .cookie = fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict", cookie_name_, token_)};
  }
  if (!has_cookie(request.cookie)) {
    return {.status = 403,
            .reason =
                "This needs the token of the URL that `gorgon web` has printed; each start "
                "makes another.",
            .location = {},
            .cookie = {}};
  }
  return {};
}

std::string Admission::url() const {
  return fmt::format("http://127.0.0.1:{}/?{}={}", port_, kToken, token_);
}

bool Admission::has_cookie(std::string_view header) const {
  while (!header.empty()) {
    std::string_view pair = trimmed(take_until(header, ';'));
    const std::string_view name = take_until(pair, '=');
    if (name == cookie_name_ && is_secret(token_, pair)) return true;
  }
  return false;
}

}  // namespace gorgon::web
