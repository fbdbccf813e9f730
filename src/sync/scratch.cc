#include "sync/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

namespace {

constexpr std::string_view kLockSuffix = ".lock";

fs::path lock_of(const fs::path& directory) {
  return directory.string() + std::string(kLockSuffix);
}

/// Makes `root` and sees to it that nobody else can look into it or put things there.
Result<void> make_private(const fs::path& root) {
  std::error_code error;
  fs::create_directories(root.parent_path(), error);
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("cannot make " + root.string(), errno);
  struct stat info{};
  if (::lstat(root.c_str(), &info) != 0) return fail_errno("cannot use " + root.string(), errno);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid())
    return fail(ErrorKind::kIo, root.string() + " is not a directory of ours");
  if ((info.st_mode & 077) != 0 && ::chmod(root.c_str(), 0700) != 0)
    return fail_errno("cannot make private " + root.string(), errno);
  return {};
}

/// The lock of `directory` if nobody holds it: then whoever made it is dead. Empty otherwise.
UniqueFd take_lock(const fs::path& directory, int more_flags = 0) {
  const fs::path path = lock_of(directory);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | more_flags, 0600));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  // Whoever held the lock may have removed the file between our two calls: then we hold nothing.
  struct stat held{};
  struct stat named{};
  if (::fstat(fd.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0 ||
      held.st_ino != named.st_ino) {
    errno = EWOULDBLOCK;
    return {};
  }
  return fd;
}

/// As keep_while() wants it. Asked before the lock is taken: one who takes it over finds it free.
bool is_kept(const fs::path& directory) {
  const auto file = read_file(lock_of(directory));
  struct stat info{};
  if (!file || file->empty() || ::stat(file->c_str(), &info) != 0) return false;
  const auto written = std::chrono::system_clock::from_time_t(info.st_mtim.tv_sec);
  return std::chrono::system_clock::now() - written < kKeptFor;
}

void remove_leftovers(const fs::path& root) {
  std::error_code error;
  std::vector<fs::path> directories;
  for (auto it = fs::directory_iterator(root, error); it != fs::directory_iterator();
       it.increment(error)) {
    if (it->path().extension() == kLockSuffix) directories.push_back(root / it->path().stem());
  }
  for (const fs::path& directory : directories) {
    if (is_kept(directory)) continue;
    const UniqueFd lock = take_lock(directory);
    if (!lock) continue;
    log::info("removing {}, which a process left behind", directory.string());
    if (remove_tree(directory)) ::unlink(lock_of(directory).c_str());
  }
}

Task<Result<RunOutput>> run_quietly(std::vector<std::string> argv) {
  RunOptions options{.spawn = {.argv = std::move(argv)}, .timeout = std::chrono::minutes(10)};
  co_return co_await gorgon::run(std::move(options));
}

}  // namespace

Task<bool> remove_tree_aside(fs::path path) {
  const std::vector<std::string> remove = {"rm", "-rf", "--", path.string()};
  auto removed = co_await run_quietly(remove);
  if (removed && !removed->status.is_success()) {
    // Tests take permissions from folders; rm needs them back. chmod -R does not follow links.
    const std::vector<std::string> reopen = {"chmod", "-R", "u+rwX", "--", path.string()};
    (void)co_await run_quietly(reopen);
    removed = co_await run_quietly(remove);
  }
  if (removed && removed->status.is_success()) co_return true;
  log::warning("cannot remove {}: {}", path.string(),
               removed ? last_lines(removed->errors, 2) : removed.error().message);
  co_return false;
}

Result<Scratch> Scratch::make(const fs::path& root) {
  GORGON_TRY(make_private(root));
  remove_leftovers(root);
  for (int attempt = 0; attempt < 100; ++attempt) {
    fs::path path = root / random_id(8);
    // The lock comes first: a directory without one would be nobody's.
    UniqueFd lock = take_lock(path, O_CREAT | O_EXCL);
    const int reason = errno;
    if (lock && ::mkdir(path.c_str(), 0700) == 0) return Scratch(std::move(path), std::move(lock));
    if (lock) return fail_errno("cannot make " + path.string(), errno);
    // Another process may take our lock for a leftover before we hold it; then the name is spent.
    if (reason != EEXIST && reason != EWOULDBLOCK)
      return fail_errno("cannot make a directory in " + root.string(), reason);
  }
  return fail(ErrorKind::kIo, "cannot make a directory in " + root.string());
}

Result<Scratch> Scratch::take_over(const fs::path& directory) {
  UniqueFd lock = take_lock(directory);
  std::error_code ignored;
  if (!lock || !fs::is_directory(directory, ignored))
    return fail(ErrorKind::kNotFound, directory.string() + " is gone, or somebody else's");
  return Scratch(directory, std::move(lock));
}

Scratch::Scratch(Scratch&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::move(other.lock_)) {
  other.path_.clear();
}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
  if (this != &other) {
    remove_now();
    path_ = std::move(other.path_);
    other.path_.clear();
    lock_ = std::move(other.lock_);
  }
  return *this;
}

Scratch::~Scratch() { remove_now(); }

Result<void> Scratch::keep_while(const fs::path& file) {
  const std::string& text = file.native();
  if (::pwrite(lock_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail_errno("cannot write " + lock_of(path_).string(), errno);
  return {};
}

void Scratch::leave() {
  path_.clear();
  lock_.reset();
}

void Scratch::remove_now() {
  if (path_.empty()) return;
  if (remove_tree(path_)) ::unlink(lock_of(path_).c_str());
  path_.clear();
  lock_.reset();
}

Task<void> Scratch::remove() {
  if (path_.empty()) co_return;
  // Ours until it is gone: a coroutine destroyed meanwhile leaves the rest to the destructor.
  const bool is_gone = co_await remove_tree_aside(path_);
  if (is_gone) ::unlink(lock_of(path_).c_str());
  path_.clear();
  lock_.reset();
}

}  // namespace gorgon::sync
