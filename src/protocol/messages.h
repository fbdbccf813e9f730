// What crosses machines: one struct a message. docs/messages.md has the JSON form; codec.h turns
// one into the other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/text.h"
#include "config/runner_settings.h"
#include "config/source_location.h"
#include "config/tree_generation.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::protocol {

/// Grows with every incompatible change; a listener refuses jobs of another version.
inline constexpr int kVersion = 1;

// ---- to listeners, on the jobs topic or a listener's own queue ----

/// What comes back of the files that tests write.
struct ArtifactRules {
  std::vector<std::string> always;      ///< Globs without braces, below the workspace.
  std::vector<std::string> on_failure;  ///< The same, of units that did not pass.
  std::uint64_t max_unit_bytes = 0;     ///< Of a unit, and of a runner's end.
  std::uint64_t max_run_bytes = 0;
  std::string folder;  ///< In the project, where its originator keeps them: below it, nothing is an
                       ///< artifact. Empty: it is elsewhere.
  friend bool operator==(const ArtifactRules&, const ArtifactRules&) = default;
};

struct JobDefinition {
  std::string id;
  std::uint32_t epoch = 0;  ///< See names.h, file_queue.
  std::string project;      ///< Name of the project's folder, for people.
  std::string originator;   ///< user@host, for people.
  std::string cluster;
  std::string file_queue;
  std::string reply_queue;
  std::string slot_queue;  ///< Empty: no limit on workers.
  config::SourceLocation source;
  config::TreeGeneration tree;
  std::string tree_digest;  ///< As sync::tree_digest() gives it; empty: not checked.
  config::RunnerSettings runner;
  std::chrono::duration<double> unit_timeout{0};  ///< 0: none.
  std::chrono::duration<double> case_timeout{0};  ///< 0: none.
  std::chrono::duration<double> slow_after{0};    ///< A unit or case is told of. 0: never.
  std::chrono::duration<double> grace{0};  ///< From SIGTERM to SIGKILL for a unit over its limit.
  std::chrono::duration<double> callback_timeout{0};  ///< 0: none.
  std::uint32_t max_attempts = 2;  ///< At a unit that takes its runner host down.
  /// Workers and listeners show themselves as often; three missed signs mean that they are lost.
  /// 1 … 10.
  std::chrono::seconds sign_interval{10};
  /// For who watches: a case that has run for so long is told of, and its end. 0: none is.
  std::chrono::duration<double> show_cases_after{0};
  bool shows_output = false;  ///< What units write is told while they run: UnitOutput.
  std::optional<ArtifactRules> artifacts = {};  ///< Nullopt: nothing comes back.
  std::int64_t expires_at = 0;  ///< Unix seconds; a listener drops the job after it.
  friend bool operator==(const JobDefinition&, const JobDefinition&) = default;
};

struct Ping {
  std::string reply_queue;
};
/// `gorgon gem ARGUMENTS`.
struct GemCommand {
  std::string reply_queue;
  std::vector<std::string> arguments;
};

// ---- to listeners, on the control topic ----

/// Stop this job now: kill its tests, remove its workspace.
struct CancelJob {
  std::string job;
};
/// The job has all its verdicts: drop it where it still waits, let it end where it runs.
struct JobOver {
  std::string job;
};

/// What do the tests of this job do now? Each of its workers that runs one answers its originator
/// with a UnitShown.
struct ShowTests {
  std::string job;
};

// ---- to listeners and originators, on the status topic ----

/// `gorgon status`. Each listener answers with a ListenerStatus, each originator with a JobStatus.
struct StatusRequest {
  std::string reply_queue;
  /// `gorgon doctor`: tell of the machine instead of what it runs.
  bool asks_machine = false;
};

// ---- to originators, on the originators topic ----

struct ListenerUp {
  std::string host;
  std::string queue;  ///< The listener's own queue: where to send it a running job.
};

// ---- in the file queue ----

/// More workers than any machine offers.
inline constexpr std::uint32_t kMostGroupSlots = 1024;

struct UnitMessage {
  results::Unit unit;
  std::uint32_t attempt = 1;  ///< As the originator counts.
  bool runs_alone = false;    ///< Beside no other unit of the job on its machine.
  std::string avoid_host;  ///< It failed there: a worker of this machine declines it. Empty: none.
  std::string group;       ///< config::is_group_name; empty: none.
  std::uint32_t group_slots = 0;  ///< So many of the group on one machine at a time; 0: any number.
  std::optional<std::chrono::duration<double>> timeout;  ///< In place of the job's unit_timeout.
  std::optional<std::chrono::duration<double>> case_timeout;  ///< In place of the job's.
};

