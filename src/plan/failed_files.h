// "failed_files": the files of the last run that failed or were not finished, for the next one.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

/// Replaces `file` in one step by a JSON array of `paths` in their order (also an empty one, so
/// that an old list does not outlive its failures). kIo.
[[nodiscard]] Result<void> write_failed_files(const std::filesystem::path& file,
                                              std::span<const std::string> paths);

/// kNotFound: no run has written it. kUsage: it is not a JSON array of strings.
[[nodiscard]] Result<std::vector<std::string>> read_failed_files(const std::filesystem::path& file);

}  // namespace gorgon::plan
