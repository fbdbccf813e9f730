#include "listener/service.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "config/listener_config.h"

namespace gorgon::listener {

namespace {

/// One argument of a command line or one assignment of Environment=: quoted, with C escapes, and
/// "%" doubled because it begins a specifier. In command lines "$" begins a variable.
std::string escaped(std::string_view text, bool is_command) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '%' || (c == '$' && is_command)) result += c;
    result += c;
  }
  return result + '"';
}

std::vector<std::string> systemctl(const ServiceManager& manager,
                                   const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {manager.systemctl};
  if (manager.scope == ServiceScope::kUser) argv.emplace_back("--user");
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

using Commands = std::vector<std::vector<std::string>>;

Commands start_commands(const ServiceManager& manager) {
  const std::string name(kUnitName);
  // "restart" also starts; "enable --now" would leave a running listener with its old unit.
  return {systemctl(manager, {"daemon-reload"}), systemctl(manager, {"enable", name}),
          systemctl(manager, {"restart", name})};
}

Task<Result<void>> run_all(Commands commands) {
  for (std::vector<std::string>& argv : commands) {
    const std::string line = fmt::format("{}", fmt::join(argv, " "));
    RunOptions options{.spawn = {.argv = std::move(argv)}, .timeout = std::chrono::seconds(40)};
    auto ran = co_await run(std::move(options));
    if (!ran) co_return with_context(line, std::move(ran).error());
    if (!ran->status.is_success()) {
      co_return fail(ErrorKind::kIo, fmt::format("{}: {}\n{}", line, describe(ran->status),
                                                 last_lines(ran->errors + ran->output, 5)));
    }
  }
  co_return Result<void>();
}

std::string by_hand(const Commands& commands) {
  std::string text = "systemd is not running here. Where it is:\n";
  for (const auto& argv : commands) text += fmt::format("  {}\n", fmt::join(argv, " "));
  return text;
}

}  // namespace

Result<void> check(const ServiceUnit& unit) {
  for (const fs::path& path : {unit.binary, unit.config_file}) {
    const bool has_break = path.string().find_first_of("\n\r") != std::string::npos;
    if (!path.is_absolute() || has_break) {
      return fail(ErrorKind::kUsage, "the path \"" + path.string() +
                                         "\" cannot stand in a systemd unit: it must be absolute "
                                         "and on one line");
    }
  }
  if (unit.scope == ServiceScope::kSystem && unit.run_as.empty()) {
    return fail(ErrorKind::kUsage,
                "a system service needs the user whom the tests run as: give --run-as USER, or "
                "run this through sudo as that user");
  }
  const auto is_word = [](const std::string& text, std::string_view forbidden) {
    return text.find_first_of(forbidden) == std::string::npos;
  };
  if (!is_word(unit.run_as, " \t\n\r%") || !is_word(unit.search_path, "\n\r")) {
    return fail(ErrorKind::kUsage,
                "the user's name, or PATH, has a character that cannot stand in a systemd unit");
  }
  const auto config = config::load_listener_config(unit.config_file);
  if (!config) return std::unexpected(config.error());
  return {};
}

std::string render_unit(const ServiceUnit& unit) {
  const bool is_system = unit.scope == ServiceScope::kSystem;
  std::string text =
      "# Written by `gorgon install_listener`; `gorgon install_listener --uninstall` removes it.\n"
      "[Unit]\n"
      "Description=Gorgon listener: runs the tests of others on this machine\n";
  // User units cannot wait for units of the system.
  if (is_system) text += "Wants=network-online.target\nAfter=network-online.target\n";
  text += "\n[Service]\n";
  if (is_system) text += fmt::format("User={}\n", unit.run_as);
  text +=
      fmt::format("ExecStart={} listen --foreground --config {}\n",
                  escaped(unit.binary.string(), true), escaped(unit.config_file.string(), true));
  text += "WorkingDirectory=~\n";
  if (!unit.search_path.empty()) {
    text += fmt::format("Environment={}\n", escaped("PATH=" + unit.search_path, false));
  }
  // Delegate: the listener makes a cgroup for each worker, so that killing a test is exact. mixed:
  // SIGTERM goes to the listener alone, which ends its jobs in order; what is left gets SIGKILL.
  text +=
      "Restart=on-failure\n"
      "RestartSec=5\n"
      "Delegate=yes\n"
      "KillMode=mixed\n"
      "TimeoutStopSec=30\n"
      "# Tests shall not slow down who works at this machine.\n"
      "Nice=5\n";
  text +=
      fmt::format("\n[Install]\nWantedBy={}\n", is_system ? "multi-user.target" : "default.target");
  return text;
}

Result<ServiceManager> ServiceManager::find(ServiceScope scope) {
  std::error_code ignored;
  // What sd_booted(3) looks at.
  const bool is_booted = fs::is_directory("/run/systemd/system", ignored);
  if (scope == ServiceScope::kSystem) {
    return ServiceManager{
        .scope = scope, .unit_folder = "/etc/systemd/system", .is_running = is_booted};
  }
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  fs::path folder = variable("XDG_CONFIG_HOME");
  if (folder.empty() && variable("HOME").empty()) {
    return fail(ErrorKind::kUsage, "the environment has no HOME: use --system");
  }
  if (folder.empty()) folder = variable("HOME") / ".config";
  const fs::path runtime = variable("XDG_RUNTIME_DIR");
  return ServiceManager{
      .scope = scope,
      .unit_folder = folder / "systemd/user",
      .is_running = is_booted && !runtime.empty() && fs::exists(runtime / "systemd", ignored)};
}

Task<Result<std::string>> install_service(ServiceManager manager, ServiceUnit unit) {
  unit.scope = manager.scope;
  GORGON_CO_TRY(check(unit));
  const fs::path file = manager.unit_folder / kUnitName;
  GORGON_CO_TRY(write_file(file, render_unit(unit), 0644));
  std::string report = fmt::format("wrote {}\n", file.string());
  if (!manager.is_running) co_return report + by_hand(start_commands(manager));
  auto started = co_await run_all(start_commands(manager));
  if (!started) {
    co_return with_context(fmt::format("wrote {}, but the listener does not run", file.string()),
                           std::move(started).error());
  }
  report += "the listener runs, and will after each start of the machine\n";
  if (manager.scope == ServiceScope::kUser) {
    report += "it stops when you log out, unless you allow it to stay: loginctl enable-linger\n";
  }
  co_return report;
}

Task<Result<std::string>> uninstall_service(ServiceManager manager) {
  const fs::path file = manager.unit_folder / kUnitName;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(file, error))) {
    co_return fail(ErrorKind::kNotFound, file.string() + " does not exist: nothing is installed");
  }
  const Commands stop = {systemctl(manager, {"disable", "--now", std::string(kUnitName)})};
  const Commands reload = {systemctl(manager, {"daemon-reload"})};
  if (manager.is_running) GORGON_CO_TRY(co_await run_all(stop));
  if (!fs::remove(file, error)) {
    co_return fail(ErrorKind::kIo, "cannot remove " + file.string() + ": " + error.message());
  }
  std::string report = fmt::format("removed {}\n", file.string());
  if (!manager.is_running) co_return report + by_hand(reload);
  GORGON_CO_TRY(co_await run_all(reload));
  co_return report;
}

}  // namespace gorgon::listener
