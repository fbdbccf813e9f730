#include "worker/artifacts.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/glob.h"
#include "protocol/messages.h"

namespace gorgon::worker {

namespace {

/// Of one unit: a glob that matches a cache must not cost a message for each of its files.
constexpr std::size_t kMaxFiles = 1000;
/// A message's share: the originator holds many of them at once.
constexpr std::uint64_t kPartBytes = 128 * std::uint64_t{1024};

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

ArtifactWatch::ArtifactWatch(protocol::ArtifactRules rules, std::filesystem::path workspace,
                             std::filesystem::path own_folder)
    : rules_(std::move(rules)),
      workspace_(std::move(workspace)),
      own_folder_(std::move(own_folder)) {
  clear();
}

void ArtifactWatch::clear() {
  std::error_code error;
  if (fs::exists(fs::symlink_status(own_folder_, error))) remove_tree(own_folder_);
  fs::create_directories(own_folder_, error);
  if (error) log::warning("{} is not there: {}", own_folder_.string(), error.message());
}

std::optional<ArtifactWatch::Mark> ArtifactWatch::mark_of(const fs::path& file) {
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Mark{.inode = status.st_ino,
              .size = status.st_size,
              .changed = nanoseconds(status.st_ctim),
              .modified = nanoseconds(status.st_mtim)};
}

bool ArtifactWatch::is_kept_by_originator(const std::string& path) const {
  return !rules_.folder.empty() && path.starts_with(rules_.folder + "/");
}

ArtifactWatch::Marks ArtifactWatch::marks_of(const std::vector<std::string>& globs) const {
  Marks marks;
  for (const std::string& glob : globs) {
    for (const std::string& path : plan::find_files(workspace_, glob)) {
      if (is_kept_by_originator(path)) continue;
      if (const auto mark = mark_of(workspace_ / path)) marks.emplace(path, *mark);
    }
  }
  return marks;
}

ArtifactWatch::Marks ArtifactWatch::own_marks() const {
  Marks marks;
  std::error_code error;
  constexpr auto kOptions = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(own_folder_, kOptions, error), end;
       !error && entry != end; entry.increment(error)) {
    const auto mark = mark_of(entry->path());
    if (mark) marks.emplace(entry->path().lexically_relative(own_folder_).string(), *mark);
  }
  return marks;
}

void ArtifactWatch::begin() {
  before_ = marks_of(rules_.always);
  before_.merge(marks_of(rules_.on_failure));
}

Harvest ArtifactWatch::end(bool has_failed) {
  Marks in_workspace = marks_of(rules_.always);
  if (has_failed) in_workspace.merge(marks_of(rules_.on_failure));
  std::erase_if(in_workspace, [this](const auto& entry) {
    const auto before = before_.find(entry.first);
    return before != before_.end() && before->second == entry.second;
  });
  std::map<std::string, FoundFile> all;
  const auto add = [&](const Marks& marks, const fs::path& folder) {
    for (const auto& [path, mark] : marks)
      all.emplace(path, FoundFile{folder / path, path, static_cast<std::uint64_t>(mark.size)});
  };
  add(own_marks(), own_folder_);  // First: of two with one name the unit's own is taken.
  add(in_workspace, workspace_);

  Harvest harvest;
  std::uint64_t bytes = 0;
  const auto leave_out = [&](std::string reason) {
    ++harvest.left_out;
    harvest.reason = std::move(reason);
  };
  for (auto& [path, found] : all) {
    if (harvest.files.size() == kMaxFiles) {
      leave_out(fmt::format("one test file gives at most {} files", kMaxFiles));
    } else if (found.bytes > rules_.max_unit_bytes - bytes) {
      leave_out("artifacts.max_unit_bytes would be exceeded");
    } else if (found.bytes > rules_.max_run_bytes - std::min(rules_.max_run_bytes, bytes_taken_)) {
      leave_out("artifacts.max_run_bytes would be exceeded");
    } else {
      bytes += found.bytes;
      bytes_taken_ += found.bytes;
      harvest.files.push_back(std::move(found));
    }
  }
  return harvest;
}

Result<ArtifactFile> ArtifactFile::open(const fs::path& file) {
  // Without waiting for a pipe that took the file's place meanwhile.
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return fail_errno("cannot read " + file.string(), errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("cannot read " + file.string(), errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::kIo, file.string() + " is no file any more");
  return ArtifactFile(std::move(fd), static_cast<std::uint64_t>(status.st_size));
}

Result<std::string> ArtifactFile::next() {
  const std::uint64_t end = std::min(size_, offset_ + kPartBytes);
  std::string bytes = read_range(fd_.get(), static_cast<off_t>(offset_), static_cast<off_t>(end));
  if (bytes.size() != end - offset_) return fail(ErrorKind::kIo, "it became shorter meanwhile");
  offset_ = end;
  is_begun_ = true;
  return bytes;
}

}  // namespace gorgon::worker
