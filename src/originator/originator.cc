#include "originator/originator.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "broker/broker.h"
#include "config/project_config.h"
#include "originator/local_cluster.h"
#include "originator/make_plan.h"
#include "originator/shipment.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "runner/callbacks.h"
#include "runner/runner_protocol.h"

namespace gorgon::originator {

namespace {

using namespace std::chrono_literals;
using results::Notice;

/// The display's rhythm. Results are handled when they arrive, not at this rhythm.
constexpr auto kTick = 100ms;
constexpr auto kCheckInterval = 1s;
/// Workers and listeners show themselves every ten seconds; three missed ones mean that they are
/// lost.
constexpr auto kSilenceLimit = 30s;
/// Queues live two minutes without a consumer; declaring them again renews that.
constexpr auto kRenewalInterval = 30s;
constexpr auto kReconnectLimit = 120s;
/// After a cancellation machines answer within a moment, unless they are gone.
constexpr auto kCancelLimit = 10s;
/// A wait that lasts longer gets its reason on the display.
constexpr auto kNoticeableWait = 1s;
/// How soon a living worker or machine answers the end of a job.
constexpr auto kGoodbyeAnswer = 5s;
/// Where nobody waits: steps that have limits of their own.
constexpr auto kNoLimit = std::chrono::hours(24 * 365);
/// A busy broker may take a while for each of the queues.
constexpr auto kAnswerSlack = 10s;
/// Workers that are idle for so long while files wait were not given them: the broker lost them.
constexpr auto kIdleLimit = 60s;
constexpr int kMaxRepublications = 3;
constexpr auto kJobLifetime = std::chrono::hours(24);
constexpr std::uint16_t kReplyPrefetch = 500;

std::string user_and_host() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const char* user = std::getenv("USER");
  return std::string(user != nullptr ? user : "somebody") + "@" + host.data();
}

int exit_code_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kSync:
      return results::kPushFailed;
    case ErrorKind::kCallback:
      return results::kCallbackFailed;
    default:
      return results::kOriginatorError;
  }
}

std::size_t default_slots() { return std::max(1U, std::thread::hardware_concurrency()); }

}  // namespace

Originator::Originator(const asio::any_io_executor& executor, StartOptions options, Plan plan,
                       report::Reporter& reporter)
    : executor_(executor),
      options_(std::move(options)),
      reporter_(reporter),
      expected_seconds_(plan.expected_seconds),
      state_(std::move(plan.units)),
      job_(random_id(12)),
      inputs_(executor),
      ended_(executor),
      alive_(std::make_shared<Originator*>(this)) {}

Task<int> Originator::run() {
  started_ = Clock::now();
  reporter_.on(results::RunStarted{.job = job_,
                                   .units = state_.units(),
                                   .expected_seconds = expected_seconds_,
                                   .is_local = !options_.config.connection.has_value()});
  using Step = Task<Result<void>> (Originator::*)();
  for (const Step step : {&Originator::call_before_originate, &Originator::reach_broker,
                          &Originator::ship_tree, &Originator::publish_job}) {
    if (outcome_) break;
    const auto done = co_await (this->*step)();
    if (!done) end(exit_code_of(done.error()), done.error().message);
  }
  if (!outcome_) co_await collect();
  co_await close_job();
  record();
  co_await call_after_job_finishes();
  const int exit_code = co_await finish();
  *alive_ = nullptr;
  co_return exit_code;
}

void Originator::interrupt(int signal) { end(128 + signal, "interrupted"); }

void Originator::remove_traces() {
  shipment_.reset();
  local_.reset();
  Cgroup::remove_abandoned();
}

void Originator::end(int exit_code, std::string reason) {
  if (outcome_) return;
  outcome_ = Outcome{exit_code, std::move(reason)};
  ended_.notify();
  // Wakes collect(); an event of connection 0 is nobody's.
  inputs_.push(FromBroker{0, fail(ErrorKind::kCancelled, "the run ends")});
}

void Originator::notice(Notice::Level level, std::string text) {
  log::info("{}", text);
  reporter_.on(Notice{level, std::move(text)});
}

