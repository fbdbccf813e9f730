// docs/runner_protocol.md in C++: the frames between a worker and its runner, a listener and its
// runner host. Bytes of a runner are input: anything unexpected is kProtocol, never a crash.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"
#include "config/runner_settings.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::runner {

/// How long a host or runner may take to exit once it has said its last word: for at_exit hooks,
/// among them those that merge and write coverage.
inline constexpr std::chrono::seconds kExitLimit{30};

/// A line of a runner longer than this ends the conversation: messages and backtraces are capped
/// far below it.
inline constexpr std::size_t kMaxLineBytes = 16 * 1024 * 1024;

struct ByteRange {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

// ---- from a runner ----

struct RunnerReady {
  pid_t pid = 0;
  int stacks_signal = 0;  ///< The signal that makes it say RunnerStacks; 0: it cannot.
};
struct RunnerFailed {
  results::Failure error;
};
struct CaseStarted {
  std::string id;
  std::string name;
  std::string location;
};
struct CaseDone {
  results::TestCase test_case;      ///< Without output.
  std::optional<ByteRange> output;  ///< In the slot's output file.
};
struct UnitDone {
  std::string unit;
  bool passed = false;
  std::vector<results::Failure> errors;
  double seconds = 0;
  bool replace = false;  ///< The runner must not be used again.
  std::optional<std::int64_t> seed = {};
};
struct RunnerStopped {
  std::vector<results::Failure> errors;
};
using results::ThreadStack;
struct RunnerStacks {
  std::vector<ThreadStack> threads;  ///< The main thread first.
};
using RunnerMessage = std::variant<RunnerReady, RunnerFailed, CaseStarted, CaseDone, UnitDone,
                                   RunnerStopped, RunnerStacks>;

[[nodiscard]] Result<RunnerMessage> parse_runner_line(std::string_view line);

// ---- on the status pipe of a fork ----

/// The process id right after the fork, then how it ended.
using StatusLine = std::variant<pid_t, ExitStatus>;
[[nodiscard]] Result<StatusLine> parse_status_line(std::string_view line);

// ---- to a runner (each ends with a newline) ----

[[nodiscard]] std::string run_line(const results::Unit& unit, std::uint32_t attempt,
                                   const std::string& framework);
[[nodiscard]] std::string stop_line();

// ---- to a runner host ----

/// `inputs` is where a host writes what it has loaded, if it can tell.
[[nodiscard]] std::string init_datagram(const std::string& job, const std::string& host,
                                        const std::string& workspace, const std::string& inputs,
                                        const config::RunnerSettings& settings);
struct ForkRequest {
  std::string id;
  std::uint32_t worker = 1;
  std::map<std::string, std::string> env;
  std::string cgroup;  ///< Empty: none.
};
[[nodiscard]] std::string fork_datagram(const ForkRequest& request);
/// What follows is for this job; nullopt: for none yet.
[[nodiscard]] std::string job_datagram(const std::optional<std::string>& job);
[[nodiscard]] std::string finish_datagram();

// ---- from a runner host ----

struct HostReady {
  std::string language;
  std::int64_t threads = 1;
  double seconds = 0;
  std::string inputs = {};  ///< The file that lists what it has loaded; empty: it does not say.
};
struct HostFailed {
  std::string stage;
  results::Failure error;
};
struct HostFinished {};
using HostMessage = std::variant<HostReady, HostFailed, HostFinished>;
[[nodiscard]] Result<HostMessage> parse_host_datagram(std::string_view bytes);

/// "NameError: uninitialized constant X" and the backtrace below it, for people.
[[nodiscard]] std::string describe(const results::Failure& failure);

}  // namespace gorgon::runner
