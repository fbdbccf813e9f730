// Child processes: an argv (never a shell), descriptors by number, an exit that coroutines wait
// for. Children are started from the program's one thread and die with it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon {

/// How a process ended: exactly one of the two is set.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;

  [[nodiscard]] bool is_success() const { return code == 0; }
  [[nodiscard]] static ExitStatus from_wait_status(int wait_status);
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};
/// "exit code 3", "signal 9 (SIGKILL)".
[[nodiscard]] std::string describe(const ExitStatus& status);

struct SpawnOptions {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH unless it contains a slash.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment =
      {};  ///< Changes to ours; nullopt unsets.
  std::filesystem::path working_directory = {};
  std::vector<std::pair<int, int>> descriptors =
      {};  ///< {number in the child, our descriptor}; 0, 1, 2 not named here: /dev/null.
  std::optional<int> death_signal = 9;  ///< Sent to the child when we die. Nullopt: it outlives us.
  bool new_session = true;
  bool adopts_orphans =
      false;  ///< Orphaned descendants become its children (PR_SET_CHILD_SUBREAPER).
  ResourceLimits limits = {};
};

/// One child process. The destructor kills its process tree and reaps the child.
class Subprocess {
 public:
  /// kNotFound when the program or working directory does not exist; kIo when it cannot be started.
  [[nodiscard]] static Result<Subprocess> spawn(const asio::any_io_executor& executor,
                                                const SpawnOptions& options);
  Subprocess(Subprocess&&) noexcept = default;
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool has_ended() const { return status_.has_value(); }
  /// Waits for the exit and reaps. May be called again afterwards; by one coroutine at a time.
  [[nodiscard]] Task<ExitStatus> wait();
  /// Nullopt when it still runs at `deadline`.
  [[nodiscard]] Task<std::optional<ExitStatus>> wait_until(
      std::chrono::steady_clock::time_point deadline);
  /// Sends `signal` to the process alone, if it has not been reaped.
  void signal(int signal) const;
  /// SIGTERM, then the whole tree by SIGKILL when it still runs after `grace`.
  [[nodiscard]] Task<ExitStatus> stop(std::chrono::steady_clock::duration grace);

  /// What the destructor does: afterwards not even a zombie is left. For an owner who cannot drop
  /// the object, because a coroutine waits on it.
  void kill_and_reap();

 private:
  Subprocess(pid_t pid, std::shared_ptr<asio::posix::stream_descriptor> pidfd)
      : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  std::shared_ptr<asio::posix::stream_descriptor>
      pidfd_;  ///< Readable when the child has ended. Null: moved from.
  std::optional<ExitStatus> status_;
};

struct RunOptions {
  SpawnOptions spawn;
  std::string input = {};  ///< Given on standard input.
  std::chrono::steady_clock::duration timeout;
  std::size_t max_output_bytes = 1024 * 1024;  ///< Of each stream; the rest is read and dropped.
};
struct RunOutput {
  ExitStatus status;
  std::string output;  ///< Standard output.
  std::string errors;  ///< Standard error.
};
/// Runs a program to its end. kTimeout after `timeout`, its tree killed. A non-zero exit is not an
/// Error.
[[nodiscard]] Task<Result<RunOutput>> run(RunOptions options);

/// The last `count` non-empty lines of `text`, for error messages.
[[nodiscard]] std::string last_lines(std::string_view text, std::size_t count);

}  // namespace gorgon
