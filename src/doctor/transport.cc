#include "doctor/transport.h"

#include <fmt/core.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <expected>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/text.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "doctor/finding.h"
#include "sync/address.h"
#include "sync/direct_server.h"
#include "sync/source_tree.h"

namespace gorgon::doctor {

namespace {

using namespace std::chrono_literals;

/// A server that is silent is given up by rsync after half a minute.
constexpr auto kServerLimit = 45s;
constexpr const char* kProbe = "probe";

Task<Finding> check_direct(config::ProjectConfig config) {
  sync::DirectServerOptions options{.bind_address = config.job.sync.bind_address};
  if (config.connection) options.broker_host = config.connection->host;
  const auto address = co_await sync::try_direct_address(std::move(options));
  if (!address) {
    co_return Finding::problem(
        Area::kTransport, "direct", address.error().message,
        Remedy("set job.sync.bind_address to an address of this machine that listeners can reach"));
  }
  if (!sync::is_loopback(*address))
    co_return Finding::ok(Area::kTransport, "direct", "listeners pull from " + *address);
  co_return Finding::note(
      Area::kTransport, "direct",
      fmt::format("listeners are told to pull from {}, where those of this machine alone find "
                  "anything",
                  *address),
      Remedy("nothing while all listeners are here; else name the broker in \"connection\" as "
             "other machines do, or set job.sync.bind_address"));
}

/// There and back.
Task<Result<void>> try_server(config::SourceLocation location) {
  GORGON_CO_TRY_ASSIGN(const TempDir here, TempDir::make("gorgon-doctor-"));
  const std::string text = random_id(16);
  const fs::path sent = here.path() / "sent";
  const fs::path received = here.path() / "received";
  std::error_code error;
  fs::create_directory(received, error);
  GORGON_CO_TRY(write_file(sent / kProbe, text));
  GORGON_CO_TRY(co_await sync::push(sent, location));
  sync::PullOptions options{.limit = 30s};
  auto pulled = co_await sync::pull(location, received, std::move(options));
  auto removed = co_await sync::remove_pushed(location);
  if (!pulled) co_return pulled;
  if (!removed) co_return removed;
  if (read_file(received / kProbe).value_or("") != text)
    co_return fail(ErrorKind::kSync, "another file came back than was sent");
  co_return Result<void>();
}

Task<Result<void>> try_server_in_time(config::SourceLocation location) {
  using asio::experimental::awaitable_operators::operator||;
  auto done = co_await (try_server(std::move(location)) || sleep_for(kServerLimit));
  if (done.index() == 0) co_return std::get<0>(done);
  co_return fail(ErrorKind::kTimeout,
                 fmt::format("it did not take and give back a file in {} s", kServerLimit.count()));
}

Task<Finding> check_server(config::ProjectConfig config) {
  const bool is_ssh = config.job.sync.transport == config::Transport::kSsh;
  const std::string name(config::name_of(config.job.sync.transport));
  const std::string host = config.file_server.host;
  auto location = sync::file_server_location(config, "doctor" + random_id(8));
  const std::string where = location.source;
  const auto tried = co_await try_server_in_time(std::move(location));
  if (tried)
    co_return Finding::ok(Area::kTransport, name,
                          fmt::format("a file went to {} and came back", where));
  co_return Finding::problem(
      Area::kTransport, name, tried.error().message,
      Remedy(is_ssh
                 ? fmt::format("make `ssh -o BatchMode=yes {} rsync --version` work from here "
                               "without a question, and from each listener's machine",
                               host)
                 : fmt::format("on {}: gorgon start_rsync DIR --bind ADDRESS; see that its port is "
                               "that of \"file_server\" and open to all machines, and that user "
                               "and password of job.sync are in its secrets",
                               host)));
}

}  // namespace

Task<Findings> check_transport(config::ProjectConfig config) {
  Findings findings;
  switch (config.job.sync.transport) {
    case config::Transport::kDirect:
      findings.push_back(co_await check_direct(std::move(config)));
      break;
    case config::Transport::kAnonymous:
    case config::Transport::kSsh:
      findings.push_back(co_await check_server(std::move(config)));
      break;
    case config::Transport::kNone:
      findings.push_back(Finding::ok(
          Area::kTransport, "none",
          fmt::format("each machine runs what it has in {}", config.job.sync.source_tree_path)));
      break;
  }
  co_return findings;
}

}  // namespace gorgon::doctor
