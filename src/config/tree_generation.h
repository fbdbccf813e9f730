// Which one of the trees that a project has had, run after run, a job's is. A machine that has kept
// an earlier one then asks for what has changed since, and for nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gorgon::config {

/// From one generation to the next that there was.
struct TreeChange {
  std::string from;  ///< The earlier one's id.
  /// Added, changed or removed since: relative to the tree, in UTF-8, sorted. Of a folder only its
  /// permissions count, and whether it is there.
  std::vector<std::string> paths;
  friend bool operator==(const TreeChange&, const TreeChange&) = default;
};

struct TreeGeneration {
  std::string id;  ///< Random: two trees with the same one are equal. Empty: none is told.
  std::uint64_t entries = 0;  ///< How many files, links and folders are in it.
  /// Newest first: each leads to the `from` of the one before it, the first to `id`.
  std::vector<TreeChange> changes;
  friend bool operator==(const TreeGeneration&, const TreeGeneration&) = default;
};

}  // namespace gorgon::config
