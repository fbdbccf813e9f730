#include "listener/machine.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/limits.h"
#include "base/log.h"
#include "base/process_tree.h"

namespace gorgon::listener {

std::size_t Slots::free_count() const {
  return static_cast<std::size_t>(std::ranges::count(used_, false));
}

std::optional<std::uint32_t> Slots::take() {
  const auto free = std::ranges::find(used_, false);
  if (free == used_.end()) return std::nullopt;
  *free = true;
  return static_cast<std::uint32_t>(free - used_.begin()) + 1;
}

WorkerLimits enforceable(const ResourceLimits& limits, std::size_t slots) {
  if (limits == ResourceLimits{}) return {};
  // Beside those of workers, and like them removed by the next listener if we die here.
  const auto probe = Cgroup::make("gorgon-probe-" + std::to_string(::getpid()) + "-0");
  WorkerLimits result{.of_cgroup = limits,
                      .of_process = probe ? limit_cgroup(probe->path(), limits) : limits};
  if (result.of_process.memory_bytes != 0) result.of_cgroup.memory_bytes = 0;
  if (result.of_process.processes != 0) result.of_cgroup.processes = 0;
  if (result.of_process.cpus != 0) result.of_cgroup.cpus = 0;
  result.of_cgroup.open_files = 0;
  if (result.of_process.cpus != 0)
    log::warning("worker_limits.cpus has no effect: no cgroup here has the controller cpu");
  result.of_process.cpus = 0;
  result.of_process.processes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::uint64_t{result.of_process.processes} * slots,
                              std::numeric_limits<std::uint32_t>::max()));
  return result;
}

}  // namespace gorgon::listener