// ---- before ----

Task<Result<void>> Originator::call_before_originate() {
  auto cluster = co_await call_here(config::Callback::kBeforeOriginate);
  if (!cluster) co_return std::unexpected(cluster.error());
  if (*cluster) options_.config.cluster = **cluster;
  co_return Result<void>();
}

/// A callback on this machine. kCancelled, and killed, when the run ends meanwhile.
Task<Result<std::optional<std::string>>> Originator::call_here(config::Callback callback) {
  runner::CallbackOptions options{
      .directory = options_.project,
      .env = options_.config.job.env,
      .timeout = runner::callback_limit(options_.config.timeouts.callback)};
  auto called = runner::run_callback(options_.config.job.callbacks, callback, std::move(options));
  std::string reason = "for the callback " + std::string(config::name_of(callback));
  co_return co_await unless_ended(std::move(called), std::move(reason), kNoLimit);
}

/// `step`, whose reason is shown when it takes a while. kCancelled when the run ends meanwhile,
/// kTimeout after `limit`: what the step has started is killed and removed.
template <class T>
Task<Result<T>> Originator::unless_ended(Task<Result<T>> step, std::string reason,
                                         Clock::duration limit) {
  using asio::experimental::awaitable_operators::operator||;
  auto done = co_await (std::move(step) || ended_.wait() || show_waiting(reason, limit));
  if (done.index() == 0) co_return std::get<0>(std::move(done));
  if (done.index() == 1) co_return fail(ErrorKind::kCancelled, "interrupted");
  co_return fail(ErrorKind::kTimeout,
                 "waited " + human_duration(limit) + " " + with_alarm(std::move(reason)));
}

/// Ends after `limit`.
Task<void> Originator::show_waiting(std::string reason, Clock::duration limit) {
  const auto started = Clock::now();
  for (bool has_said = false; Clock::now() - started < limit;) {
    co_await sleep_for(kTick);
    reporter_.tick();
    if (has_said || Clock::now() - started < kNoticeableWait) continue;
    has_said = true;
    reporter_.on(results::Waiting{.reason = with_alarm(reason)});
  }
}

/// While the broker is short of memory or disk, it answers nothing.
std::string Originator::with_alarm(std::string reason) const {
  const auto blocked = broker_ ? broker_->blocked_reason() : std::nullopt;
  return blocked ? reason + ": it takes no messages now (" + *blocked + ")" : reason;
}

Task<Result<void>> Originator::reach_broker() {
  if (!options_.config.connection) {
    GORGON_CO_TRY_ASSIGN(local_,
                         LocalCluster::start(executor_, options_.slots.value_or(default_slots()),
                                             options_.config.originator_log_file));
  }
  co_return co_await connect();
}

Task<Result<void>> Originator::connect() {
  broker::Address address =
      local_ ? local_->address() : broker::Address(*options_.config.connection);
  std::string name = "gorgon job " + job_;
  auto connection = co_await broker::connect(std::move(address), std::move(name));
  if (!connection) co_return std::unexpected(connection.error());
  broker_ = std::move(*connection);
  is_connection_lost_ = false;
  spawn(executor_, read_broker(alive_, broker_, ++connection_number_));
  co_return Result<void>();
}

Task<Result<void>> Originator::ship_tree() {
  ShipmentOptions options{.project = options_.project,
                          .job = job_,
                          .config = options_.config,
                          .is_local = local_ != nullptr};
  auto sending = Shipment::send(options);
  std::string reason = "for the tree to be shipped";
  auto sent = co_await unless_ended(std::move(sending), std::move(reason), kNoLimit);
  if (!sent) {
    auto removing = Shipment::remove_partial(std::move(options));
    co_await within(kCancelLimit, std::move(removing));
    co_return std::unexpected(std::move(sent).error());
  }
  shipment_ = *std::move(sent);
  co_return Result<void>();
}

/// The embedded broker has one listener, which is there for this run.
std::string Originator::cluster() const { return local_ ? "" : options_.config.cluster; }

