// Originator: what machines and workers say while the job runs, and who falls silent.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "base/subprocess.h"
#include "base/text.h"
#include "broker/broker.h"
#include "originator/batches.h"
#include "originator/journal.h"
#include "originator/limits.h"
#include "originator/local_cluster.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "runner/callbacks.h"
#include "runner/runner_protocol.h"

namespace gorgon::originator {

using namespace std::chrono_literals;
using results::Notice;

namespace {

constexpr auto kCheckInterval = 1s;
/// Workers that are idle for so long while files wait were not given them: the broker lost them.
constexpr auto kIdleLimit = 60s;
constexpr int kMaxRepublications = 3;
/// For another listener, when each that answered has failed for good.
constexpr auto kLastChance = 10s;
/// Longer than workers take to connect again.
constexpr auto kDeafLimit = 30s;
/// Well within the time after which silent workers are given up.
constexpr auto kProbeInterval = 5s;
/// A check that comes so late means that this process did not run.
constexpr auto kStandstill = 5s;
/// A worker that was given its unit just before has said so by then. One that has not is cancelled.
constexpr auto kStartsOnTheirWay = 300ms;

/// Signed for listeners; here everybody may ask.
std::optional<protocol::StatusRequest> sealed_request(std::string_view body) {
  const auto envelope = protocol::open_envelope(body);
  if (!envelope || !*envelope) return std::nullopt;
  const auto message = protocol::decode((*envelope)->message);
  const auto* request = message ? std::get_if<protocol::StatusRequest>(&*message) : nullptr;
  return request != nullptr ? std::optional(*request) : std::nullopt;
}

}  // namespace

Task<void> Originator::collect() {
  next_check_ = Clock::now() + kCheckInterval;
  while (!state_.is_complete() && !outcome_) {
    co_await handle_inputs_until(Clock::now() + kTick);
    if (is_connection_lost_) {
      // What waits would have to be published again, only to be taken back.
      if (winding_down_) end(winding_down_->exit_code, winding_down_->reason);
      const auto restored = co_await reconnect();
      if (!restored) end(results::kOriginatorError, restored.error().message);
    }
    if (winding_down_ && !outcome_) co_await hold_back_units();
    answer_question();
    check_workers();
    if (has_deaf_queue_ && broker_ && !outcome_) co_await leave_connection();
    settle_returned();
    hand_out_more();
    if (broker_ && !outcome_) co_await keep_queues();
  }
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
    const bool is_told_to_look_up = input->connection == 0;
    if (is_connection_lost_ || Clock::now() >= deadline || is_told_to_look_up ||
        !to_republish_.empty() || state_.is_complete())
      break;
  }
  reporter_.tick();
}

void Originator::handle(const broker::Delivery& delivery) {
  if (delivery.is_dead_letter) {
    take_dead_letter(delivery.body);
    return settle_returned();
  }
  const bool may_repeat = delivery.attempt > 1;
  bool is_complained_of = false;
  for (const std::string_view line : protocol::lines_of(delivery.body)) {
    const std::string body(line);
    auto message = protocol::decode(body);
    if (message) {
      handle_reply(*std::move(message), body, may_repeat);
    } else if (!std::exchange(is_complained_of, true)) {
      // One word for all that cannot be read: it may be a flood.
      handle_unknown(body, message.error());
    }
  }
}

void Originator::handle_unknown(const std::string& body, const Error& error) {
  if (const auto request = sealed_request(body)) return answer(*request);
  notice(Notice::Level::kWarning, "a message was left aside: " + error.message);
}

void Originator::handle_reply(protocol::Message message, const std::string& body, bool may_repeat) {
  if (counts_each_time(message)) {
    if (may_repeat && was_handled(body)) return leave_aside(message);
    remember(body);
  }
  if (is_journalled(message) && is_news(message, body))
    keep([&](Journal& journal) { return journal.add_reply(body); });
  handle(std::move(message));
  settle_returned();
}

/// A second start is a second try, a second end that of the worker that came after, and output
/// would stand there twice. Others may come as often as they like. Of these, only one that is
/// delivered again is equal to another: they have ids.
bool Originator::counts_each_time(const protocol::Message& message) {
  return std::holds_alternative<protocol::UnitStarted>(message) ||
         std::holds_alternative<protocol::UnitReturned>(message) ||
         std::holds_alternative<protocol::UnitOutput>(message) ||
         std::holds_alternative<protocol::ArtifactsLeftOut>(message) ||
         std::holds_alternative<protocol::WorkerDone>(message) ||
         std::holds_alternative<protocol::WorkerDied>(message);
}

