// What a group of processes may use: enforced by a cgroup (version 2) for all of them together
// where that can be, else by the resource limits of each process.
#pragma once

#include <cstdint>
#include <filesystem>

namespace gorgon {

/// 0 in each: as much as the machine has.
struct ResourceLimits {
  std::uint64_t memory_bytes = 0;
  std::uint32_t processes = 0;
  std::uint32_t open_files = 0;  ///< Of each process; no cgroup counts them.
  std::uint32_t cpus = 0;        ///< As much CPU time as this many cores give.

  friend bool operator==(const ResourceLimits&, const ResourceLimits&) = default;
};

/// Sets the limits of the cgroup at `path`. Gives those that it cannot hold, because the controller
/// is not there or may not be written.
[[nodiscard]] ResourceLimits limit_cgroup(const std::filesystem::path& path,
                                          const ResourceLimits& limits);

/// Limits this process and what it starts from now on, never beyond what it may already: memory is
/// what a process may write to and shares with nobody (RLIMIT_DATA: virtual reservations do not
/// count), processes are all that its user has (RLIMIT_NPROC; the kernel does not hold root to it).
/// CPU time has no such limit and is left out. False with errno when the kernel refuses.
/// Async-signal-safe.
[[nodiscard]] bool limit_this_process(const ResourceLimits& limits);

}  // namespace gorgon
