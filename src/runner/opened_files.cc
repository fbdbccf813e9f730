#include "runner/opened_files.h"

#include <sys/inotify.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::runner {

struct OpenedFiles::State {
  asio::posix::stream_descriptor events;
  std::unordered_map<int, std::string> folders = {};  ///< By watch: relative, with "/" at its end.
  std::set<std::string> opened = {};
  bool is_complete = true;
  bool is_over = false;

  void take(const inotify_event& event) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) is_complete = false;
    const auto folder = folders.find(event.wd);
    if ((event.mask & IN_OPEN) == 0 || folder == folders.end()) return;
    std::string path = folder->second;
    // The kernel pads names with zeros.
    if (event.len > 0) {
      path += static_cast<const char*>(event.name);
    } else if (!path.empty()) {
      path.pop_back();
    }
    opened.insert(std::move(path));
  }

  /// Whatever has happened by now.
  void drain() {
    alignas(inotify_event) std::array<char, std::size_t{64} * 1024> buffer;
    for (;;) {
      const ssize_t size = ::read(events.native_handle(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        take(*event);
        at += sizeof(inotify_event) + event->len;
      }
    }
  }

  static Task<void> read(std::shared_ptr<State> state) {
    while (!state->is_over) {
      const auto [error] =
          co_await state->events.async_wait(asio::posix::stream_descriptor::wait_read, as_value);
      if (error || state->is_over) co_return;
      state->drain();
    }
  }
};

Result<OpenedFiles> OpenedFiles::watch(const asio::any_io_executor& executor, const fs::path& tree,
                                       const std::vector<std::string>& folders) {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return fail_errno("cannot watch " + tree.string(), errno);
  std::unordered_map<int, std::string> watches;
  const auto add = [&](const std::string& folder) {
    const int watch = ::inotify_add_watch(fd.get(), (tree / folder).c_str(),
                                          IN_OPEN | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (watch >= 0) watches[watch] = folder.empty() ? folder : folder + "/";
    return watch >= 0;
  };
  bool is_complete = add("");
  for (const std::string& folder : folders) is_complete = is_complete && add(folder);
  if (!is_complete) return fail_errno("cannot watch " + tree.string(), errno);
  auto state = std::make_shared<State>(
      State{.events = asio::posix::stream_descriptor(executor, fd.release())});
  state->folders = std::move(watches);
  spawn(executor, State::read(state));
  return OpenedFiles(std::move(state));
}

OpenedFiles::OpenedFiles(std::shared_ptr<State> state) : state_(std::move(state)) {}
OpenedFiles::OpenedFiles(OpenedFiles&&) noexcept = default;
OpenedFiles& OpenedFiles::operator=(OpenedFiles&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
OpenedFiles::~OpenedFiles() {
  if (state_) (void)finish();
}

std::optional<std::set<std::string>> OpenedFiles::finish() {
  const auto state = std::exchange(state_, nullptr);
  if (!state->is_over) state->drain();
  state->is_over = true;
  boost::system::error_code ignored;
  state->events.close(ignored);
  if (!state->is_complete) return std::nullopt;
  return std::move(state->opened);
}

}  // namespace gorgon::runner
