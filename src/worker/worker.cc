#include "worker/worker.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "config/project_config.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "results/verdict.h"
#include "runner/callbacks.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"
#include "worker/settings.h"
#include "worker/unit_parts.h"

namespace gorgon::worker {

namespace {

using namespace std::chrono_literals;

/// The reply queue outlives its originator by two minutes (protocol: x-expires); after that nobody
/// waits for results.
constexpr auto kReconnectLimit = 120s;
constexpr auto kForever = std::chrono::hours(24 * 365);
constexpr int kRunnerStarts = 3;
/// A message stays far below the broker's limit; a unit's cases beyond it travel ahead in messages
/// of their own.
/// JSON writes some bytes as six.
constexpr std::size_t kCasesPerMessageBytes = 512 * std::size_t{1024};
/// How often a unit looks whether it is its turn, while another one runs alone or is to.
constexpr auto kTurnInterval = 50ms;

std::size_t size_estimate(const results::TestCase& test_case) {
  std::size_t bytes = 200 + test_case.id.size() + test_case.name.size() +
                      test_case.location.size() + test_case.output.size() +
                      test_case.pending_message.size();
  if (test_case.failure) {
    bytes += test_case.failure->message.size();
    for (const std::string& line : test_case.failure->backtrace) bytes += line.size() + 4;
  }
  return bytes;
}

/// Moves the cases of `result` that do not fit beside the others into messages of their own.
std::vector<protocol::UnitCases> split_cases(const std::string& job, const std::string& run,
                                             results::UnitResult& result) {
  std::vector<protocol::UnitCases> messages;
  std::vector<results::TestCase> batch;
  std::size_t bytes = 0;
  for (results::TestCase& test_case : result.cases) {
    const std::size_t size = size_estimate(test_case);
    if (!batch.empty() && bytes + size > kCasesPerMessageBytes) {
      messages.push_back({.job = job,
                          .unit = result.unit,
                          .run = run,
                          .part = static_cast<std::uint32_t>(messages.size()),
                          .cases = std::exchange(batch, {})});
      bytes = 0;
    }
    bytes += size;
    batch.push_back(std::move(test_case));
  }
  result.cases = std::move(batch);
  return messages;
}

void cut(std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return;
  text = valid_utf8(std::string_view(text).substr(0, max_bytes)) + " [cut]";
}

/// To what fits in a message beside everything else that may be in it.
void cut_errors(std::vector<results::Failure>& errors) {
  constexpr std::size_t kErrors = 50;
  constexpr std::size_t kErrorBytes = 4000;
  constexpr std::size_t kFrames = 20;
  constexpr std::size_t kFrameBytes = 200;
  if (errors.size() > kErrors) {
    const std::size_t left_out = errors.size() - kErrors;
    errors.resize(kErrors);
    errors.push_back({.stage = "outside",
                      .exception_class = "",
                      .message = "[" + count_of(left_out, "more error") + " left out]",
                      .backtrace = {}});
  }
  for (results::Failure& error : errors) {
    cut(error.message, kErrorBytes);
    if (error.backtrace.size() > kFrames) error.backtrace.resize(kFrames);
    for (std::string& frame : error.backtrace) cut(frame, kFrameBytes);
  }
}

/// A result whose errors and output do not fit in one message is cut; the verdict stays.
std::string encode_within_limit(protocol::UnitFinished finished) {
  std::string text = protocol::encode(finished);
  if (text.size() <= broker::kMaxMessageBytes) return text;
  constexpr std::size_t kOutputBytes = 64 * std::size_t{1024};
  cut_errors(finished.result.errors);
  cut(finished.result.output, kOutputBytes);
  return protocol::encode(finished);
}

/// A verdict without its cases is no good one.
protocol::UnitFinished bare_result(protocol::UnitFinished finished, const std::string& reason) {
  if (finished.result.verdict == results::Verdict::kPassed)
    finished.result.verdict = results::Verdict::kFailed;
  finished.result.errors.push_back({.stage = "outside",
                                    .exception_class = "",
                                    .message = "the broker did not take the result: " + reason,
                                    .backtrace = {}});
  return finished;
}

}  // namespace

Worker::Worker(const asio::any_io_executor& executor, Settings settings, UniqueFd control)
    : executor_(executor),
      settings_(std::move(settings)),
      control_(executor, control.release()),
      inputs_(executor),
      stopped_(executor),
      alive_(std::make_shared<Worker*>(this)) {}

void Worker::stop() {
  is_stopping_ = true;
  stopped_.notify();
  inputs_.push(Stop{});
  if (runner_) runner_->abandon();
}

Task<ExitCode> Worker::run() {
  spawn(executor_, read_control(alive_));
  std::optional<ExitCode> end;
  if (const auto connected = co_await connect(); !connected) {
    log::error("{}", connected.error().message);
    end = kBrokerGone;
  }
  if (!end) end = co_await take_slot();
  outage_.reset();
  if (!end) end = co_await call_before_start();
  if (!end) end = co_await start_runner();
  if (!end) {
    spawn(executor_, show_alive(alive_));
    end = co_await consume_units();
  }
  while (!end) {
    auto event = co_await next_from_broker();
    if (event) {
      end = co_await act_on(*std::move(event));
    } else {
      end = event.error();
    }
  }
  // It was to leave before it found out.
  if (*end == kBrokerGone && was_told_to_leave_) end = kStopped;
  if (*end == kJobComplete && !is_stopping_) {
    co_await leave_job();
  } else if (is_stopping_ && broker_) {
    co_await say_stopped();
  }
  runner_.reset();
  *alive_ = nullptr;
  boost::system::error_code ignored;
  control_.close(ignored);
  co_return is_stopping_ ? kStopped : *end;
}

/// Connects, and keeps trying while the broker is away: until consume_units() has succeeded, calls
/// are tries of one outage, for a broker that has just started takes logins before its queues
/// answer.
Task<Result<void>> Worker::connect() {
  const bool is_embedded = std::holds_alternative<broker::EmbeddedAddress>(settings_.address);
  if (connection_number_ > 0 && (is_stopping_ || is_embedded))
    co_return fail(ErrorKind::kConnectionLost, "the broker is gone");
  if (outage_) {
    if (was_told_to_leave_) co_return fail(ErrorKind::kCancelled, "told to leave");
    if (has_waited_enough()) co_return fail(ErrorKind::kUnavailable, "the broker stays away");
    co_await pause_in_outage();
  } else {
    outage_ = Outage{};
  }
  for (;;) {
    std::string name =
        "gorgon worker " + std::to_string(settings_.worker) + " on " + settings_.host;
    broker::Address address = settings_.address;
    auto connection = co_await broker::connect(std::move(address), std::move(name));
    if (connection) {
      broker_ = std::move(*connection);
      spawn(executor_, read_broker(alive_, broker_, ++connection_number_));
      co_return Result<void>();
    }
    if (is_stopping_ || was_told_to_leave_ || is_embedded || has_waited_enough())
      co_return std::unexpected(connection.error());
    log::warning("{}; trying again", connection.error().message);
    co_await pause_in_outage();
  }
}

bool Worker::has_waited_enough() const {
  return Clock::now() + outage_->pause > outage_->since + kReconnectLimit;
}

Task<void> Worker::pause_in_outage() {
  const auto pause = outage_->pause;
  outage_->pause = std::min(pause * 2, broker::longest_pause(settings_.address));
  co_await sleep_for(pause);
}

/// Waits for one of the job's slots, if it has a limited number: a message that stays unacked, and
/// so goes back by itself when this worker dies or is cut off.
Task<std::optional<ExitCode>> Worker::take_slot() {
  if (settings_.job.slot_queue.empty()) co_return std::nullopt;
  for (;;) {
    std::string queue = settings_.job.slot_queue;
    const auto consuming = co_await broker_->consume(std::move(queue), 1);
    if (!consuming && consuming.error().kind == ErrorKind::kNotFound) co_return kJobComplete;
    if (!consuming && !broker::means_outage(consuming.error())) co_return kBrokerGone;
    const auto permission = co_await next_from_broker();
    if (!permission) co_return permission.error();
    if (*permission) {
      if (std::holds_alternative<broker::QueueCancelled>(**permission)) co_return kJobComplete;
      co_return std::nullopt;
    }
    log::warning("{}", permission->error().message);
    const auto connected = co_await connect();
    if (!connected) co_return kBrokerGone;
  }
}

/// What comes next on the current connection; the exit code when this worker is to end instead.
Task<std::expected<Result<broker::Event>, ExitCode>> Worker::next_from_broker() {
  for (;;) {
    auto input = co_await inputs_.pop();
    if (!input || std::holds_alternative<Leave>(*input) || std::holds_alternative<Stop>(*input))
      co_return std::unexpected(kJobComplete);
    if (std::holds_alternative<OriginatorGone>(*input)) co_return std::unexpected(kOriginatorGone);
    auto& from_broker = std::get<FromBroker>(*input);
    // What came before a reconnect comes again.
    if (from_broker.connection == connection_number_) co_return std::move(from_broker.event);
  }
}

/// Only where before_start was called.
Task<Result<void>> Worker::call_after_complete() {
  if (!was_before_start_called_) co_return Result<void>();
  co_return co_await run_command(config::Callback::kAfterComplete);
}

/// kCancelled, and killed, when this worker is to stop.
Task<Result<void>> Worker::run_command(config::Callback callback) {
  using asio::experimental::awaitable_operators::operator||;
  if (is_stopping_) co_return fail(ErrorKind::kCancelled, "the worker stops");
  const std::string number = std::to_string(settings_.worker);
  runner::CallbackOptions options{
      .directory = settings_.workspace,
      .env = settings_.job.runner.env,
      .timeout = runner::callback_limit(settings_.job.callback_timeout)};
  options.env.emplace("GORGON_JOB_ID", settings_.job.id);
  options.env.emplace("GORGON_HOST", settings_.host);
  options.env.emplace("GORGON_WORKSPACE", settings_.workspace.string());
  options.env.emplace("GORGON_WORKER_ID", number);
  options.env.emplace("TEST_ENV_NUMBER", settings_.worker == 1 ? "" : number);
  auto finished = co_await (
      runner::run_callback_command(settings_.job.runner.callbacks, callback, std::move(options)) ||
      stopped_.wait());
  if (finished.index() == 1) co_return fail(ErrorKind::kCancelled, "the worker stops");
  auto& ran = std::get<0>(finished);
  if (!ran) co_return std::unexpected(std::move(ran).error());
  co_return Result<void>();
}

/// The command runs once for the worker; the Ruby method runs in each of its runners.
Task<std::optional<ExitCode>> Worker::call_before_start() {
  was_before_start_called_ = true;
  const auto called = co_await run_command(config::Callback::kBeforeStart);
  if (is_stopping_) co_return kJobComplete;
  if (called) co_return std::nullopt;
  report_slot_failure({ErrorKind::kCallback, called.error().message});
  co_await broker_->close();
  co_return kSlotUnusable;
}

Task<std::optional<ExitCode>> Worker::start_runner() {
  for (int start = 1;; ++start) {
    runner::RunnerOptions options;
    options.fork.id =
        settings_.job.id + "-" + std::to_string(settings_.worker) + "-" + std::to_string(++forks_);
    options.fork.worker = settings_.worker;
    options.fork.cgroup = settings_.cgroup.string();
    options.fork.env = settings_.job.runner.env;
    options.output_file =
        settings_.scratch / ("worker-" + std::to_string(settings_.worker) + ".out");
    options.framework = settings_.job.runner.framework;
    options.start_timeout = runner::callback_limit(settings_.job.callback_timeout);
    options.request_fork = [this](const std::string& datagram,
                                  const std::vector<int>& descriptors) {
      return send_datagram(control_.native_handle(), datagram, descriptors);
    };
    auto started = co_await runner::RunnerProcess::start(std::move(options));
    if (started) {
      runner_ = std::move(*started);
      if (is_stopping_) co_return kJobComplete;
      co_return std::nullopt;
    }
    log::warning("no runner: {}", started.error().message);
    take_control_datagrams();  // "Leave" may have come with the refusal.
    if (is_stopping_ || was_told_to_leave_) co_return kJobComplete;
    // A host that died is started again by the listener; anything else would only repeat itself.
    if (started.error().kind != ErrorKind::kConnectionLost || start == kRunnerStarts) {
      report_slot_failure(started.error());
      co_return kSlotUnusable;
    }
  }
}

void Worker::report_slot_failure(const Error& error) {
  protocol::HostState state{
      .job = settings_.job.id,
      .epoch = settings_.job.epoch,
      .host = settings_.host,
      .state = protocol::HostState::State::kFailed,
      .workers = 1,
      .stage = error.kind == ErrorKind::kCallback ? "before_start" : "runner",
      .message = "worker " + std::to_string(settings_.worker) + ": " + error.message};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(state)});
  protocol::WorkerDone done{
      .job = settings_.job.id, .host = settings_.host, .worker = std::to_string(settings_.worker)};
  done.errors = std::exchange(runner_errors_, {});
  cut_errors(done.errors);
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(done)});
}

