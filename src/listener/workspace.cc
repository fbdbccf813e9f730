#include "listener/workspace.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "base/text.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "sync/scratch.h"

namespace gorgon::listener {

namespace {

/// "~/app" is how people name a folder that is at the same place below each machine's home.
fs::path with_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !path.starts_with("~/")) return path;
  return fs::path(home) / path.substr(2);
}

Result<fs::path> own_copy(const std::string& source) {
  fs::path path = with_home(source);
  std::error_code error;
  if (path.is_absolute() && fs::is_directory(path, error)) return path;
  return fail(ErrorKind::kNotFound, "this machine has no folder \"" + path.string() +
                                        "\" (job.sync.source_tree_path, an absolute path)");
}

}  // namespace

Task<void> Workspace::remove() {
  if (directory_.empty()) co_return;
  co_await sync::remove_tree_aside(directory_);
  directory_.clear();
}

Result<Workspaces> Workspaces::open(const fs::path& root) {
  std::error_code error;
  fs::path absolute = fs::absolute(root, error).lexically_normal();
  // "a/b/" normalizes to a path whose last part is empty.
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  auto scratch = sync::Scratch::make(absolute);
  if (!scratch) return with_context("workspace_dir", std::move(scratch.error()));
  return Workspaces(std::move(*scratch));
}

Task<Result<Workspace>> Workspaces::create(std::string job, config::SourceLocation source) {
  if (!is_id(job)) co_return fail(ErrorKind::kProtocol, "not a job id: \"" + job + "\"");
  // Random letters, as a job may come again while its first workspace is still being removed.
  const fs::path directory = scratch_.path() / ("job-" + job + "-" + random_id(4));
  const fs::path tree = directory / "tree";
  fs::path path = tree;
  if (source.transport == config::Transport::kNone) {
    GORGON_CO_TRY_ASSIGN(path, own_copy(source.source));
  }
  Workspace workspace(directory, std::move(path));
  for (const fs::path& part : {directory, workspace.scratch_, tree}) {
    if (::mkdir(part.c_str(), 0700) != 0)
      co_return fail_errno("cannot make " + part.string(), errno);
  }
  co_return workspace;
}

}  // namespace gorgon::listener
