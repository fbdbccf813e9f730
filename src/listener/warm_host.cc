#include "listener/warm_host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "runner/opened_files.h"
#include "runner/runner_host.h"
#include "sync/tree_marks.h"

namespace gorgon::listener {

namespace {

/// Of a folder it says whether something has come or gone in it. A link is followed. 0: nothing is
/// there.
std::int64_t time_of_change(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return 0;
  return info.st_ctim.tv_sec * std::int64_t{1'000'000'000} + info.st_ctim.tv_nsec;
}

fs::path proc_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

/// Whether the descriptor `fd` of that process is for writing at the end of a file, whatever that
/// is then (proc(5), fdinfo).
bool appends(pid_t pid, const std::string& fd) {
  const auto info = read_file(proc_of(pid) / "fdinfo" / fd);
  const std::size_t flags = info ? info->find("flags:") : std::string::npos;
  if (flags == std::string::npos) return false;
  return (std::strtoul(info->c_str() + flags + 6, nullptr, 8) & O_APPEND) != 0;
}

/// What a process holds that would not be the same in another job: connections, beside that to us,
/// which end with the first runner that ends, and files of the tree, which are put in place anew.
/// Empty: nothing.
std::string_view what_it_holds(pid_t pid, const fs::path& tree) {
  std::error_code error;
  int sockets = 0;
  for (fs::directory_iterator it(proc_of(pid) / "fd", error); it != fs::directory_iterator();
       it.increment(error)) {
    const std::string target = fs::read_symlink(it->path(), error).string();
    if (target.starts_with("socket:") && ++sockets > 1) return "it has connections";
    if (target.starts_with(tree.string() + "/") && !appends(pid, it->path().filename()))
      return "it has files open";
  }
  return error ? "its descriptors cannot be seen" : "";
}

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? "" : path.substr(0, slash));
}

/// As the Ruby frameworks name them. No application looks for such a file when it boots.
bool is_test_file(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.ends_with("_spec.rb") || name.ends_with("_test.rb") ||
         (name.starts_with("test_") && name.ends_with(".rb"));
}

/// Commands that may change the tree before a host starts, and a file that runs in it.
bool has_callbacks(const config::Callbacks& callbacks) {
  using config::Callback;
  return !callbacks.class_file.empty() || callbacks.commands.contains(Callback::kAfterSync) ||
         callbacks.commands.contains(Callback::kBeforeCreatingWorkers);
}

/// Sorts what a host says that it has loaded, each path ended by a NUL, into the tree and the rest.
/// What comes and goes in folders of the tree is known anyway; `own` is the folder of the host's
/// own files, which nobody changes.
void add_inputs(std::string_view inputs, const fs::path& tree, const fs::path& own,
                std::set<std::string>& inside, std::map<std::string, std::int64_t>& outside) {
  const std::string prefix = tree.string() + "/";
  const std::string own_prefix = own.string() + "/";
  while (!inputs.empty()) {
    const std::size_t end = inputs.find('\0');
    const std::string path = fs::path(inputs.substr(0, end)).lexically_normal();
    std::error_code error;
    if (path.starts_with(own_prefix)) {
      // Unpacked for this host.
    } else if (!path.starts_with(prefix)) {
      outside[path] = time_of_change(path);
    } else if (!fs::is_directory(path, error)) {
      inside.insert(path.substr(prefix.size()));
    }
    inputs.remove_prefix(end == std::string_view::npos ? inputs.size() : end + 1);
  }
}

/// Whoever opens a link is seen to open what it leads to, which may be something that nobody
/// watches. False: a folder outside, whose files may be anywhere.
bool add_links(const fs::path& tree, const sync::Marks& marks, std::set<std::string>& inside,
               std::map<std::string, std::int64_t>& outside) {
  for (const auto& [path, mark] : marks) {
    if (!S_ISLNK(mark.mode)) continue;
    inside.insert(path);
    std::error_code error;
    const fs::path next = fs::read_symlink(tree / path, error);
    const fs::path last = fs::weakly_canonical(tree / path, error);
    // As it says itself, too: there may be further links on the way.
    for (const fs::path& target : {((tree / path).parent_path() / next).lexically_normal(), last}) {
      if (error || target.string().starts_with(tree.string() + "/")) continue;
      if (fs::is_directory(target, error)) return false;
      outside[target.string()] = time_of_change(target.string());
    }
  }
  return true;
}

}  // namespace

