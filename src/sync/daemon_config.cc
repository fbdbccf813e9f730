#include "sync/daemon_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

namespace gorgon::sync {

namespace {

/// The format has no quoting: a line break ends a value, a backslash before one goes on, blanks at
/// the ends are dropped, and %NAME% is replaced by a variable of the environment.
Result<void> check_path(const fs::path& path) {
  const std::string& text = path.native();
  const bool is_fine = text.find_first_of("\n\r%") == std::string::npos && !text.ends_with('\\') &&
                       !text.ends_with(' ') && !text.ends_with('\t');
  if (is_fine) return {};
  return fail(ErrorKind::kUsage,
              "rsync cannot serve " + text +
                  ": its name has a line break or a %, or ends with a blank or a backslash");
}

/// A daemon started by root would serve as "nobody". It shall have the rights of the folder's
/// owner, no more and no less.
std::string owner_lines(const fs::path& path) {
  struct stat info{};
  if (::geteuid() != 0 || ::stat(path.c_str(), &info) != 0) return "";
  return fmt::format("uid = {}\ngid = {}\n", info.st_uid, info.st_gid);
}

}  // namespace

Result<std::string> daemon_config_text(const DaemonConfig& config) {
  for (const fs::path& path :
       {config.path, config.secrets_file, config.log_file, config.pid_file}) {
    GORGON_TRY(check_path(path));
  }
  std::string text = "use chroot = no\nlist = no\nreverse lookup = no\nforward lookup = no\n";
  text += fmt::format("timeout = 60\nlog file = {}\n", config.log_file.string());
  if (!config.pid_file.empty()) text += fmt::format("pid file = {}\n", config.pid_file.string());
  if (!config.address.empty()) text += fmt::format("address = {}\n", config.address);
  if (config.port != 0) text += fmt::format("port = {}\n", config.port);
  text += fmt::format("[{}]\npath = {}\n", config.module, config.path.string());
  text += owner_lines(config.path);
  // Links are stored disarmed where others may write, and armed again on their way out; in a tree
  // that nobody can write to they may stay as they are.
  text += config.is_writable ? "read only = no\nmunge symlinks = yes\n"
                             : "read only = yes\nmunge symlinks = no\n";
  text += "refuse options = copy-links copy-unsafe-links copy-dirlinks keep-dirlinks";
  text += config.is_writable ? "\n" : " delete\n";
  if (!config.users.empty()) {
    text += fmt::format("auth users = {}\nsecrets file = {}\n", fmt::join(config.users, ","),
                        config.secrets_file.string());
  }
  return text;
}

}  // namespace gorgon::sync
