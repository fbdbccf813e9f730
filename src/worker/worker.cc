#include "worker/worker.h"

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
#include "worker/result_messages.h"
#include "worker/settings.h"
#include "worker/turns.h"
#include "worker/unit_parts.h"

namespace gorgon::worker {

namespace {

using namespace std::chrono_literals;

/// The reply queue outlives its originator by two minutes (protocol: x-expires); after that nobody
/// waits for results.
constexpr auto kReconnectLimit = 120s;
constexpr auto kForever = std::chrono::hours(24 * 365);
constexpr int kRunnerStarts = 3;
/// What has come of short units is told at the latest then: somebody watches.
constexpr auto kUntoldLimit = 50ms;
/// Results of short units that are told together.
constexpr std::size_t kUntoldBytes = 64 * std::size_t{1024};

}  // namespace

Worker::Worker(const asio::any_io_executor& executor, Settings settings, UniqueFd control)
    : executor_(executor),
      settings_(std::move(settings)),
      control_(executor, control.release()),
      inputs_(executor),
      stopped_(executor),
      left_(executor),
      turns_(executor, settings_.scratch),
      alive_(std::make_shared<Worker*>(this)),
      tell_timer_(executor) {
  if (!settings_.job.artifacts) return;
  auto own_folder = settings_.scratch / ("artifacts-" + std::to_string(settings_.worker));
  settings_.job.runner.env["GORGON_ARTIFACTS"] = own_folder.string();
  artifacts_.emplace(*settings_.job.artifacts, settings_.workspace, std::move(own_folder));
}

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
    if (settings_.job.shows_output) spawn(executor_, stream_output(alive_));
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
  } else if (broker_ && (is_stopping_ || slot_failure_)) {
    if (slot_failure_) tell_slot_failure(*slot_failure_);
    co_await say_ended();
  }
  runner_.reset();
  tell_timer_.cancel();
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
  slot_failure_ = Error{ErrorKind::kCallback, called.error().message};
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
    options.fork.env.emplace("GORGON_JOB_ID", settings_.job.id);
    options.output_file = output_file();
    options.framework = settings_.job.runner.framework;
    options.start_timeout = runner::callback_limit(settings_.job.callback_timeout);
    options.request_fork = [this](const std::string& datagram,
                                  const std::vector<int>& descriptors) {
      return send_datagram(control_.native_handle(), datagram, descriptors);
    };
    auto started = co_await runner::RunnerProcess::start(std::move(options));
    if (started) {
      runner_ = std::move(*started);
      runner_name_ = random_id(8);
      has_runner_run_ = false;
      if (is_stopping_) co_return kJobComplete;
      co_return std::nullopt;
    }
    take_control_datagrams();  // "Leave" may have come with the refusal.
    const bool is_over = is_stopping_ || was_told_to_leave_;
    const bool was_refused = started.error().kind == ErrorKind::kConnectionLost;
    // Whoever asks when a short job is over already is refused, and nothing is wrong.
    if (!is_over || !was_refused) log::warning("no runner: {}", started.error().message);
    if (is_over) co_return kJobComplete;
    // A host that died is started again by the listener; anything else would only repeat itself.
    if (!was_refused || start == kRunnerStarts) {
      slot_failure_ = started.error();
      co_return kSlotUnusable;
    }
  }
}

void Worker::tell_slot_failure(const Error& error) {
  protocol::HostState state{
      .job = settings_.job.id,
      .epoch = settings_.job.epoch,
      .host = settings_.host,
      .state = protocol::HostState::State::kFailed,
      .workers = 1,
      .stage = error.kind == ErrorKind::kCallback ? "before_start" : "runner",
      .message = "worker " + std::to_string(settings_.worker) + ": " + error.message};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(state)});
}

/// With what is known until now of hooks that failed.
protocol::WorkerDone Worker::farewell() {
  protocol::WorkerDone done{.job = settings_.job.id,
                            .host = settings_.host,
                            .worker = std::to_string(settings_.worker),
                            .errors = std::exchange(runner_errors_, {}),
                            .was_stopped = is_stopping_};
  cut_errors(done.errors);
  return done;
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
  co_return co_await run_units(std::move(delivery));
}

