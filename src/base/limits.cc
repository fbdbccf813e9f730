#include "base/limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/unique_fd.h"

namespace gorgon {

namespace {

/// What cpu.max counts in, microseconds: the kernel's own default.
constexpr std::uint64_t kCpuPeriod = 100'000;

bool write_existing(const std::filesystem::path& file, const std::string& text) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool lower(__rlimit_resource resource, std::uint64_t limit) {
  if (limit == 0) return true;
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  const rlim_t most = std::min<rlim_t>(limit, now.rlim_max);
  const rlimit wanted{.rlim_cur = most, .rlim_max = most};
  return ::setrlimit(resource, &wanted) == 0;
}

}  // namespace

ResourceLimits limit_cgroup(const std::filesystem::path& path, const ResourceLimits& limits) {
  ResourceLimits left = limits;
  if (limits.memory_bytes != 0 &&
      write_existing(path / "memory.max", std::to_string(limits.memory_bytes))) {
    left.memory_bytes = 0;
    // What goes beyond is not to go to the disk instead. Kernels without swap have no such file.
    (void)write_existing(path / "memory.swap.max", "0");
  }
  if (limits.processes != 0 && write_existing(path / "pids.max", std::to_string(limits.processes)))
    left.processes = 0;
  if (limits.cpus != 0 &&
      write_existing(path / "cpu.max",
                     std::to_string(limits.cpus * kCpuPeriod) + " " + std::to_string(kCpuPeriod)))
    left.cpus = 0;
  return left;
}

bool limit_this_process(const ResourceLimits& limits) {
  return lower(RLIMIT_DATA, limits.memory_bytes) && lower(RLIMIT_NPROC, limits.processes) &&
         lower(RLIMIT_NOFILE, limits.open_files);
}

}  // namespace gorgon