Task<std::optional<ExitCode>> Worker::consume_units() {
  std::string queue = settings_.job.file_queue;
  const auto consuming = co_await broker_->consume(std::move(queue), 1);
  if (consuming) {
    outage_.reset();
    co_return std::nullopt;
  }
  if (consuming.error().kind == ErrorKind::kNotFound) co_return kJobComplete;
  log::warning("cannot take units: {}", consuming.error().message);
  if (broker::means_outage(consuming.error()))
    co_return std::nullopt;  // The next event says so, too.
  co_return kBrokerGone;
}

/// After a reconnect: the slot went back to the broker with the connection, as did the unit.
Task<std::optional<ExitCode>> Worker::rejoin() {
  if (const auto end = co_await take_slot()) co_return end;
  co_return co_await consume_units();
}

Task<std::optional<ExitCode>> Worker::act_on(Result<broker::Event> event) {
  if (!event) {
    log::warning("{}", event.error().message);
    const auto connected = co_await connect();
    if (!connected) co_return kBrokerGone;
    co_return co_await rejoin();
  }
  if (const auto* cancelled = std::get_if<broker::QueueCancelled>(&*event)) {
    if (cancelled->queue == settings_.job.file_queue) co_return kJobComplete;
    co_return std::nullopt;
  }
  broker::Delivery delivery = std::move(std::get<broker::Delivery>(*event));
  if (delivery.queue != settings_.job.file_queue) co_return std::nullopt;
  co_return co_await run_unit(std::move(delivery));
}

