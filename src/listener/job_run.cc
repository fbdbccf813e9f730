#include "listener/job_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "config/project_config.h"
#include "listener/machine.h"
#include "listener/workspace.h"
#include "protocol/messages.h"
#include "runner/callbacks.h"
#include "runner/opened_files.h"
#include "runner/runner_host.h"
#include "sync/tree_digest.h"
#include "worker/settings.h"

namespace gorgon::listener {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kControlFd = 3;
/// Tests may kill their host or worker, each a few times until they are found out; beyond that it
/// is this machine.
constexpr int kMaxHostStarts = 20;
constexpr std::size_t kMaxWorkerDeathsPerSlot = 10;
/// After SIGTERM a worker kills its test, gives its unit back and leaves; then it is killed.
constexpr auto kWorkerStopLimit = 5s;
/// A worker that says goodbye may run after_complete for as long as callbacks may take, and a
/// little more.
constexpr auto kGoodbyeSlack = 15s;

/// Of a reason with the output of whatever failed; JSON writes some bytes as six.
constexpr std::size_t kMaxReasonBytes = 256 * std::size_t{1024};
/// Of a test whose worker died.
constexpr off_t kMaxLastOutputBytes = 16 * off_t{1024};
/// A machine that fails in it has refused the job.
constexpr const char* kTreeStage = "tree";

/// The end of `text` says most.
std::string last_bytes(const std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  return "[cut] " + valid_utf8(std::string_view(text).substr(text.size() - max_bytes));
}

steady_clock::duration callback_limit(const protocol::JobDefinition& job) {
  return runner::callback_limit(job.callback_timeout);
}

}  // namespace

JobRun::JobRun(protocol::JobDefinition job, std::optional<PublicKey> owner, Machine& machine,
               Workspaces& workspaces)
    : job_(std::move(job)),
      owner_(owner),
      machine_(machine),
      workspaces_(workspaces),
      changed_(machine.executor) {}

void JobRun::cancel() {
  offer_.reset();
  if (state_ == State::kCancelled) return;
  log::info("job {} is cancelled", job_.id);
  state_ = State::kCancelled;
  for (const auto& worker : workers_) {
    if (worker->process) worker->process->signal(SIGTERM);
  }
  changed_.notify();
}

void JobRun::end() {
  offer_.reset();
  if (state_ == State::kCancelled || state_ == State::kEnding || !failed_stage_.empty()) return;
  state_ = State::kEnding;
  tell_state();  // Still here, and busy with goodbyes.
  changed_.notify();
}

void JobRun::leave() {
  end();
  for (const auto& worker : workers_) {
    if (!worker->is_leaving && worker->control) tell_to_leave(*worker);
  }
}

void JobRun::tell(protocol::HostState::State state, std::string stage, const std::string& message) {
  machine_.tell(job_.reply_queue,
                protocol::HostState{.job = job_.id,
                                    .epoch = job_.epoch,
                                    .host = machine_.host,
                                    .state = state,
                                    .workers = static_cast<std::uint32_t>(workers_.size()),
                                    .stage = std::move(stage),
                                    .message = last_bytes(message, kMaxReasonBytes)});
}

void JobRun::tell_state() {
  tell(state_ == State::kPreparing ? protocol::HostState::State::kPreparing
                                   : protocol::HostState::State::kReady);
}

/// For the first time.
void JobRun::tell_ready() {
  machine_.tell(job_.reply_queue, protocol::HostState{.job = job_.id,
                                                      .epoch = job_.epoch,
                                                      .host = machine_.host,
                                                      .state = protocol::HostState::State::kReady,
                                                      .workers = 0,
                                                      .stage = {},
                                                      .message = {},
                                                      .pull = pull_time_,
                                                      .callbacks = callback_time_,
                                                      .boot = boot_time_});
}

/// Also preparing a large tree or a slow application is a sign of life.
Task<void> JobRun::show_alive(std::shared_ptr<JobRun*> self) {
  while (*self != nullptr) {
    co_await (*self)->changed_.wait_until((*self)->next_sign_);
    if (*self == nullptr) co_return;
    const auto now = steady_clock::now();
    if (now < (*self)->next_sign_) continue;
    (*self)->next_sign_ = now + (*self)->job_.sign_interval;
    if ((*self)->failed_stage_.empty() && (*self)->state_ != State::kCancelled)
      (*self)->tell_state();
  }
}