/// Several in one message are short ones: what comes of them is told together.
Task<std::optional<ExitCode>> Worker::run_units(broker::Delivery delivery) {
  const std::uint64_t connection = connection_number_;
  auto units = units_in(delivery);
  if (!units) {
    log::error("a message in {} is left aside: {}", delivery.queue, units.error().message);
    // Ends as a dead letter with the originator, who knows what was meant.
    (void)broker_->give_back(delivery.tag, broker::GiveBack::kFailed);
    co_return std::nullopt;
  }
  // One that is handed out again may still run elsewhere: that is more to tell.
  const bool is_declined = delivery.attempt == 1 && units->front().avoid_host == settings_.host;
  if (delivery.attempt > 1 || is_declined)
    co_return co_await return_units(*std::move(units), delivery.tag, is_declined);
  are_units_short_ = units->size() > 1;
  std::optional<ExitCode> end;
  auto unit = units->begin();
  for (; unit != units->end(); ++unit) {
    // Whatever has come meanwhile ends this: the job is over, say.
    if (unit != units->begin() && !inputs_.is_empty()) break;
    end = co_await run_unit(*unit);
    if (end) break;
  }
  const bool is_untried = unit == units->begin();
  units->erase(units->begin(), unit);
  unit_at_work_.clear();
  const auto untold = co_await tell_untold();
  if (!end) end = untold;
  // After a reconnect the tag is void and the units will come again; the originator counts each
  // once.
  if (connection != connection_number_) {
    if (end) co_return end;
    co_return co_await rejoin();
  }
  if (units->empty()) {
    (void)broker_->ack(delivery.tag);
    co_return end;
  }
  if (end) co_await stop_consuming();
  if (is_untried) {
    (void)broker_->give_back(delivery.tag, broker::GiveBack::kUntried);
    co_return end;
  }
  const auto gone = co_await return_units(*std::move(units), delivery.tag, false);
  co_return end ? end : gone;
}

/// The exit code: it has no verdict, and this worker ends.
Task<std::optional<ExitCode>> Worker::run_unit(protocol::UnitMessage unit) {
  const std::uint32_t attempt = unit.attempt;
  auto tried = co_await try_unit(std::move(unit));
  if (!tried) co_return tried.error();
  ++units_run_;
  tried->attempt = attempt;
  tried->host = settings_.host;
  tried->worker = std::to_string(settings_.worker);
  tried->runner = runner_name_;
  if (artifacts_) {
    protocol::Artifact origin = artifact_of(tried->unit, attempt);
    const bool has_failed = tried->verdict != results::Verdict::kPassed;
    const auto end = co_await send_artifacts(std::move(origin), has_failed);
    if (end) co_return end;
  }
  protocol::UnitFinished finished{
      .job = settings_.job.id,
      .run = settings_.host + ":" + std::to_string(settings_.worker) + ":" + random_id(8),
      .result = *std::move(tried)};
  const auto ended = Clock::now();
  const bool is_large = size_estimate(finished.result) > kUntoldBytes;
  if (!are_units_short_ || is_large) {
    if (const auto end = co_await tell_untold()) co_return end;
    if (const auto end = co_await publish_result(std::move(finished), ended)) co_return end;
  } else {
    untold_.finish(std::move(finished), ended);
    if (untold_.bytes() > kUntoldBytes) {
      if (const auto end = co_await tell_untold()) co_return end;
    } else if (!unit_in_hand_.empty()) {
      // Whoever knows of its start would blame it for what becomes of the next.
      tell_in_time();
    }
  }
  unit_in_hand_.clear();
  unit_at_work_.clear();
  co_return std::nullopt;
}

Result<std::vector<protocol::UnitMessage>> Worker::units_in(
    const broker::Delivery& delivery) const {
  GORGON_TRY_ASSIGN(const auto envelope, protocol::open_envelope(delivery.body));
  const auto is_owners = [&] {
    // The queue has the job's id in its name: a unit of another job does not fit.
    return envelope && envelope->key == *settings_.owner && envelope->queue == delivery.queue &&
           protocol::is_genuine(*envelope);
  };
  if (settings_.owner && !is_owners())
    return fail(ErrorKind::kRefused, "it is not signed by the owner of the job");
  return protocol::units_in(envelope ? std::string_view(envelope->message) : delivery.body);
}

