#include "sync/rsync.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"

namespace gorgon::sync {

namespace {

constexpr std::string_view kSilenceOption = "--timeout=30";
constexpr std::string_view kConnectOption = "--contimeout=10";
/// rsync's exit code for "some files vanished before they could be transferred" (rsync(1)).
constexpr int kVanished = 24;
/// "Partial transfer due to error": a file could not be read, or changed again and again.
constexpr int kPartial = 23;
/// rsync(1): error in socket I/O, in the protocol data stream, timeout in data send/receive,
/// timeout waiting for the daemon; and ssh(1): an error of ssh itself.
constexpr std::array kConnectionFailures = {10, 12, 30, 35, 255};
/// Before the first new try; each further one is twice as long.
constexpr std::chrono::seconds kFirstPause{1};

std::string remote_shell(const RsyncRun& run) {
  const char* configured = std::getenv("RSYNC_RSH");
  std::string shell = configured != nullptr && *configured != '\0' ? configured : "ssh";
  shell += " -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=";
  shell += run.strict_host_keys ? "yes" : "accept-new";
  if (!run.ssh_port.empty()) shell += " -p " + run.ssh_port;
  return shell;
}

/// What rsync, the server or ssh say, and what it means. `{}` is the peer.
struct KnownFailure {
  std::string_view words;
  std::string_view meaning;
  bool may_pass = false;  ///< By itself, soon.
};
constexpr std::array kKnownFailures = {
    KnownFailure{"No space left on device", "no space left on the disk of {}"},
    KnownFailure{"Disk quota exceeded", "the disk quota is used up on {}"},
    KnownFailure{"Unknown module", "{} does not serve such a module"},
    KnownFailure{"auth failed", "{} refused the user or the password (job.sync)"},
    KnownFailure{"module is read only", "{} does not let anyone write"},
    KnownFailure{"max connections", "{} is busy: it has as many connections as it allows"},
    KnownFailure{"Host key verification failed",
                 "the host key of {} is not the known one, or not known yet: connect to it once "
                 "with ssh, or set job.sync.ssh.strict to false"},
    KnownFailure{"Permission denied (", "{} did not accept our ssh key"},
    KnownFailure{"Could not resolve hostname", "the name of {} cannot be found"},
    KnownFailure{"getaddrinfo", "the name of {} cannot be found"},
    KnownFailure{"timeout waiting for daemon", "{} does not answer", true},
    KnownFailure{"onnection timed out", "{} does not answer", true},
    KnownFailure{"timed out", "{} does not answer", true},
    KnownFailure{"No route to host", "there is no route to {}", true},
    KnownFailure{"rsync: command not found", "rsync is not installed on {}"},
    KnownFailure{"rsync: not found", "rsync is not installed on {}"},
};

const KnownFailure* known_failure(std::string_view errors) {
  const auto* found = std::ranges::find_if(
      kKnownFailures, [&](const KnownFailure& failure) { return errors.contains(failure.words); });
  return found == kKnownFailures.end() ? nullptr : found;
}

std::string meaning_of(const RsyncRun& run, std::string_view errors) {
  const std::string peer = run.peer.empty() ? "this machine" : run.peer;
  if (errors.contains("Connection refused")) {
    return fmt::format("{} refused the connection{}{}", peer, run.refused_hint.empty() ? "" : ": ",
                       run.refused_hint);
  }
  if (const KnownFailure* failure = known_failure(errors))
    return fmt::format(fmt::runtime(failure->meaning), peer);
  return run.peer.empty() ? std::string("rsync failed") : "rsync failed with " + peer;
}

/// Without rsync's closing summaries, which repeat the exit code and name its own source lines.
std::string without_summaries(std::string_view errors) {
  std::string kept;
  while (!errors.empty()) {
    const std::size_t end = errors.find('\n');
    const std::string_view line = errors.substr(0, end);
    if (!line.empty() && !line.starts_with("rsync error:") && !line.starts_with("rsync warning:")) {
      kept += line;
      kept += '\n';
    }
    errors.remove_prefix(end == std::string_view::npos ? errors.size() : end + 1);
  }
  return kept;
}

Task<Result<RunOutput>> run_once(const RsyncRun& run) {
  RunOptions options{.spawn = {.argv = rsync_argv(run)},
                     .input = run.file_list ? *run.file_list : run.password + "\n",
                     .timeout = run.limit};
  // Set by people for their own use of rsync; they would change what our argv means.
  for (const char* name :
       {"RSYNC_OLD_ARGS", "RSYNC_PROTECT_ARGS", "RSYNC_ICONV", "RSYNC_PARTIAL_DIR"})
    options.spawn.environment.emplace_back(name, std::nullopt);
  options.spawn.environment.emplace_back("LC_ALL", "C");  // We look into what it says.
  co_return co_await gorgon::run(std::move(options));
}

}  // namespace

std::string rsync_list(const std::vector<std::string>& paths) {
  std::string list;
  for (std::string_view path : paths) {
    // To rsync a slash at the end means "and all that is in it".
    if (path.ends_with('/')) path.remove_suffix(1);
    // "./" in front: no name can then look like a comment, an option or an absolute path.
    list.append("./").append(path).push_back('\0');
  }
  return list;
}

std::vector<std::string> rsync_argv(const RsyncRun& run) {
  // Not --archive: owners and groups are those of whoever receives, and sockets, pipes and devices
  // belong to the machine they are on.
  std::vector<std::string> argv = {"rsync", "-rlpt"};
  if (run.via != Via::kLocal) argv.emplace_back(kSilenceOption);
  if (run.via == Via::kDaemon) argv.emplace_back(kConnectOption);
  if (run.via == Via::kDaemon && !run.password.empty()) argv.emplace_back("--password-file=-");
  if (run.via == Via::kSsh) argv.push_back("--rsh=" + remote_shell(run));
  if (run.compress && run.via != Via::kLocal) argv.emplace_back("--compress");
  if (run.file_list || !run.list_file.empty()) {
    argv.insert(argv.end(), {"--no-recursive", "--from0",
                             "--files-from=" + (run.file_list ? "-" : run.list_file.string())});
  }
  argv.insert(argv.end(), run.options.begin(), run.options.end());
  argv.insert(argv.end(), {"--", run.source, run.destination});
  return argv;
}

Error rsync_error(const RsyncRun& run, const RunOutput& output) {
  std::string message = meaning_of(run, output.errors);
  std::string words = without_summaries(output.errors);
  if (words.empty()) words = output.errors;
  words = last_lines(words, 4);
  message += fmt::format(" (rsync: {})", describe(output.status));
  if (!words.empty()) message += ": " + valid_utf8(words);
  return {ErrorKind::kSync, std::move(message)};
}

bool may_pass(const RsyncRun& run, const RunOutput& output) {
  if (run.via == Via::kLocal) return false;
  if (output.status.signal) return true;
  const KnownFailure* failure = known_failure(output.errors);
  return (failure == nullptr || failure->may_pass) &&
         std::ranges::find(kConnectionFailures, output.status.code) != kConnectionFailures.end();
}

Task<Result<void>> run_rsync(RsyncRun run) {
  auto pause = kFirstPause;
  for (int attempt = 1, connection = 1;; ++attempt) {
    auto output = co_await run_once(run);
    if (!output) {
      const std::string doing = run.peer.empty() ? "copy files" : "copy files with " + run.peer;
      co_return with_context(doing, Error{ErrorKind::kSync, std::move(output.error().message)});
    }
    const ExitStatus& status = output->status;
    if (status.is_success() || (run.allow_vanished && status.code == kVanished))
      co_return Result<void>{};
    Error error = rsync_error(run, *output);
    if (connection <= run.reconnects && may_pass(run, *output)) {
      ++connection;
      log::warning("{}; trying again", error.message);
      co_await sleep_for(pause);
      pause *= 2;
    } else if (status.code != kPartial || attempt >= run.attempts) {
      co_return std::unexpected(std::move(error));
    }
  }
}

}  // namespace gorgon::sync