/// Handled before the connection was lost, or by an originator that has died since, and not yet
/// acknowledged.
bool Originator::was_handled(std::string_view body) const {
  return known_replies_.contains(std::hash<std::string_view>()(body));
}

/// As many as may be without acknowledgement.
void Originator::remember(std::string_view body) {
  last_replies_.push_back(std::hash<std::string_view>()(body));
  known_replies_.insert(last_replies_.back());
  if (last_replies_.size() <= kReplyPrefetch * kMostUnitsTogether) return;
  known_replies_.erase(known_replies_.find(last_replies_.front()));
  last_replies_.pop_front();
}

/// What its worker had said just before may have come again, too, and its ends do not count twice.
void Originator::leave_aside(const protocol::Message& repeat) {
  log::info("a repeated message was left aside");
  if (const auto* done = std::get_if<protocol::WorkerDone>(&repeat))
    state_.worker_ended_earlier(done->host, done->worker);
  if (const auto* died = std::get_if<protocol::WorkerDied>(&repeat))
    state_.worker_ended_earlier(died->host, died->worker);
}

/// Neither a sign of life nor a result that is there already: those would let the journal grow
/// without end.
bool Originator::is_news(const protocol::Message& message, const std::string& body) {
  if (const auto* host = std::get_if<protocol::HostState>(&message))
    return std::exchange(last_host_states_[host->host], body) != body;
  const auto is_open = [this](const std::string& unit) {
    return state_.unit(unit) != nullptr && !state_.outcome(unit);
  };
  if (const auto* cases = std::get_if<protocol::UnitCases>(&message)) return is_open(cases->unit);
  if (const auto* finished = std::get_if<protocol::UnitFinished>(&message))
    return is_open(finished->result.unit);
  return true;
}

void Originator::handle(protocol::Message message) {
  const auto now = Clock::now();
  if (const auto* started = std::get_if<protocol::UnitStarted>(&message)) {
    handle(*started);
  } else if (auto* slow = std::get_if<protocol::UnitSlow>(&message)) {
    handle(std::move(*slow));
  } else if (auto* running = std::get_if<protocol::CaseRunning>(&message)) {
    handle(std::move(*running));
  } else if (auto* output = std::get_if<protocol::UnitOutput>(&message)) {
    handle(std::move(*output));
  } else if (auto* shown = std::get_if<protocol::UnitShown>(&message)) {
    handle(std::move(*shown));
  } else if (auto* cases = std::get_if<protocol::UnitCases>(&message)) {
    state_.add_cases(cases->unit, cases->run, cases->part, std::move(cases->cases));
  } else if (const auto* artifact = std::get_if<protocol::Artifact>(&message)) {
    handle(*artifact);
  } else if (const auto* left_out = std::get_if<protocol::ArtifactsLeftOut>(&message)) {
    handle(*left_out);
  } else if (auto* finished = std::get_if<protocol::UnitFinished>(&message)) {
    handle(std::move(*finished));
  } else if (auto* host = std::get_if<protocol::HostState>(&message)) {
    handle(std::move(*host));
  } else if (const auto* alive = std::get_if<protocol::WorkerAlive>(&message)) {
    if (alive->unit) {
      state_.worker_has(alive->host, alive->worker, *alive->unit, now);
    } else {
      state_.worker_seen(alive->host, alive->worker, now);
    }
    hosts_.seen(alive->host, now);
  } else if (const auto* done = std::get_if<protocol::WorkerDone>(&message)) {
    handle(*done);
  } else if (const auto* listener = std::get_if<protocol::ListenerUp>(&message)) {
    welcome(*listener);
  } else if (const auto* request = std::get_if<protocol::StatusRequest>(&message)) {
    answer(*request);
  } else if (const auto* refusal = std::get_if<protocol::CommandOutput>(&message)) {
    notice(Notice::Level::kWarning, refusal->host + ": " + refusal->output);
  } else if (const auto* returned = std::get_if<protocol::UnitReturned>(&message)) {
    state_.worker_seen(returned->host, returned->worker, now);
    if (returned->is_declined) {
      state_.unit_declined(returned->unit);
    } else {
      state_.unit_returned(returned->unit);
    }
  } else if (const auto* died = std::get_if<protocol::WorkerDied>(&message)) {
    handle(*died);
  }
}

