// The digested bytes, for each entry in the order of the bytes of its path:
//   TYPE MODE LENGTH:PATH LENGTH:CONTENT
// TYPE is d, f or l; MODE octal, 0 for links; CONTENT empty for folders, a link's target.
#include "sync/tree_digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/asio.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

namespace {

using Clock = std::chrono::steady_clock;

/// How long others on the event loop may have to wait.
constexpr std::chrono::milliseconds kTurn{5};
constexpr std::size_t kChunkBytes = std::size_t{256} * 1024;

std::unexpected<Error> cannot_read(const fs::path& path, int reason) {
  return fail(ErrorKind::kSync,
              "cannot read " + path.string() + ": " + std::generic_category().message(reason));
}

/// Lets others run when this turn has been long enough.
class Turns {
 public:
  [[nodiscard]] Task<void> maybe_yield() {
    if (Clock::now() < end_) co_return;
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    end_ = Clock::now() + kTurn;
  }

 private:
  Clock::time_point end_ = Clock::now() + kTurn;
};

/// Relative paths of everything below `tree`, sorted.
Task<Result<std::vector<std::string>>> list_tree(fs::path tree, Turns* turns) {
  std::vector<std::string> paths;
  std::error_code error;
  const std::size_t prefix = tree.native().size() + 1;
  fs::recursive_directory_iterator entry(tree, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    paths.push_back(entry->path().native().substr(prefix));
    co_await turns->maybe_yield();
  }
  if (error) co_return cannot_read(tree, error.value());
  std::ranges::sort(paths);
  co_return paths;
}

void add_head(Digest& digest, char type, mode_t mode, std::string_view path, std::size_t size) {
  digest.add(fmt::format("{} {:o} {}:{} {}:", type, mode & 0777U, path.size(), path, size));
}

Task<Result<void>> add_file(Digest* digest, fs::path file, std::string relative, Turns* turns) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) co_return cannot_read(file, errno);
  add_head(*digest, 'f', status.st_mode, relative, static_cast<std::size_t>(status.st_size));
  for (off_t at = 0; at < status.st_size;) {
    const std::string chunk =
        read_range(fd.get(), at, std::min(status.st_size, at + static_cast<off_t>(kChunkBytes)));
    if (chunk.empty())
      co_return fail(ErrorKind::kSync, file.string() + " changed while it was read");
    digest->add(chunk);
    at += static_cast<off_t>(chunk.size());
    co_await turns->maybe_yield();
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<std::string>> tree_digest(fs::path tree) {
  Turns turns;
  GORGON_CO_TRY_ASSIGN(const std::vector<std::string> paths, co_await list_tree(tree, &turns));
  Digest digest;
  for (const std::string& relative : paths) {
    const fs::path path = tree / relative;
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) co_return cannot_read(path, errno);
    if (S_ISDIR(status.st_mode)) {
      add_head(digest, 'd', status.st_mode, relative, 0);
    } else if (S_ISLNK(status.st_mode)) {
      std::error_code error;
      const std::string target = fs::read_symlink(path, error).string();
      if (error) co_return cannot_read(path, error.value());
      add_head(digest, 'l', 0, relative, target.size());
      digest.add(target);
    } else if (S_ISREG(status.st_mode)) {
      GORGON_CO_TRY(co_await add_file(&digest, path, relative, &turns));
    } else {
      co_return fail(ErrorKind::kSync, path.string() + " is no file, folder or link");
    }
    co_await turns.maybe_yield();
  }
  co_return digest.finish();
}

}  // namespace gorgon::sync