protocol::JobDefinition Originator::definition() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto& config = options_.config;
  return {
      .id = job_,
      .epoch = epoch_,
      .project = options_.project.filename().string(),
      .originator = user_and_host(),
      .cluster = cluster(),
      .file_queue = protocol::file_queue(job_, epoch_),
      .reply_queue = protocol::reply_queue(job_),
      .slot_queue = options_.slots && !local_ ? protocol::slot_queue(job_, epoch_) : "",
      .source = shipment_->location(),
      .runner = {.framework = config.runner,
                 .arguments = config.runner_arguments,
                 .preload = config.job.preload,
                 .callbacks = config.job.callbacks,
                 .env = config.job.env},
      .unit_timeout = config.timeouts.unit,
      .callback_timeout = config.timeouts.callback,
      .expires_at = std::chrono::duration_cast<std::chrono::seconds>(now + kJobLifetime).count()};
}

Task<Result<void>> Originator::publish_job() {
  auto publishing = publish_everything();
  std::string reason = "for the broker to take the job";
  const auto limit =
      std::chrono::duration_cast<Clock::duration>(options_.config.timeouts.start) + kAnswerSlack;
  co_return co_await unless_ended(std::move(publishing), std::move(reason), limit);
}

/// Replies first, so that no result can miss its queue; units next; the broadcast last, so that no
/// worker finds an empty queue.
Task<Result<void>> Originator::publish_everything() {
  has_queues_ = true;
  is_published_ = false;
  GORGON_CO_TRY(co_await declare_queues());
  if (has_slot_queue()) {
    std::vector<broker::Message> slots(
        *options_.slots, {broker::to_queue(protocol::slot_queue(job_, epoch_)), "{}"});
    GORGON_CO_TRY(co_await broker_->publish(std::move(slots)));
  }
  GORGON_CO_TRY(co_await publish_units(state_.remaining_units()));
  std::vector<broker::Message> broadcast;
  broadcast.push_back(
      {broker::to_topic(protocol::jobs_topic(cluster())), protocol::encode(definition())});
  GORGON_CO_TRY(co_await broker_->publish(std::move(broadcast)));
  is_published_ = true;
  published_at_ = last_progress_ = Clock::now();
  co_return Result<void>();
}

/// With the embedded broker -j is the number of its slots.
bool Originator::has_slot_queue() const { return options_.slots && !local_; }

Task<Result<void>> Originator::declare_queues() {
  const std::string originators = protocol::originators_topic(cluster());
  for (const std::string& topic :
       {protocol::jobs_topic(cluster()), protocol::control_topic(cluster()), originators}) {
    GORGON_CO_TRY(co_await broker_->declare_topic(topic));
  }
  GORGON_CO_TRY(co_await declare_job_queues());
  std::vector<std::string> topics = {originators};
  GORGON_CO_TRY_ASSIGN(std::string own_queue,
                       co_await broker_->declare_own_queue(std::move(topics)));
  GORGON_CO_TRY(co_await broker_->consume(protocol::reply_queue(job_), kReplyPrefetch));
  co_return co_await broker_->consume(std::move(own_queue), kReplyPrefetch);
}

/// Declaring them again lets them live on.
Task<Result<void>> Originator::declare_job_queues() {
  const std::string replies = protocol::reply_queue(job_);
  broker::ReplyQueue reply_queue{.name = replies};
  GORGON_CO_TRY(co_await broker_->declare_reply_queue(std::move(reply_queue)));
  broker::WorkQueue file_queue{.name = protocol::file_queue(job_, epoch_),
                               .dead_letter_to = replies};
  GORGON_CO_TRY(co_await broker_->declare_work_queue(std::move(file_queue)));
  if (!has_slot_queue()) co_return Result<void>();
  // Its messages are permissions, not work: however often their holders die, they come back.
  broker::WorkQueue slot_queue{.name = protocol::slot_queue(job_, epoch_),
                               .max_deliveries = 1'000'000,
                               .dead_letter_to = replies};
  co_return co_await broker_->declare_work_queue(std::move(slot_queue));
}