/// What workers gave back for good: units of ours, or what somebody else put into the queue.
void Originator::take_dead_letter(std::string_view body) {
  const auto envelope = protocol::open_envelope(body);
  const bool is_sealed = envelope && *envelope;
  const bool is_ours = !options_.signing_key ||
                       (is_sealed && (*envelope)->key == options_.signing_key->public_key() &&
                        protocol::is_genuine(**envelope));
  const auto units = protocol::units_in(is_sealed ? std::string_view((*envelope)->message) : body);
  if (!is_ours || !units) {
    return notice(
        Notice::Level::kWarning,
        "the workers were given something that is no file of this run; they did not run it");
  }
  for (const protocol::UnitMessage& unit : *units) {
    keep([&](Journal& journal) { return journal.add(ReturnRecord{.unit = unit.unit.id}); });
    state_.unit_returned(unit.unit.id);
  }
}

void Originator::handle(const protocol::UnitStarted& message) {
  const auto now = Clock::now();
  hosts_.seen(message.host, now);
  if (!state_.unit_started(message.unit, message.host, message.worker, now)) return;
  waiting_for_.clear();
  const results::Unit* unit = state_.unit(message.unit);
  const std::uint32_t tries = state_.tries(message.unit);
  const std::string last_end = state_.last_end(unit->id);
  if (tries > 1 && !last_end.empty()) {
    notice(Notice::Level::kWarning, fmt::format("{} is run again on {} (try {}): {}", unit->file,
                                                message.host, tries, last_end));
  }
  reporter_.on(results::UnitStarted{.unit = message.unit,
                                    .file = unit->file,
                                    .host = message.host,
                                    .worker = message.worker,
                                    .attempt = tries,
                                    .at = run_clock(message.ago)});
}

void Originator::handle(protocol::UnitSlow message) {
  const results::Unit* unit = state_.unit(message.unit);
  if (unit == nullptr || state_.outcome(message.unit)) return;
  reporter_.on(results::UnitSlow{.unit = unit->id,
                                 .file = unit->file,
                                 .host = std::move(message.host),
                                 .worker = std::move(message.worker),
                                 .seconds = message.seconds,
                                 .running_case = std::move(message.running_case),
                                 .case_seconds = message.case_seconds});
}

/// A reason is told once, for its first file; how many there were, at the end.
void Originator::handle(const protocol::Artifact& part) {
  if (!artifacts_) return;
  const auto taken = artifacts_->take(part);
  if (taken || !artifact_problems_.insert(taken.error().message).second) return;
  notice(Notice::Level::kWarning,
         fmt::format("artifacts are left out, {} of worker {} on {} first: {}", part.path,
                     part.worker, part.host, taken.error().message));
}

void Originator::handle(const protocol::ArtifactsLeftOut& message) {
  if (!artifacts_) return;
  artifacts_->add_left_out(message.files);
  const results::Unit* unit = state_.unit(message.unit);
  notice(Notice::Level::kWarning,
         fmt::format("worker {} on {}: {} of {} left out: {}", message.worker, message.host,
                     count_of(message.files, "artifact"),
                     unit != nullptr ? unit->file : "its runner's end", message.reason));
}

void Originator::handle(protocol::UnitFinished message) {
  // A result that an earlier originator has given for want of another has neither.
  if (!message.result.worker.empty())
    state_.worker_seen(message.result.host, message.result.worker, Clock::now());
  accept(std::move(message.result), message.run, message.earlier_cases, message.ago);
}

void Originator::accept(results::UnitResult result, const std::string& run,
                        std::size_t earlier_cases, double ago) {
  auto taken = state_.finish(std::move(result), run, earlier_cases);
  if (!taken) return log::info("a repeated result was left aside");
  last_progress_ = Clock::now();
  if (!taken->is_final) return note_try(taken->result);
  if (artifacts_) taken->result.artifacts = artifacts_->of_unit(taken->result.unit);
  const results::UnitResult& recorded = taken->result;
  const results::Unit* unit = state_.unit(recorded.unit);
  for (const results::TestCase& test_case : recorded.cases)
    reporter_.on(results::CaseFinished{.unit = unit, .result = &recorded, .test_case = &test_case});
  reporter_.on(results::UnitFinished{.unit = unit, .result = &recorded, .at = run_clock(ago)});
  if (options_.outstanding) take_off(*unit, recorded, options_);
  dispatch_.finish(unit->id);
  hand_out_more();
  count_failures(recorded);
}

