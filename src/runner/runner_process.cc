#include "runner/runner_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "results/verdict.h"
#include "results/watched.h"
#include "runner/runner_protocol.h"
#include "runner/unit_clock.h"

namespace gorgon::runner {

namespace {

using std::chrono::steady_clock;

/// Captured output: what a person can read. The rest stays out of messages, and the text says so.
constexpr std::size_t kMaxCaseOutputBytes = 64 * 1024;
constexpr std::size_t kMaxUnitOutputBytes = 1024 * 1024;
/// How long a killed process may take to be reaped: SIGKILL is prompt unless it hangs in the
/// kernel.
constexpr auto kKillLimit = std::chrono::seconds(5);
/// How long a runner may take to say where its threads are. One that can say it at all does so
/// within a time slice; one that cannot is stuck in native code.
constexpr auto kStacksLimit = std::chrono::seconds(2);
constexpr std::size_t kShownThreads = 20;
/// Of what a unit has written so far.
constexpr std::int64_t kShownOutputBytes = std::int64_t{16} * 1024;
/// Lines are taken off after so many bytes, and whoever waits for them gets a turn.
constexpr std::size_t kReadAtOnceBytes = std::size_t{1} * 1024 * 1024;
/// A test that writes to a descriptor which it believes to be another may spoil a line or two; a
/// runner that goes on like that would fill our memory.
constexpr int kMaxGarbage = 20;
/// The two lines of a status pipe are far shorter.
constexpr std::size_t kMaxStatusBytes = 4096;
/// Of what a runner said when it ended badly.
constexpr std::size_t kShownOutputLines = 40;

/// Takes whole lines off the front of `buffer`.
template <class Take>
void take_lines(std::string& buffer, const Take& take) {
  std::size_t start = 0;
  for (std::size_t end = 0; (end = buffer.find('\n', start)) != std::string::npos;
       start = end + 1) {
    take(std::string_view(buffer).substr(start, end - start));
  }
  buffer.erase(0, start);
}

enum class ReadEnd { kNothingMoreNow, kLimit, kClosed };

/// What can be read without waiting, until `into` holds more than `max_bytes`.
ReadEnd read_available(int fd, std::string& into, std::size_t max_bytes) {
  std::array<char, 64 * 1024> bytes;
  while (into.size() <= max_bytes) {
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count > 0) {
      into.append(bytes.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      const bool is_open = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      return is_open ? ReadEnd::kNothingMoreNow : ReadEnd::kClosed;
    }
  }
  return ReadEnd::kLimit;
}

/// Of what a unit has written, for who asks while it runs: from the beginning of a line.
std::string last_bytes(int fd, std::int64_t size) {
  const std::int64_t from = std::max<std::int64_t>(0, size - kShownOutputBytes);
  std::string text = read_range(fd, from, size);
  const std::size_t end_of_line = text.find('\n');
  if (from > 0 && end_of_line != std::string::npos) text.erase(0, end_of_line + 1);
  return valid_utf8(text);
}

std::string title_of(const CaseStarted& test_case) {
  return "\"" + test_case.name + "\" (" + test_case.location + ")";
}

}  // namespace

/// The conversation and the status pipe, read by two coroutines that outlive the RunnerProcess by a
/// moment.
struct RunnerProcess::Streams {
  Streams(const asio::any_io_executor& executor, int conversation_fd, int status_fd)
      : conversation(executor, conversation_fd),
        status(executor, status_fd),
        events(executor),
        told(executor) {
    conversation.native_non_blocking(true);
    status.native_non_blocking(true);
  }

