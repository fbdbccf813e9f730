// `gorgon install_listener`: the listener as a systemd unit, of one user or of the system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/asio.h"
#include "base/result.h"

namespace gorgon::listener {

inline constexpr std::string_view kUnitName = "gorgon-listener.service";

enum class ServiceScope : std::uint8_t {
  kUser,    ///< systemctl --user, in ~/.config/systemd/user.
  kSystem,  ///< In /etc/systemd/system; takes root.
};

/// What goes into the unit.
struct ServiceUnit {
  ServiceScope scope = ServiceScope::kUser;
  std::filesystem::path binary;       ///< This program, absolute.
  std::filesystem::path config_file;  ///< gorgon_listener.json, absolute.
  std::string run_as;                 ///< kSystem: the user whom tests run as. Never empty there.
  std::string search_path;  ///< PATH of the listener and its tests; empty: systemd's own, in which
                            ///< no Ruby of a version manager is found.
};

/// Whether the unit can be installed. kUsage: a path is not absolute or has a line break, the
/// configuration has mistakes or is not there, or `run_as` is missing.
[[nodiscard]] Result<void> check(const ServiceUnit& unit);

/// The unit file's text. Paths may hold spaces, quotes, "%" and "$": they are escaped by the rules
/// of systemd.unit(5) and systemd.syntax(7).
[[nodiscard]] std::string render_unit(const ServiceUnit& unit);

/// Where units go, and how to talk to systemd: an argument so that tests have their own.
struct ServiceManager {
  ServiceScope scope = ServiceScope::kUser;
  std::filesystem::path unit_folder;
  std::string systemctl = "systemctl";
  bool is_running = false;  ///< systemd is this machine's init, and for kUser ours is reachable.

  /// That of this machine. kUsage: kUser without HOME.
  [[nodiscard]] static Result<ServiceManager> find(ServiceScope scope);
};

/// Writes the unit, and when systemd is running enables it and starts the listener, also one that
/// runs already with an older unit. Gives lines for the user: what was done, and what is left to be
/// done by hand. Waits at most two minutes for systemd.
/// What check() finds. kIo: the unit cannot be written, or systemctl refused (the message has its
/// words).
[[nodiscard]] Task<Result<std::string>> install_service(ServiceManager manager, ServiceUnit unit);

/// Stops and disables the listener, and removes the unit. kNotFound: it is not installed.
[[nodiscard]] Task<Result<std::string>> uninstall_service(ServiceManager manager);

}  // namespace gorgon::listener