Task<std::optional<ExitCode>> Worker::run_unit(broker::Delivery delivery) {
  const std::uint64_t connection = connection_number_;
  auto unit = unit_in(delivery);
  if (!unit) {
    log::error("a message in {} is left aside: {}", delivery.queue, unit.error().message);
    // Ends as a dead letter with the originator, who knows what was meant.
    (void)broker_->give_back(delivery.tag, broker::GiveBack::kFailed);
    co_return std::nullopt;
  }
  // One that is handed out again may still run elsewhere: that is more to tell.
  const bool is_declined = delivery.attempt == 1 && unit->avoid_host == settings_.host;
  if (delivery.attempt > 1 || is_declined) {
    std::string id = unit->unit.id;
    co_return co_await return_unit(std::move(id), delivery.tag, is_declined);
  }
  const std::uint32_t attempt = unit->attempt;
  auto tried = co_await try_unit(*std::move(unit));
  if (!tried) {
    if (connection == connection_number_) co_await give_back_untried(delivery.tag);
    co_return tried.error();
  }
  ++units_run_;
  tried->attempt = attempt;
  tried->host = settings_.host;
  tried->worker = std::to_string(settings_.worker);
  const auto end = co_await publish_result(*std::move(tried));
  if (end) co_return end;
  unit_in_hand_.clear();
  // After a reconnect the tag is void and the unit will come again; the originator counts it once.
  if (connection != connection_number_) co_return co_await rejoin();
  (void)broker_->ack(delivery.tag);
  co_return std::nullopt;
}

