#include "config/connection_reader.h"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/connection.h"
#include "config/document.h"
#include "config/key_row.h"
#include "config/keys.h"

namespace gorgon::config {

namespace {

using Kind = Value::Kind;

/// What the keys have said so far; the default port depends on "tls", wherever that stands.
struct Draft {
  Connection connection;
  std::optional<std::uint16_t> port;
};

const Table<Tls>& tls_keys() {
  static const Table<Tls> table = {
      {{"ca_file", "cacertfile"},
       "PEM file of the authorities one of which must have signed the broker's certificate. "
       "Default: the system's.",
       local_path(&Tls::ca_file)},
      {{"cert_file", "certfile", "cert"},
       "Our own certificate, PEM, for brokers that ask for one.",
       local_path(&Tls::certificate_file)},
      {{"key_file", "keyfile", "key"},
       "The private key of `cert_file`, PEM, without a passphrase.",
       local_path(&Tls::key_file)},
      {{"verify_host", "verify"},
       "The broker's certificate must name `host`. Default: true. The signature is checked always.",
       boolean(&Tls::verify_host)},
  };
  return table;
}

bool is_host(const std::string& host) {
  return !host.empty() && host.find_first_of(" \t\r\n/@?#[]\"'") == std::string::npos;
}

Setter<Draft> host() {
  return {"string", [](Draft& out, const Value& value, const Place& place) {
            const auto read = read_text(value, place);
            if (!read) return;
            const auto colon = read->find(':');
            const bool has_port = colon != std::string::npos && colon == read->rfind(':');
            if (!is_host(*read) || has_port) {
              return place.reject(value,
                                  "expected a host name or an IP address; the port is a key "
                                  "of its own, \"port\", and a URL stands in \"url\"");
            }
            out.connection.host = *read;
          }};
}

Setter<Draft> url() {
  return {"URL", [](Draft& out, const Value& value, const Place& place) {
            const auto read = read_text(value, place);
            if (!read) return;
            auto parsed = parse_url(*read);
            if (!parsed) return place.reject(value, parsed.error().message);
            const std::uint16_t usual = parsed->tls ? 5671 : 5672;
            if (parsed->port != usual) out.port = parsed->port;
            out.connection = *std::move(parsed);
          }};
}

template <class Member>
Setter<Draft> inner_text(Member Connection::* member) {
  return {"string", [member](Draft& out, const Value& value, const Place& place) {
            if (auto read = read_text(value, place)) out.connection.*member = *std::move(read);
          }};
}

Setter<Draft> port_of_draft() {
  return {"integer, 1 to 65535", [](Draft& out, const Value& value, const Place& place) {
            const auto read = read_integer(value, place, 1, 65535);
            if (read) out.port = static_cast<std::uint16_t>(*read);
          }};
}

Setter<Draft> heartbeat() {
  return {"duration, 1 to 600 s", [](Draft& out, const Value& value, const Place& place) {
            const auto read = read_duration(value, place, std::chrono::seconds(600));
            if (!read) return;
            const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*read);
            if (whole != *read || whole.count() < 1) {
              return place.reject(value, "expected whole seconds, from 1 to 600");
            }
            out.connection.heartbeat = whole;
          }};
}

Setter<Draft> tls() {
  return {"true, false or object",
          [](Draft& out, const Value& value, const Place& place) {
            std::optional<Tls>& target = out.connection.tls;
            if (value.is(Kind::kBoolean) && !value.boolean) return target.reset();
            if (!target) target = Tls{.ca_file = system_ca_file()};
            if (value.is(Kind::kBoolean)) return;
            if (!value.is(Kind::kObject))
              return place.reject_type(value, "true, false or an object");
            read_object(value, tls_keys(), *target, place);
          },
          rows_of(tls_keys())};
}

const Table<Draft>& keys() {
  // "url" stands first: the keys behind it change what it says.
  static const Table<Draft> table = {
      {{"url"}, "`amqp://` or `amqps://` URL; the other keys go over what it says.", url()},
      {{"host"}, "Name or address of the broker. Default: localhost.", host()},
      {{"port"}, "Default: 5672, with TLS 5671.", port_of_draft()},
      {{"user", "username"}, "Default: guest.", inner_text(&Connection::user)},
      {{"password", "pass"},
       "Default: guest. Its place is `gorgon_secret.json`.",
       inner_text(&Connection::password)},
      {{"password_command"},
       "Shell command whose first line of output is the password, as `pass show rabbitmq`. Goes "
       "over `password`, and $GORGON_PASSWORD over both.",
       inner_text(&Connection::password_command)},
      {{"vhost", "virtual_host"},
       "Virtual host. Default: /.",
       inner_text(&Connection::virtual_host)},
      {{"heartbeat"},
       "A dead peer is noticed after two to three of them; that of the originator also says how "
       "often workers show themselves, at least every ten seconds. They are given up after three "
       "such signs, though not before 15 s. Default: 10.",
       heartbeat()},
      {{"tls", "ssl"}, "TLS, with the system's authorities or as the object says.", tls()},
  };
  return table;
}

void check_file(const std::filesystem::path& file, std::string_view key, const Value& value,
                const Place& place) {
  if (file.empty() || ::access(file.c_str(), R_OK) == 0) return;
  place.inside("tls").inside(key).reject(value, "cannot read the file " + file.string());
}

void check_tls(Tls& tls, const Value& connection, const Place& place) {
  const Value* given = connection.find("tls");
  const Value& value = given != nullptr ? *given : connection;
  // Files of a URL are not resolved yet; for absolute ones this changes nothing.
  for (auto* file : {&tls.ca_file, &tls.certificate_file, &tls.key_file}) {
    if (!file->empty()) *file = place.folder / *file;
  }
  if (tls.ca_file.empty()) {
    place.inside("tls").reject(
        value, "this system has no bundle of authorities: name the broker's in tls.ca_file");
  }
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    place.inside("tls").reject(value, "cert_file and key_file go together: give both or none");
  }
  check_file(tls.ca_file, "ca_file", value, place);
  check_file(tls.certificate_file, "cert_file", value, place);
  check_file(tls.key_file, "key_file", value, place);
}

}  // namespace

std::optional<Connection> read_connection(const Value& value, const Place& place) {
  Draft draft;
  const std::size_t before = place.problems.count();
  if (value.is(Kind::kString)) {
    url().set(draft, value, place);
  } else if (value.is(Kind::kObject)) {
    read_object(value, keys(), draft, place);
  } else {
    place.reject_type(value, "an object or an amqp:// URL");
  }
  Connection& result = draft.connection;
  result.port = draft.port.value_or(result.tls ? 5671 : 5672);
  if (result.tls && place.problems.count() == before) check_tls(*result.tls, value, place);
  if (place.problems.count() != before) return std::nullopt;
  return result;
}

std::vector<KeyRow> connection_rows() { return rows_of(keys()); }

}  // namespace gorgon::config
