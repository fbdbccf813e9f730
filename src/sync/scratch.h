// Private directories below a root that several processes of one user share: stages and workspaces
// live in them. What a killed process left behind is removed by the next one that comes, unless it
// is to be taken up.
#pragma once

#include <chrono>
#include <filesystem>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::sync {

/// How long something outlives its process for one who may take it up.
inline constexpr std::chrono::hours kKeptFor{24 * 7};

/// One new directory ROOT/NAME (0700), owned by this process through a lock on ROOT/NAME.lock,
/// which the system releases however the process ends. Move-only; the destructor removes the
/// directory with everything in it, which for a big tree takes a while: call remove() where you can
/// wait.
class Scratch {
 public:
  /// Removes what dead processes left below `root` and nobody is to keep, which may take a while,
  /// then makes a new directory. Makes `root` (0700) and its parents. kIo: it cannot be made, or
  /// belongs to somebody else.
  [[nodiscard]] static Result<Scratch> make(const fs::path& root);
  /// The directory of a process that has died. kNotFound: it is gone, or its process lives.
  [[nodiscard]] static Result<Scratch> take_over(const fs::path& directory);
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&& other) noexcept;
  ~Scratch();

  [[nodiscard]] const fs::path& path() const { return path_; }
  /// When this process dies, the directory stays for take_over() while `file`, an absolute path, is
  /// there and was written in the last kKeptFor. kIo.
  [[nodiscard]] Result<void> keep_while(const fs::path& file);
  /// Lets go of it as if this process had died.
  void leave();
  /// Removes it without holding up the event loop. What cannot be removed is logged.
  [[nodiscard]] Task<void> remove();

 private:
  Scratch(fs::path path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  void remove_now();
  fs::path path_;  ///< Empty: moved from or removed.
  UniqueFd lock_;
};

/// Removes a tree in a process of its own, also when it has folders without write permission. False
/// when something stays behind, which is logged. A tree that is not there is fine.
[[nodiscard]] Task<bool> remove_tree_aside(fs::path path);

}  // namespace gorgon::sync
