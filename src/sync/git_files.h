// Which files of a git checkout belong to the project, as git sees it. Reads only; knows nothing of
// rsync.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"

namespace gorgon::sync {

/// The files below `directory` that git tracks (ignored or not) or would not ignore, as they are on
/// disk now: those of submodules and of repositories inside it too, deleted ones not, nothing of
/// any
/// `.git`. Paths are relative to `directory`, in raw bytes, sorted, without duplicates. Folders
/// that git does not ignore but that hold none of these files are there too, with a `/` at their
/// end. Nullopt: `directory` is in no checkout, is itself ignored by the one it is in, or git is
/// not installed. kSync: git cannot read the checkout. Takes some milliseconds per thousand files.
[[nodiscard]] Task<Result<std::optional<std::vector<std::string>>>> list_git_files(
    fs::path directory);

/// The files below `directory` that differ from a commit: changed, added, untracked and not
/// ignored; with the deleted ones. The commit is HEAD for "HEAD" (before the first one: nothing, so
/// that all files differ), else where `revision` and HEAD have parted, or `revision` itself when
/// they have nothing in common. Paths as list_git_files() has them; what is inside of submodules is
/// not looked at. kUsage: there is no git, no checkout or no such revision.
[[nodiscard]] Task<Result<std::vector<std::string>>> changed_git_files(fs::path directory,
                                                                       std::string revision);

/// What the files of the checkout below `directory` are, in one line: "git:COMMIT" when none
/// differs from that, else "git:COMMIT+DIGEST", 16 hexadecimal digits over the names, types,
/// permissions, sizes and times of change of those that do, tracked or not, but ignored. No file is
/// read, and git is asked twice: some milliseconds per ten thousand files. Nullopt: there is no
/// git, no checkout or no commit, or the checkout ignores `directory`. kSync: git cannot say.
[[nodiscard]] Task<Result<std::optional<std::string>>> checkout_digest(fs::path directory);

}  // namespace gorgon::sync