void JobRun::fail(std::string stage, const Error& error) {
  // Whoever reads the log of a local run's listener is told by the originator.
  const bool is_local = std::holds_alternative<broker::EmbeddedAddress>(machine_.address);
  log::write(is_local ? log::Level::kInfo : log::Level::kWarning,
             fmt::format("job {} failed here in {}: {}", job_.id, stage, error.message));
  failed_stage_ = stage;
  // No workers, although some may still be ending: with workers it would be a slot's failure.
  machine_.tell(
      job_.reply_queue,
      protocol::HostState{.job = job_.id,
                          .epoch = job_.epoch,
                          .host = machine_.host,
                          .state = stage == kTreeStage ? protocol::HostState::State::kRefused
                                                       : protocol::HostState::State::kFailed,
                          .workers = 0,
                          .stage = std::move(stage),
                          .message = last_bytes(error.message, kMaxReasonBytes)});
  // They give back what they have.
  for (const auto& worker : workers_) {
    if (worker->process) worker->process->signal(SIGTERM);
  }
  changed_.notify();
}

Task<void> JobRun::run() {
  using asio::experimental::awaitable_operators::operator||;
  log::info("job {} of {} ({})", job_.id, job_.originator, job_.project);
  tell_state();
  next_sign_ = steady_clock::now() + job_.sign_interval;
  const auto alive = std::make_shared<JobRun*>(this);
  spawn(machine_.executor, show_alive(alive));
  // Whatever ends the job first takes the preparation down with it, the programs it runs included.
  const auto stopped = [](JobRun* self) -> Task<void> {
    while (self->state_ == State::kPreparing) co_await self->changed_.wait();
  };
  auto prepared = co_await (prepare() || stopped(this));
  if (prepared.index() == 0 && std::get<0>(prepared) && state_ == State::kPreparing) {
    state_ = State::kRunning;
    tell_ready();
    co_await work();
  }
  if (state_ != State::kCancelled && failed_stage_.empty() && host_) co_await finish();
  host_.reset();
  *alive = nullptr;
  changed_.notify();
  // The originator waits for this word, and need not wait for a large tree to be removed.
  if (failed_stage_.empty()) tell(protocol::HostState::State::kLeft);
  if (workspace_) co_await workspaces_.take_back(*std::move(workspace_), job_);
  workspace_.reset();
  log::info("job {} has ended here", job_.id);
}

Task<Result<void>> JobRun::prepare() {
  const auto began = steady_clock::now();
  GORGON_CO_TRY(co_await prepare_tree());
  const auto pulled = steady_clock::now();
  pull_time_ = pulled - began;
  GORGON_CO_TRY(co_await call_before_workers());
  const auto called = steady_clock::now();
  callback_time_ = called - pulled;
  GORGON_CO_TRY(co_await start_host());
  boot_time_ = steady_clock::now() - called;
  co_return Result<void>();
}

Task<Result<void>> JobRun::prepare_tree() {
  auto workspace = workspaces_.create(job_);
  if (!workspace) {
    fail("workspace", workspace.error());
    co_return std::unexpected(workspace.error());
  }
  workspace_.emplace(*std::move(workspace));
  auto pulled = co_await workspace_->pull(job_.source, job_.tree);
  if (!pulled) {
    fail(kPullStage, pulled.error());
    co_return pulled;
  }
  auto checked = co_await check_tree();
  if (!checked && workspace_->is_reused()) {
    // Something that an earlier job has left may still be at work in it.
    log::warning("job {}: the tree is pulled anew: {}", job_.id, checked.error().message);
    pulled = co_await workspace_->pull_anew(job_.source, job_.tree);
    if (!pulled) {
      fail(kPullStage, pulled.error());
      co_return pulled;
    }
    checked = co_await check_tree();
  }
  if (!checked) {
    workspace_->distrust();
    fail(checked.error().kind == ErrorKind::kRefused ? kTreeStage : kPullStage, checked.error());
  }
  co_return checked;
}

Task<Result<void>> JobRun::call_before_workers() {
  const runner::CallbackOptions options = callback_options();
  auto synced =
      co_await runner::run_callback(job_.runner.callbacks, config::Callback::kAfterSync, options);
  if (!synced) {
    fail("after_sync", synced.error());
    co_return std::unexpected(synced.error());
  }
  auto before = co_await runner::run_callback_command(
      job_.runner.callbacks, config::Callback::kBeforeCreatingWorkers, options);
  if (!before) {
    fail("before_creating_workers", before.error());
    co_return std::unexpected(before.error());
  }
  co_return Result<void>();
}

