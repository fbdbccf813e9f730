#include "web/cluster_feed.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/json.h"
#include "base/result.h"
#include "broker/broker.h"
#include "originator/journal.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "web/cluster_status.h"

namespace gorgon::web {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Listeners ask their workers for at most 0.3 s before they answer.
constexpr auto kAnswerWindow = 700ms;
/// Between two questions, however much happens.
constexpr auto kLeastInterval = 1s;
/// A machine that is lost says nothing of it: only a question that it does not answer tells.
constexpr auto kSilenceInterval = 10s;
/// So many questions without an answer, and a machine is shown no more.
constexpr std::uint32_t kMostMissed = 6;
constexpr std::uint16_t kPrefetch = 100;
/// More than anybody has; whoever floods us with answers is not listened to.
constexpr std::size_t kMostAnswers = 10'000;
constexpr auto kFirstPause = 200ms;

}  // namespace

/// A broker, and the answers that came over it.
struct ClusterFeed::Line {
  struct Machine {
    protocol::ListenerStatus status;
    std::uint32_t missed = 0;  ///< Questions since the last answer.
    bool has_answered = true;  ///< The last question.
  };
  struct Job {
    protocol::JobStatus status;
    bool has_answered = true;
  };
  broker::Address address;
  bool is_local = false;
  std::string problem;      ///< Why nobody there can be asked; empty: somebody can.
  bool is_current = false;  ///< What follows was said since somebody looks on.
  std::map<std::string, Machine> machines;
  std::map<std::string, Job> jobs;
};

ClusterFeed::ClusterFeed(const asio::any_io_executor& executor, ClusterOptions options,
                         Signal& changed)
    : executor_(executor), options_(std::move(options)), changed_(changed), wanted_(executor) {
  publish();
}
ClusterFeed::~ClusterFeed() = default;

void ClusterFeed::start() {
  if (options_.address) add(*options_.address, false);
  touch();
}

void ClusterFeed::touch() {
  for (const auto& socket : originator::live_brokers(options_.project)) {
    const auto is_known = [&](const auto& line) {
      const auto* local = std::get_if<broker::EmbeddedAddress>(&line->address);
      return local != nullptr && local->socket == socket;
    };
    if (std::ranges::none_of(lines_, is_known)) add(broker::EmbeddedAddress{socket}, true);
  }
  ++touched_;
  wanted_.notify();
}

std::shared_ptr<const void> ClusterFeed::watch() {
  forget_if_unwatched();
  touch();
  return browsers_;
}

void ClusterFeed::forget_if_unwatched() {
  if (is_watched()) return;
  ++forgotten_;
  if (std::ranges::none_of(lines_, [](const auto& line) { return line->is_current; })) return;
  for (const auto& line : lines_) line->is_current = false;
  publish();
}

void ClusterFeed::add(broker::Address address, bool is_local) {
  auto line = std::make_shared<Line>();
  line->address = std::move(address);
  line->is_local = is_local;
  line->problem = "not connected yet";
  lines_.push_back(line);
  spawn(executor_, keep(std::move(line)));
}

/// A local run's broker goes with its run; the other one comes back.
Task<void> ClusterFeed::keep(std::shared_ptr<Line> line) {
  std::chrono::milliseconds pause = kFirstPause;
  for (;;) {
    const bool was_connected = line->problem.empty();
    const Error error = co_await serve(line);
    if (line->is_local) break;
    if (was_connected || line->problem.empty()) pause = kFirstPause;
    line->problem = error.message;
    line->is_current = false;
    line->machines.clear();
    line->jobs.clear();
    publish();
    co_await sleep_for(pause);
    pause = std::min(2 * pause, broker::longest_pause(line->address));
  }
  std::erase(lines_, line);
  publish();
}

/// Ends when the connection does.
Task<Error> ClusterFeed::serve(std::shared_ptr<Line> line) {
  broker::Address address = line->address;
  std::string name = "gorgon web";
  auto connected = co_await broker::connect(std::move(address), std::move(name));
  if (!connected) co_return connected.error();
  std::shared_ptr<broker::Connection> connection = std::move(*connected);
  const std::string cluster = line->is_local ? std::string() : options_.cluster;
  // What is said there is not read: that something is said is reason to ask.
  std::vector<std::string> topics = {protocol::jobs_topic(cluster),
                                     protocol::control_topic(cluster),
                                     protocol::originators_topic(cluster)};
  const std::string status_topic = protocol::status_topic(cluster);
  for (const std::string& topic : topics) {
    const auto declared = co_await connection->declare_topic(topic);
    if (!declared) co_return declared.error();
  }
  const auto declared = co_await connection->declare_topic(status_topic);
  if (!declared) co_return declared.error();
  auto queue = co_await connection->declare_own_queue(std::move(topics));
  if (!queue) co_return queue.error();
  const auto consumed = co_await connection->consume(*queue, kPrefetch);
  if (!consumed) co_return consumed.error();
  line->problem.clear();
  publish();
  spawn(executor_, ask(line, connection, *queue));
  for (;;) {
    auto event = co_await connection->next_event();
    if (!event) {
      // The asker holds the connection, too, and waits: it looks when it is woken.
      line->problem = event.error().message;
      wanted_.notify();
      co_return event.error();
    }
    const auto* delivery = std::get_if<broker::Delivery>(&*event);
    if (delivery == nullptr)
      co_return Error{ErrorKind::kConnectionLost, "the broker has removed the queue for answers"};
    (void)connection->ack(delivery->tag);
    take(*line, *delivery);
  }
}