Task<void> Originator::delete_work_queues() {
  (void)co_await broker_->delete_queue(protocol::file_queue(job_, epoch_));
  if (has_slot_queue()) (void)co_await broker_->delete_queue(protocol::slot_queue(job_, epoch_));
}

Task<Result<void>> Originator::publish_units(std::vector<const results::Unit*> units) {
  std::vector<broker::Message> messages;
  messages.reserve(units.size());
  const std::string queue = protocol::file_queue(job_, epoch_);
  for (const results::Unit* unit : units) {
    messages.push_back({broker::to_queue(queue), protocol::encode(protocol::UnitMessage{*unit})});
  }
  co_return co_await broker_->publish(std::move(messages));
}

// ---- during ----

Task<void> Originator::collect() {
  next_check_ = Clock::now() + kCheckInterval;
  next_renewal_ = Clock::now() + kRenewalInterval;
  while (!state_.is_complete() && !outcome_) {
    co_await handle_inputs_until(Clock::now() + kTick);
    if (is_connection_lost_) co_await reconnect();
    check_workers();
    if (broker_ && !outcome_) co_await keep_queues();
  }
}

/// What is to be told to the broker now and then. A lost connection shows itself as an event.
Task<void> Originator::keep_queues() {
  if (!to_republish_.empty()) {
    auto publishing = publish_units(to_republish_);
    std::string reason = "for the broker to take files that are run again";
    const auto published =
        co_await unless_ended(std::move(publishing), std::move(reason), kReconnectLimit);
    // They stay on the list until the broker has confirmed them: a lost connection must not lose
    // them.
    if (published) to_republish_.clear();
  }
  if (Clock::now() < next_renewal_) co_return;
  next_renewal_ = Clock::now() + kRenewalInterval;
  auto renewing = declare_job_queues();
  std::string reason = "for the broker";
  (void)co_await unless_ended(std::move(renewing), std::move(reason), kReconnectLimit);
}

Task<void> Originator::read_broker(std::shared_ptr<Originator*> self,
                                   std::shared_ptr<broker::Connection> connection,
                                   std::uint64_t number) {
  for (;;) {
    auto event = co_await connection->next_event();
    if (*self == nullptr) co_return;
    const bool lost = !event;
    (*self)->inputs_.push(FromBroker{number, std::move(event)});
    if (lost) co_return;
  }
}

Task<void> Originator::handle_inputs_until(Clock::time_point deadline) {
  while (auto input = co_await inputs_.pop_until(deadline)) {
    if (input->connection == connection_number_) {
      if (!input->event) {
        log::warning("{}", input->event.error().message);
        is_connection_lost_ = true;
      } else if (const auto* delivery = std::get_if<broker::Delivery>(&*input->event)) {
        handle(*delivery);
        (void)broker_->ack(delivery->tag);
      }
    }
    if (is_connection_lost_ || Clock::now() >= deadline || (outcome_ && input->connection == 0) ||
        state_.is_complete())
      break;
  }
  reporter_.tick();
}

void Originator::handle(const broker::Delivery& delivery) {
  auto message = protocol::decode(delivery.body);
  if (!message)
    return notice(Notice::Level::kWarning, "a message was left aside: " + message.error().message);
  const auto now = Clock::now();
  if (auto* started = std::get_if<protocol::UnitStarted>(&*message)) {
    handle(std::move(*started));
  } else if (auto* cases = std::get_if<protocol::UnitCases>(&*message)) {
    state_.add_cases(cases->unit, cases->run, cases->part, std::move(cases->cases));
  } else if (auto* finished = std::get_if<protocol::UnitFinished>(&*message)) {
    handle(std::move(*finished));
  } else if (auto* host = std::get_if<protocol::HostState>(&*message)) {
    handle(std::move(*host));
  } else if (const auto* alive = std::get_if<protocol::WorkerAlive>(&*message)) {
    state_.worker_seen(alive->host, alive->worker, now);
    hosts_.seen(alive->host, now);
  } else if (auto* done = std::get_if<protocol::WorkerDone>(&*message)) {
    handle(std::move(*done));
  } else if (const auto* listener = std::get_if<protocol::ListenerUp>(&*message)) {
    welcome(*listener);
  } else if (const auto* unit = std::get_if<protocol::UnitMessage>(&*message)) {
    if (delivery.is_dead_letter) handle_dead_letter(unit->unit);
  }
}

