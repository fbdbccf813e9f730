#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/signature.h"
#include "cli/commands.h"
#include "cli/places.h"
#include "config/listener_config.h"
#include "listener/trusted_keys.h"

namespace gorgon::cli {

namespace {

namespace fs = std::filesystem;

/// The file that the listener of this configuration reads. Without any configuration: of a listener
/// that has none yet.
Result<fs::path> trusted_keys_file(const TrustCommand& command) {
  fs::path file;
  if (command.config_file) {
    file = *command.config_file;
  } else {
    auto found = config::find_listener_config();
    if (!found) return default_trusted_keys();
    file = *std::move(found);
  }
  GORGON_TRY_ASSIGN(const config::ListenerConfig config, config::load_listener_config(file));
  return config.trusted_keys.empty() ? default_trusted_keys() : config.trusted_keys;
}

Result<bool> trust_in(const fs::path& file, const TrustCommand& command) {
  listener::TrustedKey trusted{.key = {}, .rights = {}, .name = command.name};
  GORGON_TRY_ASSIGN(trusted.key, PublicKey::parse(command.key));
  auto rights = listener::parse_rights(command.rights);
  if (!rights) return with_context("--rights", std::move(rights.error()));
  trusted.rights = *std::move(rights);
  return listener::trust(file, trusted);
}

}  // namespace

int keygen(const KeygenCommand& command) {
  const fs::path file = command.output.empty() ? default_key_file() : command.output;
  const PrivateKey key = PrivateKey::generate();
  if (const auto saved = key.save(file, command.force); !saved) {
    Error error = saved.error();
    if (error.kind != ErrorKind::kRefused) return complain(error);
    // Most likely its owner only wants to see it again.
    const auto existing = PrivateKey::load(file);
    if (existing) error.message += "; its public key is " + existing->public_key().text();
    return complain({ErrorKind::kUsage, error.message + "; --force replaces it"});
  }
  std::fprintf(stderr,
               "wrote %s; on each machine that is to run your jobs: gorgon trust, with the key "
               "below\n",
               file.c_str());
  std::printf("%s\n", key.public_key().text().c_str());
  return 0;
}

int trust(const TrustCommand& command) {
  const auto file = trusted_keys_file(command);
  if (!file) return complain(file.error());
  const auto trusted = trust_in(*file, command);
  if (!trusted) return complain(trusted.error());
  std::printf("%s %s\n", *trusted ? "changed the line of this key in" : "added this key to",
              file->c_str());
  return 0;
}

}  // namespace gorgon::cli
