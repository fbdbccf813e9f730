#include "cli/host_name.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::cli {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  const std::string full = name.data();
  return full.substr(0, full.find('.'));
}

namespace {

/// How long a listener that is just ending may still have its name.
constexpr auto kHandOver = std::chrono::milliseconds(300);

/// An abstract socket address (unix(7)) can be bound once, and is free again when its process ends,
/// however that ends. False when somebody has it.
Result<bool> bind_abstract(int socket, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Names may be longer than an address.
  const std::string key = "gorgon-listener-" + std::to_string(std::hash<std::string>{}(name));
  std::ranges::copy(key, address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + key.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): that is how bind(2) is called.
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0) return true;
  if (errno == EADDRINUSE) return false;
  return fail_errno("cannot claim the host name \"" + name + "\"", errno);
}

}  // namespace

Result<HostName> claim_host_name(const std::string& wanted, const std::string& scope) {
  HostName host{.name = wanted,
                .claim = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  if (!host.claim) return fail_errno("cannot claim a host name", errno);
  const auto patience = std::chrono::steady_clock::now() + kHandOver;
  for (int number = 1;;) {
    GORGON_TRY_ASSIGN(const bool is_ours, bind_abstract(host.claim.get(), scope + "/" + host.name));
    if (is_ours) return host;
    if (std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } else {
      host.name = wanted + "-" + std::to_string(++number);
    }
  }
}

}  // namespace gorgon::cli
