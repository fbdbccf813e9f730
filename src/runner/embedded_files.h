// The runner hosts of ruby/ and python/, as they were when this binary was built.
#pragma once

#include <filesystem>
#include <span>

#include "base/embedded_file.h"
#include "base/result.h"

namespace gorgon::runner {

[[nodiscard]] std::span<const EmbeddedFile> embedded_files();

/// Writes them all into `directory`, which must exist and be private to the user, in folders as
/// their names say. kIo.
[[nodiscard]] Result<void> unpack_embedded_files(const std::filesystem::path& directory);

}  // namespace gorgon::runner
