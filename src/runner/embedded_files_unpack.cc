#include <filesystem>
#include <system_error>

#include "base/embedded_file.h"
#include "base/files.h"
#include "base/result.h"
#include "runner/embedded_files.h"

namespace gorgon::runner {

Result<void> unpack_embedded_files(const fs::path& directory) {
  for (const EmbeddedFile& file : embedded_files()) {
    std::error_code error;  // A folder that cannot be made shows when the file is written.
    fs::create_directories((directory / file.name).parent_path(), error);
    GORGON_TRY(write_file(directory / file.name, file.bytes, 0600));
  }
  return {};
}

}  // namespace gorgon::runner