/// Before anything in it runs: whether it is the tree that the owner of the job has signed.
/// kRefused: it is not. kSync: that cannot be told.
Task<Result<void>> JobRun::check_tree() {
  if (job_.source.transport == config::Transport::kNone) co_return Result<void>();
  if (job_.tree_digest.empty()) {
    if (!owner_) co_return Result<void>();
    co_return gorgon::fail(ErrorKind::kRefused, "the job is signed, but does not say which tree");
  }
  GORGON_CO_TRY_ASSIGN(const std::string digest, co_await sync::tree_digest(workspace_->path()));
  if (digest == job_.tree_digest) co_return Result<void>();
  co_return gorgon::fail(
      ErrorKind::kRefused,
      fmt::format("the tree that came is not the one that was signed: its digest is {}, not {}",
                  digest, job_.tree_digest));
}

/// With the environment that tests have, as far as it is the machine's.
runner::CallbackOptions JobRun::callback_options() const {
  runner::CallbackOptions options{
      .directory = workspace_->path(), .env = job_.runner.env, .timeout = callback_limit(job_)};
  options.env.emplace("GORGON_JOB_ID", job_.id);
  options.env.emplace("GORGON_HOST", machine_.host);
  options.env.emplace("GORGON_WORKSPACE", workspace_->path().string());
  return options;
}

Task<Result<void>> JobRun::start_host() {
  ++host_starts_;
  host_ = workspace_->take_host(job_);
  if (host_) {
    log::info("job {}: the runner host of an earlier job is used", job_.id);
    changed_.notify();
    co_return Result<void>();
  }
  // One that starts again does so in a tree that tests have used.
  std::optional<runner::OpenedFiles> opened;
  if (host_starts_ == 1) opened = workspace_->watch_boot(machine_.executor);
  runner::HostOptions options{.job = job_.id,
                              .host = machine_.host,
                              .workspace = workspace_->path(),
                              .scratch = workspace_->new_host_folder(),
                              .settings = job_.runner,
                              .limits = machine_.limits.of_process,
                              .timeout = callback_limit(job_)};
  auto host = co_await runner::RunnerHost::start(std::move(options));
  if (!host) {
    fail(host.error().kind == ErrorKind::kCallback ? "before_creating_workers" : "runner",
         host.error());
    co_return std::unexpected(host.error());
  }
  co_await workspace_->note_boot(**host, job_.runner, std::move(opened));
  host_ = std::move(*host);
  if (host_->ready().threads > 1) {
    log::warning("job {}: preload left {} threads running, which do not exist in forked runners",
                 job_.id, host_->ready().threads);
  }
  changed_.notify();
  co_return Result<void>();
}

/// A host that dies takes its runners along; workers ask for new ones and find the next host.
Task<void> JobRun::keep_host_running() {
  while (state_ == State::kRunning && host_) {
    const ExitStatus status = co_await host_->wait();
    if (state_ != State::kRunning) co_return;
    log::warning("job {}: the runner host ended with {}", job_.id, describe(status));
    const Error error = host_->with_output(
        {ErrorKind::kConnectionLost, "the runner host died " + std::to_string(host_starts_) +
                                         " times, last with " + describe(status)});
    host_.reset();
    if (host_starts_ >= kMaxHostStarts) {
      fail("runner", error);
    } else {
      (void)co_await start_host();
    }
  }
}

Task<void> JobRun::work() {
  using asio::experimental::awaitable_operators::operator||;
  machine_.slots_changed();
  const auto over = [](JobRun* self) -> Task<void> {
    while (self->state_ == State::kRunning && self->failed_stage_.empty())
      co_await self->changed_.wait();
  };
  co_await (keep_host_running() || over(this));
  const auto limit = state_ == State::kEnding ? callback_limit(job_) + kGoodbyeSlack
                                              : steady_clock::duration(kWorkerStopLimit);
  const auto deadline = steady_clock::now() + limit;
  while (!workers_.empty() && steady_clock::now() < deadline) {
    co_await changed_.wait_until(deadline);
    if (state_ == State::kCancelled) break;
  }
  const auto killed_at = steady_clock::now() + kWorkerStopLimit;
  while (!workers_.empty()) {
    const bool in_time = steady_clock::now() < killed_at && co_await changed_.wait_until(killed_at);
    if (in_time) continue;
    for (const auto& worker : workers_) {
      if (worker->process && !worker->process->has_ended()) kill_tree(worker->process->pid());
    }
    co_await changed_.wait();
  }
}

