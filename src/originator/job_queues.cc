// Originator: the job on the broker, published, kept alive, and restored after a reconnect.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "broker/broker.h"
#include "originator/artifact_store.h"
#include "originator/batches.h"
#include "originator/journal.h"
#include "originator/limits.h"
#include "originator/local_cluster.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "originator/shipment.h"
#include "originator/unit_rules.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::originator {

using namespace std::chrono_literals;
using results::Notice;

namespace {

/// Queues live two minutes without a consumer; declaring them again renews that.
constexpr auto kRenewalInterval = 30s;
/// A busy broker may take a while for each of the queues.
constexpr auto kAnswerSlack = 10s;
constexpr auto kJobLifetime = std::chrono::hours(24);
/// So many messages of a large job are in memory at a time.
constexpr std::size_t kUnitsAtOnce = 5000;

std::string user_and_host() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const passwd* user = ::getpwuid(::geteuid());
  return (user != nullptr ? user->pw_name : std::to_string(::geteuid())) + "@" + host.data();
}

}  // namespace

Task<Result<void>> Originator::connect() {
  // One that is lost only in our eyes would go on taking replies.
  if (const auto earlier = std::exchange(broker_, nullptr)) co_await earlier->close();
  broker::Address address =
      local_ ? local_->address() : broker::Address(*options_.config.connection);
  std::string name = "gorgon job " + job_;
  auto connection = co_await broker::connect(std::move(address), std::move(name));
  if (!connection) co_return std::unexpected(connection.error());
  broker_ = std::move(*connection);
  queues_declared_at_.reset();
  is_connection_lost_ = false;
  spawn(executor_, read_broker(alive_, broker_, ++connection_number_));
  co_return Result<void>();
}

/// The embedded broker has one listener, which is there for this run.
std::string Originator::cluster() const { return local_ ? "" : options_.config.cluster; }

protocol::JobDefinition Originator::definition() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto& config = options_.config;
  std::optional<protocol::ArtifactRules> artifacts;
  // make_plan() has seen that they are good.
  if (artifacts_) artifacts = artifact_rules(*config.artifacts).value();
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
      .tree = shipment_->generation(),
      .tree_digest = shipment_->tree_digest(),
      .runner = runner_settings(options_, state_.units()),
      .unit_timeout = config.timeouts.unit,
      .case_timeout = config.timeouts.test_case,
      .slow_after = config.timeouts.slow,
      .grace = config.timeouts.grace,
      .callback_timeout = config.timeouts.callback,
      .max_attempts = config.max_attempts,
      .sign_interval = sign_interval(),
      .show_cases_after = reporter_.is_live() ? kLongCase : std::chrono::seconds(0),
      .shows_output = options_.shows_output,
      .artifacts = std::move(artifacts),
      .expires_at = std::chrono::duration_cast<std::chrono::seconds>(now + kJobLifetime).count()};
}

/// Nothing that whoever may read our job on the broker would not know from there.
void Originator::answer(const protocol::StatusRequest& request) {
  const std::size_t done = state_.units().size() - state_.remaining();
  const std::size_t passed = state_.count(results::Verdict::kPassed);
  const protocol::JobStatus status{.job = job_,
                                   .project = options_.project.filename().string(),
                                   .originator = user_and_host(),
                                   .seconds = run_clock(),
                                   .units = static_cast<std::uint32_t>(state_.units().size()),
                                   .done = static_cast<std::uint32_t>(done),
                                   .failed = static_cast<std::uint32_t>(done - passed),
                                   .running = static_cast<std::uint32_t>(state_.running_count()),
                                   .waiting_for = waiting_for_};
  (void)broker_->post({broker::to_queue(request.reply_queue), protocol::encode(status)});
}

std::string Originator::for_listeners(const protocol::Message& message, std::string queue) const {
  return for_listeners(std::span(&message, 1), std::move(queue));
}

std::string Originator::for_listeners(std::span<const protocol::Message> messages,
                                      std::string queue) const {
  return protocol::seal(messages, options_.signing_key,
                        {.cluster = cluster(), .queue = std::move(queue)},
                        std::chrono::system_clock::now());
}

/// How long the broker may take to make queues and take what goes into them.
Originator::Clock::duration Originator::answer_limit() const {
  return std::chrono::duration_cast<Clock::duration>(options_.config.timeouts.start) + kAnswerSlack;
}