Result<protocol::UnitMessage> Worker::unit_in(const broker::Delivery& delivery) const {
  GORGON_TRY_ASSIGN(const auto envelope, protocol::open_envelope(delivery.body));
  const auto is_owners = [&] {
    // The queue has the job's id in its name: a unit of another job does not fit.
    return envelope && envelope->key == *settings_.owner && envelope->queue == delivery.queue &&
           protocol::is_genuine(*envelope);
  };
  if (settings_.owner && !is_owners())
    return fail(ErrorKind::kRefused, "it is not signed by the owner of the job");
  GORGON_TRY_ASSIGN(auto message, protocol::decode(envelope ? envelope->message : delivery.body));
  auto* unit = std::get_if<protocol::UnitMessage>(&message);
  if (unit == nullptr) return fail(ErrorKind::kProtocol, "it is not a unit");
  return std::move(*unit);
}

/// The broker hands it out again: whoever had it is dead, or only cut off and about to publish its
/// result. The originator knows which, and how often it has been tried. Or it is to be tried on
/// another machine, if there is one with time for it: the originator knows that, too.
Task<std::optional<ExitCode>> Worker::return_unit(std::string unit, std::uint64_t tag,
                                                  bool is_declined) {
  const auto connection = broker_;
  const protocol::UnitReturned returned{.job = settings_.job.id,
                                        .unit = std::move(unit),
                                        .host = settings_.host,
                                        .worker = std::to_string(settings_.worker),
                                        .is_declined = is_declined};
  std::vector<broker::Message> message;
  message.push_back({broker::to_queue(settings_.job.reply_queue), protocol::encode(returned)});
  const auto published = co_await connection->publish(std::move(message));
  // Any other failure ends the connection, which gives the unit back.
  if (published) {
    (void)connection->ack(tag);
  } else if (published.error().kind == ErrorKind::kUnroutable) {
    co_return kOriginatorGone;
  } else {
    log::warning("cannot return a unit: {}", published.error().message);
    (void)connection->give_back(tag, broker::GiveBack::kFailed);
  }
  co_return std::nullopt;
}

