#include "report/spooled_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::report {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} * 1024;

/// errno, or 0.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// A new file beside `file`, and its path.
std::pair<UniqueFd, std::string> make_beside(const std::filesystem::path& file) {
  std::string path = file.string() + ".XXXXXX";
  UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  return {std::move(fd), std::move(path)};
}

int copy_all(int from, int to) {
  if (::lseek(from, 0, SEEK_SET) < 0) return errno;
  std::array<char, kChunkBytes> buffer;
  for (;;) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return 0;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
    if (const int error = write_all(to, text); error != 0) return error;
  }
}

bool is_in(const std::filesystem::path& folder, const std::filesystem::path& top) {
  const auto below = folder.lexically_relative(top);
  return !below.empty() && *below.begin() != "..";
}

/// A file is put in the place of what has its name; root can do that to /dev/null, too.
Result<void> may_replace(const std::filesystem::path& file) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(file, error);
  const auto folder = std::filesystem::weakly_canonical(absolute.parent_path(), error);
  for (const char* top : {"/dev", "/proc", "/sys"}) {
    if (is_in(folder, top) && !is_in(folder, "/dev/shm")) {
      return fail(ErrorKind::kUsage, "cannot write " + file.string() +
                                         ": a report is a file of its own; name one outside of " +
                                         top);
    }
  }
  if (std::filesystem::is_other(std::filesystem::status(file, error)))
    return fail(ErrorKind::kUsage,
                "cannot write " + file.string() + ": it is there, and is no ordinary file");
  return {};
}

}  // namespace

Result<SpooledFile> SpooledFile::make(std::filesystem::path file) {
  GORGON_TRY(may_replace(file));
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  if (error) return fail_errno("cannot make " + file.parent_path().string(), error.value());
  if (std::filesystem::is_directory(file, error))
    return fail_errno("cannot write " + file.string(), EISDIR);
  auto [spool, path] = make_beside(file);
  if (!spool) return fail_errno("cannot write " + file.string(), errno);
  ::unlink(path.c_str());
  return SpooledFile(std::move(file), std::move(spool));
}

void SpooledFile::add(std::string_view text) {
  if (error_ != 0) return;
  pending_ += text;
  if (pending_.size() >= kChunkBytes) write_out();
}

void SpooledFile::write_out() {
  if (error_ == 0) error_ = write_all(spool_.get(), pending_);
  pending_.clear();
}

Result<void> SpooledFile::finish(std::string_view head, std::string_view tail) {
  write_out();
  auto [whole, path] = make_beside(file_);
  if (error_ == 0 && !whole) error_ = errno;
  if (error_ == 0) error_ = write_all(whole.get(), head);
  if (error_ == 0) error_ = copy_all(spool_.get(), whole.get());
  if (error_ == 0) error_ = write_all(whole.get(), tail);
  const mode_t mask = ::umask(0);  // There is no way to only look at it.
  ::umask(mask);
  if (error_ == 0 && ::fchmod(whole.get(), 0666 & ~mask) != 0) error_ = errno;
  if (error_ == 0 && std::rename(path.c_str(), file_.c_str()) != 0) error_ = errno;
  if (error_ == 0) return {};
  if (whole) ::unlink(path.c_str());
  return fail_errno("cannot write " + file_.string(), error_);
}

int finish_report(SpooledFile& file, std::string_view head, std::string_view tail) {
  const auto finished = file.finish(head, tail);
  if (finished) return 0;
  std::fprintf(stderr, "gorgon: %s\n", finished.error().message.c_str());
  return EIO;
}

}  // namespace gorgon::report
