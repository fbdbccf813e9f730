// A private RabbitMQ for tests: own ports, folders, cookie and epmd, gone with its owner. A missing
// rabbitmq-server is an error, which tests report as a failure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "config/connection.h"
#include "support/network.h"

namespace gorgon::test {

struct RabbitOptions {
  /// PEM files of the broker's TLS listener; all empty: no such listener.
  std::filesystem::path ca_file = {};
  std::filesystem::path certificate_file = {};
  std::filesystem::path key_file = {};
  bool require_client_certificate = false;
  /// Further lines of rabbitmq.conf.
  std::vector<std::string> configuration = {};
  /// Where it runs, and outlives it; null: where we are.
  const NetworkNamespace* network = nullptr;
  /// An address to listen on besides loopback; empty: none.
  std::string address = {};
};

/// All calls block the caller's thread. One per test program is the idea: it takes about five
/// seconds to start; tests are kept apart by virtual hosts or by names. Start it from the main
/// thread; the broker is killed when this process dies.
class PrivateRabbit {
 public:
  /// Starts a broker and waits until it takes connections, at most 180 s.
  [[nodiscard]] static Result<std::unique_ptr<PrivateRabbit>> start(RabbitOptions options = {});
  PrivateRabbit(const PrivateRabbit&) = delete;
  PrivateRabbit& operator=(const PrivateRabbit&) = delete;
  /// Kills the broker and its epmd, and removes its folders.
  ~PrivateRabbit();

  /// As guest, on the virtual host "/", by plain TCP.
  [[nodiscard]] config::Connection connection() const;
  /// On 127.0.0.1 and 127.0.0.2; 0 when there is no TLS listener.
  [[nodiscard]] std::uint16_t tls_port() const { return tls_port_; }

  [[nodiscard]] Result<void> add_virtual_host(const std::string& name);
  /// May do everything on the virtual host "/".
  [[nodiscard]] Result<void> add_user(const std::string& name, const std::string& password);
  /// Runs rabbitmqctl (0.6 s); gives its output. kIo with its errors when it fails.
  [[nodiscard]] Result<std::string> rabbitmqctl(std::vector<std::string> arguments);

  /// SIGTERM, and SIGKILL after 30 s; what is durable stays for restart().
  void stop();
  /// SIGKILL.
  void kill();
  /// After stop() or kill(): starts the broker again, on the same ports and data.
  [[nodiscard]] Result<void> restart();
  /// SIGSTOP and SIGCONT: the broker is silent while its connections stay open.
  void pause();
  void resume();
  /// The broker is short of `resource`, "memory" or "disk": it blocks all connections that publish,
  /// until the alarm is cleared.
  [[nodiscard]] Result<void> raise_alarm(std::string_view resource);
  [[nodiscard]] Result<void> clear_alarm(std::string_view resource);
  /// Where it keeps queues and messages; removed with it.
  [[nodiscard]] std::filesystem::path data_folder() const { return folder_.path() / "mnesia"; }
  /// Where it keeps its log; removed with it.
  [[nodiscard]] std::filesystem::path log_folder() const { return folder_.path() / "log"; }

 private:
  explicit PrivateRabbit(RabbitOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Result<void> write_configuration();
  [[nodiscard]] std::vector<std::pair<std::string, std::optional<std::string>>> environment() const;
  [[nodiscard]] Result<void> start_epmd();
  [[nodiscard]] Result<void> start_broker();
  [[nodiscard]] Result<void> wait_until_usable();
  /// In the broker's network.
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> argv) const;
  [[nodiscard]] UniqueFd socket() const { return tcp_socket(options_.network); }

  RabbitOptions options_;
  asio::io_context io_;
  TempDir folder_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::uint16_t distribution_port_ = 0;
  std::uint16_t epmd_port_ = 0;
  std::optional<Subprocess> epmd_;
  std::optional<Subprocess> broker_;
};

/// The one broker of this test program, started by the first call (a failure ends the program) and
/// ended with it. Restart it if a test stops it.
[[nodiscard]] PrivateRabbit& shared_rabbit();

}  // namespace gorgon::test
