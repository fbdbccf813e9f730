// The directories of jobs on this machine: unique, private to the user, gone at the end, also those
// that a killed listener left.
#pragma once

#include <filesystem>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "config/source_location.h"

namespace gorgon::listener {

/// One job's place: where the tests run, and a scratch directory beside it for sockets and output.
/// Move-only; remove() is to be awaited before the destructor, which leaves what is still there to
/// the next listener.
class Workspace {
 public:
  /// Where the tests run: a directory of the job's own, or with Transport::kNone the machine's own
  /// copy.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::filesystem::path& scratch() const { return scratch_; }
  /// Removes both, but never the machine's own copy. Blocks only a child process.
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

/// The root of all workspaces of one listener. Several listeners may share a root: each has a
/// folder of its own with a lock that ends with its process, and removes the folders whose lock is
/// free.
class Workspaces {
 public:
  /// Makes `root` (0700) and this listener's folder in it. kIo.
  [[nodiscard]] static Result<Workspaces> open(const std::filesystem::path& root);
  Workspaces(Workspaces&&) = default;
  Workspaces& operator=(Workspaces&&) = delete;
  ~Workspaces();

  /// A new workspace for `job`. kIo; kNotFound when the machine's own copy that the job names does
  /// not exist.
  [[nodiscard]] Task<Result<Workspace>> create(std::string job, config::SourceLocation source);

 private:
  Workspaces(std::filesystem::path folder, UniqueFd lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  UniqueFd lock_;
};

}  // namespace gorgon::listener
