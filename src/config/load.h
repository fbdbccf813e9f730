// A configuration file with the gorgon_secret.json beside it laid over it: from disk to one value.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "config/document.h"
#include "config/key_row.h"

namespace gorgon::config {

/// Reads `file` and the gorgon_secret.json in its folder, if there is one. kNotFound: `file` does
/// not exist. kUsage: others than its owner may use the secret file, a file cannot be read, or is
/// no JSON object. Names that stand twice are left in `problems`.
///
/// One secret file serves gorgon.json and gorgon_listener.json of one folder: its keys that only
/// `other` has (the rows of the other file), and not `own`, are left out.
[[nodiscard]] Result<Value> load_with_secret(const std::filesystem::path& file,
                                             const std::vector<KeyRow>& own,
                                             const std::vector<KeyRow>& other, Problems& problems);

}  // namespace gorgon::config
