#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "cli/commands.h"
#include "cli/init.h"
#include "config/listener_config.h"
#include "listener/service.h"

namespace gorgon::cli {

namespace {

namespace fs = std::filesystem;

/// Whom a system service is for: who called sudo, or this user. Empty when that would be root, whom
/// the tests of others should not run as unless somebody says so.
std::string user_name() {
  if (const char* sudo = std::getenv("SUDO_USER"); sudo != nullptr && *sudo != '\0') return sudo;
  if (::getuid() == 0) return {};
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : "";
}

Result<listener::ServiceUnit> describe_unit(const InstallListenerCommand& command,
                                            listener::ServiceScope scope) {
  listener::ServiceUnit unit{.scope = scope};
  if (command.config_file) {
    unit.config_file = fs::absolute(*command.config_file);
  } else {
    GORGON_TRY_ASSIGN(const fs::path found, config::find_listener_config());
    unit.config_file = fs::absolute(found);
  }
  std::error_code error;
  unit.binary = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorKind::kIo, "cannot find this program: " + error.message());
  if (scope == listener::ServiceScope::kSystem) unit.run_as = command.run_as.value_or(user_name());
  const char* path = std::getenv("PATH");
  unit.search_path = path != nullptr ? path : "";
  return unit;
}

int show(const Result<std::string>& done) {
  if (!done) return complain(done.error());
  std::printf("%s", done->c_str());
  if (!done->ends_with('\n')) std::printf("\n");
  return 0;
}

}  // namespace

int init(const InitCommand& command) {
  const auto report = write_initial_files(
      fs::current_path(), command.kind == "rails" ? InitKind::kRails : InitKind::kSimple);
  if (!report) return complain(report.error());
  for (const fs::path& file : report->written) std::printf("wrote %s\n", file.c_str());
  for (const fs::path& file : report->kept)
    std::printf("kept  %s, which was there already\n", file.c_str());
  return 0;
}

int install_listener(const InstallListenerCommand& command) {
  if (command.system && command.user)
    return complain({ErrorKind::kUsage, "install_listener: give --user or --system, not both"});
  if (command.run_as && !command.system)
    return complain({ErrorKind::kUsage, "install_listener: --run-as needs --system"});
  const auto scope =
      command.system ? listener::ServiceScope::kSystem : listener::ServiceScope::kUser;
  asio::io_context io(1);
  if (command.uninstall) {
    auto manager = listener::ServiceManager::find(scope);
    if (!manager) return complain(manager.error());
    return show(run_to_completion(io, listener::uninstall_service(*std::move(manager))));
  }
  auto unit = describe_unit(command, scope);
  if (!unit) return complain(unit.error());
  if (command.dry_run) {
    if (const auto checked = listener::check(*unit); !checked) return complain(checked.error());
    std::printf("%s", listener::render_unit(*unit).c_str());
    return 0;
  }
  auto manager = listener::ServiceManager::find(scope);
  if (!manager) return complain(manager.error());
  return show(
      run_to_completion(io, listener::install_service(*std::move(manager), *std::move(unit))));
}

}  // namespace gorgon::cli