void Originator::handle(protocol::UnitStarted message) {
  const auto now = Clock::now();
  hosts_.seen(message.host, now);
  if (!state_.unit_started(message.unit, message.host, message.worker, now)) return;
  waiting_for_.clear();
  const results::Unit* unit = state_.unit(message.unit);
  const std::uint32_t tries = state_.tries(message.unit);
  if (tries > 1) {
    notice(Notice::Level::kWarning, unit->file + " is run again on " + message.host + " (try " +
                                        std::to_string(tries) +
                                        "): the worker that had it did not finish");
  }
  reporter_.on(results::UnitStarted{.unit = message.unit,
                                    .file = unit->file,
                                    .host = message.host,
                                    .worker = message.worker,
                                    .attempt = tries});
}

void Originator::handle(protocol::UnitFinished message) {
  state_.worker_seen(message.result.host, message.result.worker, Clock::now());
  accept(std::move(message.result), message.run, message.earlier_cases);
}

void Originator::accept(results::UnitResult result, const std::string& run,
                        std::size_t earlier_cases) {
  const results::UnitResult* recorded = state_.finish(std::move(result), run, earlier_cases);
  if (recorded == nullptr) return;
  const results::Unit* unit = state_.unit(recorded->unit);
  for (const results::TestCase& test_case : recorded->cases) {
    reporter_.on(results::CaseFinished{.unit = unit, .result = recorded, .test_case = &test_case});
  }
  reporter_.on(results::UnitFinished{.unit = unit, .result = recorded});
}

/// The broker gave up on a unit: it was given back too often. That may have been the machines'
/// fault (a host that died, slots that could not be used), so each unit gets a second chance of its
/// own; then it is to blame.
void Originator::handle_dead_letter(const results::Unit& unit) {
  const results::Unit* known = state_.unit(unit.id);
  if (known == nullptr || state_.result(unit.id) != nullptr) return;
  // Once more also when nobody has started it since: the broker delivers a dead letter twice when
  // the connection was lost in between.
  const std::uint32_t tries = state_.tries(unit.id);
  const auto suspect = suspects_.find(unit.id);
  if (suspect == suspects_.end() || suspect->second == tries) {
    suspects_[unit.id] = tries;
    notice(Notice::Level::kWarning,
           known->file + " was given back by every worker that took it; it is tried once more");
    to_republish_.push_back(known);
    return;
  }
  results::UnitResult result{.unit = unit.id, .verdict = results::Verdict::kCrashed};
  result.errors.push_back(
      {.stage = "crash",
       .exception_class = "",
       .message = "every worker that ran it died (it was started " + count_of(tries, "time") + ")",
       .backtrace = {}});
  accept(std::move(result), {}, 0);
}

void Originator::handle(protocol::HostState message) {
  using State = protocol::HostState::State;
  // After the last verdict a failing hook changes what the run is worth, not what the host has
  // done.
  const bool is_after = message.stage == "after_creating_workers";
  const bool is_slot = message.workers > 0;
  const auto what = [&] {
    return message.stage.empty() ? message.message : message.stage + ": " + message.message;
  };
  if (message.state == State::kFailed && (is_after || is_slot)) {
    if (is_after) ++errors_after_units_;
    hosts_.seen(message.host, Clock::now());
    if (is_slot) slot_failures_[message.host] = what();
    return notice(Notice::Level::kError, message.host + ": " + what());
  }
  // A host with no slot left is out of the job for the reason that its slots had.
  if (message.state == State::kFailed && slot_failures_.contains(message.host))
    message.message += "; " + slot_failures_[message.host];
  const bool changed = hosts_.update(message, Clock::now());
  // Workers that were cancelled or killed say no goodbye; the listener says it for them.
  if (message.state != State::kPreparing && message.state != State::kReady)
    state_.drop_host(message.host);
  if (!changed) return;
  using Shown = results::HostChanged::State;
  const Shown shown = message.state == State::kPreparing ? Shown::kPreparing
                      : message.state == State::kReady   ? Shown::kReady
                      : message.state == State::kLeft    ? Shown::kLeft
                                                         : Shown::kFailed;
  reporter_.on(results::HostChanged{.host = message.host,
                                    .state = shown,
                                    .workers = message.workers,
                                    .message = message.message.empty() ? "" : what()});
}

