#include "sync/source_tree.h"

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/subprocess.h"
#include "sync/file_server.h"
#include "sync/rsync.h"

namespace gorgon::sync {

namespace {

using namespace std::chrono_literals;

/// Links, permissions, times, whole trees. Not owners: a workspace belongs to who runs the tests.
/// Not devices and sockets.
constexpr const char* kCopyFlags = "-rlpt";
constexpr std::size_t kMaxFileListBytes = 256 * 1024 * 1024;
constexpr auto kGitLimit = 2min;
constexpr int kMaxRepositoryDepth = 16;

fs::path stage_parent() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  fs::path parent = cache != nullptr && *cache != '\0'
                        ? fs::path(cache)
                        : fs::path(home != nullptr ? home : "/tmp") / ".cache";
  parent /= "gorgon";
  std::error_code error;
  fs::create_directories(parent, error);
  return error ? fs::path() : parent;
}

/// Appends the files of one repository that git does not ignore, each ended by NUL and relative to
/// the outermost one.
Task<Result<void>> list_repository(fs::path repository, std::string prefix, int depth,
                                   std::string& list) {
  RunOptions options;
  options.spawn.argv = {"git",      "-C",       repository.string(),  "ls-files",     "-z",
                        "--cached", "--others", "--exclude-standard", "--deduplicate"};
  options.timeout = kGitLimit;
  options.max_output_bytes = kMaxFileListBytes;
  const auto listed = co_await run(std::move(options));
  if (!listed) co_return std::unexpected(listed.error());
  if (!listed->status.is_success())
    co_return fail(ErrorKind::kSync, "git ls-files: " + last_lines(listed->errors, 2));
  const std::string& names = listed->output;
  for (std::size_t start = 0; start < names.size();) {
    const std::size_t end = names.find('\0', start);
    if (end == std::string::npos)
      co_return fail(ErrorKind::kSync, "git ls-files: the list of files is too long");
    std::string name = names.substr(start, end - start);
    start = end + 1;
    struct stat status{};
    // Tracked, but deleted in the work tree.
    if (::lstat((repository / name).c_str(), &status) != 0) continue;
    if (!S_ISDIR(status.st_mode)) {
      list += prefix + name + '\0';
      continue;
    }
    // A submodule, or a repository inside this one: a folder to git, a part of the tree to the
    // tests.
    while (name.ends_with('/')) name.pop_back();
    if (depth == kMaxRepositoryDepth)
      co_return fail(ErrorKind::kSync, "git repositories nest too deep at " + name);
    std::error_code ignored;
    if (!fs::exists(repository / name / ".git", ignored)) continue;
    GORGON_CO_TRY(
        co_await list_repository(repository / name, prefix + name + "/", depth + 1, list));
  }
  co_return Result<void>();
}

/// The files to send as git sees them; nullopt outside a checkout, and when git cannot say.
Task<std::optional<std::string>> files_git_knows(fs::path project) {
  RunOptions options;
  options.spawn.argv = {"git", "-C", project.string(), "rev-parse", "--is-inside-work-tree"};
  options.timeout = kGitLimit;
  const auto asked = co_await run(std::move(options));
  if (!asked || last_lines(asked->output, 1) != "true") {
    std::error_code ignored;
    if (fs::exists(project / ".git", ignored)) {
      log::warning("git does not answer for {} ({}); its ignored files are sent, too",
                   project.string(), asked ? last_lines(asked->errors, 1) : asked.error().message);
    }
    co_return std::nullopt;
  }
  std::string list;
  const auto listed = co_await list_repository(project, "", 0, list);
  if (listed) co_return list;
  log::warning("{}; ignored files are sent, too", listed.error().message);
  co_return std::nullopt;
}

std::string with_slash(const fs::path& directory) { return directory.string() + "/"; }

/// The part after the last slash: the job's own folder.
std::string last_component(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  const std::size_t start = path.find_last_of("/:", end);
  return path.substr(start + 1, end - start);
}

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

Task<Result<Stage>> take_snapshot(fs::path project, config::Sync sync) {
  GORGON_CO_TRY_ASSIGN(TempDir directory, TempDir::make("stage-", stage_parent()));
  Stage stage(std::move(directory));
  std::error_code error;
  fs::create_directory(stage.tree(), error);
  std::optional<std::string> files;
  if (sync.gitignore) files = co_await files_git_knows(project);

  RsyncRun run{
      .doing = "copy " + project.string(), .arguments = {kCopyFlags}, .vanished_is_fine = true};
  for (const std::string& pattern : sync.exclude) run.arguments.push_back("--exclude=" + pattern);
  run.arguments.insert(run.arguments.end(), {"--exclude=.git", "--exclude=/.gorgon"});
  if (files) {
    run.arguments.insert(run.arguments.end(), {"--from0", "--files-from=-"});
    run.input = *std::move(files);
  }
  run.arguments.insert(run.arguments.end(), {"--", with_slash(project), with_slash(stage.tree())});
  GORGON_CO_TRY(co_await run_rsync(std::move(run)));
  co_return stage;
}

Task<Result<void>> push(fs::path tree, config::SourceLocation location) {
  Access access = access_to(location);
  RsyncRun run{.doing = "push the tree to " + location.source,
               .arguments = {kCopyFlags, "--mkpath"},
               .input = std::move(access.input)};
  run.arguments.insert(run.arguments.end(), access.arguments.begin(), access.arguments.end());
  run.arguments.insert(run.arguments.end(), {"--", with_slash(tree), location.source});
  co_return co_await run_rsync(std::move(run));
}

Task<Result<void>> remove_pushed(config::SourceLocation location) {
  const std::string folder = last_component(location.source);
  if (location.transport == config::Transport::kSsh) {
    const std::size_t colon = location.source.find(':');
    RunOptions options;
    // RSYNC_RSH may hold options of its own, so a shell splits it as rsync would; the path is one
    // word of the remote shell.
    options.spawn.argv = {"/bin/sh", "-c",
                          "exec " + ssh_command(location.strict_host_keys) + " \"$0\" \"$1\"",
                          location.source.substr(0, colon),
                          "rm -rf -- " + shell_quoted(location.source.substr(colon + 1))};
    options.timeout = 60s;
    const auto removed = co_await gorgon::run(std::move(options));
    if (!removed) co_return std::unexpected(removed.error());
    if (!removed->status.is_success())
      co_return fail(ErrorKind::kSync,
                     "cannot remove " + location.source + ": " + last_lines(removed->errors, 2));
    co_return Result<void>();
  }
  // Over the rsync protocol a folder goes away by syncing nothing over it, and it alone.
  GORGON_CO_TRY_ASSIGN(const TempDir empty, TempDir::make("gorgon-empty-"));
  Access access = access_to(location);
  const std::string parent = location.source.substr(0, location.source.rfind(folder));
  RsyncRun run{.doing = "remove " + location.source,
               .arguments = {"-r", "--delete", "--include=/" + folder + "/***", "--exclude=*"},
               .input = std::move(access.input)};
  run.arguments.insert(run.arguments.end(), access.arguments.begin(), access.arguments.end());
  run.arguments.insert(run.arguments.end(), {"--", with_slash(empty.path()), parent});
  co_return co_await run_rsync(std::move(run));
}

Task<Result<void>> pull(config::SourceLocation location, fs::path workspace) {
  if (location.transport == config::Transport::kNone) co_return Result<void>();
  Access access = access_to(location);
  RsyncRun run{.doing = "pull the tree from " + location.source,
               .arguments = {kCopyFlags, "--delete"},
               .input = std::move(access.input)};
  run.arguments.insert(run.arguments.end(), access.arguments.begin(), access.arguments.end());
  run.arguments.insert(run.arguments.end(), {"--", location.source, with_slash(workspace)});
  co_return co_await run_rsync(std::move(run));
}

config::SourceLocation file_server_location(const config::ProjectConfig& config,
                                            const std::string& job) {
  const config::Sync& sync = config.job.sync;
  config::SourceLocation location{.transport = sync.transport,
                                  .source = {},
                                  .user = sync.user,
                                  .password = sync.password,
                                  .compress = sync.compress,
                                  .strict_host_keys = sync.strict_host_keys};
  std::string folder = sync.source_tree_path;
  const std::string login = sync.user.empty() ? "" : sync.user + "@";
  const bool is_ipv6 = config.file_server.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + config.file_server.host + "]" : config.file_server.host;
  if (sync.transport == config::Transport::kSsh) {
    if (folder.empty()) folder = ".cache/gorgon/trees";
    location.source = login + host + ":" + folder + "/gorgon-" + job + "/";
    return location;
  }
  while (folder.starts_with('/')) folder.erase(0, 1);
  const std::uint16_t port =
      config.file_server.port == 0 ? kDefaultFileServerPort : config.file_server.port;
  location.source = "rsync://" + login + host + ":" + std::to_string(port) + "/" +
                    kFileServerModule + "/" + folder + (folder.empty() ? "" : "/") + "gorgon-" +
                    job + "/";
  return location;
}

}  // namespace gorgon::sync