/// A verdict, or the exit code when there will be none from this worker.
///
/// A unit whose runner host died is a suspect: it may have killed it, or have run beside the one
/// that did. Its further tries it has alone, so that the guilty one is found out without taking the
/// others along.
Task<std::expected<results::UnitResult, ExitCode>> Worker::try_unit(protocol::UnitMessage work) {
  const std::uint32_t most = std::max(2U, settings_.job.max_attempts);
  const runner::RunLimits limits{.unit = settings_.job.unit_timeout,
                                 .test_case = settings_.job.case_timeout,
                                 .grace = settings_.job.grace,
                                 .slow = settings_.job.slow_after};
  UnitParts parts(work.unit, limits);
  bool goes_on = false;
  for (std::uint32_t host_deaths = 0;;) {
    const auto turn = co_await take_turn(work.runs_alone || host_deaths > 0);
    if (is_stopping_) co_return std::unexpected(kJobComplete);
    if (const auto end = co_await renew_runner()) co_return std::unexpected(*end);
    // While it had to wait, the job may have ended.
    if (was_told_to_leave_) co_return std::unexpected(kJobComplete);
    const protocol::UnitStarted started{.job = settings_.job.id,
                                        .unit = work.unit.id,
                                        .attempt = work.attempt,
                                        .host = settings_.host,
                                        .worker = std::to_string(settings_.worker)};
    if (!std::exchange(goes_on, false)) {
      unit_in_hand_ = work.unit.id;
      file_in_hand_ = work.unit.file;
      in_hand_since_ = Clock::now();
      (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(started)});
    }
    results::Unit rest = parts.rest();
    std::function<void(const runner::SlowUnit&)> on_slow = [&](runner::SlowUnit slow) {
      slow.seconds += parts.seconds();
      tell_slow(work.unit.id, slow);
    };
    auto run =
        co_await runner_->run(std::move(rest), work.attempt, parts.limits(), std::move(on_slow));
    if (run.end == runner::RunEnd::kStopped)
      co_return std::unexpected(is_stopping_ ? kStopped : kOriginatorGone);
    if (run.end == runner::RunEnd::kHostDied) {
      if (++host_deaths < most) continue;
      run.result.verdict = results::Verdict::kCrashed;
      run.result.errors.push_back(
          {.stage = "crash",
           .exception_class = "",
           .message = "the runner host died " + count_of(host_deaths, "time") + " while it ran",
           .backtrace = {}});
    }
    goes_on = parts.add(std::move(run));
    if (!goes_on) co_return parts.take_result();
  }
}

