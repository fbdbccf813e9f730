// Where a user's own files are, and a project's.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace gorgon::cli {

/// ~/.gorgon: what listeners and file servers keep. The home of the user who runs us, also where a
/// service manager sets no HOME.
[[nodiscard]] std::filesystem::path state_directory();
/// The folder of a project: that of its configuration, absolute. kUsage: `config_is_required`,
/// since it was named, and it is not there; as config::load_project_config() says it.
[[nodiscard]] Result<std::filesystem::path> project_folder(const std::filesystem::path& config_file,
                                                           bool config_is_required);
/// $XDG_CONFIG_HOME/gorgon/key, or below ~/.config: where `gorgon keygen` writes, and what signs
/// when the configuration names no other.
[[nodiscard]] std::filesystem::path default_key_file();
/// Whose jobs a listener runs, unless its configuration names another file.
[[nodiscard]] std::filesystem::path default_trusted_keys();

}  // namespace gorgon::cli
