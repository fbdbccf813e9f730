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

}  // namespace gorgon::sync
