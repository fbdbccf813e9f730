// Programs that an integration test runs: with an environment of their own, captured output, and a
// bound on every wait. All calls block the caller's thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/subprocess.h"

namespace gorgon::test {

using Environment = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Asks `condition` again and again until it holds; false when `limit` comes first.
[[nodiscard]] bool eventually(std::chrono::steady_clock::duration limit,
                              const std::function<bool()>& condition);

/// Pids of all processes of a test, wherever they were reparented to: that carry NAME=VALUE in the
/// environment they were started with, or (for a process that has written its title over its
/// environment) have a file below `folder` open or work there. The dead that nobody has reaped yet
/// do not count, nor does this process.
[[nodiscard]] std::vector<pid_t> processes_of(const std::string& name, const std::string& value,
                                              const std::filesystem::path& folder);
/// False also for a process that has ended and that nobody has reaped.
[[nodiscard]] bool is_alive(pid_t pid);
/// Stopped by a signal, or dead.
[[nodiscard]] bool stands_still(pid_t pid);
/// A port of loopback that was free a moment ago.
[[nodiscard]] std::uint16_t free_port();
/// "1234 ruby host.rb", for messages.
[[nodiscard]] std::string describe_process(pid_t pid);
/// Children of `parent` (alive) whose command line contains `text`.
[[nodiscard]] std::vector<pid_t> children_matching(pid_t parent, const std::string& text);

/// One program in a session of its own, killed with its descendants when its owner goes.
class Program {
 public:
  struct Options {
    std::vector<std::string> argv;
    Environment environment = {};
    std::filesystem::path directory;
    std::filesystem::path output;  ///< Where its standard output goes; `.err` beside it the errors.
  };
  /// Fails the test and gives a program that has ended with 127 when it cannot be started.
  explicit Program(Options options);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_running();
  void signal(int number);
  /// Waits for its end; nullopt when it still runs after `limit`.
  [[nodiscard]] std::optional<ExitStatus> wait(std::chrono::steady_clock::duration limit);
  /// Exit code, or 128 + signal; nullopt when it still runs after `limit`.
  [[nodiscard]] std::optional<int> exit_code(std::chrono::steady_clock::duration limit);
  /// What it has written so far.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string errors() const;
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  Options options_;
  asio::io_context io_;
  std::optional<Subprocess> process_;
  std::optional<ExitStatus> status_;
  pid_t pid_ = -1;
};

}  // namespace gorgon::test