void Worker::tell_slow(const std::string& unit, const runner::SlowUnit& slow) {
  const protocol::UnitSlow message{.job = settings_.job.id,
                                   .unit = unit,
                                   .host = settings_.host,
                                   .worker = std::to_string(settings_.worker),
                                   .seconds = slow.seconds,
                                   .running_case = slow.running_case,
                                   .case_seconds = slow.case_seconds};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(message)});
}

/// Units that run alone take the gate for themselves, which lets no other in, and then wait for
/// those inside to finish. Each turn ends within a unit's time limit, and with its worker.
Task<Worker::Turn> Worker::take_turn(bool is_alone) {
  Turn turn;
  std::string gate = "gate.lock";
  turn.gate = co_await lock(std::move(gate), is_alone);
  std::string machine = "machine.lock";
  turn.machine = co_await lock(std::move(machine), is_alone);
  if (!is_alone) turn.gate.reset();
  co_return turn;
}

/// A lock among this job's workers here.
Task<UniqueFd> Worker::lock(std::string name, bool is_exclusive) {
  const auto file = settings_.scratch / name;
  UniqueFd held(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const int how = (is_exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  while (held && !is_stopping_ && ::flock(held.get(), how) != 0) co_await sleep_for(kTurnInterval);
  co_return held;
}

/// Makes sure that a fresh enough runner is there. The one that is replaced ends in good order: its
/// suite hooks count.
Task<std::optional<ExitCode>> Worker::renew_runner() {
  if (runner_ && runner_->is_usable()) co_return std::nullopt;
  if (runner_) {
    auto errors = co_await runner_->stop(runner::callback_limit(settings_.job.callback_timeout));
    std::ranges::move(errors, std::back_inserter(runner_errors_));
    runner_.reset();
  }
  co_return co_await start_runner();
}

/// No other unit must come in its place, which would count as failed.
Task<void> Worker::give_back_untried(std::uint64_t tag) {
  std::string queue = settings_.job.file_queue;
  (void)co_await broker_->stop_consuming(std::move(queue));
  (void)broker_->give_back(tag, broker::GiveBack::kUntried);
}

Task<std::optional<ExitCode>> Worker::publish_result(results::UnitResult result) {
  const std::string run =
      settings_.host + ":" + std::to_string(settings_.worker) + ":" + random_id(8);
  // What is left of a result that the broker does not take.
  // A run of its own: cases that came through belong to the other.
  protocol::UnitFinished bare{.job = settings_.job.id, .run = run + "-bare"};
  bare.result.unit = result.unit;
  bare.result.verdict = result.verdict;
  bare.result.seconds = result.seconds;
  bare.result.attempt = result.attempt;
  bare.result.host = result.host;
  bare.result.worker = result.worker;
  int refusals = 0;
  const auto earlier = split_cases(settings_.job.id, run, result);
  protocol::UnitFinished finished{.job = settings_.job.id, .run = run};
  std::vector<broker::Message> messages;
  for (const protocol::UnitCases& cases : earlier) {
    finished.earlier_cases += static_cast<std::uint32_t>(cases.cases.size());
    messages.push_back({broker::to_queue(settings_.job.reply_queue), protocol::encode(cases)});
  }
  finished.result = std::move(result);
  messages.push_back(
      {broker::to_queue(settings_.job.reply_queue), encode_within_limit(std::move(finished))});
  for (;;) {
    std::vector<broker::Message> copy = messages;
    const auto published = co_await broker_->publish(std::move(copy));
    if (published) co_return std::nullopt;
    if (published.error().kind == ErrorKind::kUnroutable) co_return kOriginatorGone;
    log::warning("cannot publish a result: {}", published.error().message);
    if (published.error().kind == ErrorKind::kRefused && refusals++ < 2) {
      if (refusals == 1) continue;  // It may have been short of something for a moment.
      messages = {{broker::to_queue(settings_.job.reply_queue),
                   protocol::encode(bare_result(bare, published.error().message))}};
      continue;
    }
    if (is_stopping_) co_return kJobComplete;
    const auto connected = co_await connect();
    if (!connected) co_return kBrokerGone;
  }
}

/// A unit that came with the request to leave must not count as a failed try.
void Worker::give_back_unstarted() {
  while (auto input = inputs_.try_pop()) {
    const auto* from_broker = std::get_if<FromBroker>(&*input);
    if (from_broker == nullptr || !from_broker->event ||
        from_broker->connection != connection_number_)
      continue;
    const auto* delivery = std::get_if<broker::Delivery>(&*from_broker->event);
    if (delivery != nullptr) (void)broker_->give_back(delivery->tag, broker::GiveBack::kUntried);
  }
}

Task<void> Worker::leave_job() {
  using asio::experimental::awaitable_operators::operator||;
  std::string queue = settings_.job.file_queue;
  (void)co_await broker_->stop_consuming(std::move(queue));
  give_back_unstarted();
  // after_complete may take its time; whoever waits shall know that we are still here.
  const protocol::WorkerAlive alive{.job = settings_.job.id,
                                    .host = settings_.host,
                                    .worker = std::to_string(settings_.worker),
                                    .unit = unit_in_hand_};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(alive)});
  protocol::WorkerDone done{
      .job = settings_.job.id, .host = settings_.host, .worker = std::to_string(settings_.worker)};
  done.errors = std::exchange(runner_errors_, {});
  co_await (run_last_hooks(done.errors) || stay_connected());
  cut_errors(done.errors);
  const protocol::WorkerComplete complete{
      .job = settings_.job.id, .worker = done.worker, .units = units_run_};
  (void)broker_->post({broker::to_queue(settings_.listener_queue), protocol::encode(complete)});
  has_said_goodbye_ = true;
  co_await say_goodbye(protocol::encode(done));
  co_await broker_->close();
}

