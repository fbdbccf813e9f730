#include "support/rabbitmq.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/connection.h"
#include "support/network.h"

namespace gorgon::test {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kStartLimit{180};
constexpr std::chrono::seconds kStopLimit{30};
/// The packaged wrapper in sbin changes the user; this one does not.
constexpr std::string_view kPrograms = "/usr/lib/rabbitmq/bin/";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Ports that were free a moment ago, all different. Another program may take one before the broker
/// does; the start then fails with a clear message.
template <std::size_t count>
Result<std::array<std::uint16_t, count>> free_ports(const NetworkNamespace* network) {
  std::array<std::uint16_t, count> ports{};
  std::array<UniqueFd, count> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    sockets[i] = tcp_socket(network);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    if (::bind(sockets[i].get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::getsockname(sockets[i].get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
      return fail_errno("cannot find a free port", errno);
    ports[i] = ntohs(address.sin_port);
  }
  return ports;
}

/// Whether something listens on `port` of loopback, where `socket` belongs.
bool accepts(const UniqueFd& socket, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

/// Whether an AMQP server answers on `port`: a wrong protocol header makes it send its own and
/// hang up.
bool answers_amqp(const UniqueFd& socket, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return false;
  if (::send(socket.get(), "AMQP\0\0\0\0", 8, MSG_NOSIGNAL) != 8) return false;
  pollfd poll_for{.fd = socket.get(), .events = POLLIN, .revents = 0};
  std::array<char, 4> answer{};
  return ::poll(&poll_for, 1, 2000) == 1 &&
         ::recv(socket.get(), answer.data(), answer.size(), 0) == 4 &&
         std::string_view(answer.data(), 4) == "AMQP";
}

}  // namespace

Result<std::unique_ptr<PrivateRabbit>> PrivateRabbit::start(RabbitOptions options) {
  std::unique_ptr<PrivateRabbit> rabbit(new PrivateRabbit(std::move(options)));
  GORGON_TRY_ASSIGN(rabbit->folder_, TempDir::make("gorgon-rabbit-"));
  GORGON_TRY_ASSIGN(const auto ports, free_ports<4>(rabbit->options_.network));
  rabbit->port_ = ports[0];
  rabbit->distribution_port_ = ports[1];
  rabbit->epmd_port_ = ports[2];
  if (!rabbit->options_.certificate_file.empty()) rabbit->tls_port_ = ports[3];
  GORGON_TRY(rabbit->write_configuration());
  GORGON_TRY(rabbit->start_epmd());
  GORGON_TRY(rabbit->start_broker());
  return rabbit;
}

PrivateRabbit::~PrivateRabbit() {
  kill();
  epmd_.reset();
}

Result<void> PrivateRabbit::write_configuration() {
  std::string text = fmt::format(
      "listeners.tcp.1 = 127.0.0.1:{}\n"
      "loopback_users = none\n"
      "disk_free_limit.absolute = 50MB\n",
      port_);
  if (tls_port_ != 0) {
    text += fmt::format(
        "listeners.ssl.1 = 127.0.0.1:{0}\n"
        "listeners.ssl.2 = 127.0.0.2:{0}\n"
        "ssl_options.cacertfile = {1}\n"
        "ssl_options.certfile = {2}\n"
        "ssl_options.keyfile = {3}\n"
        "ssl_options.verify = {4}\n"
        "ssl_options.fail_if_no_peer_cert = {5}\n",
        tls_port_, options_.ca_file.string(), options_.certificate_file.string(),
        options_.key_file.string(),
        options_.require_client_certificate ? "verify_peer" : "verify_none",
        options_.require_client_certificate);
  }
  if (!options_.address.empty())
    text += fmt::format("listeners.tcp.2 = {}:{}\n", options_.address, port_);
  for (const std::string& line : options_.configuration) text += line + "\n";
  const std::filesystem::path& folder = folder_.path();
  GORGON_TRY(write_file(folder / "rabbitmq.conf", text));
  GORGON_TRY(write_file(folder / "enabled_plugins", "[].\n"));
  return write_file(folder / "home" / ".erlang.cookie", random_id(20), 0400);
}

std::vector<std::pair<std::string, std::optional<std::string>>> PrivateRabbit::environment() const {
  const std::string folder = folder_.path().string();
  return {{"HOME", folder + "/home"},
          {"RABBITMQ_NODENAME", fmt::format("gorgon{}@localhost", port_)},
          {"RABBITMQ_NODE_PORT", std::to_string(port_)},
          {"RABBITMQ_DIST_PORT", std::to_string(distribution_port_)},
          {"RABBITMQ_MNESIA_BASE", folder + "/mnesia"},
          {"RABBITMQ_MNESIA_DIR", folder + "/mnesia/node"},
          {"RABBITMQ_LOG_BASE", folder + "/log"},
          {"RABBITMQ_CONFIG_FILE", folder + "/rabbitmq.conf"},
          {"RABBITMQ_ENABLED_PLUGINS_FILE", folder + "/enabled_plugins"},
          {"RABBITMQ_PID_FILE", folder + "/pid"},
          {"RABBITMQ_CONF_ENV_FILE", "/dev/null"},
          {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
           "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"},
          // Makes the start script become the broker instead of its parent, so that signals, the
          // death signal among them, reach it.
          {"RABBITMQ_ALLOW_INPUT", "true"},
          {"ERL_EPMD_PORT", std::to_string(epmd_port_)},
          {"ERL_EPMD_ADDRESS", "127.0.0.1"}};
}

Result<void> PrivateRabbit::start_epmd() {
  // Ours, in the foreground: one that Erlang starts by itself would outlive the test.
  SpawnOptions options{.argv = command({"epmd", "-port", std::to_string(epmd_port_)}),
                       .environment = environment()};
  auto epmd = Subprocess::spawn(io_.get_executor(), options);
  if (!epmd) return std::unexpected(std::move(epmd).error());
  epmd_.emplace(*std::move(epmd));
  // The broker would start one of its own, which outlives it, when it found none.
  const auto deadline = Clock::now() + kStartLimit;
  while (!accepts(socket(), epmd_port_)) {
    io_.restart();
    const auto soon = Clock::now() + std::chrono::milliseconds(5);
    const auto ended = run_to_completion(io_, epmd_->wait_until(soon));
    if (ended || Clock::now() > deadline)
      return fail(ErrorKind::kUnavailable, "epmd does not listen on its port");
  }
  return {};
}

Result<void> PrivateRabbit::start_broker() {
  const UniqueFd output(
      ::open((folder_.path() / "output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  GORGON_TRY_ASSIGN(const Pipe input, make_pipe());
  // With input allowed, Erlang ends at the end of its input.
  SpawnOptions options{.argv = command({std::string(kPrograms) + "rabbitmq-server", "-noinput"}),
                       .environment = environment(),
                       .descriptors = {{1, output.get()}, {2, output.get()}}};
  auto broker = Subprocess::spawn(io_.get_executor(), options);
  if (!broker) return std::unexpected(std::move(broker).error());
  broker_.emplace(*std::move(broker));
  return wait_until_usable();
}

Result<void> PrivateRabbit::wait_until_usable() {
  const auto deadline = Clock::now() + kStartLimit;
  while (Clock::now() < deadline) {
    const auto soon = Clock::now() + std::chrono::milliseconds(50);
    io_.restart();
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): started by the caller.
    if (run_to_completion(io_, broker_->wait_until(soon))) break;
    if (answers_amqp(socket(), port_)) return {};
  }
  const auto output = read_file(folder_.path() / "output");
  return fail(ErrorKind::kUnavailable, "the private RabbitMQ did not start:\n" +
                                           (output ? last_lines(*output, 30) : std::string()));
}

std::vector<std::string> PrivateRabbit::command(std::vector<std::string> argv) const {
  return options_.network == nullptr ? argv : options_.network->command(std::move(argv));
}

config::Connection PrivateRabbit::connection() const {
  config::Connection connection;
  connection.host = "127.0.0.1";
  connection.port = port_;
  return connection;
}

Result<std::string> PrivateRabbit::rabbitmqctl(std::vector<std::string> arguments) {
  const std::string name = arguments.at(0);
  arguments.insert(arguments.begin(), std::string(kPrograms) + "rabbitmqctl");
  RunOptions options{.spawn = {.argv = command(std::move(arguments)), .environment = environment()},
                     .timeout = std::chrono::seconds(120)};
  io_.restart();
  auto output = run_to_completion(io_, run(std::move(options)));
  if (!output) return std::unexpected(std::move(output).error());
  if (!output->status.is_success())
    return fail(ErrorKind::kIo,
                "rabbitmqctl " + name + " failed: " + output->output + output->errors);
  return std::move(output->output);
}

Result<void> PrivateRabbit::add_virtual_host(const std::string& name) {
  GORGON_TRY(rabbitmqctl({"add_vhost", name}));
  GORGON_TRY(rabbitmqctl({"set_permissions", "-p", name, "guest", ".*", ".*", ".*"}));
  return {};
}

Result<void> PrivateRabbit::add_user(const std::string& name, const std::string& password) {
  GORGON_TRY(rabbitmqctl({"add_user", name, password}));
  GORGON_TRY(rabbitmqctl({"set_permissions", name, ".*", ".*", ".*"}));
  return {};
}

void PrivateRabbit::stop() {
  if (!broker_) return;
  io_.restart();
  run_to_completion(io_, broker_->stop(kStopLimit));
  broker_.reset();
}

void PrivateRabbit::kill() { broker_.reset(); }

Result<void> PrivateRabbit::restart() {
  kill();
  return start_broker();
}

void PrivateRabbit::pause() {
  if (broker_) broker_->signal(SIGSTOP);
}

void PrivateRabbit::resume() {
  if (broker_) broker_->signal(SIGCONT);
}

Result<void> PrivateRabbit::raise_alarm(std::string_view resource) {
  GORGON_TRY(rabbitmqctl(
      {"eval",
       fmt::format("rabbit_alarm:set_alarm({{{{resource_limit, {}, node()}}, []}}).", resource)}));
  return {};
}

Result<void> PrivateRabbit::clear_alarm(std::string_view resource) {
  GORGON_TRY(
      rabbitmqctl({"eval", fmt::format("rabbit_alarm:clear_alarm({{resource_limit, {}, node()}}).",
                                       resource)}));
  return {};
}

namespace {

std::unique_ptr<PrivateRabbit>& shared_instance() {
  static std::unique_ptr<PrivateRabbit> instance;
  return instance;
}

class StopSharedRabbit : public ::testing::Environment {
 public:
  void TearDown() override { shared_instance().reset(); }
};

[[maybe_unused]] const ::testing::Environment* const stop_shared_rabbit =
    ::testing::AddGlobalTestEnvironment(new StopSharedRabbit);

}  // namespace

PrivateRabbit& shared_rabbit() {
  if (!shared_instance()) {
    auto started = PrivateRabbit::start();
    if (!started) {
      std::fprintf(stderr, "cannot run tests: %s\n", started.error().message.c_str());
      std::exit(1);
    }
    shared_instance() = *std::move(started);
  }
  return *shared_instance();
}

}  // namespace gorgon::test
