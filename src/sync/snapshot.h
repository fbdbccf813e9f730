// The originator's copy of the project's tree as it is when a run starts. Editing afterwards
// changes nothing in it. Does not send it anywhere: source_tree.h and direct_server.h do.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "sync/scratch.h"

namespace gorgon::sync {

/// One run's snapshot, in a private directory that goes away with it.
class Stage {
 public:
  explicit Stage(Scratch scratch) : scratch_(std::move(scratch)), tree_(scratch_.path() / "tree") {}

  /// The copied tree.
  [[nodiscard]] const fs::path& tree() const { return tree_; }
  /// The private directory around it, for files that must vanish with the stage.
  [[nodiscard]] const fs::path& directory() const { return scratch_.path(); }
  /// Removes it without holding up the event loop; the destructor holds it up.
  [[nodiscard]] Task<void> remove() { return scratch_.remove(); }
  /// As Scratch::keep_while().
  [[nodiscard]] Result<void> keep_while(const fs::path& file) { return scratch_.keep_while(file); }
  /// Lets go of it as if this process had died.
  void leave() { scratch_.leave(); }

 private:
  Scratch scratch_;
  fs::path tree_;
};

struct SnapshotOptions {
  /// Where stages are made; shared by all runs of a user. Empty: $XDG_CACHE_HOME/gorgon/stages, or
  /// below ~/.cache, or without a home below $TMPDIR or /tmp.
  fs::path stage_root = {};
  std::chrono::seconds limit{600};
};

/// Copies `project` into a new stage. In a git checkout with `sync.gitignore`: the files that
/// list_git_files names; otherwise everything. `sync.exclude` applies to both. `.git` stays out,
/// the project's `.gorgon`, sockets, named pipes and devices too. Symbolic links stay links, modes
/// and times are kept. Files that vanish or change meanwhile are copied as they are afterwards or
/// left out; each file is consistent in itself, the tree as far as the copy (0.3 s per 10,000
/// files, FACTS.md §4.2) was not raced. kSync: git or rsync failed, the disk is full, a file cannot
/// be read.
[[nodiscard]] Task<Result<Stage>> take_snapshot(fs::path project, config::Sync sync,
                                                SnapshotOptions options);
/// With the default options. No default argument, for GCC 12 destroys such a temporary twice when
/// the call stands in a co_await expression.
[[nodiscard]] Task<Result<Stage>> take_snapshot(fs::path project, config::Sync sync);

}  // namespace gorgon::sync
