// File trees in tests: make them, and compare what is in them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace gorgon::test {

inline constexpr std::size_t kMebibyte{1024UL * 1024UL};

/// Writes a file and the folders above it; `mode` is exact. Aborts on failure.
void write(const std::filesystem::path& path, std::string_view text = "", unsigned mode = 0644);

/// Everything below `directory`, by relative path: "folder", "link TARGET", "file MODE TEXT" (MODE
/// in octal), "other".
using Tree = std::map<std::string, std::string>;
[[nodiscard]] Tree tree_at(const std::filesystem::path& directory);

/// The relative paths of all but the folders, in order, each followed by a space.
[[nodiscard]] std::string names_in(const std::filesystem::path& directory);

/// Runs a command line in `directory` with /bin/sh; aborts with its output unless it succeeds.
void shell(const std::filesystem::path& directory, const std::string& command);

/// Sets a variable of our environment, and puts the old value back at its end.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, const std::string& value);
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable();

 private:
  std::string name_;
  std::string old_;
  bool was_set_;
};

/// A small file system of its own at `directory`, to be full soon. Unmounted at its end.
class SmallDisk {
 public:
  /// Needs the right to mount (root); is_mounted() is false without it.
  SmallDisk(std::filesystem::path directory, std::size_t bytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }

 private:
  std::filesystem::path directory_;
  bool is_mounted_;
};

}  // namespace gorgon::test
