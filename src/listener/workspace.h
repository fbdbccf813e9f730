// The directories of jobs on this machine: unique, private to the user, gone at the end, also those
// that a killed listener left. The trees of some are kept for the next job of their projects, which
// gets them as they were pulled: whatever tests did to them is undone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/runner_settings.h"
#include "config/source_location.h"
#include "config/tree_generation.h"
#include "listener/warm_host.h"
#include "protocol/messages.h"
#include "runner/opened_files.h"
#include "runner/runner_host.h"
#include "sync/scratch.h"
#include "sync/tree_marks.h"

namespace gorgon::listener {

/// One job's place: where the tests run, and a scratch directory beside it for sockets and output.
/// Move-only; Workspaces::take_back() is to be awaited before the destructor, which leaves what is
/// still there to the Workspaces it came from, or to the next listener.
class Workspace {
 public:
  /// Where the tests run: a directory of the job's own, or with Transport::kNone the machine's own
  /// copy.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::filesystem::path& scratch() const { return scratch_; }
  /// Makes path() equal to `tree` at `source`: asks for what has changed since the job that left it
  /// and for what has been touched meanwhile, or for all. Nothing may run in it. kSync: as
  /// sync::pull().
  [[nodiscard]] Task<Result<void>> pull(config::SourceLocation source, config::TreeGeneration tree);
  /// Whether there is more in it than has just been pulled.
  [[nodiscard]] bool is_reused() const { return is_reused_; }
  /// As pull(), with nothing of what is there.
  [[nodiscard]] Task<Result<void>> pull_anew(config::SourceLocation source,
                                             config::TreeGeneration tree);
  /// What was pulled is not what was promised: no other job shall have it.
  void distrust() { holds_.clear(); }

  /// The runner host of an earlier job, if it would be the same when it was started now; for `job`
  /// from here on. After pull(). Null: none.
  [[nodiscard]] std::unique_ptr<runner::RunnerHost> take_host(const protocol::JobDefinition& job);
  /// An empty folder for the files of a new one, which lasts as long as the tree.
  [[nodiscard]] std::filesystem::path new_host_folder() const;
  /// To be called before it starts. Nullopt: it cannot be kept anyway.
  [[nodiscard]] std::optional<runner::OpenedFiles> watch_boot(
      const asio::any_io_executor& executor);
  /// To be called as soon as it is ready, before it forks.
  [[nodiscard]] Task<void> note_boot(const runner::RunnerHost& host,
                                     config::RunnerSettings settings,
                                     std::optional<runner::OpenedFiles> opened);
  /// After the last runner's end: leaves it to the next job. False: it cannot be kept.
  [[nodiscard]] bool keep_host(std::unique_ptr<runner::RunnerHost>& host);

 private:
  friend class Workspaces;
  Workspace(std::filesystem::path directory, std::filesystem::path path)
      : directory_(std::move(directory)),
        path_(std::move(path)),
        scratch_(directory_ / "scratch") {}
  [[nodiscard]] Task<Result<void>> pull_changes(config::SourceLocation source,
                                                config::TreeGeneration tree);
  [[nodiscard]] Task<Result<void>> pull_all(config::SourceLocation source,
                                            config::TreeGeneration tree);
  [[nodiscard]] Task<Result<void>> pull_listed(config::SourceLocation source,
                                               const std::set<std::string>* paths,
                                               sync::Marks* marks);
  bool cool_down(const std::string& reason);
  [[nodiscard]] std::string spoiled_by_coming_or_going(const sync::Marks& before,
                                                       const sync::Marks& after,
                                                       const std::set<std::string>& changed) const;
  std::filesystem::path directory_;
  std::filesystem::path path_;
  std::filesystem::path scratch_;
  std::unique_ptr<WarmHost> warm_;  ///< Of the boot in this tree; null: it leaves nothing.
  std::string holds_;  ///< The generation of which a tree is there; empty: none, or not known.
  std::int64_t boot_began_ = 0;  ///< As sync::clock_of_marks() has it.
  bool is_reused_ = false;
  bool is_keepable_ = false;  ///< What is pulled is to be remembered.
  bool is_digested_ = false;  ///< The tree has to be what its owner has signed, to the last file.
};

/// All workspaces of one listener, in a private directory of its own below the common root: a
/// listener that comes after one that was killed removes what that left, and two listeners on one
/// machine do not see each other's.
class Workspaces {
 public:
  /// Makes `root` (0700) and this listener's folder in it, after removing what dead listeners left,
  /// which may take a while. The trees of so many projects are kept. kIo: as sync::Scratch::make.
  [[nodiscard]] static Result<Workspaces> open(const std::filesystem::path& root,
                                               std::size_t most_kept);

  /// A workspace for `job`, to be pulled into; with Transport::kNone there is nothing to pull.
  /// kProtocol: the id, which comes from another machine, is no id. kIo. kNotFound: the machine's
  /// own copy that the job names (an absolute path, or ~/ for one below the home) does not exist.
  [[nodiscard]] Result<Workspace> create(const protocol::JobDefinition& job);

  /// Keeps the tree of `workspace` for another job of `job`'s project, or removes it, also folders
  /// that the tests made read-only, but never the machine's own copy. Does not hold up the event
  /// loop. End the job's processes first. What cannot be removed is logged.
  [[nodiscard]] Task<void> take_back(Workspace workspace, const protocol::JobDefinition& job);

 private:
  struct KeptTree {
    std::string generation;
    std::string project;
    std::filesystem::path directory;
    std::unique_ptr<WarmHost> warm;
  };
  Workspaces(sync::Scratch scratch, std::size_t most_kept)
      : scratch_(std::move(scratch)), most_kept_(most_kept) {}
  void keep(Workspace workspace, const protocol::JobDefinition& job,
            std::vector<std::filesystem::path>& spare);
  [[nodiscard]] std::list<KeptTree>::iterator find_kept(const config::TreeGeneration& tree);
  sync::Scratch scratch_;
  std::size_t most_kept_;
  std::list<KeptTree> kept_;  ///< That of the last job first.
};

}  // namespace gorgon::listener
