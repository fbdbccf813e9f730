// `gorgon init [rails]`: first versions of a project's files, for a person to change.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.h"

namespace gorgon::cli {

enum class InitKind : std::uint8_t {
  kSimple,  ///< gorgon.json and gorgon_listener.json.
  kRails,   ///< Also {spec,test,lib}/gorgon_callbacks/gorgon_callbacks.rb, with a database for each
            ///< worker.
};

struct InitReport {
  std::vector<std::filesystem::path> written;  ///< Relative to the project.
  std::vector<std::filesystem::path> kept;     ///< Were there already, and were not touched.
};

/// Writes the files that are missing in `project`, an existing folder. Never overwrites one, and
/// writes no secret. The files load without an error, and `gorgon start` then runs on this machine.
/// kIo: a file cannot be written; those before it are.
[[nodiscard]] Result<InitReport> write_initial_files(const std::filesystem::path& project,
                                                     InitKind kind);

}  // namespace gorgon::cli