Task<std::unique_ptr<WarmHost>> WarmHost::after_boot(const runner::RunnerHost& host,
                                                     config::RunnerSettings settings, fs::path tree,
                                                     runner::OpenedFiles opened,
                                                     std::int64_t began) {
  auto seen = opened.finish();
  const bool is_all_seen = seen.has_value();
  const auto inputs = read_file(host.ready().inputs);
  auto marks = sync::marks_of(tree);
  auto warm = std::make_unique<WarmHost>();
  if (seen) warm->opened_ = *std::move(seen);
  const fs::path own = fs::path(host.ready().inputs).parent_path();
  if (inputs) add_inputs(*inputs, tree, own, warm->opened_, warm->outside_);
  std::string_view reason;
  if (!inputs) reason = "it does not say what it has loaded";
  if (!is_all_seen || !marks) reason = "not all that it has opened could be seen";
  if (host.ready().threads > 1) reason = "it has threads";
  if (const auto held = what_it_holds(host.pid(), tree); !held.empty()) reason = held;
  if (!descendants_of(host.pid()).empty()) reason = "it has started processes";
  if (has_callbacks(settings.callbacks)) reason = "callbacks run before it";
  if (marks && !add_links(tree, *marks, warm->opened_, warm->outside_))
    reason = "a link leads to a folder outside of the tree";
  if (std::ranges::any_of(warm->outside_, [&](const auto& input) { return input.second >= began; }))
    reason = "something that it has loaded was changed meanwhile";
  if (!reason.empty()) {
    log::info("the runner host will not be kept for other jobs: {}", reason);
    co_return nullptr;
  }
  warm->booted_ = *std::move(marks);
  warm->settings_ = std::move(settings);
  warm->tree_ = std::move(tree);
  co_await sync::wait_for_later_marks(warm->booted_);
  co_return warm;
}

void WarmHost::put_by(std::unique_ptr<runner::RunnerHost> host) {
  host_ = std::move(host);
  host_->rest();
  put_by_at_ = std::chrono::steady_clock::now();
}

std::string WarmHost::unsuited_for(const config::RunnerSettings& settings) const {
  if (!host_) return "its job was cancelled";
  if (!host_->is_alive()) return "it has ended";
  if (settings != settings_) return "it has other settings";
  if (std::chrono::steady_clock::now() - put_by_at_ > kWarmFor) return "it is too old";
  const auto changed = std::ranges::find_if(
      outside_, [](const auto& input) { return time_of_change(input.first) != input.second; });
  return changed == outside_.end() ? "" : changed->first + " has changed";
}

bool WarmHost::may_come_or_go(const std::string& path, bool is_folder) const {
  const std::string folder = parent_of(path);
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  // Which folders there are says what the project's tests are; "spec" the host itself looks
  // through, for helpers (ruby/project.rb).
  const bool is_looked_for = folder.empty() || name.contains("helper") || name == "support";
  const bool is_listed = opened_.contains(folder) && folder != "spec";
  return !is_listed && !is_looked_for && (is_folder || is_test_file(path));
}

/// What tests have added to a log since the boot goes, as it would with the whole file. The host
/// may have it open, so that it has to stay the same one.
bool WarmHost::take_back_log(const std::string& path, sync::Marks& present) {
  const auto booted = booted_.find(path);
  if (booted == booted_.end() || !path.ends_with(".log")) return false;
  // What stands behind a link that was not there is not in `present`.
  const auto now = present.find(path);
  const bool has_grown = now != present.end() && now->second.mode == booted->second.mode &&
                         S_ISREG(now->second.mode) && now->second.inode == booted->second.inode &&
                         now->second.size >= booted->second.size;
  if (!has_grown || ::truncate((tree_ / path).c_str(), booted->second.size) != 0) return false;
  booted->second = sync::mark_of(tree_ / path).value_or(booted->second);
  present.insert_or_assign(path, booted->second);
  return true;
}

std::string WarmHost::spoiled_by(const sync::Marks& pulled, const std::set<std::string>& changed,
                                 sync::Marks& present) {
  const auto mark_in = [](const sync::Marks& marks, const std::string& path) {
    const auto mark = marks.find(path);
    return mark == marks.end() ? std::nullopt : std::optional(mark->second);
  };
  const auto is_of_boot = [&](const std::string& path) {
    return mark_in(pulled, path) != mark_in(booted_, path);
  };
  for (const std::string& path : changed) {
    if (opened_.contains(path) || is_of_boot(path)) return path + " has changed";
  }
  for (const std::string& path : sync::differences(booted_, present)) {
    if (is_of_boot(path) && !take_back_log(path, present)) return path + " is not as it made it";
  }
  return {};
}

void WarmHost::update(const std::string& path, const sync::Marks& pulled) {
  const auto mark = pulled.find(path);
  if (mark == pulled.end()) {
    booted_.erase(path);
  } else {
    booted_.insert_or_assign(path, mark->second);
  }
}

}  // namespace gorgon::listener
