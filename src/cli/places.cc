#include "cli/places.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

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

fs::path default_key_file() {
  // The XDG base directory specification: a relative value is to be ignored.
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const bool is_set = config != nullptr && fs::path(config).is_absolute();
  return (is_set ? fs::path(config) : home() / ".config") / "gorgon" / "key";
}

fs::path default_trusted_keys() { return state_directory() / "trusted_keys"; }

}  // namespace gorgon::cli
