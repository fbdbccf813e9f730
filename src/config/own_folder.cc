#include "config/own_folder.h"

#include <filesystem>
#include <system_error>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::config {

Result<void> hide_own_folder(const std::filesystem::path& project) {
  const auto ignore_file = project / kOwnFolder / ".gitignore";
  std::error_code ignored;
  if (!fs::is_directory(project / kOwnFolder, ignored) || fs::exists(ignore_file, ignored))
    return {};
  return write_file(ignore_file, "*\n");
}

}  // namespace gorgon::config