  /// Reads and queues what the runner has said, up to a limit. kClosed: it will say no more, or we
  /// will not listen.
  ReadEnd read_some() {
    if (garbage > kMaxGarbage) return ReadEnd::kClosed;
    const std::size_t held = conversation_text.size();
    const ReadEnd end =
        read_available(conversation.native_handle(), conversation_text, held + kReadAtOnceBytes);
    take_lines(conversation_text, [&](std::string_view line) {
      if (garbage > kMaxGarbage) return;
      auto message = parse_runner_line(line);
      if (message) {
        events.push(*std::move(message));
      } else {
        push_garbage(message.error().message, ++garbage > kMaxGarbage);
      }
    });
    if (conversation_text.size() > kMaxLineBytes) {
      push_garbage("a line is longer than " + std::to_string(kMaxLineBytes) + " bytes", true);
      conversation_text.clear();
      garbage = kMaxGarbage + 1;
    }
    return garbage > kMaxGarbage ? ReadEnd::kClosed : end;
  }

  void push_garbage(const std::string& reason, bool is_end) {
    events.push(Garbage{"the runner broke the protocol: " + reason, is_end});
  }

  asio::posix::stream_descriptor conversation;
  asio::posix::stream_descriptor status;
  std::string conversation_text;
  std::string status_text;
  int garbage = 0;  ///< Lines of the conversation that were no message.
  Channel<Event> events;
  Signal told;                         ///< Of `stacks`, or of a unit's end.
  std::optional<RunnerStacks> stacks;  ///< The last that the unit in progress has told.
  std::uint64_t units_ended = 0;
  pid_t pid = 0;
  bool closed = false;

  static Task<void> read_conversation(std::shared_ptr<Streams> self) {
    while (!self->closed && self->read_some() != ReadEnd::kClosed) {
      const auto [error] = co_await self->conversation.async_wait(
          asio::posix::stream_descriptor::wait_read, as_value);
      if (error) co_return;
    }
  }