Task<Result<void>> Originator::publish_job() {
  auto publishing = publish_everything();
  std::string reason = "for the broker to take the job";
  co_return co_await unless_ended(std::move(publishing), std::move(reason), answer_limit());
}

/// Replies first, so that no result can miss its queue; units next; the broadcast last, so that no
/// worker finds an empty queue.
Task<Result<void>> Originator::publish_everything() {
  const auto began = Clock::now();
  has_queues_ = true;
  is_published_ = false;
  keep([this](Journal& journal) { return journal.add(QueueRecord{.epoch = epoch_}); });
  GORGON_CO_TRY(co_await declare_queues_unless_there());
  if (has_slot_queue()) {
    std::vector<broker::Message> slots(
        *options_.slots, {broker::to_queue(protocol::slot_queue(job_, epoch_)), "{}"});
    GORGON_CO_TRY(co_await broker_->publish(std::move(slots)));
  }
  GORGON_CO_TRY(co_await publish_units(batches_for_new_queues()));
  GORGON_CO_TRY(co_await broadcast_job());
  is_published_ = was_published_ = true;
  keep([this](Journal& journal) -> Result<void> {
    for (const results::Unit* unit : dispatch_.handed_out())
      GORGON_TRY(journal.add(RepublishRecord{.unit = unit->id}));
    return {};
  });
  keep([this](Journal& journal) {
    return journal.add(QueueRecord{.epoch = epoch_, .is_published = true});
  });
  published_at_ = last_progress_ = Clock::now();
  tell_step("publish", published_at_ - began);
  next_renewal_ = published_at_ + kRenewalInterval;
  co_return Result<void>();
}

Task<Result<void>> Originator::broadcast_job() {
  std::vector<broker::Message> broadcast;
  broadcast.push_back(
      {broker::to_topic(protocol::jobs_topic(cluster())), for_listeners(definition())});
  co_return co_await broker_->publish(std::move(broadcast));
}

/// With the embedded broker -j is the number of its slots.
bool Originator::has_slot_queue() const { return options_.slots && !local_; }

Task<Result<void>> Originator::declare_queues() {
  const std::string originators = protocol::originators_topic(cluster());
  const std::string status = protocol::status_topic(cluster());
  for (const std::string& topic :
       {protocol::jobs_topic(cluster()), protocol::control_topic(cluster()), status, originators}) {
    GORGON_CO_TRY(co_await broker_->declare_topic(topic));
  }
  GORGON_CO_TRY(co_await declare_job_queues());
  std::vector<std::string> topics = {originators, status};
  GORGON_CO_TRY_ASSIGN(std::string own_queue,
                       co_await broker_->declare_own_queue(std::move(topics)));
  GORGON_CO_TRY(co_await broker_->consume(protocol::reply_queue(job_), kReplyPrefetch));
  co_return co_await broker_->consume(std::move(own_queue), kReplyPrefetch);
}