Task<void> JobRun::finish() {
  if (!workspace_->keep_host(host_)) {
    if (const auto finished = co_await host_->finish(); !finished) {
      log::warning("job {}: {}", job_.id, finished.error().message);
      tell(protocol::HostState::State::kFailed, "after_creating_workers", finished.error().message);
    }
  }
  const runner::CallbackOptions options = callback_options();
  auto after = co_await runner::run_callback_command(
      job_.runner.callbacks, config::Callback::kAfterCreatingWorkers, options);
  if (!after)
    tell(protocol::HostState::State::kFailed, "after_creating_workers", after.error().message);
}

// ---- workers ----

bool JobRun::wants_worker() const {
  return state_ == State::kRunning && failed_stage_.empty() &&
         workers_.size() + unusable_slots_ < machine_.slots.count();
}

void JobRun::start_worker(std::uint32_t slot) { spawn(machine_.executor, run_worker(slot)); }

void JobRun::release_worker() {
  for (const auto& worker : workers_) {
    if (worker->is_leaving || !worker->control) continue;
    tell_to_leave(*worker);
    return;
  }
}

void JobRun::tell_to_leave(WorkerSlot& worker) {
  worker.is_leaving =
      send_datagram(worker.control->native_handle(), worker::leave_datagram()).has_value();
}

void JobRun::ask_workers() {
  for (const auto& worker : workers_) {
    if (!worker->control || !worker->control->is_open()) continue;
    worker->activity = {};
    worker->is_asked =
        send_datagram(worker->control->native_handle(), worker::report_datagram()).has_value();
  }
}

/// One that takes no datagram now has not answered, as the originator sees for itself.
void JobRun::show_tests() {
  for (const auto& worker : workers_) {
    if (!worker->control || !worker->control->is_open()) continue;
    (void)send_datagram(worker->control->native_handle(), worker::show_datagram());
  }
}

void JobRun::take_activity(WorkerSlot& worker, worker::Activity activity) {
  worker.is_asked = false;
  worker.activity = std::move(activity);
  machine_.worker_reported();
}

bool JobRun::awaits_reports() const {
  return std::ranges::any_of(workers_, [](const auto& worker) { return worker->is_asked; });
}

protocol::HostedJob JobRun::status() const {
  using Hosted = protocol::HostedJob::State;
  Hosted state = Hosted::kEnding;
  if (state_ == State::kPreparing) state = Hosted::kPreparing;
  if (state_ == State::kRunning && failed_stage_.empty()) state = Hosted::kRunning;
  return {.job = job_.id, .project = job_.project, .originator = job_.originator, .state = state};
}

std::vector<protocol::WorkerStatus> JobRun::worker_status() const {
  std::vector<protocol::WorkerStatus> all;
  for (const auto& worker : workers_) {
    const worker::Activity& activity = worker->activity;
    all.push_back({.slot = worker->slot,
                   .job = job_.id,
                   .file = activity.file,
                   .seconds = activity.seconds,
                   .running_case = activity.running_case,
                   .case_seconds = activity.case_seconds});
  }
  return all;
}

Task<void> JobRun::run_worker(std::uint32_t slot) {
  const auto worker = std::make_shared<WorkerSlot>(WorkerSlot{.slot = slot});
  workers_.push_back(worker);
  if (const auto spawned = spawn_worker(*worker); !spawned) {
    ++unusable_slots_;
    fail("runner", spawned.error());
  } else {
    spawn(machine_.executor, relay_forks(worker));
    const ExitStatus status = co_await worker->process->wait();
    judge_end(*worker, status);
  }
  // Kills what the worker's tests have left behind, also after a kill -9 of the worker itself.
  worker->cgroup.reset();
  if (worker->control) worker->control->close();
  workers_.remove(worker);
  machine_.slots.give_back(slot);
  changed_.notify();
  machine_.slots_changed();
}

Result<void> JobRun::spawn_worker(WorkerSlot& worker) {
  worker.cgroup = Cgroup::make("gorgon-" + job_.id + "-" + std::to_string(::getpid()) + "-" +
                               std::to_string(worker.slot));
  const ResourceLimits& limits = machine_.limits.of_cgroup;
  const ResourceLimits left = worker.cgroup ? limit_cgroup(worker.cgroup->path(), limits) : limits;
  if (left != ResourceLimits{})
    return gorgon::fail(ErrorKind::kIo, "worker_limits cannot be kept: the worker has no cgroup");
  GORGON_TRY_ASSIGN(SocketPair control, make_socket_pair(SocketType::kSeqPacket));
  SpawnOptions options;
  options.argv = {"/proc/self/exe", "worker"};
  options.descriptors = {{kControlFd, control.theirs.get()}};
  if (machine_.log_file.empty()) options.descriptors.emplace_back(2, STDERR_FILENO);
  // Not SIGKILL: a worker must take its test along.
  options.death_signal = SIGTERM;
  GORGON_TRY_ASSIGN(worker.process, Subprocess::spawn(machine_.executor, options));
  worker.control.emplace(machine_.executor, control.ours.release());
  const worker::Settings settings{.job = job_,
                                  .owner = owner_,
                                  .address = machine_.address,
                                  .host = machine_.host,
                                  .worker = worker.slot,
                                  .listener_queue = machine_.queue,
                                  .scratch = workspace_->scratch(),
                                  .workspace = workspace_->path(),
                                  .cgroup = worker.cgroup ? worker.cgroup->path() : fs::path(),
                                  .log_file = machine_.log_file};
  return send_datagram(worker.control->native_handle(), worker::encode_settings(settings));
}

