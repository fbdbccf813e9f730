// What a tree holds, in one line of text: whether two machines have the same one.
#pragma once

#include <filesystem>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"

namespace gorgon::sync {

/// A digest over the paths below `tree`, and of each its type, permissions, and content or link
/// target: what rsync carries, but for times, and for setuid, setgid and sticky bits, which a
/// receiver may not be allowed to set. Links are not followed. Lets the event loop run in between.
/// kSync: something cannot be read, is no file, folder or link, or changes meanwhile.
[[nodiscard]] Task<Result<std::string>> tree_digest(fs::path tree);

}  // namespace gorgon::sync