void Originator::note_try(const results::UnitResult& result) {
  reporter_.on(results::UnitTried{.unit = result.unit,
                                  .file = state_.unit(result.unit)->file,
                                  .host = result.host,
                                  .worker = result.worker,
                                  .verdict = result.verdict,
                                  .attempt = result.attempt,
                                  .at = run_clock(),
                                  .runner = result.runner,
                                  .seed = result.seed});
  if (state_.retries_left() == 0) {
    notice(Notice::Level::kWarning,
           "the retry budget of the run is spent: what fails from now on is not tried again");
  }
}

void Originator::count_failures(const results::UnitResult& result) {
  const auto failed = static_cast<std::size_t>(std::ranges::count_if(
      result.cases, [](const results::TestCase& one) { return is_bad(one.status); }));
  if (result.verdict != results::Verdict::kPassed) failures_ += std::max<std::size_t>(failed, 1);
  if (options_.max_failures && failures_ >= *options_.max_failures)
    wind_down(results::kTestsFailed, "stopped after " + count_of(failures_, "failure"));
}

/// What runs is finished, and what waits is not begun. In good order: whoever is told to stop at
/// once leaves no verdict.
void Originator::wind_down(int exit_code, std::string reason) {
  if (winding_down_ || outcome_ || state_.is_complete()) return;
  notice(Notice::Level::kWarning,
         reason + ": what runs is finished, what waits is not begun" +
             (exit_code >= results::kInterrupted ? "; Ctrl-C again ends it at once" : ""));
  winding_down_ = Outcome{exit_code, std::move(reason)};
  state_.stop_retries();
  to_republish_.clear();
  inputs_.push(FromBroker{0, fail(ErrorKind::kCancelled, "nothing further is begun")});
}

/// Takes back what no worker has yet, and ends the job once the others have finished.
Task<void> Originator::hold_back_units() {
  if (!held_back_since_ && broker_) {
    auto purging = broker_->purge_queue(protocol::file_queue(job_, epoch_));
    std::string reason = "for the broker to give the waiting files back";
    const auto purged =
        co_await unless_ended(std::move(purging), std::move(reason), kReconnectLimit);
    if (!purged) co_return;  // A lost connection shows itself as an event.
    held_back_since_ = Clock::now();
  }
  if (held_back_since_ && Clock::now() - *held_back_since_ >= kStartsOnTheirWay &&
      state_.running_count() == 0)
    close_units();
}

/// What became of units that came back: the ledger knows how their workers ended.
void Originator::settle_returned() {
  auto settled = state_.settle_returned();
  if (winding_down_) settled.again.clear();
  for (const results::Unit* unit : settled.again) {
    // A dead letter may be delivered again before its unit is published.
    if (std::ranges::find(to_republish_, unit) == to_republish_.end())
      to_republish_.push_back(unit);
  }
  for (results::UnitResult& result : settled.given_up) give_up(std::move(result));
}

/// Nobody has said it but us, so nobody can say it again to one who takes the job up.
void Originator::give_up(results::UnitResult result) {
  keep([&](Journal& journal) {
    const protocol::UnitFinished message{
        .job = job_, .run = {}, .earlier_cases = 0, .result = result};
    return journal.add_reply(protocol::encode(message));
  });
  accept(std::move(result), {}, 0);
}

void Originator::handle(protocol::HostState message) {
  using State = protocol::HostState::State;
  // From before the queues were published anew. A refusal knows no epoch: the job was not read.
  if (message.epoch < epoch_ && message.state != State::kRefused)
    return hosts_.seen(message.host, Clock::now());
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
    notice(Notice::Level::kError, message.host + ": " + what());
    if (is_slot) slot_failures_[message.host] = std::move(message);
    return;
  }
  // A host with no slot left is out of the job for the reason that its slots had.
  const auto slot = slot_failures_.find(message.host);
  if (message.state == State::kFailed && message.stage == protocol::kSlotsStage &&
      slot != slot_failures_.end()) {
    message.stage = slot->second.stage;
    message.message += "; " + slot->second.message;
  }
  const bool changed = hosts_.update(message, Clock::now());
  // Workers that were cancelled or killed say no goodbye; the listener says it for them.
  if (message.state != State::kPreparing && message.state != State::kReady)
    forget_host(message.host, results::JobState::AttemptEnd::kStopped);
  tell_steps(message);
  if (!changed) return;
  using Shown = results::HostChanged::State;
  const Shown shown = message.state == State::kPreparing ? Shown::kPreparing
                      : message.state == State::kReady   ? Shown::kReady
                      : message.state == State::kLeft    ? Shown::kLeft
                                                         : Shown::kFailed;
  reporter_.on(results::HostChanged{.host = message.host,
                                    .state = shown,
                                    .workers = message.workers,
                                    .message = message.message.empty() ? "" : what(),
                                    .at = run_clock()});
}