/// The broker hands them out again: whoever had them is dead, or only cut off and about to publish
/// their results. The originator knows which, and how often each has been tried. Or one is to be
/// tried on another machine, if there is one with time for it: the originator knows that, too. Or
/// this worker has to leave before it came to them.
Task<std::optional<ExitCode>> Worker::return_units(std::vector<protocol::UnitMessage> units,
                                                   std::uint64_t tag, bool is_declined) {
  const auto connection = broker_;
  std::string body;
  for (protocol::UnitMessage& unit : units) {
    const protocol::UnitReturned returned{.job = settings_.job.id,
                                          .unit = std::move(unit.unit.id),
                                          .host = settings_.host,
                                          .worker = std::to_string(settings_.worker),
                                          .is_declined = is_declined};
    protocol::add_line(body, returned);
  }
  std::vector<broker::Message> message;
  message.push_back({broker::to_queue(settings_.job.reply_queue), std::move(body)});
  const auto published = co_await connection->publish(std::move(message));
  // Any other failure ends the connection, which gives them back.
  if (published) {
    (void)connection->ack(tag);
  } else if (published.error().kind == ErrorKind::kUnroutable) {
    co_return kOriginatorGone;
  } else {
    log::warning("cannot return units: {}", published.error().message);
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
  const bool needs_fresh_runner = work.unit.needs_fresh_runner || !work.unit.before.empty();
  UnitParts parts(work.unit, limits_of(work));
  bool goes_on = false;
  for (std::uint32_t host_deaths = 0;;) {
    TurnNeeds needs{.is_alone = work.runs_alone || host_deaths > 0,
                    .group = work.group,
                    .group_slots = work.group_slots};
    const auto turn = co_await take_turn(std::move(needs));
    if (is_stopping_ || was_told_to_leave_) co_return std::unexpected(kJobComplete);
    if (const auto end = co_await renew_runner(needs_fresh_runner)) co_return std::unexpected(*end);
    // While it had to wait, the job may have ended.
    if (was_told_to_leave_) co_return std::unexpected(kJobComplete);
    const protocol::UnitStarted started{.job = settings_.job.id,
                                        .unit = work.unit.id,
                                        .attempt = work.attempt,
                                        .host = settings_.host,
                                        .worker = std::to_string(settings_.worker)};
    if (!std::exchange(goes_on, false)) {
      take_in_hand(started, work.unit.file);
      if (artifacts_ && host_deaths == 0) artifacts_->begin();
    }
    results::Unit rest = parts.rest();
    runner::UnitWatch watch;
    watch.on_slow = [&](runner::SlowUnit slow) {
      slow.seconds += parts.seconds();
      tell_slow(work.unit.id, slow);
    };
    watch.on_case = [&](const runner::SlowUnit& now) { tell_case(work.unit.id, now); };
    output_tail_.restart();
    has_runner_run_ = true;
    auto ahead = co_await run_before(work);
    runner::UnitRun run;
    if (ahead) {
      run = *std::move(ahead);
    } else {
      run = co_await runner_->run(std::move(rest), work.attempt, parts.limits(), std::move(watch));
    }
    if (settings_.job.shows_output) tell_last_output();
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

runner::RunLimits Worker::limits_of(const protocol::UnitMessage& work) const {
  return {.unit = work.timeout.value_or(settings_.job.unit_timeout),
          .test_case = work.case_timeout.value_or(settings_.job.case_timeout),
          .grace = settings_.job.grace,
          .slow = settings_.job.slow_after,
          .show = settings_.job.show_cases_after};
}

/// What is to run ahead of a unit, in the same runner. Nothing of it is told, unless the runner
/// does not come to its end: then that is what became of the unit.
Task<std::optional<runner::UnitRun>> Worker::run_before(protocol::UnitMessage work) {
  for (std::size_t i = 0; i < work.unit.before.size(); ++i) {
    results::Unit ahead = work.unit.before[i];
    const std::string file = ahead.file;
    // A late word about this one must not count for the next.
    ahead.id = work.unit.id + "-before-" + std::to_string(i + 1);
    runner::UnitWatch nobody{.on_slow = [](const runner::SlowUnit&) {},
                             .on_case = [](const runner::SlowUnit&) {}};
    auto run =
        co_await runner_->run(std::move(ahead), work.attempt, limits_of(work), std::move(nobody));
    if (run.end == runner::RunEnd::kFinished) continue;
    run.result.unit = work.unit.id;
    run.result.cases.clear();
    run.result.errors.insert(
        run.result.errors.begin(),
        {.stage = std::string(results::kBeforeStage),
         .exception_class = "",
         .message = file + ", which was to run before it, did not come to its end",
         .backtrace = {}});
    // Nothing of the unit itself has run that could go on behind it.
    if (run.end == runner::RunEnd::kCaseTimedOut) run.end = runner::RunEnd::kTimedOut;
    co_return run;
  }
  co_return std::nullopt;
}

/// None when this worker is to stop or to leave meanwhile.
Task<Turn> Worker::take_turn(TurnNeeds needs) {
  using asio::experimental::awaitable_operators::operator||;
  if (is_stopping_ || was_told_to_leave_) co_return Turn();
  auto taken = co_await (turns_.take(std::move(needs)) || stopped_.wait() || left_.wait());
  if (taken.index() != 0) co_return Turn();
  co_return std::get<0>(std::move(taken));
}

/// Makes sure that a fresh enough runner is there. The one that is replaced ends in good order: its
/// suite hooks count.
Task<std::optional<ExitCode>> Worker::renew_runner(bool needs_fresh_one) {
  const bool is_fresh_enough = !needs_fresh_one || !has_runner_run_;
  if (runner_ && runner_->is_usable() && is_fresh_enough) co_return std::nullopt;
  if (runner_) {
    if (const auto end = co_await end_runner()) co_return end;
  }
  co_return co_await start_runner();
}

/// What it writes at its end is nobody's, but between two runners of one unit.
Task<std::optional<ExitCode>> Worker::end_runner() {
  const bool is_watched = artifacts_ && unit_in_hand_.empty();
  if (is_watched) artifacts_->begin();
  auto errors = co_await runner_->stop(runner::callback_limit(settings_.job.callback_timeout));
  std::ranges::move(errors, std::back_inserter(runner_errors_));
  runner_.reset();
  if (!is_watched || is_stopping_) co_return std::nullopt;
  protocol::Artifact origin = artifact_of({}, 1);
  co_return co_await send_artifacts(std::move(origin), false);
}

/// No other unit must come in place of one that is given back: it would count as failed.
Task<void> Worker::stop_consuming() {
  std::string queue = settings_.job.file_queue;
  (void)co_await broker_->stop_consuming(std::move(queue));
}

void Worker::take_in_hand(const protocol::UnitStarted& started, const std::string& file) {
  unit_at_work_ = started.unit;
  file_in_hand_ = file;
  in_hand_since_ = Clock::now();
  if (!are_units_short_) {
    unit_in_hand_ = started.unit;
    (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(started)});
    return;
  }
  if (!std::exchange(is_to_tell_, true)) {
    tell_timer_.expires_after(kUntoldLimit);
    tell_timer_.async_wait([alive = alive_](const boost::system::error_code& error) {
      if (!error && *alive != nullptr) (*alive)->tell_in_time();
    });
  }
  untold_.start(started, in_hand_since_);
}

/// A unit takes longer than was thought. Results are published once more when its message is done
/// with, and confirmed then; the originator counts them once.
void Worker::tell_in_time() {
  is_to_tell_ = false;
  if (untold_.is_empty()) return;
  unit_in_hand_ = unit_at_work_;
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), untold_.tell(Clock::now())});
}

