// What the entries of a tree were at one moment, to find out later which of them somebody has
// touched. No file is read: a time of change (ctime) is the system's own, which programs cannot set
// as they can sizes and times of modification.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"

namespace gorgon::sync {

/// One entry. Of folders only type and permissions count: what is in them has marks of its own.
struct Mark {
  mode_t mode = 0;  ///< With the type.
  ino_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed = 0;  ///< Nanoseconds since 1970.
  friend bool operator==(const Mark&, const Mark&) = default;
};

/// By path relative to the tree.
using Marks = std::map<std::string, Mark, std::less<>>;

/// Nullopt: there is nothing, or it cannot be looked at. A link is not followed.
[[nodiscard]] std::optional<Mark> mark_of(const fs::path& path);

/// Of all that is below `tree`. Opens folders that their owner may not read. Takes some two
/// milliseconds per thousand entries, and holds up the event loop for as long. kSync: a folder
/// cannot be read.
[[nodiscard]] Result<Marks> marks_of(const fs::path& tree);

/// The paths, sorted, that are in one only, or have another mark in the other.
[[nodiscard]] std::vector<std::string> differences(const Marks& before, const Marks& after);

/// The time by which a file system marks what is changed now. It goes forward in steps of some
/// milliseconds: a mark of this very moment says nothing of a change that follows.
[[nodiscard]] std::int64_t clock_of_marks();

/// Returns when whatever is changed from now on gets a later mark than these; at once, or in some
/// milliseconds.
[[nodiscard]] Task<void> wait_for_later_marks(const Marks& marks);

/// As bytes for a file, and back. kIo: `text` is no such thing.
[[nodiscard]] std::string marks_text(const Marks& marks);
[[nodiscard]] Result<Marks> read_marks(std::string_view text);

}  // namespace gorgon::sync
