// Where a user's own files are.
#pragma once

#include <filesystem>

namespace gorgon::cli {

/// ~/.gorgon: what listeners and file servers keep. The home of the user who runs us, also where a
/// service manager sets no HOME.
[[nodiscard]] std::filesystem::path state_directory();
/// $XDG_CONFIG_HOME/gorgon/key, or below ~/.config: where `gorgon keygen` writes, and what signs
/// when the configuration names no other.
[[nodiscard]] std::filesystem::path default_key_file();
/// Whose jobs a listener runs, unless its configuration names another file.
[[nodiscard]] std::filesystem::path default_trusted_keys();

}  // namespace gorgon::cli
