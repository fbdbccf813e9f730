// A private ssh server for tests: own keys, own port on loopback, and a home that is not the
// user's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace gorgon::test {

class Sshd {
 public:
  /// Needs /usr/sbin/sshd and ssh-keygen. Waits, at most ten seconds, until it listens.
  [[nodiscard]] static Result<Sshd> start();

  [[nodiscard]] int port() const { return port_; }
  /// Where commands start, and what relative paths are relative to.
  [[nodiscard]] fs::path home() const { return directory_.path() / "home"; }
  /// The client's command, for RSYNC_RSH: with a key that the server accepts, and known_hosts().
  [[nodiscard]] std::string client_command() const;
  [[nodiscard]] fs::path known_hosts() const { return directory_.path() / "known_hosts"; }
  /// The line of known_hosts() that names the server's key; the file is empty at first.
  [[nodiscard]] std::string known_hosts_line() const;
  /// A key that the client does not have: the server will not accept it any more.
  void forget_client();

 private:
  Sshd(TempDir directory, int port) : directory_(std::move(directory)), port_(port) {}
  std::optional<std::string> launch();
  TempDir directory_;
  std::unique_ptr<asio::io_context> io_ = std::make_unique<asio::io_context>(1);
  std::optional<Subprocess> server_;  ///< Before io_ in destruction: it holds a descriptor of it.
  int port_;
};

}  // namespace gorgon::test