void Originator::handle(protocol::WorkerDone message) {
  state_.worker_left(message.host, message.worker);
  for (const results::Failure& failure : message.errors) {
    ++errors_after_units_;
    notice(Notice::Level::kError, "worker " + message.worker + " on " + message.host + ": " +
                                      failure.stage + ": " + runner::describe(failure));
  }
}

/// A listener that came late, or came back.
void Originator::welcome(const protocol::ListenerUp& listener) {
  if (!is_published_ || outcome_ || state_.is_complete()) return;
  (void)broker_->post({broker::to_queue(listener.queue), protocol::encode(definition())});
}

/// Every wait has a bound and a reason on the screen: notices when nobody is left to do the work.
void Originator::check_workers() {
  const auto now = Clock::now();
  if (now < next_check_) return;
  next_check_ = now + kCheckInterval;
  for (const auto& [host, worker] : state_.drop_silent_workers(now - kSilenceLimit)) {
    notice(Notice::Level::kWarning,
           "worker " + worker + " on " + host + " stopped answering; what it ran is run again");
  }
  for (const std::string& host : hosts_.drop_silent(now - kSilenceLimit)) {
    notice(Notice::Level::kWarning, host + " stopped answering");
    state_.drop_host(host);
  }
  if (state_.worker_count() > 0 || hosts_.at_work() > 0) {
    nobody_since_.reset();
    const bool is_blocked = broker_ && broker_->blocked_reason().has_value();
    show_reason(is_blocked ? with_alarm("for the broker") : "");
    return check_idle_workers();
  }
  if (!nobody_since_) nobody_since_ = hosts_.answered() == 0 ? published_at_ : now;
  const std::string reasons = hosts_.reasons();
  std::string reason = "for listeners: all that answered are out of the job";
  if (hosts_.answered() == 0) {
    reason =
        "for listeners: none answered on " +
        broker::describe(local_ ? local_->address() : broker::Address(*options_.config.connection));
    if (!cluster().empty()) reason += " in the cluster \"" + cluster() + "\"";
  }
  if (local_ && (local_->failed() || hosts_.answered() > 0)) {
    // Nobody else can come.
    const std::string how = "the local listener ended with " +
                            describe(local_->failed().value_or(ExitStatus{.code = 1}));
    return end(hosts_.exit_code(),
               reasons.empty() ? how : "no worker could be started: " + reasons);
  }
  if (now - *nobody_since_ >= options_.config.timeouts.start) {
    return end(hosts_.exit_code(), "waited " + human_duration(now - *nobody_since_) + " " + reason);
  }
  show_reason(std::move(reason));
}

/// Empty: none.
void Originator::show_reason(std::string reason) {
  if (reason == waiting_for_) return;
  waiting_for_ = reason;
  if (!reason.empty()) reporter_.on(results::Waiting{.reason = std::move(reason)});
}

/// The last net: idle workers and waiting files mean that files were lost on the way. Published
/// again, one may run twice; its first verdict counts.
void Originator::check_idle_workers() {
  const auto now = Clock::now();
  if (state_.worker_count() == 0 || state_.running_count() > 0) last_progress_ = now;
  // A new runner may take as long as callbacks may before it starts the unit that it is for.
  const auto limit = kIdleLimit + runner::callback_limit(options_.config.timeouts.callback);
  if (now - last_progress_ < limit || !to_republish_.empty()) return;
  last_progress_ = now;
  const std::string what = count_of(state_.remaining(), "file") + " did not reach any worker";
  if (++republications_ > kMaxRepublications) return end(results::kIncomplete, what);
  notice(Notice::Level::kWarning, what + "; published again");
  to_republish_ = state_.remaining_units();
}

