#include "sync/tree_marks.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

Mark mark_from(const struct stat& info) {
  if (S_ISDIR(info.st_mode)) return {.mode = info.st_mode};
  return {.mode = info.st_mode,
          .inode = info.st_ino,
          .size = info.st_size,
          .changed = info.st_ctim.tv_sec * kNanoseconds + info.st_ctim.tv_nsec};
}

/// Tests take permissions from folders.
UniqueFd open_folder(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd folder(::openat(parent, name, kFlags));
  if (!folder && errno == EACCES && ::fchmodat(parent, name, S_IRWXU, 0) == 0)
    folder = UniqueFd(::openat(parent, name, kFlags));
  return folder;
}

using Folder = std::unique_ptr<DIR, decltype([](DIR* dir) { ::closedir(dir); })>;

/// Adds what is in `folder`, whose path `prefix` is: empty, or with a slash at its end. errno when
/// that cannot be read, else 0.
int add_marks(UniqueFd folder, const std::string& prefix, Marks& marks) {
  const Folder dir(::fdopendir(folder.get()));
  if (!dir) return errno;
  const int fd = folder.release();
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) return errno;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info{};
    if (::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    std::string path = prefix;
    path += name;
    if (S_ISDIR(info.st_mode)) {
      UniqueFd inner = open_folder(fd, entry->d_name);
      if (!inner) return errno;
      const int failed = add_marks(std::move(inner), path + "/", marks);
      if (failed != 0) return failed;
    }
    marks.insert_or_assign(std::move(path), mark_from(info));
  }
}

/// Takes a number and the space behind it off the front of `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number, int base = 10) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, number, base);
  if (error != std::errc() || rest == end || *rest != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(rest - begin) + 1);
  return true;
}

}  // namespace

std::optional<Mark> mark_of(const fs::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return mark_from(info);
}

Result<Marks> marks_of(const fs::path& tree) {
  Marks marks;
  UniqueFd folder = open_folder(AT_FDCWD, tree.c_str());
  const int failed = folder ? add_marks(std::move(folder), "", marks) : errno;
  if (failed != 0)
    return fail(ErrorKind::kSync, "cannot look through " + tree.string() + ": " +
                                      std::generic_category().message(failed));
  return marks;
}

std::vector<std::string> differences(const Marks& before, const Marks& after) {
  std::vector<std::string> paths;
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    const bool is_gone = now == after.end() || (old != before.end() && old->first < now->first);
    const bool is_new = old == before.end() || (now != after.end() && now->first < old->first);
    if (is_gone || is_new || old->second != now->second)
      paths.push_back(is_gone ? old->first : now->first);
    if (!is_new) ++old;
    if (!is_gone) ++now;
  }
  return paths;
}

std::int64_t clock_of_marks() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * kNanoseconds + now.tv_nsec;
}

Task<void> wait_for_later_marks(const Marks& marks) {
  // A time far in the future is another clock's, and is not reached again.
  constexpr int kMostTries = 50;
  std::int64_t last = 0;
  for (const auto& [path, mark] : marks) last = std::max(last, mark.changed);
  for (int tries = 0; tries < kMostTries && clock_of_marks() <= last; ++tries)
    co_await sleep_for(std::chrono::milliseconds(1));
}

std::string marks_text(const Marks& marks) {
  std::string text;
  for (const auto& [path, mark] : marks) {
    fmt::format_to(std::back_inserter(text), "{:o} {} {} {} {}", mark.mode, mark.inode, mark.size,
                   mark.changed, path);
    text.push_back('\0');
  }
  return text;
}

Result<Marks> read_marks(std::string_view text) {
  Marks marks;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    std::string_view line = text.substr(0, end);
    Mark mark;
    const bool is_good = end != std::string_view::npos && take_number(line, mark.mode, 8) &&
                         take_number(line, mark.inode) && take_number(line, mark.size) &&
                         take_number(line, mark.changed) && !line.empty();
    if (!is_good) return fail(ErrorKind::kIo, "not a list of marks");
    marks.emplace_hint(marks.end(), std::string(line), mark);
    text.remove_prefix(end + 1);
  }
  return marks;
}

}  // namespace gorgon::sync
