#include "web/folder_watch.h"

#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "config/own_folder.h"

namespace gorgon::web {

struct FolderEvent {
  int watch = -1;
  std::uint32_t mask = 0;
  std::string_view name;
};

namespace {

constexpr std::uint32_t kMadeOrRemoved = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF;
/// What SQLite writes. Its index of the log changes by mmap(), which inotify does not see, a moment
/// after the log; the writer's close comes after both.
constexpr std::uint32_t kOwnMask = kMadeOrRemoved | IN_MODIFY | IN_CLOSE_WRITE | IN_ONLYDIR;
/// Without closes: whoever asks for a journal's lock opens it for writing, and closes it.
constexpr std::uint32_t kJobsMask = kMadeOrRemoved | IN_MODIFY | IN_ONLYDIR;

int add(int inotify, const std::filesystem::path& folder, std::uint32_t mask) {
  return ::inotify_add_watch(inotify, folder.c_str(), mask);
}

/// The first of `bytes`, from which it goes; nullopt: there is none left.
std::optional<FolderEvent> take_event(std::string_view& bytes) {
  if (bytes.size() < sizeof(inotify_event)) return std::nullopt;
  inotify_event head{};
  std::memcpy(&head, bytes.data(), sizeof(head));
  const std::string_view name = bytes.substr(sizeof(head), head.len);
  bytes.remove_prefix(std::min(bytes.size(), sizeof(head) + head.len));
  return FolderEvent{.watch = head.wd, .mask = head.mask, .name = name.substr(0, name.find('\0'))};
}

bool is_record(std::string_view name) { return name == "history.db" || name == "history.db-wal"; }

}  // namespace

Result<FolderWatch> FolderWatch::make(const asio::any_io_executor& executor,
                                      std::filesystem::path project) {
  const int inotify = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify < 0) return fail_errno("cannot watch " + project.string(), errno);
  FolderWatch watch(std::move(project), asio::posix::stream_descriptor(executor, inotify));
  watch.add_watches();
  if (watch.project_watch_ < 0) return fail_errno("cannot watch " + watch.project_.string(), errno);
  return watch;
}

/// A folder that is watched already stays so.
void FolderWatch::add_watches() {
  const int inotify = inotify_.native_handle();
  const auto own = project_ / config::kOwnFolder;
  jobs_watch_ = add(inotify, own / "jobs", kJobsMask);
  own_watch_ = add(inotify, own, kOwnMask);
  project_watch_ = add(inotify, project_, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

bool FolderWatch::tells_of_runs(const FolderEvent& event) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0 || event.watch == jobs_watch_) return true;
  if (event.watch == project_watch_) return event.name == config::kOwnFolder;
  return is_record(event.name) || (event.mask & (IN_ISDIR | IN_DELETE_SELF)) != 0;
}

Task<Result<void>> FolderWatch::next() {
  std::array<char, 16384> buffer{};
  for (;;) {
    const auto space = asio::buffer(buffer);
    const auto [error, size] = co_await inotify_.async_read_some(space, as_value);
    if (error) co_return fail_errno("cannot watch " + project_.string(), error.value());
    bool is_news = false;
    std::string_view bytes(buffer.data(), size);
    while (const auto event = take_event(bytes)) is_news = is_news || tells_of_runs(*event);
    if (!is_news) continue;
    add_watches();
    co_return Result<void>();
  }
}

}  // namespace gorgon::web
