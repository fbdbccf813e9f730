#include "cli/signing_key.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/result.h"
#include "base/signature.h"
#include "cli/places.h"
#include "config/project_config.h"

namespace gorgon::cli {

namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& file, const fs::path& folder) {
  std::error_code ignored;
  const fs::path relative =
      fs::weakly_canonical(file, ignored).lexically_relative(fs::weakly_canonical(folder, ignored));
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Result<std::optional<PrivateKey>> signing_key(const config::ProjectConfig& config,
                                              const fs::path& config_file) {
  if (!config.connection) return std::nullopt;
  const bool is_configured = !config.signing_key.empty();
  const fs::path file = is_configured ? config.signing_key : default_key_file();
  auto key = PrivateKey::load(file);
  if (!key && key.error().kind == ErrorKind::kNotFound && !is_configured) return std::nullopt;
  if (!key) return fail(ErrorKind::kUsage, "signing_key: " + key.error().message);
  if (is_inside(file, fs::absolute(config_file).parent_path())) {
    return fail(ErrorKind::kUsage, "signing_key: " + file.string() +
                                       " is in the project, whose files go to every listener: "
                                       "move it");
  }
  return *std::move(key);
}

}  // namespace gorgon::cli
