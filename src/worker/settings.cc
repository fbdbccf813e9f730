#include "worker/settings.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/json.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/text.h"
#include "broker/broker.h"
#include "config/connection.h"
#include "protocol/codec.h"
#include "protocol/messages.h"

namespace gorgon::worker {

namespace {

constexpr std::int64_t kMaxWorker = 1'000'000;
constexpr std::string_view kActivity = "activity";
constexpr std::size_t kMaxNameBytes = 1000;

Json write(const config::Connection& connection) {
  Json json = {{"host", connection.host},
               {"port", connection.port},
               {"user", connection.user},
               {"password", connection.password},
               {"virtual_host", connection.virtual_host},
               {"heartbeat", connection.heartbeat.count()}};
  if (connection.tls) {
    json["tls"] = {{"ca_file", connection.tls->ca_file.string()},
                   {"certificate_file", connection.tls->certificate_file.string()},
                   {"key_file", connection.tls->key_file.string()},
                   {"verify_host", connection.tls->verify_host}};
  }
  return json;
}

config::Connection read_connection(ObjectReader& in) {
  config::Connection connection;
  connection.host = in.text("host");
  connection.port = static_cast<std::uint16_t>(in.integer("port", {.least = 1, .most = 65535}));
  connection.user = in.text("user");
  connection.password = in.text("password");
  connection.virtual_host = in.text("virtual_host");
  connection.heartbeat = std::chrono::seconds(in.integer("heartbeat", {.least = 1, .most = 600}));
  in.object("tls", [&](ObjectReader& tls) {
    connection.tls = config::Tls{.ca_file = tls.text("ca_file"),
                                 .certificate_file = tls.text("certificate_file"),
                                 .key_file = tls.text("key_file"),
                                 .verify_host = tls.boolean_or("verify_host", true)};
  });
  return connection;
}

}  // namespace

std::string encode_settings(const Settings& settings) {
  Json json = {{"job", protocol::encode(settings.job)},
               {"host", settings.host},
               {"worker", settings.worker},
               {"listener_queue", settings.listener_queue},
               {"scratch", settings.scratch.string()},
               {"workspace", settings.workspace.string()},
               {"cgroup", settings.cgroup.string()},
               {"log_file", settings.log_file.string()}};
  if (settings.owner) json["owner"] = settings.owner->text();
  if (const auto* embedded = std::get_if<broker::EmbeddedAddress>(&settings.address)) {
    json["embedded"] = embedded->socket.string();
  } else {
    json["connection"] = write(std::get<config::Connection>(settings.address));
  }
  return dump_json(json);
}

Result<Settings> decode_settings(std::string_view bytes) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(bytes));
  ObjectReader in(json, "worker settings");
  Settings settings;
  GORGON_TRY_ASSIGN(protocol::Message job, protocol::decode(in.text("job")));
  auto* definition = std::get_if<protocol::JobDefinition>(&job);
  if (definition == nullptr)
    return fail(ErrorKind::kProtocol, "worker settings.job: expected a job");
  settings.job = std::move(*definition);
  if (const auto owner = in.optional_text("owner")) {
    GORGON_TRY_ASSIGN(settings.owner, PublicKey::parse(*owner));
  }
  settings.host = in.text("host");
  settings.worker =
      static_cast<std::uint32_t>(in.integer("worker", {.least = 1, .most = kMaxWorker}));
  settings.listener_queue = in.text("listener_queue");
  settings.scratch = in.text("scratch");
  settings.workspace = in.text("workspace");
  settings.cgroup = in.text_or("cgroup", "");
  settings.log_file = in.text_or("log_file", "");
  if (const auto socket = in.optional_text("embedded")) {
    settings.address = broker::EmbeddedAddress{*socket};
  } else {
    const bool is_given = in.object("connection", [&](ObjectReader& connection) {
      settings.address = read_connection(connection);
    });
    if (!is_given) in.reject("connection", "an object");
  }
  GORGON_TRY(in.status());
  return settings;
}

std::string leave_datagram() { return "{\"type\":\"leave\"}"; }

bool is_leave_datagram(std::string_view bytes) { return bytes == leave_datagram(); }

std::string report_datagram() { return "{\"type\":\"report\"}"; }

bool is_report_datagram(std::string_view bytes) { return bytes == report_datagram(); }

std::string show_datagram() { return "{\"type\":\"show\"}"; }

bool is_show_datagram(std::string_view bytes) { return bytes == show_datagram(); }

std::string activity_datagram(const Activity& activity) {
  const auto start_of = [](const std::string& name) {
    return valid_utf8(std::string_view(name).substr(0, kMaxNameBytes));
  };
  return dump_json({{"type", kActivity},
                    {"file", start_of(activity.file)},
                    {"seconds", activity.seconds},
                    {"running_case", start_of(activity.running_case)},
                    {"case_seconds", activity.case_seconds}});
}

std::optional<Activity> parse_activity(std::string_view bytes) {
  const auto json = parse_json(bytes);
  if (!json) return std::nullopt;
  ObjectReader in(*json, "activity");
  const std::string type = in.text("type");
  Activity activity{.file = in.text("file"),
                    .seconds = in.measured_seconds("seconds"),
                    .running_case = in.text("running_case"),
                    .case_seconds = in.measured_seconds("case_seconds")};
  if (in.error() || type != kActivity) return std::nullopt;
  return activity;
}

}  // namespace gorgon::worker