/// Running tests keep running meanwhile. Gives up when the reply queue would have expired.
Task<void> Originator::reconnect() {
  broker_.reset();
  const auto give_up = Clock::now() + kReconnectLimit;
  auto pause = 250ms;
  reporter_.on(results::Waiting{.reason = "for the broker: the connection was lost"});
  while (!outcome_) {
    // Not a ?: with a co_await in it: GCC 12 destroys its temporary twice.
    Result<void> restored = fail(ErrorKind::kConnectionLost, "the embedded broker is gone");
    if (!local_) restored = co_await connect();
    // A broker that has just started takes logins before its queues answer.
    if (restored) restored = co_await restore_job();
    if (restored) co_return;
    if (local_ || Clock::now() > give_up) {
      end(results::kOriginatorError, restored.error().message);
      co_return;
    }
    log::warning("{}; trying again", restored.error().message);
    const auto wake = Clock::now() + pause;
    while (Clock::now() < wake && !outcome_) {
      reporter_.tick();
      co_await sleep_for(std::min(std::chrono::milliseconds(kTick), pause));
    }
    pause = std::min(pause * 2, std::chrono::milliseconds(5s));
  }
}

/// After a reconnect: the durable queues should be there still. If the broker lost one, or an
/// earlier try to publish got stuck half-way, the units go into new queues.
Task<Result<void>> Originator::restore_job() {
  bool is_intact = is_published_;
  std::vector<std::string> queues = {protocol::file_queue(job_, epoch_)};
  if (has_slot_queue()) queues.push_back(protocol::slot_queue(job_, epoch_));
  for (std::string& queue : queues) {
    GORGON_CO_TRY_ASSIGN(const bool exists, co_await broker_->queue_exists(std::move(queue)));
    is_intact = is_intact && exists;
  }
  if (is_intact) {
    GORGON_CO_TRY(co_await declare_queues());
    notice(Notice::Level::kInfo, "connected to the broker again");
    co_return Result<void>();
  }
  co_await delete_work_queues();
  ++epoch_;
  GORGON_CO_TRY(co_await publish_everything());
  to_republish_.clear();
  notice(Notice::Level::kWarning, "the broker lost the waiting files; they are published again");
  co_return Result<void>();
}

// ---- after ----

Task<void> Originator::close_job() {
  // Cancelled while the broker was away: it may be back. Otherwise the queues expire by themselves,
  // and the workers notice that.
  if (is_connection_lost_ && has_queues_ && !local_) (void)co_await connect();
  if (broker_ && !is_connection_lost_ && has_queues_) co_await say_goodbye();
  if (shipment_) co_await shipment_->take_back();
  if (broker_) co_await broker_->close();
  if (local_) co_await local_->stop();
  for (const results::Unit* unit : state_.remaining_units()) {
    const bool is_interrupted = outcome_ && outcome_->exit_code >= results::kInterrupted;
    accept({.unit = unit->id,
            .verdict = is_interrupted ? results::Verdict::kCancelled : results::Verdict::kLost},
           {}, 0);
  }
}

/// Workers notice that the file queue is gone and say goodbye; on a cancellation, also one that
/// comes during the goodbyes, they are told to stop at once.
Task<void> Originator::say_goodbye() {
  if (!outcome_) {
    std::string farewell = protocol::encode(protocol::JobOver{job_});
    auto ending = end_job(std::move(farewell));
    co_await within(kCancelLimit, std::move(ending));
    co_await wait_for_goodbyes(runner::callback_limit(options_.config.timeouts.callback) +
                               kCancelLimit);
  }
  if (outcome_) {
    std::string farewell = protocol::encode(protocol::CancelJob{job_});
    auto ending = end_job(std::move(farewell));
    co_await within(kCancelLimit, std::move(ending));
    co_await wait_for_goodbyes(kCancelLimit);
  }
  auto deleting = delete_reply_queue();
  co_await within(kCancelLimit, std::move(deleting));
}