void ClusterFeed::take(Line& line, const broker::Delivery& delivery) {
  const auto message = protocol::decode(delivery.body);
  if (message) {
    if (const auto* machine = std::get_if<protocol::ListenerStatus>(&*message)) {
      if (line.machines.size() < kMostAnswers) line.machines[machine->host] = {.status = *machine};
      return;
    }
    if (const auto* job = std::get_if<protocol::JobStatus>(&*message)) {
      if (line.jobs.size() < kMostAnswers) line.jobs[job->job] = {.status = *job};
      return;
    }
  }
  ++touched_;
  wanted_.notify();
}

Task<void> ClusterFeed::ask(std::shared_ptr<Line> line,
                            std::shared_ptr<broker::Connection> connection, std::string queue) {
  const std::string cluster = line->is_local ? std::string() : options_.cluster;
  const auto topic = broker::to_topic(protocol::status_topic(cluster));
  std::uint64_t asked_at = touched_ - 1;
  while (line->problem.empty()) {
    // A local broker goes with its only machine; there is no silence to be noticed.
    auto until = Clock::now() + kSilenceInterval;
    if (line->is_local) until = Clock::time_point::max();
    while (line->problem.empty() && (!is_watched() || asked_at == touched_) && Clock::now() < until)
      (void)co_await wanted_.wait_until(until);
    if (!line->problem.empty()) break;
    if (!is_watched()) continue;
    asked_at = touched_;
    const std::uint64_t forgotten = forgotten_;
    const auto began = Clock::now();
    for (auto& [host, machine] : line->machines) machine.has_answered = false;
    for (auto& [id, job] : line->jobs) job.has_answered = false;
    std::string question =
        protocol::seal(protocol::StatusRequest{.reply_queue = queue}, options_.signing_key,
                       {.cluster = cluster}, std::chrono::system_clock::now());
    if (!connection->post({topic, std::move(question)})) break;
    co_await sleep_for(kAnswerWindow);
    if (!line->problem.empty()) break;
    conclude(*line, forgotten);
    co_await sleep_for(kLeastInterval -
                       std::min<Clock::duration>(kLeastInterval, Clock::now() - began));
  }
}

/// An originator that does not answer has ended, or its machines say that it is silent.
/// Of a question from before answers were `forgotten` for the last time, they may be older than
/// that.
void ClusterFeed::conclude(Line& line, std::uint64_t forgotten) {
  std::erase_if(line.jobs, [](const auto& entry) { return !entry.second.has_answered; });
  for (auto& [host, machine] : line.machines) machine.missed += machine.has_answered ? 0 : 1;
  std::erase_if(line.machines,
                [](const auto& entry) { return entry.second.missed >= kMostMissed; });
  if (forgotten == forgotten_) line.is_current = true;
  publish();
}

void ClusterFeed::publish() {
  ClusterStatus status;
  Json brokers = Json::array();
  Json silent = Json::array();
  for (const auto& line : lines_) {
    brokers.push_back({{"name", broker::describe(line->address)},
                       {"is_local", line->is_local},
                       {"problem", line->problem},
                       {"is_asked", line->problem.empty() && !line->is_current}});
    if (!line->is_current) continue;
    for (const auto& [host, machine] : line->machines) {
      status.machines.push_back(machine.status);
      if (!machine.has_answered) silent.push_back(host);
    }
    for (const auto& [id, job] : line->jobs) status.jobs.push_back(job.status);
  }
  std::ranges::sort(status.jobs, std::ranges::greater(), &protocol::JobStatus::seconds);
  std::ranges::sort(status.machines, {}, &protocol::ListenerStatus::host);
  // "{…}" and more members.
  json_ = web::status_json(status);
  json_.pop_back();
  json_ += ",\"brokers\":" + dump_json(brokers) + ",\"silent\":" + dump_json(silent) + "}";
  ++version_;
  changed_.notify();
}

}  // namespace gorgon::web