/// Told to stop: what was in hand is not to blame for that.
Task<void> Worker::say_stopped() {
  const protocol::WorkerDone done{
      .job = settings_.job.id, .host = settings_.host, .worker = std::to_string(settings_.worker)};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(done)});
  co_await broker_->close();
}

/// `errors` is the caller's, and outlives the call.
Task<void> Worker::run_last_hooks(std::vector<results::Failure>& errors) {
  if (runner_) {
    auto last = co_await runner_->stop(runner::callback_limit(settings_.job.callback_timeout));
    std::ranges::move(last, std::back_inserter(errors));
  }
  const auto called = co_await call_after_complete();
  if (is_stopping_) {
    errors.push_back({.stage = "suite",
                      .exception_class = "",
                      .message = "the worker was stopped before its hooks had ended",
                      .backtrace = {}});
  } else if (!called) {
    errors.push_back({.stage = "after_complete",
                      .exception_class = "",
                      .message = called.error().message,
                      .backtrace = {}});
  }
}

/// While hooks take their time, our signs of life need a broker. Never ends by itself.
Task<void> Worker::stay_connected() {
  for (;;) {
    const auto input = co_await inputs_.pop();
    if (!input) break;
    const auto* from_broker = std::get_if<FromBroker>(&*input);
    if (from_broker == nullptr || from_broker->connection != connection_number_ ||
        from_broker->event)
      continue;
    log::warning("{}", from_broker->event.error().message);
    const auto connected = co_await connect();
    if (!connected) break;
    outage_.reset();
  }
  co_await sleep_for(kForever);
}