/// `step`, given up after `limit`: a broker in need of memory or disk answers nothing.
Task<void> Originator::within(Clock::duration limit, Task<void> step) {
  using asio::experimental::awaitable_operators::operator||;
  co_await (std::move(step) || sleep_for(limit));
}

Task<void> Originator::end_job(std::string farewell) {
  std::vector<broker::Message> messages;
  messages.push_back({broker::to_topic(protocol::control_topic(cluster())), std::move(farewell)});
  (void)co_await broker_->publish(std::move(messages));
  co_await delete_work_queues();
}

Task<void> Originator::delete_reply_queue() {
  (void)co_await broker_->delete_queue(protocol::reply_queue(job_));
}

/// Workers let their runners finish, machines run after_creating_workers. Everyone who is still
/// there says so when the goodbye starts; those who do not have died before. Ends also when the run
/// is cancelled meanwhile.
Task<void> Originator::wait_for_goodbyes(Clock::duration limit) {
  const auto started = Clock::now();
  const bool was_cancelled = outcome_.has_value();
  bool has_said = false;
  while ((state_.worker_count() > 0 || hosts_.at_work() > 0) && Clock::now() < started + limit &&
         !is_connection_lost_ && outcome_.has_value() == was_cancelled) {
    co_await handle_inputs_until(std::min(started + limit, Clock::now() + kTick));
    const auto now = Clock::now();
    const auto silent_since = now > started + kGoodbyeAnswer
                                  ? std::max(started, now - kSilenceLimit)
                                  : now - kSilenceLimit;
    for (const auto& [host, worker] : state_.drop_silent_workers(silent_since))
      miss_goodbye("worker " + worker + " on " + host);
    for (const std::string& host : hosts_.drop_silent(silent_since)) miss_goodbye(host);
    if (!has_said && now > started + kNoticeableWait) {
      has_said = true;
      reporter_.on(
          results::Waiting{.reason = "for workers to say goodbye (after_complete, suite hooks)"});
    }
  }
}

/// It may have died after its last test, or be cut off.
void Originator::miss_goodbye(const std::string& who) {
  if (outcome_) return;
  notice(Notice::Level::kWarning,
         who + " said no goodbye: whether its suite hooks and after_complete failed is not known");
}

void Originator::record() {
  const auto saved = save_history(options_, state_);
  if (!saved) notice(Notice::Level::kWarning, saved.error().message);
}

Task<void> Originator::call_after_job_finishes() {
  if (!is_published_) co_return;
  const auto called = co_await call_here(config::Callback::kAfterJobFinishes);
  if (called || called.error().kind == ErrorKind::kCancelled) co_return;
  notice(Notice::Level::kError, called.error().message);
  if (!outcome_) outcome_ = Outcome{results::kCallbackFailed, called.error().message};
}

Task<int> Originator::finish() {
  using results::Verdict;
  results::RunFinished finished{
      .units = state_.units().size(),
      .cases = state_.case_count(),
      .seconds = std::chrono::duration<double>(Clock::now() - started_).count()};
  const bool tests_failed = state_.count(Verdict::kFailed) + state_.count(Verdict::kCrashed) +
                                state_.count(Verdict::kTimedOut) >
                            0;
  if (outcome_ && !(outcome_->exit_code == results::kCallbackFailed && tests_failed &&
                    state_.count(Verdict::kLost) == 0)) {
    finished.exit_code = outcome_->exit_code;
    finished.reason = outcome_->reason;
  } else if (state_.count(Verdict::kLost) + state_.count(Verdict::kCancelled) > 0) {
    finished.exit_code = results::kIncomplete;
    finished.reason = "not every file has a verdict";
  } else if (tests_failed || errors_after_units_ > 0) {
    finished.exit_code = results::kTestsFailed;
    if (errors_after_units_ > 0)
      finished.reason = count_of(errors_after_units_, "error") + " outside the test files";
  }
  reporter_.on(finished);
  co_return finished.exit_code;
}

}  // namespace gorgon::originator
