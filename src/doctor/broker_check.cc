#include "doctor/broker_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <ratio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/text.h"
#include "broker/broker.h"
#include "config/connection.h"
#include "doctor/finding.h"
#include "doctor/versions.h"
#include "protocol/names.h"
#include "report/display_text.h"

namespace gorgon::doctor {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kPublishLimit = 10s;
constexpr int kPublishes = 5;
/// RabbitMQ before 3.12 heeds its own consumer_timeout alone, 30 min unless it is configured.
constexpr auto kDefaultConsumerTimeout = 30min;

std::string vhost_option(const config::Connection& address) {
  return address.virtual_host == "/" ? ""
                                     : "-p " + report::shell_quoted(address.virtual_host) + " ";
}

std::string permissions_remedy(const config::Connection& address) {
  return fmt::format("on the broker: rabbitmqctl set_permissions {}{} '.*' '.*' '.*'",
                     vhost_option(address), report::shell_quoted(address.user));
}

std::string remedy_of(const config::Connection& address, const Error& error) {
  const std::string& text = error.message;
  if (text.contains("host name is unknown"))
    return fmt::format(
        "mend \"host\" of \"connection\", or let this machine's name service know "
        "{}",
        address.host);
  if (text.contains("TLS handshake"))
    return "give the authority that has signed its certificate as \"ca_file\" of "
           "\"connection.tls\", use the name that the certificate has as \"host\", and see that "
           "the port is its TLS port (5671 unless configured)";
  if (text.contains("did not answer in time"))
    return fmt::format("let firewalls between here and there pass TCP port {}", address.port);
  if (text.contains("cannot log in"))
    return "see that the port is RabbitMQ's, with \"tls\" its TLS port (5671), without its plain "
           "one (5672)";
  if (text.contains("refused user")) {
    if (address.user == "guest")
      return "make a user, since RabbitMQ lets guest in from its own machine alone: rabbitmqctl "
             "add_user gorgon PASSWORD, and its permissions; then \"user\" and \"password\" of "
             "\"connection\"";
    return fmt::format(
        "set \"user\" and \"password\" of \"connection\" (in gorgon_secret.json), or "
        "on the broker: rabbitmqctl change_password {}, or add_user if there is none",
        report::shell_quoted(address.user));
  }
  if (text.contains("refused virtual host")) {
    if (!text.contains("not found")) return permissions_remedy(address);
    return fmt::format(
        "mend \"vhost\" of \"connection\", or on the broker: rabbitmqctl add_vhost "
        "{0}; rabbitmqctl set_permissions -p {0} {1} '.*' '.*' '.*'",
        report::shell_quoted(address.virtual_host), report::shell_quoted(address.user));
  }
  return fmt::format(
      "start RabbitMQ on {}, see that it listens on port {} for this machine, and "
      "mend \"host\" and \"port\" of \"connection\"",
      address.host, address.port);
}

/// What a run declares, under names that no run has. Nullopt: all of it went well.
class Tries {
 public:
  Tries(broker::Connection& connection, config::Connection address)
      : connection_(connection), address_(std::move(address)) {}

  Task<std::optional<Finding>> declare(std::string cluster) {
    for (const auto topic : {protocol::jobs_topic, protocol::control_topic, protocol::status_topic,
                             protocol::originators_topic}) {
      std::string name = topic(cluster);
      const auto declared = co_await connection_.declare_topic(std::move(name));
      if (!declared) co_return judge_refusal(address_, "declare a topic", declared.error());
    }
    broker::ReplyQueue replies{.name = replies_, .expires = 60s};
    const auto reply_queue = co_await connection_.declare_reply_queue(std::move(replies));
    if (!reply_queue)
      co_return judge_refusal(address_, "declare a reply queue", reply_queue.error());
    broker::WorkQueue files{.name = files_, .dead_letter_to = replies_, .expires = 60s};
    const auto work_queue = co_await connection_.declare_work_queue(std::move(files));
    if (!work_queue)
      co_return judge_refusal(address_, "declare a quorum queue", work_queue.error());
    std::vector<std::string> topics = {protocol::status_topic(cluster)};
    const auto own = co_await connection_.declare_own_queue(std::move(topics));
    if (!own) co_return judge_refusal(address_, "bind a listener's queue", own.error());
    std::string queue = replies_;
    const auto consumed = co_await connection_.consume(std::move(queue), 10);
    if (!consumed) co_return judge_refusal(address_, "read a queue", consumed.error());
    co_return std::nullopt;
  }

  /// How long the quickest of a few confirmed publishes takes.
  Task<Finding> publish() {
    std::optional<Clock::duration> best;
    for (int i = 0; i < kPublishes; ++i) {
      const auto began = Clock::now();
      const auto published = co_await publish_once();
      if (!published) co_return cannot_publish(published.error());
      const auto took = Clock::now() - began;
      best = best ? std::min(*best, took) : took;
    }
    co_return Finding::ok(
        Area::kBroker, "round trip",
        fmt::format("{:.1f} ms for a publish that is confirmed",
                    std::chrono::duration<double, std::milli>(best.value_or(0s)).count()));
  }

