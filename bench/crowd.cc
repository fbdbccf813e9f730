// A crowd of workers for bench/load: plays many machines with many workers towards one originator,
// at the speed of the broker, and runs no test. What they say is what real ones say.
//
//   gorgon_crowd LISTENER_CONFIGURATION MACHINES WORKERS_EACH
//
// Takes one job, and ends with it.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"
#include "config/listener_config.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "results/verdict.h"

namespace gorgon {
namespace {

using namespace std::chrono_literals;
using HostState = protocol::HostState;

/// One machine: a listener and its workers on one connection.
class CrowdHost {
 public:
  CrowdHost(broker::Address address, std::string cluster, std::string name, std::uint32_t workers)
      : address_(std::move(address)),
        cluster_(std::move(cluster)),
        name_(std::move(name)),
        workers_(workers) {
    for (std::uint32_t worker = 1; worker <= workers; ++worker)
      idle_.push_back(std::to_string(worker));
  }

  /// Until the job is over.
  Task<Result<void>> run() {
    GORGON_CO_TRY(co_await listen());
    GORGON_CO_TRY_ASSIGN(job_, co_await next_job());
    spawn(co_await asio::this_coro::executor, show_alive());
    std::string files = job_.file_queue;
    GORGON_CO_TRY(
        co_await broker_->consume(std::move(files), static_cast<std::uint16_t>(workers_)));
    for (;;) {
      auto event = co_await broker_->next_event();
      if (!event) co_return std::unexpected(event.error());
      if (auto* unit = std::get_if<broker::Delivery>(&*event)) {
        if (unit->queue == job_.file_queue)
          spawn(co_await asio::this_coro::executor, run_unit(*std::move(unit)));
        else
          (void)broker_->ack(unit->tag);
      } else if (std::get<broker::QueueCancelled>(*event).queue == job_.file_queue) {
        break;
      }
    }
    is_over_ = true;
    for (std::uint32_t worker = 1; worker <= workers_; ++worker)
      tell(protocol::WorkerDone{
          .job = job_.id, .host = name_, .worker = std::to_string(worker), .errors = {}});
    tell_state(HostState::State::kLeft, 0);
    co_await broker_->close();
    co_return Result<void>();
  }

 private:
  Task<Result<void>> listen() {
    broker::Address address = address_;
    std::string client = "crowd " + name_;
    GORGON_CO_TRY_ASSIGN(auto connection,
                         co_await broker::connect(std::move(address), std::move(client)));
    broker_ = std::move(connection);
    const std::string originators = protocol::originators_topic(cluster_);
    const std::string jobs = protocol::jobs_topic(cluster_);
    for (const std::string& topic : {jobs, originators})
      GORGON_CO_TRY(co_await broker_->declare_topic(topic));
    std::vector<std::string> topics = {jobs};
    GORGON_CO_TRY_ASSIGN(const std::string queue,
                         co_await broker_->declare_own_queue(std::move(topics)));
    std::string mine = queue;
    GORGON_CO_TRY(co_await broker_->consume(std::move(mine), 10));
    const protocol::ListenerUp up{.host = name_, .queue = queue};
    co_return broker_->post({broker::to_topic(originators), protocol::encode(up)});
  }

  Task<Result<protocol::JobDefinition>> next_job() {
    for (;;) {
      auto event = co_await broker_->next_event();
      if (!event) co_return std::unexpected(event.error());
      const auto* delivery = std::get_if<broker::Delivery>(&*event);
      if (delivery == nullptr) continue;
      (void)broker_->ack(delivery->tag);
      auto message = protocol::decode(delivery->body);
      if (!message) co_return std::unexpected(message.error());
      auto* job = std::get_if<protocol::JobDefinition>(&*message);
      if (job == nullptr) continue;
      co_return std::move(*job);
    }
  }

  Task<void> show_alive() {
    tell_state(HostState::State::kReady, workers_);
    while (!is_over_) {
      for (std::uint32_t worker = 1; worker <= workers_; ++worker)
        tell(
            protocol::WorkerAlive{.job = job_.id, .host = name_, .worker = std::to_string(worker)});
      tell_state(HostState::State::kReady, workers_);
      co_await sleep_for(10s);
    }
  }

  Task<void> run_unit(broker::Delivery delivery) {
    const auto message = protocol::decode(delivery.body);
    const auto* unit = message ? std::get_if<protocol::UnitMessage>(&*message) : nullptr;
    if (unit == nullptr || idle_.empty()) std::abort();  // Not what the originator sends.
    const std::string worker = idle_.front();
    idle_.pop_front();
    tell(protocol::UnitStarted{
        .job = job_.id, .unit = unit->unit.id, .host = name_, .worker = worker});
    protocol::UnitFinished finished{.job = job_.id, .run = name_ + worker, .result = {}};
    finished.result.unit = unit->unit.id;
    finished.result.verdict = results::Verdict::kPassed;
    finished.result.host = name_;
    finished.result.worker = worker;
    finished.result.cases.push_back({.id = "1",
                                     .name = "a case with a name of the usual length, more or less",
                                     .location = unit->unit.file + ":1",
                                     .seconds = 0.001});
    std::vector<broker::Message> result;
    result.push_back({broker::to_queue(job_.reply_queue), protocol::encode(finished)});
    const auto published = co_await broker_->publish(std::move(result));
    if (published) (void)broker_->ack(delivery.tag);
    idle_.push_back(worker);
  }

  void tell_state(HostState::State state, std::uint32_t workers) {
    tell(HostState{.job = job_.id,
                   .epoch = job_.epoch,
                   .host = name_,
                   .state = state,
                   .workers = workers,
                   .stage = {},
                   .message = {}});
  }
  void tell(const protocol::Message& message) {
    (void)broker_->post({broker::to_queue(job_.reply_queue), protocol::encode(message)});
  }

  broker::Address address_;
  std::string cluster_;
  std::string name_;
  std::uint32_t workers_;
  std::shared_ptr<broker::Connection> broker_;
  protocol::JobDefinition job_;
  std::deque<std::string> idle_;
  bool is_over_ = false;
};

int play(const std::string& configuration, std::uint32_t machines, std::uint32_t workers) {
  const auto config = config::load_listener_config(configuration);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return EXIT_FAILURE;
  }
  asio::io_context io;
  std::deque<CrowdHost> crowd;
  int failures = 0;
  for (std::uint32_t machine = 1; machine <= machines; ++machine) {
    CrowdHost& host = crowd.emplace_back(config->connection, config->cluster_id,
                                         "crowd-" + std::to_string(machine), workers);
    spawn(io.get_executor(), [](CrowdHost& self, int& failed) -> Task<void> {
      const auto ran = co_await self.run();
      if (ran) co_return;
      ++failed;
      std::fprintf(stderr, "%s\n", ran.error().message.c_str());
    }(host, failures));
  }
  io.run();
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace gorgon

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: gorgon_crowd LISTENER_CONFIGURATION MACHINES WORKERS_EACH\n");
    return EXIT_FAILURE;
  }
  return gorgon::play(argv[1], static_cast<std::uint32_t>(std::atoi(argv[2])),
                      static_cast<std::uint32_t>(std::atoi(argv[3])));
}
