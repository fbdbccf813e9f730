#include "originator/local_cluster.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "broker/broker.h"
#include "broker/embedded/server.h"

namespace gorgon::originator {

namespace {
using namespace std::chrono_literals;
constexpr int kMaxListenerStarts = 3;
constexpr auto kStopLimit = 10s;
}  // namespace

Result<std::unique_ptr<LocalCluster>> LocalCluster::start(const asio::any_io_executor& executor,
                                                          std::size_t slots, fs::path log_file) {
  GORGON_TRY_ASSIGN(TempDir directory, TempDir::make("gorgon-"));
  std::unique_ptr<LocalCluster> cluster(
      new LocalCluster(executor, slots, std::move(log_file), std::move(directory)));
  GORGON_TRY_ASSIGN(cluster->broker_,
                    broker::embedded::EmbeddedBroker::start(executor, cluster->directory_.path()));
  GORGON_TRY(cluster->start_listener());
  spawn(executor, watch_listener(cluster->alive_));
  return cluster;
}

LocalCluster::~LocalCluster() {
  *alive_ = nullptr;
  // watch_listener() holds it, too, and may never run again.
  if (listener_) listener_->kill_and_reap();
}

broker::Address LocalCluster::address() const { return broker_->address(); }

std::optional<ExitStatus> LocalCluster::failed() const { return ended_with_; }

Result<void> LocalCluster::start_listener() {
  ++starts_;
  SpawnOptions options;
  options.argv = {
      "/proc/self/exe",       "local-listener",           broker_->address().socket.string(),
      std::to_string(slots_), directory_.path().string(), log_file_.string()};
  options.descriptors = {{2, STDERR_FILENO}};
  // Not SIGKILL: it takes its workers and their tests along.
  options.death_signal = SIGTERM;
  GORGON_TRY_ASSIGN(Subprocess process, Subprocess::spawn(executor_, options));
  listener_ = std::make_shared<Subprocess>(std::move(process));
  return {};
}

Task<void> LocalCluster::watch_listener(std::shared_ptr<LocalCluster*> self) {
  for (;;) {
    const auto listener = (*self)->listener_;
    const ExitStatus status = co_await listener->wait();
    if (*self == nullptr) co_return;
    LocalCluster& cluster = **self;
    bool again = false;
    if (!cluster.is_stopping_) {
      log::warning("the local listener ended with {}", describe(status));
      again = cluster.starts_ < kMaxListenerStarts && cluster.start_listener();
    }
    if (again) continue;
    cluster.ended_with_ = status;
    cluster.ended_.notify();
    co_return;
  }
}

Task<void> LocalCluster::stop() {
  is_stopping_ = true;
  listener_->signal(SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + kStopLimit;
  while (!ended_with_) {
    const bool in_time = co_await ended_.wait_until(deadline);
    if (!in_time) break;
  }
}

}  // namespace gorgon::originator
