#include "listener/workspace.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "base/text.h"

namespace gorgon::listener {

namespace {

constexpr auto kRemoveLimit = std::chrono::minutes(5);
constexpr const char* kFolderPrefix = "listener-";

fs::path lock_file(const fs::path& folder) { return folder / "lock"; }

Result<UniqueFd> lock(const fs::path& folder) {
  UniqueFd fd(::open(lock_file(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("cannot open " + lock_file(folder).string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_errno("cannot lock " + folder.string(), errno);
  return fd;
}

/// What listeners that were killed have left: their locks are free.
void remove_abandoned(const fs::path& root) {
  std::error_code error;
  for (auto it = fs::directory_iterator(root, error); it != fs::directory_iterator();
       it.increment(error)) {
    if (!it->path().filename().string().starts_with(kFolderPrefix)) continue;
    const auto abandoned = lock(it->path());
    if (!abandoned) continue;
    log::info("removing {}, left by a listener that was killed", it->path().string());
    remove_tree(it->path());
  }
}

}  // namespace

Result<Workspaces> Workspaces::open(const fs::path& root) {
  std::error_code error;
  fs::create_directories(root, error);
  if (error) return fail(ErrorKind::kIo, "cannot make " + root.string() + ": " + error.message());
  ::chmod(root.c_str(), 0700);
  remove_abandoned(root);
  const fs::path folder = root / (kFolderPrefix + std::to_string(::getpid()) + "-" + random_id(6));
  if (::mkdir(folder.c_str(), 0700) != 0)
    return fail_errno("cannot make " + folder.string(), errno);
  GORGON_TRY_ASSIGN(UniqueFd locked, lock(folder));
  return Workspaces(folder, std::move(locked));
}

Workspaces::~Workspaces() {
  if (lock_) remove_tree(folder_);
}

Task<Result<Workspace>> Workspaces::create(std::string job, config::SourceLocation source) {
  const fs::path directory = folder_ / ("job-" + job + "-" + random_id(4));
  fs::path path = directory / "tree";
  if (source.transport == config::Transport::kNone) {
    std::error_code error;
    path = source.source;
    if (!fs::is_directory(path, error)) {
      co_return fail(ErrorKind::kNotFound,
                     "this machine has no " + path.string() + " (job.sync.source_tree_path)");
    }
  }
  if (::mkdir(directory.c_str(), 0700) != 0)
    co_return fail_errno("cannot make " + directory.string(), errno);
  Workspace workspace(directory, std::move(path));
  for (const fs::path& part : {workspace.scratch_, directory / "tree"}) {
    if (::mkdir(part.c_str(), 0700) != 0)
      co_return fail_errno("cannot make " + part.string(), errno);
  }
  co_return workspace;
}

Task<void> Workspace::remove() {
  // A large tree takes a second to remove; the event loop must not.
  RunOptions options;
  options.spawn.argv = {"rm", "-rf", "--", directory_.string()};
  options.timeout = kRemoveLimit;
  const auto removed = co_await run(std::move(options));
  if (!removed || !removed->status.is_success()) remove_tree(directory_);
}

}  // namespace gorgon::listener