  /// The status pipe alone says that the runner has ended: children that tests leave behind may
  /// hold the conversation open.
  static Task<void> read_status(std::shared_ptr<Streams> self) {
    std::optional<ExitStatus> ended;
    while (!self->closed && !ended) {
      const ReadEnd end =
          read_available(self->status.native_handle(), self->status_text, kMaxStatusBytes);
      take_lines(self->status_text, [&](std::string_view line) {
        const auto parsed = parse_status_line(line);
        if (!parsed) return;
        if (const auto* pid = std::get_if<pid_t>(&*parsed)) self->pid = *pid;
        if (const auto* status = std::get_if<ExitStatus>(&*parsed)) ended = *status;
      });
      if (end == ReadEnd::kClosed || ended || self->status_text.size() > kMaxStatusBytes) break;
      const auto [error] =
          co_await self->status.async_wait(asio::posix::stream_descriptor::wait_read, as_value);
      if (error) co_return;
    }
    if (self->closed) co_return;
    while (self->read_some() == ReadEnd::kLimit) continue;
    self->events.push(Ended{ended});
  }
};

/// One unit on its way through the runner.
struct RunnerProcess::UnitProgress {
  RunLimits limits;
  UnitClock clock;
  UnitWatch watch;
  results::UnitResult result;
  std::vector<ByteRange> case_ranges;
  std::size_t output_left = kMaxUnitOutputBytes;
  std::optional<RunnerStacks> stacks;  ///< When it was over its limit.
};

RunnerProcess::RunnerProcess(RunnerOptions options, std::shared_ptr<Streams> streams,
                             UniqueFd output)
    : options_(std::move(options)), streams_(std::move(streams)), output_(std::move(output)) {}

Task<Result<std::unique_ptr<RunnerProcess>>> RunnerProcess::start(RunnerOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  GORGON_CO_TRY_ASSIGN(SocketPair conversation, make_socket_pair(SocketType::kStream));
  GORGON_CO_TRY_ASSIGN(Pipe status, make_pipe());
  UniqueFd output(
      ::open(options.output_file.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  if (!output) co_return fail_errno("cannot write " + options.output_file.string(), errno);

  auto streams =
      std::make_shared<Streams>(executor, conversation.ours.release(), status.read.release());
  const std::string request = fork_datagram(options.fork);
  GORGON_CO_TRY(
      options.request_fork(request, {conversation.theirs.get(), output.get(), status.write.get()}));
  conversation.theirs.reset();
  status.write.reset();

  const auto deadline = steady_clock::now() + options.start_timeout;
  std::unique_ptr<RunnerProcess> runner(
      new RunnerProcess(std::move(options), streams, std::move(output)));
  gorgon::spawn(executor, Streams::read_conversation(streams));
  gorgon::spawn(executor, Streams::read_status(streams));
  const auto event = co_await runner->next_event(deadline);
  if (!event)
    co_return fail(ErrorKind::kTimeout, "no runner was ready in time (before_start hangs?)");
  if (const auto* ended = std::get_if<Ended>(&*event)) {
    if (!ended->status) co_return fail(ErrorKind::kConnectionLost, "the runner host ended");
    const std::string said = runner->captured(0, runner->output_size(), kMaxCaseOutputBytes);
    co_return fail(ErrorKind::kCallback,
                   "the runner ended with " + gorgon::describe(*ended->status) +
                       " before it was ready" + (said.empty() ? "" : "\n  output:\n" + said));
  }
  if (const auto* message = std::get_if<RunnerMessage>(&*event)) {
    if (const auto* ready = std::get_if<RunnerReady>(message)) {
      runner->stacks_signal_ = ready->stacks_signal;
      co_return runner;
    }
    if (const auto* failed = std::get_if<RunnerFailed>(message)) {
      const std::string said = runner->captured(0, runner->output_size(), kMaxCaseOutputBytes);
      co_return fail(ErrorKind::kCallback, failed->error.stage +
                                               " failed: " + describe(failed->error) +
                                               (said.empty() ? "" : "\n  output:\n" + said));
    }
  }
  if (const auto* garbage = std::get_if<Garbage>(&*event))
    co_return fail(ErrorKind::kProtocol, garbage->reason);
  co_return fail(ErrorKind::kProtocol, "the runner's first message was not \"ready\"");
}

RunnerProcess::~RunnerProcess() {
  streams_->closed = true;
  boost::system::error_code ignored;
  streams_->conversation.close(ignored);
  streams_->status.close(ignored);
  kill_processes();
}

void RunnerProcess::kill_processes() const {
  if (!options_.fork.cgroup.empty()) kill_cgroup(options_.fork.cgroup);
  if (!ended_ && streams_->pid > 0) kill_tree(streams_->pid);
}

Task<std::optional<RunnerProcess::Event>> RunnerProcess::next_event(
    steady_clock::time_point deadline) {
  auto event = co_await streams_->events.pop_until(deadline);
  if (event) {
    if (const auto* ended = std::get_if<Ended>(&*event)) ended_ = *ended;
  }
  co_return event;
}

void RunnerProcess::abandon() { streams_->events.push(Abandoned{}); }

Task<RunnerProcess::Ended> RunnerProcess::kill() {
  usable_ = false;
  kill_processes();
  const auto deadline = steady_clock::now() + kKillLimit;
  while (!ended_) {
    const auto event = co_await next_event(deadline);
    if (!event) break;
  }
  co_return ended_.value_or(Ended{ExitStatus{.code = std::nullopt, .signal = SIGKILL}});
}

std::int64_t RunnerProcess::output_size() const {
  struct stat status{};
  return ::fstat(output_.get(), &status) == 0 ? status.st_size : 0;
}

std::string RunnerProcess::captured(std::int64_t from, std::int64_t to,
                                    std::size_t max_bytes) const {
  from = std::max<std::int64_t>(0, from);
  const auto length = static_cast<std::size_t>(std::max<std::int64_t>(0, to - from));
  if (length <= max_bytes) return valid_utf8(read_range(output_.get(), from, to));
  // The beginning says what it is, the end says how it ended.
  const auto head = static_cast<std::int64_t>(max_bytes / 4);
  const auto tail = static_cast<std::int64_t>(max_bytes - max_bytes / 4);
  return valid_utf8(read_range(output_.get(), from, from + head)) + "\n[… " +
         std::to_string(length - max_bytes) + " bytes left out …]\n" +
         valid_utf8(read_range(output_.get(), to - tail, to));
}

void RunnerProcess::take_case(UnitProgress& progress, CaseDone done) const {
  progress.clock.end_case(done.test_case.id);
  if (done.output) done.output->to = std::min(done.output->to, output_size());
  if (done.output && done.output->to > done.output->from) {
    progress.case_ranges.push_back(*done.output);
    const std::size_t limit = std::min(kMaxCaseOutputBytes, progress.output_left);
    done.test_case.output = captured(done.output->from, done.output->to, limit);
    progress.output_left -= std::min(progress.output_left, done.test_case.output.size());
  }
  progress.result.cases.push_back(std::move(done.test_case));
}

Task<RunEnd> RunnerProcess::follow_unit(UnitProgress& progress) {
  for (;;) {
    auto event = co_await next_event(progress.clock.next());
    if (!event) {
      const auto now = steady_clock::now();
      const UnitClock::Due due = progress.clock.due(now);
      if (due == UnitClock::Due::kUnitLimit) co_return RunEnd::kTimedOut;
      if (due == UnitClock::Due::kCaseLimit) co_return RunEnd::kCaseTimedOut;
      if (due == UnitClock::Due::kSlow) progress.watch.on_slow(progress.clock.tell_slow(now));
      if (due == UnitClock::Due::kShow) progress.watch.on_case(progress.clock.tell_case(now));
      continue;
    }
    if (std::holds_alternative<Abandoned>(*event)) co_return RunEnd::kStopped;
    if (const auto* ended = std::get_if<Ended>(&*event))
      co_return ended->status ? RunEnd::kCrashed : RunEnd::kHostDied;
    if (auto* garbage = std::get_if<Garbage>(&*event)) {
      progress.result.errors.push_back(
          {.stage = "outside", .exception_class = "", .message = garbage->reason, .backtrace = {}});
      usable_ = false;
      if (garbage->is_end) co_return RunEnd::kCrashed;
      continue;
    }
    auto& message = std::get<RunnerMessage>(*event);
    if (auto* started = std::get_if<CaseStarted>(&message))
      progress.clock.start_case(std::move(*started), steady_clock::now());
    if (auto* done = std::get_if<CaseDone>(&message)) take_case(progress, std::move(*done));
    if (auto* stacks = std::get_if<RunnerStacks>(&message)) {
      streams_->stacks = std::move(*stacks);
      streams_->told.notify();
    }
    auto* finished = std::get_if<UnitDone>(&message);
    // A unit that is not ours is a late word about an earlier one.
    if (finished == nullptr || finished->unit != progress.result.unit) continue;
    take_unit_end(progress, std::move(*finished));
    co_return RunEnd::kFinished;
  }
}

void RunnerProcess::take_unit_end(UnitProgress& progress, UnitDone done) {
  progress.result.seconds = done.seconds;
  progress.result.seed = done.seed;
  if (done.replace) usable_ = false;
  const bool cases_passed =
      std::ranges::none_of(progress.result.cases, [](const results::TestCase& test_case) {
        return test_case.status == results::CaseStatus::kFailed ||
               test_case.status == results::CaseStatus::kError;
      });
  const bool passed = done.passed && cases_passed && progress.result.errors.empty();
  progress.result.verdict = passed ? results::Verdict::kPassed : results::Verdict::kFailed;
  std::ranges::move(done.errors, std::back_inserter(progress.result.errors));
}

/// Asks it where it is, and to end: tests stop servers and close browsers in their `ensure`s and
/// `at_exit`s. False when nobody waits for it any more.
Task<bool> RunnerProcess::end_overdue(UnitProgress& progress) {
  const pid_t pid = streams_->pid;
  if (pid <= 0) co_return true;
  if (stacks_signal_ > 0) {
    ::kill(pid, stacks_signal_);
    const auto deadline = steady_clock::now() + kStacksLimit;
    const bool goes_on = co_await wait_for_end(deadline, &progress.stacks);
    if (!goes_on) co_return false;
  }
  if (ended_ || progress.limits.grace.count() <= 0) co_return true;
  // Where there is a cgroup, that knows them.
  std::optional<HeldTree> children;
  if (options_.fork.cgroup.empty()) children.emplace(pid);
  ::kill(pid, SIGTERM);
  const auto deadline =
      steady_clock::now() + std::chrono::ceil<steady_clock::duration>(progress.limits.grace);
  const bool goes_on = co_await wait_for_end(deadline, nullptr);
  if (children) children->kill();
  co_return goes_on;
}

/// Until the runner has ended, or has told its `stacks`, when they are asked for. Nothing else that
/// it says counts any more. False when abandon() was called.
Task<bool> RunnerProcess::wait_for_end(steady_clock::time_point deadline,
                                       std::optional<RunnerStacks>* stacks) {
  while (!ended_) {
    auto event = co_await next_event(deadline);
    if (!event) break;
    if (std::holds_alternative<Abandoned>(*event)) co_return false;
    auto* message = std::get_if<RunnerMessage>(&*event);
    auto* told = message != nullptr ? std::get_if<RunnerStacks>(message) : nullptr;
    if (stacks == nullptr || told == nullptr) continue;
    *stacks = std::move(*told);
    break;
  }
  co_return true;
}

/// The main thread's stack belongs to `failure`; the other threads are failures of their own.
std::vector<results::Failure> RunnerProcess::with_stacks(results::Failure failure,
                                                         const UnitProgress& progress) const {
  std::vector<results::Failure> failures;
  if (stacks_signal_ > 0 && !progress.stacks) {
    failure.message +=
        "\nIt did not say where it hangs: it is in native code that lets no other code run, or is "
        "stopped.";
  }
  failures.push_back(std::move(failure));
  if (!progress.stacks) return failures;
  std::size_t left_out = 0;
  for (const ThreadStack& thread : progress.stacks->threads) {
    if (thread.is_main) {
      failures.front().backtrace = thread.backtrace;
    } else if (failures.size() > kShownThreads) {
      ++left_out;
    } else {
      failures.push_back({.stage = "timeout",
                          .exception_class = "",
                          .message = "thread " + (thread.name.empty() ? "" : thread.name + " ") +
                                     "(" + thread.status + ")",
                          .backtrace = thread.backtrace});
    }
  }
  if (left_out > 0) {
    failures.push_back({.stage = "timeout",
                        .exception_class = "",
                        .message = "[" + count_of(left_out, "more thread") + " left out]",
                        .backtrace = {}});
  }
  return failures;
}

/// It is an error in its own right, with the stacks of all threads, and the unit says why it was
/// not simply failed.
void RunnerProcess::describe_overdue_case(UnitProgress& progress) const {
  const UnitClock::RunningCase* overdue = progress.clock.oldest();
  const std::string how =
      "killed at the time limit of a case, " + human_duration(progress.limits.test_case);
  progress.result.verdict = results::Verdict::kTimedOut;
  const auto failures = with_stacks(
      {.stage = "timeout", .exception_class = "", .message = how, .backtrace = {}}, progress);
  results::Failure whole = failures.front();
  for (const results::Failure& thread : failures | std::views::drop(1)) {
    whole.backtrace.push_back(thread.message);
    whole.backtrace.insert(whole.backtrace.end(), thread.backtrace.begin(), thread.backtrace.end());
  }
  results::TestCase killed{.id = overdue->started.id,
                           .name = overdue->started.name,
                           .location = overdue->started.location,
                           .status = results::CaseStatus::kError,
                           .seconds = progress.limits.test_case.count()};
  progress.result.errors.push_back({.stage = "timeout",
                                    .exception_class = "",
                                    .message = title_of(overdue->started) + " was " + whole.message,
                                    .backtrace = {},
                                    .killed_case = key_of(killed)});
  killed.failure = std::move(whole);
  progress.result.cases.push_back(std::move(killed));
}

void RunnerProcess::describe_end(UnitProgress& progress, RunEnd end,
                                 const std::optional<ExitStatus>& status) const {
  if (end == RunEnd::kCaseTimedOut) return describe_overdue_case(progress);
  if (end != RunEnd::kCrashed && end != RunEnd::kTimedOut) return;
  const UnitClock::RunningCase* running = progress.clock.newest();
  const bool crashed = end == RunEnd::kCrashed;
  progress.result.verdict = crashed ? results::Verdict::kCrashed : results::Verdict::kTimedOut;
  if (running != nullptr) {
    progress.result.running_case = running->started.name;
    progress.result.running_location = running->started.location;
  }
  results::Failure failure;
  failure.stage = crashed ? "crash" : "timeout";
  if (crashed && status) {
    failure.message = "the runner ended with " + gorgon::describe(*status);
  } else {
    failure.message = "killed at the time limit";
  }
  failure.message += running != nullptr              ? " in " + title_of(running->started)
                     : progress.result.cases.empty() ? " while it loaded the file"
                                                     : " between two cases";
  if (crashed) {
    progress.result.errors.push_back(std::move(failure));
  } else {
    std::ranges::move(with_stacks(std::move(failure), progress),
                      std::back_inserter(progress.result.errors));
  }
}

Task<UnitRun> RunnerProcess::run(results::Unit unit, std::uint32_t attempt, RunLimits limits,
                                 UnitWatch watch) {
  const auto started = steady_clock::now();
  UnitProgress progress{
      .limits = limits, .clock = UnitClock(limits, started), .watch = std::move(watch)};
  progress.result.unit = unit.id;
  // Writers have the file open to append, so they go on at the new end.
  if (::ftruncate(output_.get(), 0) != 0)
    log::warning("cannot empty {}: errno {}", options_.output_file.string(), errno);
  const std::string line = run_line(unit, attempt, options_.framework);
  co_await asio::async_write(streams_->conversation, asio::buffer(line), as_value);

  clock_ = &progress.clock;
  RunEnd end = co_await follow_unit(progress);
  clock_ = nullptr;
  ++streams_->units_ended;
  streams_->told.notify();
  const std::chrono::duration<double> seconds = steady_clock::now() - started;
  if (end == RunEnd::kTimedOut || end == RunEnd::kCaseTimedOut) {
    const bool goes_on = co_await end_overdue(progress);
    if (!goes_on) end = RunEnd::kStopped;
  }
  std::optional<ExitStatus> status;
  if (end != RunEnd::kFinished) {
    const Ended how = co_await kill();
    status = how.status;
    progress.result.seconds = seconds.count();
  }
  describe_end(progress, end, status);
  // Outside cases: before the first, between, and after the last. After a crash that is the last
  // output.
  std::int64_t position = 0;
  progress.case_ranges.push_back({output_size(), output_size()});
  for (const ByteRange& range : progress.case_ranges) {
    if (range.from > position) {
      progress.result.output +=
          captured(position, range.from, std::min(kMaxCaseOutputBytes, progress.output_left));
      progress.output_left -= std::min(progress.output_left, progress.result.output.size());
    }
    position = std::max(position, range.to);
  }
  co_return UnitRun{end, std::move(progress.result)};
}

std::optional<SlowUnit> RunnerProcess::position() const {
  if (clock_ == nullptr) return std::nullopt;
  return clock_->position(steady_clock::now());
}

Task<std::optional<results::RunningTest>> RunnerProcess::look() const {
  results::RunningTest test;
  const auto now = position();
  if (!now) return with_threads(nullptr, std::move(test));
  test.seconds = now->seconds;
  test.running_case = now->running_case;
  test.case_seconds = now->case_seconds;
  const std::int64_t size = output_size();
  test.output_bytes = static_cast<std::uint64_t>(size);
  test.output = last_bytes(output_.get(), size);
  // Where nobody waits for the signal it would kill: a test may have put another program there.
  if (stacks_signal_ > 0 && catches_signal(streams_->pid, stacks_signal_)) {
    streams_->stacks.reset();
    ::kill(streams_->pid, stacks_signal_);
    test.stacks = results::RunningTest::Stacks::kSilent;
  }
  return with_threads(streams_, std::move(test));
}

/// Where they are, once they have been asked. Null: there is no unit.
Task<std::optional<results::RunningTest>> RunnerProcess::with_threads(
    std::shared_ptr<Streams> streams, results::RunningTest test) {
  using Stacks = results::RunningTest::Stacks;
  if (streams == nullptr) co_return std::nullopt;
  if (test.stacks == Stacks::kUnable) co_return test;
  const std::uint64_t ended = streams->units_ended;
  const auto deadline = steady_clock::now() + kStacksLimit;
  while (!streams->stacks && streams->units_ended == ended && !streams->closed) {
    const bool is_in_time = co_await streams->told.wait_until(deadline);
    if (!is_in_time) break;
  }
  if (streams->units_ended != ended || streams->closed) co_return std::nullopt;
  if (!streams->stacks) co_return test;
  test.stacks = Stacks::kTold;
  test.threads = streams->stacks->threads;
  co_return test;
}

Task<std::vector<results::Failure>> RunnerProcess::stop(steady_clock::duration grace) {
  std::vector<results::Failure> errors;
  if (ended_) co_return errors;
  // One that ended while it waited for work never came to its hooks. That its host died and took it
  // along is the host's affair, as it is in the middle of a unit.
  while (auto event = streams_->events.try_pop()) {
    if (const auto* ended = std::get_if<Ended>(&*event)) ended_ = *ended;
  }
  if (ended_) {
    if (ended_->status) {
      errors.push_back({.stage = "suite",
                        .exception_class = "",
                        .message = "the runner ended with " + gorgon::describe(*ended_->status) +
                                   " between two files, before its suite hooks",
                        .backtrace = {}});
    }
    co_return errors;
  }
  auto deadline = steady_clock::now() + grace;
  const std::int64_t output_before = output_size();
  const std::string line = stop_line();
  co_await asio::async_write(streams_->conversation, asio::buffer(line), as_value);
  bool has_stopped = false;
  bool is_abandoned = false;
  while (!ended_) {
    auto event = co_await next_event(deadline);
    is_abandoned = event && std::holds_alternative<Abandoned>(*event);
    if (!event || is_abandoned) break;
    if (const auto* garbage = std::get_if<Garbage>(&*event); garbage != nullptr && garbage->is_end)
      break;
    auto* message = std::get_if<RunnerMessage>(&*event);
    auto* stopped = message != nullptr ? std::get_if<RunnerStopped>(message) : nullptr;
    if (stopped == nullptr) continue;
    has_stopped = true;
    deadline = std::min(deadline, steady_clock::now() + kExitLimit);
    errors = std::move(stopped->errors);
  }
  if (auto failure = closing_failure(has_stopped, output_before); failure && !is_abandoned)
    errors.push_back(*std::move(failure));
  co_await kill();
  co_return errors;
}

/// What is wrong with how the runner ended after its last unit. The framework's own run would end
/// with that code, too: an `exit` or a crash in a suite hook, a failure in `at_exit`.
std::optional<results::Failure> RunnerProcess::closing_failure(bool has_stopped,
                                                               std::int64_t output_before) const {
  results::Failure failure{.stage = "suite", .exception_class = "", .message = "", .backtrace = {}};
  if (!ended_) {
    failure.stage = has_stopped ? "suite" : "after_complete";
    failure.message = has_stopped
                          ? "the runner did not exit in time after its suite hooks (at_exit?) "
                            "and was killed"
                          : "the runner did not end in time and was killed";
    return failure;
  }
  const bool is_good = ended_->status && ended_->status->code == 0;
  if (has_stopped && is_good) return std::nullopt;
  failure.message = ended_->status ? "the runner ended with " + gorgon::describe(*ended_->status)
                                   : "the runner host died, and the runner with it,";
  failure.message += has_stopped ? " after its suite hooks (in at_exit?)"
                                 : " in its suite hooks or after_complete";
  const std::string said = captured(output_before, output_size(), kMaxCaseOutputBytes);
  if (!said.empty()) failure.message += "\n  output:\n" + last_lines(said, kShownOutputLines);
  return failure;
}

}  // namespace gorgon::runner
