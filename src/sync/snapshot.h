// The originator's copy of the project's tree as it is when a run starts. Editing afterwards
// changes nothing in it. Does not send it anywhere: source_tree.h and direct_server.h do.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/tree_generation.h"
#include "sync/scratch.h"

namespace gorgon::sync {

/// One run's snapshot, in a private directory that goes away with it unless it is put by.
class Stage {
 public:
  /// In `scratch`, with what write_stage_record() has left there. `kept` is where put_by() puts it;
  /// empty: nowhere.
  explicit Stage(Scratch scratch, fs::path kept = {});

  /// The copied tree.
  [[nodiscard]] const fs::path& tree() const { return tree_; }
  /// Which tree it is; without an id when that is not known.
  [[nodiscard]] const config::TreeGeneration& generation() const { return generation_; }
  /// The private directory around it, for files that must vanish with the stage.
  [[nodiscard]] const fs::path& directory() const { return scratch_.path(); }
  /// The last thing: leaves the tree to the next snapshot of this project.
  [[nodiscard]] Task<void> put_by();
  /// As Scratch::keep_while().
  [[nodiscard]] Result<void> keep_while(const fs::path& file) { return scratch_.keep_while(file); }
  /// Lets go of it as if this process had died.
  void leave() { scratch_.leave(); }

 private:
  Scratch scratch_;
  fs::path tree_;
  fs::path kept_;
  config::TreeGeneration generation_;
};

struct SnapshotOptions {
  /// Where stages are made; shared by all runs of a user. Empty: $XDG_CACHE_HOME/gorgon/stages, or
  /// below ~/.cache, or without a home below $TMPDIR or /tmp.
  fs::path stage_root = {};
  std::chrono::seconds limit{600};
};

/// Copies `project` into a new stage: all of it, or what has been touched since a snapshot that was
/// put by. In a git checkout with `sync.gitignore`: the files that
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
