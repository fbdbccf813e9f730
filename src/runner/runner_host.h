// The listener's side of a runner host: the process that preloads the application once per job and
// forks runners.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "config/runner_settings.h"
#include "runner/runner_protocol.h"

namespace gorgon::runner {

struct HostOptions {
  std::string job;
  std::string host;  ///< This machine's name.
  std::filesystem::path workspace;
  std::filesystem::path
      scratch;  ///< An existing private directory: our own hosts and their output go there.
  config::RunnerSettings settings;
  ResourceLimits limits = {};                   ///< Of the host, and of each process below it.
  std::chrono::steady_clock::duration timeout;  ///< For preload and callbacks; also of finish().
};

/// One runner host. The destructor kills it with everything that descends from it.
class RunnerHost {
 public:
  /// Starts the host and waits until it is ready. kCallback: preload or before_creating_workers
  /// failed, with output and backtrace. kNotFound: no Ruby, no Python, or no such command.
  /// kTimeout: not ready within the limit.
  [[nodiscard]] static Task<Result<std::unique_ptr<RunnerHost>>> start(HostOptions options);

  /// Passes a worker's fork request on, with its three descriptors. kConnectionLost: the host has
  /// died.
  [[nodiscard]] Result<void> fork_runner(const std::string& datagram,
                                         const std::vector<int>& descriptors);
  /// The job has ended, and another one may come: kills what its tests have left running.
  void rest();
  /// For another job: its output starts anew. kConnectionLost: the host has died meanwhile.
  [[nodiscard]] Result<void> begin(const std::string& job);
  [[nodiscard]] bool is_alive();
  /// Runs after_creating_workers, waits for the end, and kills what the tests have left running.
  /// kCallback, kTimeout, kConnectionLost.
  [[nodiscard]] Task<Result<void>> finish();
  /// Waits until the process has ended; by one coroutine at a time.
  [[nodiscard]] Task<ExitStatus> wait() { return process_.wait(); }

  /// `error` with the last lines of the host's own output below it.
  [[nodiscard]] Error with_output(Error error) const;

  [[nodiscard]] const HostReady& ready() const { return ready_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  RunnerHost(HostOptions options, Subprocess process, asio::posix::stream_descriptor control)
      : options_(std::move(options)), process_(std::move(process)), control_(std::move(control)) {}
  [[nodiscard]] Task<Result<void>> end();
  [[nodiscard]] Task<Result<HostMessage>> next_message(
      std::chrono::steady_clock::time_point deadline);

  HostOptions options_;
  Subprocess process_;
  asio::posix::stream_descriptor control_;
  HostReady ready_;
};

/// How Ruby is started in `workspace`: with the bundle's gems alone when there is a Gemfile, as
/// `bundle exec` would.
[[nodiscard]] std::vector<std::string> ruby_command(const std::filesystem::path& workspace,
                                                    const std::filesystem::path& script);

}  // namespace gorgon::runner