/// It has left the job. Workers of which it says so only after all verdicts are in, and which have
/// not said so themselves, died in their goodbyes.
void Originator::forget_host(const std::string& host, results::JobState::AttemptEnd how) {
  for (const auto& [name, worker] : state_.drop_host(host, how)) {
    if (state_.is_complete()) miss_goodbye(fmt::format("worker {} on {}", worker, name));
  }
}

void Originator::handle(const protocol::WorkerDone& message) {
  state_.worker_left(message.host, message.worker);
  if (outcome_) return;  // Hooks that were cut off with the run are no news.
  if (message.was_stopped)
    notice(Notice::Level::kWarning,
           fmt::format("worker {} on {} was stopped before its suite hooks and after_complete had "
                       "ended: whether they fail is not known",
                       message.worker, message.host));
  for (const results::Failure& failure : message.errors) {
    ++errors_after_units_;
    notice(Notice::Level::kError,
           fmt::format("worker {} on {}: {}: {}", message.worker, message.host, failure.stage,
                       runner::describe(failure)));
  }
}

void Originator::handle(const protocol::WorkerDied& message) {
  hosts_.seen(message.host, Clock::now());
  state_.worker_died(message.host, message.worker, message.how, message.output);
  if (state_.is_complete()) miss_goodbye("worker " + message.worker + " on " + message.host);
}

/// A listener that came late, or came back.
void Originator::welcome(const protocol::ListenerUp& listener) {
  if (!is_published_ || !shipment_ || outcome_ || winding_down_ || state_.is_complete()) return;
  (void)broker_->post(
      {broker::to_queue(listener.queue), for_listeners(definition(), listener.queue)});
}

/// Every wait has a bound and a reason on the screen: notices when nobody is left to do the work.
void Originator::check_workers() {
  const auto now = Clock::now();
  if (now < next_check_) return;
  const bool is_deaf = was_deaf(next_check_, now);
  next_check_ = now + kCheckInterval;
  if (!local_ && broker_ && !is_probing_ && now >= next_probe_) {
    next_probe_ = now + kProbeInterval;
    spawn(executor_, probe_broker());
  }
  if (is_deaf) {
    state_.all_seen(now);
    hosts_.all_seen(now);
    last_progress_ = now;
    nobody_since_.reset();
    if (last_worker_lost_) last_worker_lost_ = now;
    if (was_blocked_) show_reason(with_alarm("for the broker"));
    return;
  }
  for (const auto& [host, worker] : state_.drop_silent_workers(now - silence_limit())) {
    notice(
        Notice::Level::kWarning,
        fmt::format("worker {} on {} stopped answering; what it ran is run again", worker, host));
    if (state_.worker_count() == 0) last_worker_lost_ = now;
  }
  if (state_.worker_count() > 0) last_worker_lost_.reset();
  // Only a machine that is ready has workers which the queue could answer.
  if (last_worker_lost_ && !hosts_.any_ready()) last_worker_lost_ = now;
  for (const std::string& host : hosts_.drop_silent(now - silence_limit())) {
    notice(Notice::Level::kWarning, host + " stopped answering");
    (void)state_.drop_host(host, results::JobState::AttemptEnd::kLost);
  }
  if (state_.worker_count() > 0 || hosts_.at_work() > 0) {
    nobody_since_.reset();
    show_reason("");
    check_file_queue(now);
    return check_idle_workers();
  }
  if (!nobody_since_) nobody_since_ = hosts_.answered() == 0 ? published_at_ : now;
  const std::string reasons = hosts_.reasons();
  std::string reason = "for listeners: all that answered are out of the job";
  if (hosts_.exit_code() == results::kRefusedByListeners)
    reason = "for listeners: all that answered refuse the job";
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
  std::chrono::duration<double> limit = options_.config.timeouts.start;
  // Those that are out stay out; one that is just starting may still come.
  if (hosts_.all_failed()) limit = std::min<std::chrono::duration<double>>(limit, kLastChance);
  if (!shipment_) {
    limit = limit.zero();
    reason = "for listeners: the tree of this run is gone, so that none can join";
  }
  if (now - *nobody_since_ >= limit) {
    reason = "waited " + human_duration(now - *nobody_since_) + " " + reason;
    return end(hosts_.exit_code(), reasons.empty() ? reason : reason + "\n" + reasons);
  }
  show_reason(std::move(reason));
}

