#include "sync/rsync.h"

#include <cstdlib>
#include <utility>

#include "base/subprocess.h"

namespace gorgon::sync {

namespace {

constexpr auto kWholeLimit = std::chrono::minutes(15);
constexpr const char* kSilenceLimit = "--timeout=60";
constexpr std::size_t kErrorLines = 6;
constexpr int kVanished = 24;

bool says(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

}  // namespace

std::string_view remedy_for(int exit_code, std::string_view errors) {
  if (says(errors, "No space left")) return "make room on that disk";
  if (says(errors, "Host key verification failed")) {
    return "add the file server's host key to known_hosts, or set job.sync.ssh.strict to false to "
           "accept new keys";
  }
  if (says(errors, "Permission denied (publickey"))
    return "ssh must log in without a password: is the key installed there?";
  if (says(errors, "auth failed") || says(errors, "@ERROR: auth"))
    return "check job.sync.user and job.sync.password";
  if (says(errors, "Unknown module"))
    return "is the file server one that `gorgon start_rsync` runs?";
  if (says(errors, "read only"))
    return "the file server must run with a writable module: use `gorgon start_rsync DIR`";
  switch (exit_code) {
    case 10:
      return "is the file server running (`gorgon start_rsync DIR`), and is file_server.host "
             "right?";
    case 30:
    case 35:
      return "the other side did not answer in time; is the network up?";
    case 127:
    case 255:
      return "is ssh to the file server possible by hand?";
    default:
      return "";
  }
}

Task<Result<void>> run_rsync(RsyncRun run) {
  RunOptions options;
  options.spawn.argv = {"rsync", kSilenceLimit};
  options.spawn.argv.insert(options.spawn.argv.end(), run.arguments.begin(), run.arguments.end());
  options.spawn.working_directory = run.directory;
  // Messages that we look into, in the language we know.
  options.spawn.environment.emplace_back("LC_ALL", "C");
  options.input = std::move(run.input);
  options.timeout = kWholeLimit;
  const auto finished = co_await gorgon::run(std::move(options));
  if (!finished) {
    Error error = finished.error();
    if (error.kind != ErrorKind::kNotFound) error.kind = ErrorKind::kSync;
    co_return with_context("cannot " + run.doing, std::move(error));
  }
  if (finished->status.is_success()) co_return Result<void>();
  if (run.vanished_is_fine && finished->status.code == kVanished) co_return Result<void>();
  const std::string said = finished->errors + finished->output;
  std::string message = "cannot " + run.doing + ": rsync ended with " + describe(finished->status);
  if (!said.empty()) message += ":\n" + last_lines(said, kErrorLines);
  const std::string_view remedy = remedy_for(finished->status.code.value_or(0), said);
  if (!remedy.empty()) message += "\n" + std::string(remedy);
  co_return fail(ErrorKind::kSync, std::move(message));
}

std::string ssh_command(bool strict_host_keys) {
  const char* configured = std::getenv("RSYNC_RSH");
  std::string command = configured != nullptr && *configured != '\0' ? configured : "ssh";
  command += " -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=";
  command += strict_host_keys ? "yes" : "accept-new";
  return command;
}

Access access_to(const config::SourceLocation& location) {
  Access access;
  if (location.compress) access.arguments.emplace_back("-z");
  if (location.transport == config::Transport::kSsh) {
    access.arguments.insert(access.arguments.end(),
                            {"-s", "-e", ssh_command(location.strict_host_keys)});
  } else {
    access.arguments.emplace_back("--contimeout=10");
    // Always, so that a server that wants a password is answered and never asked for at a terminal.
    access.arguments.emplace_back("--password-file=-");
    access.input = location.password + "\n";
  }
  return access;
}

}  // namespace gorgon::sync