  Task<void> clean_up() {
    for (const std::string& queue : {files_, replies_}) {
      std::string name = queue;
      (void)co_await connection_.delete_queue(std::move(name));
    }
  }

 private:
  /// The connection itself waits for as long as the broker's alarm lasts.
  Task<Result<void>> publish_once() {
    using asio::experimental::awaitable_operators::operator||;
    std::vector<broker::Message> messages;
    messages.push_back({broker::to_queue(replies_), "{}"});
    auto done = co_await (connection_.publish(std::move(messages)) || sleep_for(kPublishLimit));
    if (done.index() == 0) co_return std::get<0>(done);
    co_return fail(ErrorKind::kTimeout, "it did not confirm a message in ten seconds");
  }

  [[nodiscard]] Finding cannot_publish(const Error& error) const {
    const auto alarm = connection_.blocked_reason();
    if (!alarm) return judge_refusal(address_, "publish", error);
    return Finding::problem(
        Area::kBroker, "alarm", "it takes no messages: " + *alarm,
        Remedy("free memory or disk there, or raise its limits (vm_memory_high_watermark, "
               "disk_free_limit): rabbitmq-diagnostics alarms says which; runs wait until then"));
  }

  broker::Connection& connection_;
  config::Connection address_;
  std::string replies_ = protocol::reply_queue("doctor-" + random_id(12));
  std::string files_ = protocol::file_queue("doctor-" + random_id(12), 0);
};

std::string describe_login(const config::Connection& address) {
  return fmt::format("{} as {} in virtual host {}, {}", broker::describe(address), address.user,
                     address.virtual_host, address.tls ? "with TLS" : "without TLS");
}

}  // namespace

Finding judge_connect(const config::Connection& address, const Error& error) {
  return Finding::problem(Area::kBroker, "connection", error.message,
                          Remedy(remedy_of(address, error)));
}

Finding judge_refusal(const config::Connection& address, const std::string& step,
                      const Error& error) {
  const bool is_permission =
      error.message.contains("ACCESS_REFUSED") || error.message.contains("access to");
  return Finding::problem(
      Area::kBroker, "permissions", fmt::format("cannot {}: {}", step, error.message),
      Remedy(is_permission
                 ? permissions_remedy(address)
                 : "see the broker's log, and its policies (rabbitmqctl list_policies): Gorgon "
                   "wants quorum and classic queues, and names that begin with gorgon.v1."));
}

Findings judge_product(const std::string& product, std::chrono::duration<double> unit_timeout) {
  const std::string version = product.substr(std::min(product.rfind(' ') + 1, product.size()));
  if (!product.starts_with("RabbitMQ") || numbers_of(version).empty()) {
    return {Finding::note(Area::kBroker, "server",
                          "it does not say that it is RabbitMQ: " + product,
                          Remedy("use RabbitMQ 3.10 or later: Gorgon is tested with that alone"))};
  }
  if (is_older(version, "3.8"))
    return {Finding::problem(Area::kBroker, "server", product + " has no quorum queues",
                             Remedy("update it to 3.10 or later"))};
  Findings findings;
  if (is_older(version, "3.10")) {
    findings.push_back(Finding::note(Area::kBroker, "server",
                                     product + " is older than what Gorgon is tested with",
                                     Remedy("update it to 3.10 or later")));
  } else {
    findings.push_back(Finding::ok(Area::kBroker, "server", product));
  }
  const bool is_long = unit_timeout.count() == 0 || unit_timeout >= kDefaultConsumerTimeout;
  if (is_long && is_older(version, "3.12")) {
    findings.push_back(Finding::note(
        Area::kBroker, "consumer_timeout",
        "a test file may run for longer than RabbitMQ before 3.12 leaves it with a worker (30 min "
        "unless configured): another machine would run it, too",
        Remedy("set timeouts.unit below 30 min, raise consumer_timeout in rabbitmq.conf, or update "
               "RabbitMQ")));
  }
  return findings;
}

Task<BrokerCheck> check_broker(config::Connection address, std::string cluster,
                               std::chrono::duration<double> unit_timeout) {
  BrokerCheck check;
  broker::Address where = address;
  std::string name = "gorgon doctor";
  const auto connection = co_await broker::connect(std::move(where), std::move(name));
  if (!connection) {
    check.findings.push_back(judge_connect(address, connection.error()));
    co_return check;
  }
  check.findings.push_back(Finding::ok(Area::kBroker, "connection", describe_login(address)));
  std::ranges::move(judge_product((*connection)->product(), unit_timeout),
                    std::back_inserter(check.findings));
  Tries tries(**connection, address);
  auto refused = co_await tries.declare(std::move(cluster));
  if (refused) {
    check.findings.push_back(*std::move(refused));
  } else {
    check.findings.push_back(
        Finding::ok(Area::kBroker, "permissions", "what runs declare can be declared"));
    Finding round_trip = co_await tries.publish();
    check.is_reached = round_trip.level() == Level::kOk;
    check.findings.push_back(std::move(round_trip));
  }
  // During an alarm it would not answer; the queues expire by themselves.
  if (!(*connection)->blocked_reason()) co_await tries.clean_up();
  co_await (*connection)->close();
  co_return check;
}

}  // namespace gorgon::doctor