/// Until the broker has confirmed it.
Task<std::optional<ExitCode>> Worker::tell_untold() {
  tell_timer_.cancel();
  is_to_tell_ = false;
  if (untold_.is_empty()) co_return std::nullopt;
  std::vector<broker::Message> message = {
      {broker::to_queue(settings_.job.reply_queue), untold_.tell(Clock::now())}};
  const auto published = co_await broker_->publish(std::move(message));
  auto results = untold_.take_results();
  if (!published && published.error().kind == ErrorKind::kUnroutable) co_return kOriginatorGone;
  if (!published) {
    log::warning("cannot publish results: {}", published.error().message);
    for (auto& [finished, ended] : results) {
      const auto end = co_await publish_result(std::move(finished), ended);
      if (end) co_return end;
    }
  }
  co_return std::nullopt;
}

Task<std::optional<ExitCode>> Worker::publish_result(protocol::UnitFinished finished,
                                                     Clock::time_point ended) {
  const protocol::UnitFinished head = head_of(finished);
  int refusals = 0;
  std::vector<broker::Message> messages;
  for (const protocol::UnitCases& cases :
       split_cases(settings_.job.id, finished.run, finished.result)) {
    finished.earlier_cases += static_cast<std::uint32_t>(cases.cases.size());
    messages.push_back({broker::to_queue(settings_.job.reply_queue), protocol::encode(cases)});
  }
  for (;;) {
    // The broker may have been away since. What is told at once was just now.
    const auto age = std::chrono::floor<std::chrono::milliseconds>(Clock::now() - ended);
    finished.ago = std::chrono::duration<double>(age).count();
    std::vector<broker::Message> copy = messages;
    copy.push_back({broker::to_queue(settings_.job.reply_queue), encode_within_limit(finished)});
    const auto published = co_await broker_->publish(std::move(copy));
    if (published) co_return std::nullopt;
    if (published.error().kind == ErrorKind::kUnroutable) co_return kOriginatorGone;
    log::warning("cannot publish a result: {}", published.error().message);
    if (published.error().kind == ErrorKind::kRefused && refusals++ < 2) {
      if (refusals == 1) continue;  // It may have been short of something for a moment.
      messages.clear();
      finished = bare_result(head, published.error().message);
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
  co_await stop_consuming();
  give_back_unstarted();
  // after_complete may take its time; whoever waits shall know that we are still here.
  const protocol::WorkerAlive alive{.job = settings_.job.id,
                                    .host = settings_.host,
                                    .worker = std::to_string(settings_.worker),
                                    .unit = unit_in_hand_};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(alive)});
  if (artifacts_) artifacts_->begin();
  co_await (run_last_hooks() || stay_connected());
  if (artifacts_ && !is_stopping_) {
    protocol::Artifact origin = artifact_of({}, 1);
    (void)co_await send_artifacts(std::move(origin), false);
  }
  const protocol::WorkerDone done = farewell();
  const protocol::WorkerComplete complete{
      .job = settings_.job.id, .worker = done.worker, .units = units_run_};
  (void)broker_->post({broker::to_queue(settings_.listener_queue), protocol::encode(complete)});
  has_said_goodbye_ = true;
  co_await say_goodbye(protocol::encode(done));
  co_await broker_->close();
}

