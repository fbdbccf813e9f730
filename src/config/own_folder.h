// What we keep in a project without being asked to: PROJECT/.gorgon.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace gorgon::config {

inline constexpr const char* kOwnFolder = ".gorgon";

/// Keeps it from being committed. Does nothing where there is none. kIo.
[[nodiscard]] Result<void> hide_own_folder(const std::filesystem::path& project);

}  // namespace gorgon::config
