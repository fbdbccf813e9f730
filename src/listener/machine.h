// What the jobs on one machine share: its name and slots, and the ways out to the broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/limits.h"
#include "broker/broker.h"
#include "protocol/messages.h"

namespace gorgon::listener {

/// The worker slots of this machine, numbered 1…n. A number is in use by at most one worker, so
/// that tests can key databases by it.
class Slots {
 public:
  explicit Slots(std::size_t count) : used_(count, false) {}
  [[nodiscard]] std::size_t count() const { return used_.size(); }
  [[nodiscard]] std::size_t free_count() const;
  /// The lowest free number; nullopt when all are in use.
  [[nodiscard]] std::optional<std::uint32_t> take();
  void give_back(std::uint32_t slot) { used_.at(slot - 1) = false; }

 private:
  std::vector<bool> used_;
};

/// worker_limits as this machine enforces them.
struct WorkerLimits {
  ResourceLimits of_cgroup;   ///< Of each worker's cgroup; a worker without does not start.
  ResourceLimits of_process;  ///< Of the runner host, and so of every process of every worker.
};
/// Tries out which of `limits` a cgroup of ours can hold. Processes that it cannot count are
/// counted by user, so those of all `slots` together. CPU time that it cannot share out is not
/// limited; a warning in the log says so.
[[nodiscard]] WorkerLimits enforceable(const ResourceLimits& limits, std::size_t slots);

struct Machine {
  asio::any_io_executor executor;
  std::string host;
  broker::Address address;
  std::filesystem::path log_file;  ///< Of the workers; empty: standard error.
  std::string queue;               ///< The listener's own queue; changes with every connection.
  Slots slots;
  WorkerLimits limits = {};
  /// Tells a job's originator; lost when the broker is away.
  std::function<void(const std::string& reply_queue, const protocol::Message& message)> tell = {};
  /// Something that slots depend on has changed: jobs may want workers, or must give some up.
  std::function<void()> slots_changed = {};
  /// A worker has answered what it does.
  std::function<void()> worker_reported = {};
};

}  // namespace gorgon::listener
