#include "cli/secrets.h"

#include <string.h>
#include <sys/prctl.h>

#include <chrono>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "config/connection.h"
#include "config/project_config.h"

namespace gorgon::cli {

namespace {

constexpr const char* kVariable = "GORGON_PASSWORD";
constexpr std::chrono::seconds kCommandLimit{30};
constexpr std::size_t kReasonLines = 5;

std::optional<std::string>& password_of_environment() {
  static std::optional<std::string> password;
  return password;
}

Result<std::string> password_from(const std::string& command) {
  const std::string what = "connection.password_command (" + command + ")";
  RunOptions options{.spawn = {.argv = {"/bin/sh", "-c", command}}, .timeout = kCommandLimit};
  asio::io_context io(1);
  const auto ran = run_to_completion(io, gorgon::run(std::move(options)));
  if (!ran) return fail(ErrorKind::kUnavailable, what + ": " + ran.error().message);
  if (!ran->status.is_success()) {
    return fail(ErrorKind::kUnavailable, what + " ended with " + describe(ran->status) + "\n" +
                                             last_lines(ran->errors, kReasonLines));
  }
  std::string password = ran->output.substr(0, ran->output.find('\n'));
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) return fail(ErrorKind::kUnavailable, what + " has printed no password");
  return password;
}

}  // namespace

// Called again after a change of user, which lets the kernel decide anew whether we may be dumped.
void keep_secrets() {
  char* const value = std::getenv(kVariable);
  if (value != nullptr) {
    password_of_environment() = value;
    // /proc/PID/environ shows these bytes as long as they are there.
    ::explicit_bzero(value, ::strlen(value));
    ::unsetenv(kVariable);
  }
#ifndef __SANITIZE_ADDRESS__  // LeakSanitizer looks into us as another process would.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

Result<void> add_password(config::Connection& connection) {
  if (const auto& password = password_of_environment()) {
    connection.password = *password;
  } else if (!connection.password_command.empty()) {
    GORGON_TRY_ASSIGN(connection.password, password_from(connection.password_command));
  }
  return {};
}

Result<config::ProjectConfig> load_project(const std::filesystem::path& file, bool is_required) {
  GORGON_TRY_ASSIGN(config::ProjectConfig config, config::load_project_config(file, is_required));
  if (config.connection) GORGON_TRY(add_password(*config.connection));
  return config;
}

}  // namespace gorgon::cli
