// Owners of file descriptors. All descriptors that Gorgon opens are close-on-exec.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gorgon {

/// Owns one file descriptor and closes it. Moved-from and default-constructed are empty (-1).
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  /// Gives the descriptor away; the caller closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
[[nodiscard]] Result<Pipe> make_pipe();

/// For descriptors of libraries that cannot open them so: no child of ours inherits `fd`.
void close_on_exec(int fd);

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
enum class SocketType { kStream, kSeqPacket };
/// A connected pair of unix sockets.
[[nodiscard]] Result<SocketPair> make_socket_pair(SocketType type);

/// One message of a SOCK_SEQPACKET socket: bytes, and descriptors that travel with them.
struct Datagram {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};
/// The largest datagram that send_datagram accepts: well under the kernel's default socket buffer
/// (208 KiB).
inline constexpr std::size_t kMaxDatagramBytes = 128 * 1024;

/// Sends one datagram with copies of `descriptors`. Does not block: kIo with EAGAIN's text when the
/// peer's buffer is full.
[[nodiscard]] Result<void> send_datagram(int socket, std::string_view bytes,
                                         const std::vector<int>& descriptors = {});
/// Receives one datagram without blocking. kTimeout: nothing there. kConnectionLost: the peer
/// closed. kProtocol: longer than kMaxDatagramBytes, or more than eight descriptors.
[[nodiscard]] Result<Datagram> receive_datagram(int socket);

}  // namespace gorgon
