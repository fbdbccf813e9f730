// One job on this machine, from its workspace to its end: pull, after_sync, runner host, workers,
// clean-up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/process_tree.h"
#include "base/signature.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "listener/machine.h"
#include "listener/workspace.h"
#include "protocol/messages.h"
#include "runner/callbacks.h"
#include "runner/runner_host.h"
#include "worker/settings.h"

namespace gorgon::listener {

class JobRun {
 public:
  /// `owner` has signed the job; nullopt: nobody has. `machine` and `workspaces` outlive the run.
  JobRun(protocol::JobDefinition job, std::optional<PublicKey> owner, Machine& machine,
         Workspaces& workspaces);

  /// The whole life of the job here. Afterwards no process, directory or slot of it is left.
  [[nodiscard]] Task<void> run();
  /// Stop now: kill the tests.
  void cancel();
  /// The job has all its verdicts: let workers say goodbye, start no more.
  void end();
  /// Its queue is no more in use: as end(), and workers leave after the unit in hand.
  void leave();

  [[nodiscard]] const protocol::JobDefinition& job() const { return job_; }
  [[nodiscard]] const std::optional<PublicKey>& owner() const { return owner_; }
  /// The same job, whose tree is served at another place now. Forgotten when the job ends.
  void offer(protocol::JobDefinition job) { offer_ = std::move(job); }
  /// That, if this run has failed because it could not pull from the first place.
  [[nodiscard]] std::optional<protocol::JobDefinition> take_offer() {
    return failed_stage_ == kPullStage ? std::exchange(offer_, std::nullopt) : std::nullopt;
  }
  [[nodiscard]] bool wants_worker() const;
  [[nodiscard]] std::size_t worker_count() const { return workers_.size(); }
  /// Starts a worker in `slot`, which this run gives back when the worker has ended.
  void start_worker(std::uint32_t slot);
  /// Asks each worker what it does now. Machine::worker_reported tells of each answer.
  void ask_workers();
  /// Has each worker show its originator the unit in hand.
  void show_tests();
  /// Some of those that were asked have not answered yet.
  [[nodiscard]] bool awaits_reports() const;
  [[nodiscard]] protocol::HostedJob status() const;
  /// What each worker does, as far as it has said so.
  [[nodiscard]] std::vector<protocol::WorkerStatus> worker_status() const;
  /// Asks one worker to leave after the unit in hand; for another job that waits.
  void release_worker();

 private:
  static constexpr const char* kPullStage = "sync";
  enum class State { kPreparing, kRunning, kEnding, kCancelled };
  struct WorkerSlot {
    std::uint32_t slot = 0;
    std::optional<Cgroup> cgroup;
    std::optional<Subprocess> process;
    std::optional<asio::posix::stream_descriptor> control;
    bool is_leaving = false;
    bool is_asked = false;      ///< And has not answered yet.
    worker::Activity activity;  ///< Its answer; until then nothing.
  };

  [[nodiscard]] Task<Result<void>> prepare();
  [[nodiscard]] Task<Result<void>> prepare_tree();
  [[nodiscard]] Task<Result<void>> call_before_workers();
  [[nodiscard]] Task<Result<void>> check_tree();
  [[nodiscard]] runner::CallbackOptions callback_options() const;
  [[nodiscard]] Task<Result<void>> start_host();
  [[nodiscard]] Task<void> keep_host_running();
  [[nodiscard]] Task<void> work();
  [[nodiscard]] Task<void> finish();
  /// This machine is out of the job.
  void fail(std::string stage, const Error& error);
  void tell(protocol::HostState::State state, std::string stage = {},
            const std::string& message = {});

  [[nodiscard]] Task<void> run_worker(std::uint32_t slot);
  [[nodiscard]] Result<void> spawn_worker(WorkerSlot& worker);
  [[nodiscard]] Task<void> relay_forks(std::shared_ptr<WorkerSlot> worker);
  /// `request` is the caller's, and outlives the call.
  [[nodiscard]] Task<bool> relay_fork(const Datagram& request);
  void tell_to_leave(WorkerSlot& worker);
  void take_activity(WorkerSlot& worker, worker::Activity activity);
  static Task<void> show_alive(std::shared_ptr<JobRun*> self);
  void tell_state();
  void tell_ready();
  void tell_death(const WorkerSlot& worker, const ExitStatus& status);
  void judge_end(const WorkerSlot& worker, const ExitStatus& status);

  protocol::JobDefinition job_;
  std::optional<PublicKey> owner_;
  std::optional<protocol::JobDefinition> offer_;
  Machine& machine_;
  Workspaces& workspaces_;
  State state_ = State::kPreparing;
  std::chrono::steady_clock::time_point next_sign_;  ///< When the originator is to hear of us next.
  Signal changed_;                                   ///< State, host or workers.
  std::optional<Workspace> workspace_;
  std::chrono::steady_clock::duration pull_time_{}, callback_time_{}, boot_time_{};
  std::unique_ptr<runner::RunnerHost> host_;  ///< Null while it is started again.
  std::string failed_stage_;  ///< Why this machine is out of the job; empty: it is not.
  int host_starts_ = 0;
  std::size_t unusable_slots_ = 0;
  std::size_t worker_deaths_ = 0;
  std::list<std::shared_ptr<WorkerSlot>> workers_;
};

}  // namespace gorgon::listener