/// Passes a worker's fork requests on to whichever host is alive, waiting while one is started
/// again.
Task<void> JobRun::relay_forks(std::shared_ptr<WorkerSlot> worker) {
  for (;;) {
    if (!worker->control->is_open()) co_return;
    auto request = receive_datagram(worker->control->native_handle());
    if (!request) {
      if (request.error().kind != ErrorKind::kTimeout) co_return;
      const auto [error] =
          co_await worker->control->async_wait(asio::posix::stream_descriptor::wait_read, as_value);
      if (error) co_return;
      continue;
    }
    if (auto activity = worker::parse_activity(request->bytes)) {
      take_activity(*worker, *std::move(activity));
      continue;
    }
    const bool was_taken = co_await relay_fork(*request);
    // Before its request goes, so that it knows why nobody takes it.
    if (!was_taken && state_ == State::kEnding) tell_to_leave(*worker);
  }
}

/// False when nobody takes it: its descriptors close with it, and the worker sees that.
Task<bool> JobRun::relay_fork(const Datagram& request) {
  std::vector<int> descriptors;
  descriptors.reserve(request.descriptors.size());
  for (const UniqueFd& fd : request.descriptors) descriptors.push_back(fd.get());
  int refused_by =
      0;  // The start of the host that could not take it: dead, but not yet known to be.
  while (state_ == State::kRunning && failed_stage_.empty()) {
    if (host_ && host_starts_ != refused_by) {
      if (host_->fork_runner(request.bytes, descriptors)) co_return true;
      refused_by = host_starts_;
    }
    co_await changed_.wait();
  }
  co_return false;
}

void JobRun::judge_end(const WorkerSlot& worker, const ExitStatus& status) {
  if (status.code == worker::kJobComplete) {
    // Without a request of ours that means: the file queue is gone, the job is over.
    if (!worker.is_leaving) end();
  } else if (status.code == worker::kSlotUnusable) {
    if (++unusable_slots_ == machine_.slots.count()) {
      // Why, each of them has told the originator.
      const Error error{ErrorKind::kCallback, "no worker can start here"};
      fail(std::string(protocol::kSlotsStage), error);
    }
  } else if (status.code == worker::kOriginatorGone || status.code == worker::kBrokerGone) {
    log::warning("job {}: worker {} has nobody to work for", job_.id, worker.slot);
    cancel();
  } else if (state_ == State::kRunning && failed_stage_.empty()) {
    ++worker_deaths_;
    tell_death(worker, status);
    log::warning("job {}: worker {} ended with {}", job_.id, worker.slot, describe(status));
    if (worker_deaths_ == kMaxWorkerDeathsPerSlot * machine_.slots.count()) {
      const Error error{ErrorKind::kConnectionLost, count_of(worker_deaths_, "worker") +
                                                        " died, the last with " + describe(status)};
      fail("runner", error);
    }
  }
}

/// The unit it had, the originator knows. The output of its tests is still there: the next worker
/// of this slot empties the file.
void JobRun::tell_death(const WorkerSlot& worker, const ExitStatus& status) {
  const std::string number = std::to_string(worker.slot);
  std::string output;
  const auto file = workspace_->scratch() / ("worker-" + number + ".out");
  if (const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC)); fd) {
    const off_t size = std::max<off_t>(0, ::lseek(fd.get(), 0, SEEK_END));
    output = valid_utf8(read_range(fd.get(), std::max<off_t>(0, size - kMaxLastOutputBytes), size));
  }
  machine_.tell(job_.reply_queue, protocol::WorkerDied{.job = job_.id,
                                                       .host = machine_.host,
                                                       .worker = number,
                                                       .how = describe(status),
                                                       .output = std::move(output)});
}

}  // namespace gorgon::listener
