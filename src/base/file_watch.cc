#include "base/file_watch.h"

#include <sys/inotify.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon {

Result<FileWatch> FileWatch::open(const asio::any_io_executor& executor,
                                  const std::filesystem::path& path, For what) {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const std::uint32_t events = what == For::kWrites ? IN_MODIFY : IN_CLOSE_WRITE;
  if (!fd || ::inotify_add_watch(fd.get(), path.c_str(), events) < 0)
    return fail_errno("cannot watch " + path.string(), errno);
  return FileWatch(executor, fd.release());
}

Task<bool> FileWatch::changed() {
  // The kernel joins equal events that wait, so that a flood of them is a few.
  std::array<std::byte, 4096> events{};
  const auto [error, count] = co_await events_.async_read_some(asio::buffer(events), as_value);
  co_return !error && count > 0;
}

}  // namespace gorgon
