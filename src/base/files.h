// Small files as a whole, and temporary directories.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gorgon {

namespace fs = std::filesystem;

/// The whole file. kNotFound when it does not exist; kIo otherwise, or when it is longer than
/// `max_bytes`.
[[nodiscard]] Result<std::string> read_file(const fs::path& path,
                                            std::size_t max_bytes = 64 * 1024 * 1024);

/// Replaces `path` in one step (a reader sees the old or the new text, never a part), with `mode`
/// before umask. Makes missing parent folders. kIo.
[[nodiscard]] Result<void> write_file(const fs::path& path, std::string_view text,
                                      mode_t mode = 0666);

/// The bytes [from, to) of an open file, as many as there are.
[[nodiscard]] std::string read_range(int fd, off_t from, off_t to);

/// A new private directory (0700), removed with all its contents by the destructor. Move-only.
class TempDir {
 public:
  /// Makes PARENT/PREFIXxxxxxx; PARENT is $TMPDIR or /tmp when empty.
  [[nodiscard]] static Result<TempDir> make(std::string_view prefix, const fs::path& parent = {});
  TempDir() = default;
  TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir() { remove(); }

  [[nodiscard]] const fs::path& path() const { return path_; }
  /// Removes it now; what cannot be removed is logged.
  void remove();

 private:
  explicit TempDir(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// Removes a tree even when tests took the write permission from its folders. Logs what stays
/// behind and gives false.
bool remove_tree(const fs::path& path);

}  // namespace gorgon