/// Told to stop, or without a runner: what was in hand is not to blame for that. Behind all else
/// that it says, which would bring it back.
Task<void> Worker::say_ended() {
  const protocol::WorkerDone done = farewell();
  has_said_goodbye_ = true;
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(done)});
  co_await broker_->close();
}

/// What failed of them is among the runner's errors afterwards.
Task<void> Worker::run_last_hooks() {
  if (runner_) {
    auto last = co_await runner_->stop(runner::callback_limit(settings_.job.callback_timeout));
    // Whoever stops this worker ends the runner as well, and we may hear of its end first.
    co_await asio::post(executor_, asio::use_awaitable);
    if (!is_stopping_) std::ranges::move(last, std::back_inserter(runner_errors_));
  }
  const auto called = co_await call_after_complete();
  if (called || is_stopping_) co_return;
  runner_errors_.push_back({.stage = "after_complete",
                            .exception_class = "",
                            .message = called.error().message,
                            .backtrace = {}});
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
    if (is_show_datagram(datagram->bytes)) spawn(executor_, show_test(alive_));
    if (!is_leave_datagram(datagram->bytes)) continue;
    was_told_to_leave_ = true;
    left_.notify();
    inputs_.push(Leave{});
  }
}

Activity Worker::activity() const {
  if (unit_at_work_.empty()) return {};
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