/// Until the broker has confirmed it, also after an outage: hooks that failed must not be missed.
Task<void> Worker::say_goodbye(std::string farewell) {
  for (;;) {
    std::vector<broker::Message> message = {
        {broker::to_queue(settings_.job.reply_queue), farewell}};
    const auto said = co_await broker_->publish(std::move(message));
    // The originator may have left already.
    if (said || !broker::means_outage(said.error()) || is_stopping_) co_return;
    log::warning("cannot say goodbye: {}", said.error().message);
    const auto connected = co_await connect();
    if (!connected) co_return;
  }
}

Task<void> Worker::read_control(std::shared_ptr<Worker*> self) {
  while (*self != nullptr) {
    if (!(*self)->take_control_datagrams()) {
      (*self)->stop();  // The listener is gone, and this worker must not outlive it.
      co_return;
    }
    co_await (*self)->control_.async_wait(asio::posix::stream_descriptor::wait_read, as_value);
  }
}

/// False when there will be no more.
bool Worker::take_control_datagrams() {
  for (;;) {
    const auto datagram = receive_datagram(control_.native_handle());
    if (!datagram) return datagram.error().kind == ErrorKind::kTimeout;
    // What is not taken is missed by nobody: whoever asks has a limit.
    if (is_report_datagram(datagram->bytes))
      (void)send_datagram(control_.native_handle(), activity_datagram(activity()));
    if (!is_leave_datagram(datagram->bytes)) continue;
    was_told_to_leave_ = true;
    inputs_.push(Leave{});
  }
}

Activity Worker::activity() const {
  if (unit_in_hand_.empty()) return {};
  const std::chrono::duration<double> age = Clock::now() - in_hand_since_;
  Activity activity{.file = file_in_hand_, .seconds = age.count()};
  if (const auto position = runner_ ? runner_->position() : std::nullopt) {
    activity.running_case = position->running_case;
    activity.case_seconds = position->case_seconds;
  }
  return activity;
}

Task<void> Worker::read_broker(std::shared_ptr<Worker*> self,
                               std::shared_ptr<broker::Connection> connection,
                               std::uint64_t number) {
  for (;;) {
    auto event = co_await connection->next_event();
    if (*self == nullptr || (*self)->connection_number_ != number) co_return;
    const bool lost = !event;
    (*self)->inputs_.push(FromBroker{number, std::move(event)});
    if (lost) co_return;
  }
}

/// Several missed signs tell the originator that this worker is lost; one that cannot be delivered
/// tells us that the originator is.
Task<void> Worker::show_alive(std::shared_ptr<Worker*> self) {
  while (*self != nullptr && !(*self)->has_said_goodbye_) {
    Worker& worker = **self;
    const protocol::WorkerAlive alive{.job = worker.settings_.job.id,
                                      .host = worker.settings_.host,
                                      .worker = std::to_string(worker.settings_.worker),
                                      .unit = worker.unit_in_hand_};
    std::vector<broker::Message> message;
    message.push_back(
        {broker::to_queue(worker.settings_.job.reply_queue), protocol::encode(alive)});
    const auto connection = worker.broker_;
    const auto published = co_await connection->publish(std::move(message));
    if (*self == nullptr) co_return;
    if (!published && published.error().kind == ErrorKind::kUnroutable) {
      // Nobody waits for the test in progress either.
      (*self)->inputs_.push(OriginatorGone{});
      if ((*self)->runner_) (*self)->runner_->abandon();
      co_return;
    }
    co_await sleep_for(worker.settings_.job.sign_interval);
  }
}

}  // namespace gorgon::worker
