#include "support/sshd.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/unique_fd.h"
#include "support/tree.h"

namespace gorgon::test {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

/// A port that was free a moment ago.
int free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return 0;
  return ntohs(address.sin_port);
}

bool accepts_connections(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

void write_files(const fs::path& directory, int port) {
  const std::string at = directory.string();
  shell(directory,
        "ssh-keygen -q -t ed25519 -N '' -f host_key && "
        "ssh-keygen -q -t ed25519 -N '' -f client_key");
  fs::create_directory(directory / "home");
  write(directory / "known_hosts", "", 0600);
  // Relative paths start at our home, not at the user's.
  const auto key = read_file(directory / "client_key.pub");
  write(directory / "authorized_keys",
        "command=\"cd " + at + "/home && eval \\\"$SSH_ORIGINAL_COMMAND\\\"\" " + key.value_or(""),
        0600);
  write(directory / "sshd_config",
        "ListenAddress 127.0.0.1\nPort " + std::to_string(port) + "\nHostKey " + at +
            "/host_key\nAuthorizedKeysFile " + at +
            "/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "PermitRootLogin yes\nPidFile none\n");
  write(directory / "ssh_config", "Host *\n  IdentityFile " + at +
                                      "/client_key\n  IdentitiesOnly yes\n  UserKnownHostsFile " +
                                      at + "/known_hosts\n  GlobalKnownHostsFile /dev/null\n");
}

}  // namespace

std::optional<std::string> Sshd::launch() {
  port_ = free_port();
  write_files(directory_.path(), port_);
  // The place that sshd confines itself to while a client logs in; a service manager makes it.
  if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);
  const SpawnOptions options{.argv = {"/usr/sbin/sshd", "-D", "-E",
                                      (directory_.path() / "log").string(), "-f",
                                      (directory_.path() / "sshd_config").string()}};
  auto server = Subprocess::spawn(io_->get_executor(), options);
  if (!server) return server.error().message;
  server_ = std::move(*server);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline) {
    if (accepts_connections(port_)) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return "sshd does not listen: " + read_file(directory_.path() / "log").value_or("");
}

Result<Sshd> Sshd::start() {
  GORGON_TRY_ASSIGN(TempDir directory, TempDir::make("gorgon-sshd-"));
  Sshd sshd(std::move(directory), 0);
  if (const auto problem = sshd.launch()) return fail(ErrorKind::kIo, *problem);
  return sshd;
}

std::string Sshd::client_command() const {
  return "ssh -F " + (directory_.path() / "ssh_config").string();
}

std::string Sshd::known_hosts_line() const {
  return "[127.0.0.1]:" + std::to_string(port_) + " " +
         read_file(directory_.path() / "host_key.pub").value_or("");
}

void Sshd::forget_client() { write(directory_.path() / "authorized_keys", "", 0600); }

}  // namespace gorgon::test
