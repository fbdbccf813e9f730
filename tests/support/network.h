// A network namespace for tests: an IP stack of its own, in which programs and sockets can be put.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::test {

/// It has no name and lives as long as this object or a process in it: nothing is left behind,
/// even by a test that is killed.
class NetworkNamespace {
 public:
  /// One with its loopback interface up. kIo where the system does not allow it.
  [[nodiscard]] static Result<NetworkNamespace> make();

  /// The arguments that run `argv` inside. The process that is started becomes that program.
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> argv) const;
  /// A TCP socket of this namespace, which the caller (in any namespace) connects.
  [[nodiscard]] UniqueFd tcp_socket() const;
  /// Names it to other programs, as long as this process lives.
  [[nodiscard]] std::string path() const;
  /// Runs a program inside to its end, at most 30 s. kIo with its output when it fails.
  [[nodiscard]] Result<std::string> run(std::vector<std::string> argv) const;

 private:
  explicit NetworkNamespace(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// A TCP socket in `network`, or where this process is when it is null.
[[nodiscard]] UniqueFd tcp_socket(const NetworkNamespace* network = nullptr);

}  // namespace gorgon::test
