#include "support/network.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"

namespace gorgon::test {

namespace {

constexpr std::chrono::seconds kCommandLimit{30};

/// That of the calling thread.
UniqueFd current_namespace() {
  return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

void enter(const UniqueFd& network) {
  if (::setns(network.get(), CLONE_NEWNET) == 0) return;
  std::perror("cannot enter a network namespace");
  std::abort();
}

}  // namespace

Result<NetworkNamespace> NetworkNamespace::make() {
  const UniqueFd ours = current_namespace();
  if (!ours || ::unshare(CLONE_NEWNET) != 0)
    return fail_errno("cannot make a network namespace", errno);
  NetworkNamespace made(current_namespace());
  enter(ours);
  GORGON_TRY(made.run({"ip", "link", "set", "lo", "up"}));
  return made;
}

std::vector<std::string> NetworkNamespace::command(std::vector<std::string> argv) const {
  argv.insert(argv.begin(), {"nsenter", "--net=" + path(), "--"});
  return argv;
}

UniqueFd NetworkNamespace::tcp_socket() const {
  const UniqueFd ours = current_namespace();
  enter(fd_);
  UniqueFd socket = test::tcp_socket();
  enter(ours);
  return socket;
}

std::string NetworkNamespace::path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get());
}

Result<std::string> NetworkNamespace::run(std::vector<std::string> argv) const {
  const std::string name = argv.front();
  asio::io_context io;
  RunOptions options{.spawn = {.argv = command(std::move(argv))}, .timeout = kCommandLimit};
  auto output = run_to_completion(io, gorgon::run(std::move(options)));
  if (!output) return std::unexpected(std::move(output).error());
  if (!output->status.is_success())
    return fail(ErrorKind::kIo, name + " failed: " + output->output + output->errors);
  return std::move(output->output);
}

UniqueFd tcp_socket(const NetworkNamespace* network) {
  if (network != nullptr) return network->tcp_socket();
  return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace gorgon::test
