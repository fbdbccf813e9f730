#include "sync/source_tree.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "sync/file_server.h"
#include "sync/rsync.h"

namespace gorgon::sync {

namespace {

using config::SourceLocation;
using config::Transport;

constexpr std::string_view kDaemonScheme = "rsync://";
constexpr std::string_view kSshScheme = "ssh://";
constexpr std::string_view kSshFolder = ".cache/gorgon/trees";
/// A machine that cannot pull is out of the job; a push that fails is the end of a run, which
/// somebody waits for.
constexpr int kPullReconnects = 3;
constexpr int kPushReconnects = 1;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of_letters_digits_and(std::string_view more, std::string_view text) {
  return std::ranges::all_of(text,
                             [&](char c) { return is_letter_or_digit(c) || more.contains(c); });
}

/// Host names and addresses, [::1] in brackets. What starts with a dash would be an option for ssh.
bool is_host(std::string_view text) {
  return !text.empty() && text.front() != '-' && consists_of_letters_digits_and("._-:[]", text);
}

bool is_user(std::string_view text) {
  return !text.starts_with('-') && consists_of_letters_digits_and("._-+", text);
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

std::string without_slashes_at_end(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

std::string in_brackets_if_ipv6(const std::string& host) {
  return host.contains(':') && !host.starts_with('[') ? "[" + host + "]" : host;
}

/// A source taken apart: whom to talk to, and what to tell rsync.
struct Endpoint {
  Via via = Via::kDaemon;
  std::string host;
  std::string port;      ///< Empty: the usual one.
  std::string argument;  ///< rsync's, with the user, and "/" at the end.
};

/// Splits "HOST[:PORT]/PATH"; false when it is something else.
bool split_authority(std::string_view text, Endpoint& endpoint, std::string& path) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  path = without_slashes_at_end(text.substr(slash));
  std::string_view host = text.substr(0, slash);
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    endpoint.port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (endpoint.port.empty()) return false;
  }
  endpoint.host = host;
  return is_host(host) && is_port(endpoint.port) && path != "/";
}

/// kSync for anything that could make rsync or ssh do something else than copy from or to that
/// host: the location may come from another machine.
Result<Endpoint> endpoint_of(const SourceLocation& location) {
  const bool is_ssh = location.transport == Transport::kSsh;
  const std::string_view scheme = is_ssh ? kSshScheme : kDaemonScheme;
  const std::string_view source = location.source;
  Endpoint endpoint{.via = is_ssh ? Via::kSsh : Via::kDaemon};
  std::string path;
  const bool is_fine = source.starts_with(scheme) && !has_control_characters(source) &&
                       is_user(location.user) &&
                       split_authority(source.substr(scheme.size()), endpoint, path);
  if (!is_fine) {
    return fail(ErrorKind::kSync,
                "\"" + location.source + "\" is not a place on a file server (job.sync)");
  }
  const std::string user = location.user.empty() ? "" : location.user + "@";
  if (is_ssh) {
    // A remote shell may or may not expand a tilde; a relative path means the same to all.
    if (path.starts_with("/~/")) path.erase(0, 3);
    endpoint.argument = user + endpoint.host + ":" + path + "/";
  } else {
    const std::string port = endpoint.port.empty() ? "" : ":" + endpoint.port;
    endpoint.argument = std::string(kDaemonScheme) + user + endpoint.host + port + path + "/";
  }
  return endpoint;
}

/// What every run against `location` has in common.
RsyncRun run_against(const SourceLocation& location, const Endpoint& endpoint) {
  RsyncRun run{.source = {},
               .destination = {},
               .via = endpoint.via,
               .password = location.password,
               .compress = location.compress,
               .ssh_port = endpoint.via == Via::kSsh ? endpoint.port : "",
               .strict_host_keys = location.strict_host_keys};
  const std::string where = endpoint.host + (endpoint.port.empty() ? "" : ":" + endpoint.port);
  if (location.transport == Transport::kDirect) {
    run.peer = "the originator at " + where;
    run.refused_hint = "has its run ended? (it serves its tree only while it runs)";
  } else {
    run.peer = "the file server " + where;
    run.refused_hint = endpoint.via == Via::kDaemon
                           ? "is `gorgon start_rsync` running there, and open to this machine?"
                           : "does an ssh server run there?";
  }
  return run;
}

std::string daemon_source(const config::ProjectConfig& config) {
  const std::string& folder = config.job.sync.source_tree_path;
  if (folder.starts_with(kDaemonScheme)) return without_slashes_at_end(folder);
  const int port = config.file_server.port == 0 ? kDefaultFileServerPort : config.file_server.port;
  std::string source = std::string(kDaemonScheme) + in_brackets_if_ipv6(config.file_server.host) +
                       ":" + std::to_string(port) + "/" + kFileServerModule;
  const std::size_t start = folder.find_first_not_of('/');
  if (start != std::string::npos) source += "/" + without_slashes_at_end(folder.substr(start));
  return source;
}

std::string ssh_source(const config::ProjectConfig& config) {
  std::string folder = config.job.sync.source_tree_path;
  if (folder.empty()) folder = kSshFolder;
  if (folder.starts_with("~/")) folder.erase(0, 2);
  folder = without_slashes_at_end(folder);
  if (folder == "/") folder.clear();
  const bool is_relative = !folder.empty() && !folder.starts_with('/');
  const std::string port =
      config.file_server.port == 0 ? "" : ":" + std::to_string(config.file_server.port);
  return std::string(kSshScheme) + in_brackets_if_ipv6(config.file_server.host) + port +
         (is_relative ? "/~/" : "") + folder;
}

}  // namespace

SourceLocation file_server_location(const config::ProjectConfig& config, const std::string& job) {
  const config::Sync& sync = config.job.sync;
  const std::string parent =
      sync.transport == Transport::kSsh ? ssh_source(config) : daemon_source(config);
  return {.transport = sync.transport,
          .source = parent + "/gorgon-" + job + "/",
          .user = sync.user,
          .password = sync.password,
          .compress = sync.compress,
          .strict_host_keys = sync.strict_host_keys};
}

Task<Result<void>> push(fs::path tree, SourceLocation location) {
  GORGON_CO_TRY_ASSIGN(const Endpoint endpoint, endpoint_of(location));
  RsyncRun run = run_against(location, endpoint);
  run.options = {"--delete", "--mkpath"};
  run.reconnects = kPushReconnects;
  run.source = fs::absolute(tree).string() + "/";
  run.destination = endpoint.argument;
  auto pushed = co_await run_rsync(std::move(run));
  if (!pushed) co_return with_context("cannot push the tree", std::move(pushed.error()));
  co_return Result<void>{};
}

Task<Result<void>> remove_pushed(SourceLocation location) {
  GORGON_CO_TRY_ASSIGN(const Endpoint endpoint, endpoint_of(location));
  // The same for daemons and ssh, without a command line that a remote shell reads: an empty folder
  // is copied over the parent, where only this name may be deleted.
  const std::string path = without_slashes_at_end(endpoint.argument);
  const std::size_t last = path.find_last_of("/:");
  const std::string name = path.substr(last + 1);
  const bool is_pushed = name.starts_with("gorgon-") && consists_of_letters_digits_and("-_", name);
  if (!is_pushed)
    co_return fail(ErrorKind::kSync, "\"" + location.source + "\" is not a pushed tree");
  GORGON_CO_TRY_ASSIGN(const TempDir empty, TempDir::make("gorgon-empty-"));
  RsyncRun run = run_against(location, endpoint);
  run.options = {"--no-perms", "--no-times", "--delete", "--include=/" + name + "/***",
                 "--exclude=*"};
  run.source = empty.path().string() + "/";
  run.destination = path.substr(0, last + 1) + (path[last] == ':' ? "./" : "");
  run.limit = std::chrono::minutes(2);
  auto removed = co_await run_rsync(std::move(run));
  if (!removed) {
    co_return with_context("cannot remove the tree from the file server",
                           std::move(removed.error()));
  }
  co_return Result<void>{};
}

Task<Result<void>> pull(SourceLocation location, fs::path workspace, PullOptions options) {
  if (location.transport == Transport::kNone) co_return Result<void>{};
  GORGON_CO_TRY_ASSIGN(const Endpoint endpoint, endpoint_of(location));
  RsyncRun run = run_against(location, endpoint);
  run.options = {options.list_file.empty() ? "--delete" : "--ignore-missing-args"};
  run.list_file = std::move(options.list_file);
  run.reconnects = kPullReconnects;
  run.source = endpoint.argument;
  run.destination = fs::absolute(workspace).string() + "/";
  run.limit = options.limit;
  auto pulled = co_await run_rsync(std::move(run));
  if (!pulled) co_return with_context("cannot pull the tree", std::move(pulled.error()));
  co_return Result<void>{};
}

Task<Result<void>> pull(SourceLocation location, fs::path workspace) {
  return pull(std::move(location), std::move(workspace), PullOptions());
}

}  // namespace gorgon::sync
