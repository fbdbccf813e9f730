// Killing a process with all its descendants, also those that left its session, and the cgroups
// that make that exact.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace gorgon {

/// Descendants of `root` as /proc shows them now, without `root`. Zombies are not listed. A
/// snapshot: processes come and go.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t root);

/// Whether process `pid` has a handler for `signal`, as /proc shows it now: it then does not end of
/// it.
[[nodiscard]] bool catches_signal(pid_t pid, int signal);

/// Kills `root`, its session's members and all their descendants, walking again until nothing new
/// appears (a fork may race the walk). Processes that had already been orphaned out of the tree are
/// not found: that takes a cgroup, or a root that adopts orphans. Does not reap. Takes a few
/// milliseconds per hundred processes on the machine.
void kill_tree(pid_t root);
/// The same for the descendants of `root` only.
void kill_descendants(pid_t root);

/// What kill_tree would kill now, but for `root` itself: to be killed when that has ended, and
/// nothing leads from it to them any more. Nobody else is taken for one of them, although numbers
/// are used again.
class HeldTree {
 public:
  explicit HeldTree(pid_t root);
  /// Kills those that still live, with their own descendants.
  void kill() const;

 private:
  std::vector<std::pair<pid_t, UniqueFd>> processes_;  ///< With their pidfds.
};

/// Kills every process in the cgroup at `path` and waits, at most half a second, until none is
/// left.
void kill_cgroup(const std::filesystem::path& path);

/// One cgroup (version 2) of our own, in which a worker's runner and everything it starts lives.
/// Killing it is exact and takes one write. The destructor kills what is inside and removes it.
class Cgroup {
 public:
  /// Nullopt where the system gives us no writable cgroup v2 with cgroup.kill (kernel 5.14), or
  /// none that processes of ours may live in: the kernel lets none into some that can be made.
  /// Callers fall back to kill_tree.
  [[nodiscard]] static std::optional<Cgroup> make(const std::string& name);
  /// Kills and removes the cgroups "gorgon-…-PID-SLOT" beside ours whose process PID is gone, or a
  /// zombie: left by a killed listener.
  static void remove_abandoned();
  Cgroup(Cgroup&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  Cgroup& operator=(Cgroup&& other) noexcept;
  ~Cgroup() { remove(); }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void kill() const { kill_cgroup(path_); }

 private:
  explicit Cgroup(std::filesystem::path path) : path_(std::move(path)) {}
  /// Tries it with a process that ends at once.
  [[nodiscard]] bool can_be_joined() const;
  void remove();
  std::filesystem::path path_;
};

}  // namespace gorgon
