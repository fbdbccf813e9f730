// The key that signs what listeners are told.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "base/signature.h"
#include "config/project_config.h"

namespace gorgon::cli {

/// The configured one, or that of the default place if there is one. Nullopt also without a broker:
/// nobody else hears what is said then. kUsage: it cannot be used; also a key inside the project,
/// whose tree goes to every listener. `config_file` stands in the project.
[[nodiscard]] Result<std::optional<PrivateKey>> signing_key(
    const config::ProjectConfig& config, const std::filesystem::path& config_file);

}  // namespace gorgon::cli
