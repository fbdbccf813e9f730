#include "cli/places.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/result.h"

namespace gorgon::cli {

namespace {

namespace fs = std::filesystem;

fs::path home() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_dir : "/";
}

}  // namespace

fs::path state_directory() { return home() / ".gorgon"; }

Result<fs::path> project_folder(const fs::path& config_file, bool config_is_required) {
  std::error_code ignored;
  if (config_is_required && fs::status(config_file, ignored).type() == fs::file_type::not_found)
    return fail(ErrorKind::kUsage, "the configuration " + config_file.string() + " does not exist");
  return fs::absolute(config_file).parent_path().lexically_normal();
}

fs::path default_key_file() {
  // The XDG base directory specification: a relative value is to be ignored.
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const bool is_set = config != nullptr && fs::path(config).is_absolute();
  return (is_set ? fs::path(config) : home() / ".config") / "gorgon" / "key";
}

fs::path default_trusted_keys() { return state_directory() / "trusted_keys"; }

}  // namespace gorgon::cli
