// The directories of jobs on this machine: unique, private to the user, gone at the end, also those
// that a killed listener left.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "config/source_location.h"
#include "sync/scratch.h"

namespace gorgon::listener {

/// One job's place: where the tests run, and a scratch directory beside it for sockets and output.
/// Move-only; remove() is to be awaited before the destructor, which leaves what is still there to
/// the Workspaces it came from, or to the next listener.
class Workspace {
 public:
  /// Where the tests run: a directory of the job's own, or with Transport::kNone the machine's own
  /// copy.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::filesystem::path& scratch() const { return scratch_; }
  /// Removes both, also folders that the tests made read-only, but never the machine's own copy.
  /// Does not hold up the event loop. End the job's processes first. What cannot be removed is
  /// logged.
  [[nodiscard]] Task<void> remove();

 private:
  friend class Workspaces;
  Workspace(std::filesystem::path directory, std::filesystem::path path)
      : directory_(std::move(directory)),
        path_(std::move(path)),
        scratch_(directory_ / "scratch") {}
  std::filesystem::path directory_;
  std::filesystem::path path_;
  std::filesystem::path scratch_;
};

/// All workspaces of one listener, in a private directory of its own below the common root: a
/// listener that comes after one that was killed removes what that left, and two listeners on one
/// machine do not see each other's.
class Workspaces {
 public:
  /// Makes `root` (0700) and this listener's folder in it, after removing what dead listeners left,
  /// which may take a while. kIo: as sync::Scratch::make.
  [[nodiscard]] static Result<Workspaces> open(const std::filesystem::path& root);

  /// A new workspace for `job`, empty but with Transport::kNone. kProtocol: the id, which comes
  /// from another machine, is no id. kIo. kNotFound: the machine's own copy that the job names (an
  /// absolute path, or ~/ for one below the home) does not exist.
  [[nodiscard]] Task<Result<Workspace>> create(std::string job, config::SourceLocation source);

 private:
  explicit Workspaces(sync::Scratch scratch) : scratch_(std::move(scratch)) {}
  sync::Scratch scratch_;
};

}  // namespace gorgon::listener