/// As quick as the broker's connection notices a dead peer, but no slower than ten seconds.
std::chrono::seconds Originator::sign_interval() const {
  if (journal_) return journal_->head().sign_interval;  // Workers keep to that of the job.
  if (!options_.config.connection) return 10s;
  return std::clamp<std::chrono::seconds>(options_.config.connection->heartbeat, 1s, 10s);
}

/// Three missed signs, and time enough to connect again on a machine under load.
std::chrono::seconds Originator::silence_limit() const {
  return std::max<std::chrono::seconds>(3 * sign_interval(), 15s);
}

/// At `now`, for a check that was `due`. True when the silence of others since the last one says
/// nothing of them: the broker held messages back (an alarm), or this process itself stood still
/// (Ctrl-Z, a laptop that slept).
bool Originator::was_deaf(Clock::time_point due, Clock::time_point now) {
  const bool is_blocked = broker_ && broker_->blocked_reason().has_value();
  const bool was_blocked = std::exchange(was_blocked_, is_blocked);
  return is_blocked || was_blocked || now > due + kStandstill;
}

/// A broker in need of memory or disk says so to those who publish, and that is all it does:
/// without a word of ours we would take its silence for that of all workers.
Task<void> Originator::probe_broker() {
  const auto self = alive_;
  is_probing_ = true;
  const auto connection = broker_;
  std::vector<broker::Message> probe;
  probe.push_back({broker::to_queue(protocol::reply_queue(job_)),
                   protocol::encode(protocol::Probe{.job = job_})});
  (void)co_await connection->publish(std::move(probe));
  if (*self != nullptr) (*self)->is_probing_ = false;
}

/// Empty: none.
void Originator::show_reason(std::string reason) {
  if (reason == waiting_for_) return;
  waiting_for_ = reason;
  if (!reason.empty()) reporter_.on(results::Waiting{.reason = std::move(reason)});
}

/// Machines that show themselves while every worker there was has fallen silent: they do not get
/// through to the file queue. RabbitMQ 3.10 has such queues now and then after a kill -9, which
/// take no consumer until they are deleted.
void Originator::check_file_queue(Clock::time_point now) {
  if (local_ || winding_down_ || !last_worker_lost_ || now - *last_worker_lost_ < kDeafLimit)
    return;
  last_worker_lost_.reset();
  if (++republications_ > kMaxRepublications)
    return end(results::kIncomplete, "the broker's file queue answers no worker");
  log::warning("the file queue answers no worker");
  has_deaf_queue_ = true;
}

/// What follows is as after an outage in which the broker has lost the queue. This connection must
/// be gone by then: it would take replies that nobody reads.
Task<void> Originator::leave_connection() {
  has_deaf_queue_ = false;
  is_published_ = false;
  co_await broker_->close();
  is_connection_lost_ = true;
}

/// The last net: idle workers and waiting files mean that files were lost on the way. Published
/// again, one may run twice; its first verdict counts.
void Originator::check_idle_workers() {
  if (winding_down_) return;
  const auto now = Clock::now();
  if (state_.worker_count() == 0 || state_.running_count() > 0) last_progress_ = now;
  // A new runner may take as long as callbacks may before it starts the unit that it is for.
  const auto limit = kIdleLimit + runner::callback_limit(options_.config.timeouts.callback);
  if (now - last_progress_ < limit || !to_republish_.empty()) return;
  last_progress_ = now;
  const std::string what = count_of(state_.remaining(), "file") + " did not reach any worker";
  if (++republications_ > kMaxRepublications) return end(results::kIncomplete, what);
  notice(Notice::Level::kWarning, what + "; published again");
  to_republish_ = dispatch_.keeps_back() ? dispatch_.handed_out() : state_.remaining_units();
}

}  // namespace gorgon::originator
