#include "base/process_tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace gorgon {

namespace {

struct ProcessEntry {
  pid_t pid;
  pid_t parent;
  pid_t session;
};

/// Fields of /proc/PID/stat (man 5 proc): pid (comm) state ppid pgrp session …; comm may contain
/// anything, parentheses too.
std::optional<ProcessEntry> read_entry(const std::string& pid_text) {
  const auto text = read_file("/proc/" + pid_text + "/stat", 4096);
  if (!text) return std::nullopt;
  const std::size_t comm_end = text->rfind(')');
  if (comm_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text->substr(comm_end + 1));
  char state = 0;
  ProcessEntry entry{};
  pid_t group = 0;
  rest >> state >> entry.parent >> group >> entry.session;
  if (!rest || state == 'Z' || state == 'X') return std::nullopt;
  entry.pid = static_cast<pid_t>(std::stol(pid_text));
  return entry;
}

std::vector<ProcessEntry> all_processes() {
  std::vector<ProcessEntry> entries;
  std::error_code error;
  for (auto it = fs::directory_iterator("/proc", error); it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    if (const auto entry = read_entry(name)) entries.push_back(*entry);
  }
  return entries;
}

std::vector<pid_t> tree_below(pid_t root, bool with_session) {
  const std::vector<ProcessEntry> entries = all_processes();
  std::unordered_set<pid_t> tree = {root};
  // Parents need not come before their children, so repeat until nothing is added.
  for (bool grew = true; grew;) {
    grew = false;
    for (const ProcessEntry& entry : entries) {
      const bool belongs = tree.contains(entry.parent) || (with_session && entry.session == root);
      if (belongs && tree.insert(entry.pid).second) grew = true;
    }
  }
  tree.erase(root);
  return {tree.begin(), tree.end()};
}

/// Stopping each process before looking for its children keeps a fork bomb from outrunning the
/// walk.
void kill_found(pid_t root, bool with_root) {
  std::unordered_set<pid_t> stopped;
  if (with_root) ::kill(root, SIGSTOP);
  for (int round = 0; round < 100; ++round) {
    bool grew = false;
    for (const pid_t pid : tree_below(root, with_root)) {
      if (stopped.insert(pid).second) {
        ::kill(pid, SIGSTOP);
        grew = true;
      }
    }
    if (!grew) break;
  }
  for (const pid_t pid : stopped) ::kill(pid, SIGKILL);
  if (with_root) ::kill(root, SIGKILL);
}

/// Where cgroup v2 is mounted, and our own place in it: "0::/path" in /proc/self/cgroup.
std::optional<fs::path> own_cgroup() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  std::optional<fs::path> mount;
  while (std::getline(mounts, line)) {
    // "… mount-point options … - cgroup2 source options"
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream fields(line);
    std::string skipped, mount_point;
    fields >> skipped >> skipped >> skipped >> skipped >> mount_point;
    mount = mount_point;
  }
  if (!mount) return std::nullopt;
  std::ifstream memberships("/proc/self/cgroup");
  while (std::getline(memberships, line)) {
    if (line.starts_with("0::/")) return *mount / line.substr(4);
  }
  return std::nullopt;
}

bool is_populated(const fs::path& cgroup) {
  const auto events = read_file(cgroup / "cgroup.events", 4096);
  return events && events->find("populated 1") != std::string::npos;
}

}  // namespace

bool catches_signal(pid_t pid, int signal) {
  // "SigCgt:" and a bit for each signal, in hexadecimal (man 5 proc).
  const auto text = read_file("/proc/" + std::to_string(pid) + "/status", 16384);
  if (!text) return false;
  constexpr std::string_view kField = "\nSigCgt:\t";
  const std::size_t at = text->find(kField);
  if (at == std::string::npos) return false;
  const char* const begin = text->data() + at + kField.size();
  std::uint64_t caught = 0;
  const auto [end, error] = std::from_chars(begin, text->data() + text->size(), caught, 16);
  return error == std::errc() && signal > 0 && (caught >> (signal - 1) & 1U) != 0;
}

std::vector<pid_t> descendants_of(pid_t root) { return tree_below(root, /*with_session=*/false); }

void kill_tree(pid_t root) { kill_found(root, /*with_root=*/true); }

void kill_descendants(pid_t root) { kill_found(root, /*with_root=*/false); }

HeldTree::HeldTree(pid_t root) {
  for (const pid_t pid : tree_below(root, /*with_session=*/true)) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (pidfd) processes_.emplace_back(pid, std::move(pidfd));
  }
}

void HeldTree::kill() const {
  for (const auto& [pid, pidfd] : processes_) {
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0) == 0) kill_tree(pid);
  }
}

void kill_cgroup(const fs::path& path) {
  {
    const UniqueFd fd(::open((path / "cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
    if (fd) [[maybe_unused]]
      const ssize_t ignored = ::write(fd.get(), "1", 1);
  }
  // cgroup.events reports POLLPRI when "populated" changes. SIGKILL takes effect within a few
  // milliseconds.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  const UniqueFd events(::open((path / "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  while (is_populated(path) && std::chrono::steady_clock::now() < deadline) {
    pollfd wait{.fd = events.get(), .events = POLLPRI, .revents = 0};
    ::poll(&wait, 1, 10);
  }
}

std::optional<Cgroup> Cgroup::make(const std::string& name) {
  const auto parent = own_cgroup();
  if (!parent) return std::nullopt;
  const fs::path path = *parent / name;
  if (::mkdir(path.c_str(), 0755) != 0) return std::nullopt;
  Cgroup cgroup(path);
  if (::access((path / "cgroup.kill").c_str(), W_OK) != 0 || !cgroup.can_be_joined()) {
    return std::nullopt;
  }
  return cgroup;
}

bool Cgroup::can_be_joined() const {
  const std::string procs = (path_ / "cgroup.procs").string();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int fd = ::open(procs.c_str(), O_WRONLY | O_CLOEXEC);
    ::_exit(fd >= 0 && ::write(fd, "0", 1) == 1 ? 0 : 1);
  }
  int status = -1;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status == 0;
}

void Cgroup::remove_abandoned() {
  const auto parent = own_cgroup();
  if (!parent) return;
  std::error_code error;
  std::vector<fs::path> abandoned;
  for (auto it = fs::directory_iterator(*parent, error); it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const std::size_t slot = name.rfind('-');
    if (!name.starts_with("gorgon-") || slot == std::string::npos || slot == 0) continue;
    const std::size_t pid = name.rfind('-', slot - 1);
    if (pid == std::string::npos) continue;
    const std::string owner = name.substr(pid + 1, slot - pid - 1);
    const bool is_number =
        !owner.empty() && std::ranges::all_of(owner, [](char c) { return c >= '0' && c <= '9'; });
    if (is_number && !read_entry(owner)) abandoned.push_back(it->path());
  }
  for (const fs::path& path : abandoned) const Cgroup removed{path};
}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::move(other.path_);
    other.path_.clear();
  }
  return *this;
}

void Cgroup::remove() {
  if (path_.empty()) return;
  if (is_populated(path_)) kill();
  if (::rmdir(path_.c_str()) != 0) log::warning("cannot remove the cgroup {}", path_.string());
  path_.clear();
}

}  // namespace gorgon
