// The worker's side of one runner: started through a fork request, given units one at a time,
// killed with its whole tree.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "results/verdict.h"
#include "results/watched.h"
#include "runner/runner_protocol.h"
#include "runner/unit_clock.h"

namespace gorgon::runner {

struct RunnerOptions {
  ForkRequest fork;
  std::filesystem::path
      output_file;  ///< Where the slot's tests write; made if missing, emptied before each unit.
  std::string framework;
  std::chrono::steady_clock::duration start_timeout;  ///< For the fork and before_start.
  /// Passes a fork request with its descriptors on to the runner host.
  std::function<Result<void>(const std::string& datagram, const std::vector<int>& descriptors)>
      request_fork;
};

enum class RunEnd {
  kFinished,      ///< The runner gave a verdict.
  kCrashed,       ///< The runner ended without one: the unit is to blame.
  kTimedOut,      ///< Killed at the unit's time limit.
  kCaseTimedOut,  ///< Killed at a case's time limit; that case is the last in the result.
  kHostDied,      ///< The runner host ended and took the runner along: the unit is not to blame.
  kStopped,       ///< abandon() was called.
};
/// Who hears of a unit on its way. Null: nobody.
struct UnitWatch {
  std::function<void(const SlowUnit&)> on_slow = nullptr;  ///< It takes its time.
  std::function<void(const SlowUnit&)> on_case = nullptr;  ///< UnitClock::tell_case()
};
struct UnitRun {
  RunEnd end = RunEnd::kFinished;
  results::UnitResult
      result;  ///< Without attempt, host and worker. Complete unless kHostDied or kStopped.
};

class RunnerProcess {
 public:
  /// Asks for a runner and waits for it to be ready. kCallback: before_start failed.
  /// kConnectionLost: the host is gone. kTimeout.
  [[nodiscard]] static Task<Result<std::unique_ptr<RunnerProcess>>> start(RunnerOptions options);
  /// Kills the runner and everything it started.
  ~RunnerProcess();

  /// Runs one unit. One that is over its limit is asked where it is, and ended with its whole tree:
  /// a few seconds after the limit and the grace, at the latest.
  [[nodiscard]] Task<UnitRun> run(results::Unit unit, std::uint32_t attempt, RunLimits limits,
                                  UnitWatch watch);
  /// Lets it run after_complete and its suite hooks and exit, at most `grace`, then kills. Gives
  /// what went wrong.
  [[nodiscard]] Task<std::vector<results::Failure>> stop(std::chrono::steady_clock::duration grace);
  /// Makes a run() in progress end with kStopped, the runner killed.
  void abandon();

  /// Where the unit is that run() runs now; nullopt: none.
  [[nodiscard]] std::optional<SlowUnit> position() const;
  /// What the unit that run() runs now does: its position, the end of its output, and where its
  /// threads are, which takes up to two seconds when the runner is busy. Nullopt: none runs, or it
  /// has ended meanwhile. Without unit, host and worker. The runner may be destroyed meanwhile. Of
  /// several questions at once all get the same answer.
  [[nodiscard]] Task<std::optional<results::RunningTest>> look() const;
  /// What its tests write; for OutputTail.
  [[nodiscard]] int output_fd() const { return output_.get(); }

  /// False when the next unit needs a new runner.
  [[nodiscard]] bool is_usable() const { return usable_ && !ended_; }

 private:
  struct Ended {
    std::optional<ExitStatus> status;  ///< Nullopt: the host died.
  };
  struct Abandoned {};
  struct Garbage {
    std::string reason;
    bool is_end = false;  ///< Nothing more is read from it: it has to be killed.
  };
  using Event = std::variant<RunnerMessage, Ended, Abandoned, Garbage>;
  struct Streams;
  struct UnitProgress;

  RunnerProcess(RunnerOptions options, std::shared_ptr<Streams> streams, UniqueFd output);
  [[nodiscard]] static Task<std::optional<results::RunningTest>> with_threads(
      std::shared_ptr<Streams> streams, results::RunningTest test);
  [[nodiscard]] Task<std::optional<Event>> next_event(
      std::chrono::steady_clock::time_point deadline);
  void kill_processes() const;
  [[nodiscard]] Task<Ended> kill();
  [[nodiscard]] std::string captured(std::int64_t from, std::int64_t to,
                                     std::size_t max_bytes) const;
  [[nodiscard]] std::int64_t output_size() const;
  void take_case(UnitProgress& progress, CaseDone done) const;
  [[nodiscard]] Task<RunEnd> follow_unit(UnitProgress& progress);
  void take_unit_end(UnitProgress& progress, UnitDone done);
  [[nodiscard]] Task<bool> end_overdue(UnitProgress& progress);
  [[nodiscard]] Task<bool> wait_for_end(std::chrono::steady_clock::time_point deadline,
                                        std::optional<RunnerStacks>* stacks);
  [[nodiscard]] std::vector<results::Failure> with_stacks(results::Failure failure,
                                                          const UnitProgress& progress) const;
  void describe_overdue_case(UnitProgress& progress) const;
  void describe_end(UnitProgress& progress, RunEnd end,
                    const std::optional<ExitStatus>& status) const;
  [[nodiscard]] std::optional<results::Failure> closing_failure(bool has_stopped,
                                                                std::int64_t output_before) const;

  RunnerOptions options_;
  std::shared_ptr<Streams> streams_;  ///< Shared with the two coroutines that read.
  UniqueFd output_;
  const UnitClock* clock_ = nullptr;  ///< Of the unit that runs; null: none.
  int stacks_signal_ = 0;
  bool usable_ = true;
  std::optional<Ended> ended_;
};

}  // namespace gorgon::runner
