// The source tree between machines: snapshot it here, push it to a file server, pull it into a
// workspace, take it back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/source_location.h"

namespace gorgon::sync {

/// A consistent copy of a project's tree in a private directory of its own; removed with the
/// object.
class Stage {
 public:
  explicit Stage(TempDir directory) : directory_(std::move(directory)) {}
  [[nodiscard]] std::filesystem::path tree() const { return directory_.path() / "tree"; }
  /// For what belongs beside the tree: a server's configuration.
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  TempDir directory_;
};

/// Copies `project` into a new stage. In a git checkout what git ignores stays behind (unless
/// sync.gitignore is false), with git's own rules, submodules included; sync.exclude, .git and
/// .gorgon always stay behind. Symlinks, modes and times are kept; files that vanish while it
/// copies are left out. kSync.
[[nodiscard]] Task<Result<Stage>> take_snapshot(std::filesystem::path project, config::Sync sync);

/// Copies the stage to `location` on a file server, whose folder must be the job's own. kSync.
[[nodiscard]] Task<Result<void>> push(std::filesystem::path tree, config::SourceLocation location);
/// Removes what push() put there. kSync.
[[nodiscard]] Task<Result<void>> remove_pushed(config::SourceLocation location);

/// Copies the tree at `location` into `workspace`, an existing directory, and removes there what
/// the tree does not have. With Transport::kNone it does nothing. kSync.
[[nodiscard]] Task<Result<void>> pull(config::SourceLocation location,
                                      std::filesystem::path workspace);

/// Where the tree of `job` goes on the file server of `config` (kSsh or kAnonymous).
[[nodiscard]] config::SourceLocation file_server_location(const config::ProjectConfig& config,
                                                          const std::string& job);

}  // namespace gorgon::sync
