#include "report/output.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <string>
#include <string_view>

namespace gorgon::report {

namespace {

bool is_writable(int fd, std::chrono::milliseconds at_most) {
  // NOLINTBEGIN(misc-include-cleaner): <poll.h> is there.
  pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(at_most.count())) == 1;
  // NOLINTEND(misc-include-cleaner)
}

}  // namespace

Output::Output(int fd) : fd_(fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    error_ = errno;
    return;
  }
  is_socket_ = S_ISSOCK(status.st_mode);
  is_regular_ = S_ISREG(status.st_mode);
  if (S_ISFIFO(status.st_mode) || ::isatty(fd) == 1) {
    const std::string path = fmt::format("/proc/self/fd/{}", fd);
    own_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  }
}

std::size_t Output::write_some(std::string_view text) {
  ssize_t written = 0;
  if (is_socket_) {
    written = ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (own_ || is_regular_) {
    written = ::write(target(), text.data(), text.size());
  } else {
    // A pipe that poll calls writable takes PIPE_BUF bytes at once (POSIX, write()); a terminal may
    // still block us for as long as its other end sleeps.
    if (!is_writable(fd_, std::chrono::milliseconds(0))) return 0;
    // NOLINTNEXTLINE(misc-include-cleaner): <climits> is there.
    written = ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
  }
  if (written >= 0) return static_cast<std::size_t>(written);
  if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) error_ = errno;
  return 0;
}

void Output::pump() {
  while (error_ == 0 && is_behind()) {
    const std::size_t written = write_some(std::string_view(pending_).substr(sent_));
    if (written == 0) break;
    sent_ += written;
  }
  if (is_broken() || !is_behind()) {
    pending_.clear();
    sent_ = 0;
  } else if (sent_ > pending_.size() / 2) {  // Rarely, so that a slow reader costs linear time.
    pending_.erase(0, sent_);
    sent_ = 0;
  }
}

void Output::write(std::string_view text) {
  add(text);
  pump();
}

bool Output::drain(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  pump();
  while (is_behind()) {
    const auto left =
        // NOLINTNEXTLINE(misc-include-cleaner): <chrono> is there.
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    (void)is_writable(target(), std::min(left, std::chrono::milliseconds(1000)));
    pump();
  }
  return true;
}

}  // namespace gorgon::report