// ---- to one originator, in its reply queue ----

/// For messages that count each time they are sent: it tells one that is delivered again from
/// another with the same to say.
[[nodiscard]] inline std::string unique_id() { return random_id(8); }

struct UnitStarted {
  std::string job;
  std::string id = unique_id();
  std::string unit;
  std::uint32_t attempt = 1;  ///< That of the unit's message.
  std::string host;
  std::string worker;
  double ago = 0;  ///< Seconds between that and this message.
};
/// A unit that the worker which got it has not started. The broker handed it out for a second time,
/// so its first worker may be dead, or cut off; or it is to be tried on another machine. The
/// originator decides what is to be done.
struct UnitReturned {
  std::string job;
  std::string id = unique_id();
  std::string unit;
  std::string host;
  std::string worker;
  bool is_declined = false;  ///< Because of its avoid_host.
};
/// A unit runs for longer than `slow_after`; comes again when that has doubled, and so on.
struct UnitSlow {
  std::string job;
  std::string unit;
  std::string host;
  std::string worker;
  double seconds = 0;
  std::string running_case;  ///< The one that has run for longest; empty: none runs.
  double case_seconds = 0;
};
/// When the job asks for it with `show_cases_after`. May be lost.
struct CaseRunning {
  std::string job;
  results::LongCase now;
};
/// When the job asks for it with `shows_output`. May be lost; comes before its UnitFinished.
struct UnitOutput {
  std::string job;
  std::uint64_t from = 0;  ///< Where the text begins in what the unit has written, in bytes.
  results::OutputLines lines;
};
/// The answer to ShowTests. May be lost.
struct UnitShown {
  std::string job;
  results::RunningTest test;
};
/// Cases of a unit that did not fit in one message with the others; comes before its UnitFinished.
struct UnitCases {
  std::string job;
  std::string unit;
  std::string run;         ///< Names one run of a unit by one worker; the same in its UnitFinished.
  std::uint32_t part = 0;  ///< Counts the messages of one run: any of them may come twice.
  std::vector<results::TestCase> cases;
};
/// Part of a file that tests have written. Those of a unit come before its UnitFinished, those of a
/// runner's end before its worker's WorkerDone. The parts of a file come in their order, and may
/// come again.
struct Artifact {
  std::string job;
  std::string id;  ///< Names one file on its way.
  std::string host;
  std::string worker;
  std::string unit;           ///< Empty: it was written at a runner's end.
  std::uint32_t attempt = 1;  ///< That of the unit's message.
  std::string runner;         ///< Without a unit: tells the runners of a worker apart.
  std::string path;           ///< Where it belongs below a folder of its unit's, or runner's, own.
  std::uint64_t size = 0;     ///< Of the whole file.
  std::uint64_t offset = 0;   ///< Of this part in it.
  std::string bytes;
};
/// Files that match and do not come back.
struct ArtifactsLeftOut {
  std::string job;
  std::string id = unique_id();
  std::string host;
  std::string worker;
  std::string unit;  ///< Empty: of a runner's end.
  std::uint32_t files = 0;
  std::string reason;
};
struct UnitFinished {
  std::string job;
  std::string run;
  std::uint32_t earlier_cases = 0;  ///< How many cases UnitCases messages of this run carried.
  results::UnitResult result;       ///< The remaining cases.
  double ago = 0;                   ///< Seconds between its end and this message.
};
/// The stage of a host that is out of a job because none of its slots could be used; why, each slot
/// has told.
inline constexpr std::string_view kSlotsStage = "slots";
struct HostState {
  enum class State { kPreparing, kReady, kFailed, kLeft, kRefused };
  std::string job;
  std::uint32_t epoch = 0;  ///< That of the job definition: the end of an old one is no news.
  std::string host;
  State state = State::kPreparing;
  std::uint32_t workers = 0;
  std::string stage;  ///< kFailed: "sync", "after_sync", "before_creating_workers", "before_start",
                      ///< "runner", …
  std::string message;  ///< kFailed, kRefused: why, with output and backtrace.
  /// kReady: what its preparation took.
  using Seconds = std::optional<std::chrono::duration<double>>;
  Seconds pull = {};       ///< Of the tree, with all checks.
  Seconds callbacks = {};  ///< after_sync, before_creating_workers.
  Seconds boot = {};       ///< Of the runner host; or to see that a kept one is still right.
};
/// Sent now and then by every worker: when it cannot be delivered, the originator is gone and the
/// worker stops.
struct WorkerAlive {
  std::string job;
  std::string host;
  std::string worker;
  std::optional<std::string> unit = {};  ///< In hand; empty: none. Nullopt: it did not say.
};
/// A worker has left the job.
struct WorkerDone {
  std::string job;
  std::string id = unique_id();
  std::string host;
  std::string worker;
  std::vector<results::Failure> errors;  ///< Of after_complete and suite hooks.
  bool was_stopped = false;              ///< Before all of these had ended.
};
/// From a listener: a worker has died without a word.
struct WorkerDied {
  std::string job;
  std::string id = unique_id();
  std::string host;
  std::string worker;
  std::string how;     ///< "signal 9 (SIGKILL)"
  std::string output;  ///< The last that its tests wrote, capped.
};
/// From the originator to its own reply queue: whether the broker takes messages.
struct Probe {
  std::string job;
};
struct Pong {
  std::string host;
  std::string version;
  std::uint32_t slots = 0;
  std::uint32_t free_slots = 0;
};
/// What the slot of a worker does now.
struct WorkerStatus {
  std::uint32_t slot = 0;  ///< 1…n on its machine.
  std::string job;
  std::string file = {};          ///< Of the unit in hand; empty: none.
  double seconds = 0;             ///< Since that was started.
  std::string running_case = {};  ///< The one that has run for longest; empty: none that we know.
  double case_seconds = 0;
  friend bool operator==(const WorkerStatus&, const WorkerStatus&) = default;
};
/// A job on one machine.
struct HostedJob {
  enum class State { kPreparing, kRunning, kEnding };
  std::string job;
  std::string project;
  std::string originator;
  State state = State::kPreparing;
  friend bool operator==(const HostedJob&, const HostedJob&) = default;
};
/// What decides whether tests run on a machine as they do elsewhere.
struct MachineFacts {
  std::uint64_t free_bytes = 0;    ///< On the disk of its workspaces.
  bool demands_signature = false;  ///< It has trusted keys.
  /// Versions of what its listener finds in PATH: "ruby", "rspec", "python", "node", "rsync", …
  std::map<std::string, std::string> programs;
  friend bool operator==(const MachineFacts&, const MachineFacts&) = default;
};
inline constexpr std::size_t kMostPrograms = 64;
struct ListenerStatus {
  std::string host;
  std::string version;
  std::string cluster;
  std::uint32_t slots = 0;
  std::uint32_t free_slots = 0;
  /// It does not say what it runs: it has trusted keys, and none of them had signed the request.
  bool is_reserved = false;
  std::vector<HostedJob> jobs;        ///< In order of arrival.
  std::vector<WorkerStatus> workers;  ///< By slot; slots without one are free.
  // To `asks_machine`, and then without jobs and workers:
  std::optional<std::int64_t> clock = {};    ///< Unix seconds when this was said.
  std::optional<std::string> refusal = {};   ///< Why a job like the request would be refused.
  std::optional<MachineFacts> machine = {};  ///< Not where it is reserved.
};
/// How far an originator's job is.
struct JobStatus {
  std::string job;
  std::string project;     ///< Name of the project's folder, for people.
  std::string originator;  ///< user@host, for people.
  double seconds = 0;      ///< Since its start.
  std::uint32_t units = 0;
  std::uint32_t done = 0;    ///< With a final verdict.
  std::uint32_t failed = 0;  ///< Of those, the ones that did not pass.
  std::uint32_t running = 0;
  std::string waiting_for;  ///< "for listeners: …"; empty: it does not wait.
};
struct CommandOutput {
  std::string host;
  int exit_code = 0;   ///< -1: not run.
  std::string output;  ///< Or why it was refused.
};

// ---- to one listener, in its own queue ----

struct WorkerComplete {
  std::string job;
  std::string worker;
  std::uint32_t units = 0;  ///< How many it ran.
};

using Message =
    std::variant<JobDefinition, Ping, GemCommand, CancelJob, JobOver, ShowTests, StatusRequest,
                 ListenerUp, UnitMessage, UnitStarted, UnitSlow, CaseRunning, UnitOutput, UnitShown,
                 UnitReturned, UnitCases, Artifact, ArtifactsLeftOut, UnitFinished, HostState,
                 WorkerAlive, WorkerDone, WorkerDied, Probe, Pong, ListenerStatus, JobStatus,
                 CommandOutput, WorkerComplete>;

}  // namespace gorgon::protocol