/// Those that were made while the tree was shipped may have expired since: nobody takes from them.
Task<Result<void>> Originator::declare_queues_unless_there() {
  const auto declared_at = std::exchange(queues_declared_at_, std::nullopt);
  if (!declared_at) co_return co_await declare_queues();
  if (Clock::now() - *declared_at < kRenewalInterval) co_return Result<void>();
  co_return co_await declare_job_queues();
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

protocol::UnitMessage Originator::message_for(const results::Unit& unit) const {
  const UnitRules rules = options_.rules.rules_for(unit.file);
  const std::uint32_t slots = rules.limits.per_host.value_or(0);
  return {.unit = state_.next_try(unit.id),
          .attempt = state_.tries(unit.id) + 1,
          .runs_alone = rules.limits.alone || state_.runs_alone(unit.id),
          .avoid_host = state_.host_to_avoid(unit.id),
          .group = rules.group,
          .group_slots = slots > protocol::kMostGroupSlots ? 0 : slots,
          .timeout = rules.timeout,
          .case_timeout = rules.case_timeout};
}

/// All that is left to run, or what may be handed out of it now.
std::vector<Batches::Batch> Originator::batches_for_new_queues() {
  if (!dispatch_.keeps_back()) return batches_.of(state_.remaining_units());
  dispatch_.take_all_back();
  auto units = dispatch_.next(state_.worker_count(), hosts_.at_work());
  for (const results::Unit* unit : units) dispatch_.hand_out(unit->id);
  return Batches().of(units);
}

/// What a unit that has ended, or another machine, lets us hand out.
void Originator::hand_out_more() {
  if (!dispatch_.keeps_back() || !broker_ || !is_published_ || winding_down_ || outcome_) return;
  for (const results::Unit* unit : dispatch_.next(state_.worker_count(), hosts_.at_work())) {
    dispatch_.hand_out(unit->id);
    to_republish_.push_back(unit);
  }
}

/// A unit that asks something of its worker, or has been tried before and is a suspect, has a
/// message of its own.
bool Originator::may_share(const protocol::UnitMessage& message) {
  return message.attempt == 1 && !message.runs_alone && message.avoid_host.empty() &&
         message.group_slots == 0 && !message.unit.needs_fresh_runner &&
         message.unit.before.empty();
}

Task<Result<void>> Originator::publish_units(std::vector<Batches::Batch> batches) {
  const std::string queue = protocol::file_queue(job_, epoch_);
  for (std::size_t begin = 0; begin < batches.size(); begin += kUnitsAtOnce) {
    std::vector<broker::Message> messages;
    for (const Batches::Batch& batch :
         std::span(batches).subspan(begin, std::min(kUnitsAtOnce, batches.size() - begin))) {
      std::vector<protocol::Message> together;
      for (const results::Unit* unit : batch) {
        protocol::UnitMessage message = message_for(*unit);
        if (may_share(message)) {
          together.emplace_back(std::move(message));
        } else {
          messages.push_back({broker::to_queue(queue), for_listeners(std::move(message), queue)});
        }
      }
      if (!together.empty())
        messages.push_back({broker::to_queue(queue), for_listeners(together, queue)});
    }
    GORGON_CO_TRY(co_await broker_->publish(std::move(messages)));
  }
  co_return Result<void>();
}

/// What is to be told to the broker now and then. A lost connection shows itself as an event.
Task<void> Originator::keep_queues() {
  if (!to_republish_.empty() && !broker_->blocked_reason()) {
    // One of a limited group must not run twice at once. Should we die in between, it was not
    // published, and check_idle_workers() finds that out.
    if (dispatch_.keeps_back()) note_republished();
    auto publishing = publish_units(Batches().of(to_republish_));
    std::string reason = "for the broker to take files that are run again";
    const auto published =
        co_await unless_ended(std::move(publishing), std::move(reason), kReconnectLimit);
    // They stay on the list until the broker has confirmed them: a lost connection must not lose
    // them.
    if (published && !dispatch_.keeps_back()) note_republished();
    if (published) to_republish_.clear();
  }
  // No answer would come now. Queues that are consumed do not expire; one that no worker was left
  // to consume is published anew by check_idle_workers().
  if (Clock::now() < next_renewal_ || broker_->blocked_reason()) co_return;
  next_renewal_ = Clock::now() + kRenewalInterval;
  auto renewing = declare_job_queues();
  std::string reason = "for the broker";
  (void)co_await unless_ended(std::move(renewing), std::move(reason), kReconnectLimit);
}

/// One who takes the job up need not do it again.
void Originator::note_republished() {
  keep([this](Journal& journal) -> Result<void> {
    for (const results::Unit* unit : to_republish_)
      GORGON_TRY(journal.add(RepublishRecord{.unit = unit->id}));
    return {};
  });
}

/// Running tests keep running meanwhile. Gives up when the reply queue would have expired, with
/// why, and when the run ends (kCancelled).
Task<Result<void>> Originator::reconnect() {
  broker_.reset();
  last_worker_lost_.reset();
  const auto give_up = Clock::now() + kReconnectLimit;
  auto pause = 250ms;
  reporter_.on(results::Waiting{.reason = "for the broker: the connection was lost"});
  while (!outcome_) {
    // Not a ?: with a co_await in it: GCC 12 destroys its temporary twice.
    Result<void> restored = fail(ErrorKind::kConnectionLost, "the embedded broker is gone");
    if (!local_) {
      auto restoring = restore_connection();
      std::string reason = "for the broker";
      restored = co_await unless_ended(std::move(restoring), std::move(reason), kReconnectLimit);
    }
    if (restored || outcome_ || local_ || Clock::now() > give_up) co_return restored;
    log::warning("{}; trying again", restored.error().message);
    const auto wake = Clock::now() + pause;
    while (Clock::now() < wake && !outcome_) {
      reporter_.tick();
      co_await sleep_for(std::min(std::chrono::milliseconds(kTick), pause));
    }
    pause = std::min(pause * 2, broker::longest_pause(*options_.config.connection));
  }
  co_return fail(ErrorKind::kCancelled, "the run ends");
}

/// A broker that has just started takes logins before its queues answer.
Task<Result<void>> Originator::restore_connection() {
  GORGON_CO_TRY(co_await connect());
  co_return co_await restore_job();
}

/// After a reconnect: the durable queues should be there still. If the broker lost one, or an
/// earlier try to publish got stuck half-way, the units go into new queues.
Task<Result<void>> Originator::restore_job() {
  if (state_.is_complete()) co_return co_await restore_goodbyes();
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
  if (!shipment_) {
    end(results::kIncomplete,
        "the waiting files are gone from the broker, and the tree went with the originator that "
        "died");
    co_return Result<void>();
  }
  co_await delete_work_queues();
  ++epoch_;
  GORGON_CO_TRY(co_await publish_everything());
  to_republish_.clear();
  notice(Notice::Level::kWarning,
         "the broker has the waiting files no more; they are published again");
  co_return Result<void>();
}

Task<Result<void>> Originator::take_up_job() {
  if (state_.is_complete() && local_) co_return Result<void>();
  auto restoring = patiently(&Originator::connect_and_take_up);
  std::string reason = "for the broker to give the job back";
  co_return co_await unless_ended(std::move(restoring), std::move(reason), answer_limit());
}

/// With a broker that is away just now, or whose queues are (RabbitMQ has none of a node that is
/// stopping): the one who has died would have waited as well. Gives up when a job would that nobody
/// works on.
Task<Result<void>> Originator::patiently(Task<Result<void>> (Originator::*step)()) {
  const auto give_up =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(options_.config.timeouts.start);
  for (auto pause = 250ms;;) {
    auto done = co_await (this->*step)();
    if (done || local_) co_return done;
    const ErrorKind kind = done.error().kind;
    const bool may_pass = kind == ErrorKind::kUnavailable || kind == ErrorKind::kNotFound ||
                          broker::means_outage(done.error());
    if (!may_pass || Clock::now() + pause > give_up) co_return done;
    log::warning("{}; trying again", done.error().message);
    is_connection_lost_ = true;
    co_await sleep_for(pause);
    pause = std::min(pause * 2, broker::longest_pause(*options_.config.connection));
  }
}

Task<Result<void>> Originator::connect_and_take_up() {
  if (is_connection_lost_) GORGON_CO_TRY(co_await connect());
  co_return co_await restore_abandoned_job();
}

/// The reply queue lives for a while without its originator, and workers as long as it: when it is
/// there, they may be at work still, and what they have said meanwhile waits in it.
Task<Result<void>> Originator::restore_abandoned_job() {
  has_queues_ = true;
  bool is_alive = false;
  if (!local_) {
    std::string replies = protocol::reply_queue(job_);
    GORGON_CO_TRY_ASSIGN(is_alive, co_await broker_->queue_exists(std::move(replies)));
  }
  if (!is_alive) {
    forget_everybody();
    is_published_ = false;
    if (state_.is_complete()) co_return Result<void>();
  }
  published_at_ = last_progress_ = Clock::now();
  next_renewal_ = published_at_ + kRenewalInterval;
  const std::uint32_t epoch = epoch_;
  settle_returned();  // What is published anew below is not to be published twice.
  GORGON_CO_TRY(co_await restore_job());
  // For machines that could not pull the tree while nobody served it.
  const bool may_join = is_published_ && epoch_ == epoch && shipment_ && !state_.is_complete();
  if (may_join) co_return co_await broadcast_job();
  co_return Result<void>();
}

void Originator::forget_everybody() {
  for (const std::string& host : hosts_.names())
    (void)state_.drop_host(host, results::JobState::AttemptEnd::kStopped);
  hosts_ = HostBoard();
}

/// All verdicts are in. What was said meanwhile waits in the reply queue; who was cut off, too, may
/// not know yet that the job is over.
Task<Result<void>> Originator::restore_goodbyes() {
  const std::string replies = protocol::reply_queue(job_);
  broker::ReplyQueue reply_queue{.name = replies};
  GORGON_CO_TRY(co_await broker_->declare_reply_queue(std::move(reply_queue)));
  GORGON_CO_TRY(co_await broker_->consume(replies, kReplyPrefetch));
  co_await end_job();
  notice(Notice::Level::kInfo, "connected to the broker again");
  co_return Result<void>();
}

}  // namespace gorgon::originator
