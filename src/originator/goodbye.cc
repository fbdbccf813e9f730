// Originator: the end of the job on the machines, in good order or by cancellation.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "broker/broker.h"
#include "originator/limits.h"
#include "originator/local_cluster.h"
#include "originator/originator.h"
#include "originator/shipment.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "runner/callbacks.h"

namespace gorgon::originator {

using namespace std::chrono_literals;
using results::Notice;

namespace {

/// How soon a living worker or machine answers the end of a job.
constexpr auto kGoodbyeAnswer = 5s;
/// Whoever is given up here cannot tell any more what failed in its last hooks.
constexpr auto kSilenceInGoodbyes = 30s;

}  // namespace

Task<void> Originator::close_job() {
  // Cancelled while the broker was away: it may be back. Otherwise the queues expire by themselves,
  // and the workers notice that.
  if (is_connection_lost_ && has_queues_ && !local_) {
    auto connecting = outcome_ ? connect() : reconnect();
    (void)co_await std::move(connecting);
  }
  if (broker_ && !is_connection_lost_ && has_queues_) co_await say_goodbye();
  miss_goodbyes(Clock::time_point::max());
  if (shipment_) {
    co_await take_back_tree();
  } else if (is_taken_up_) {
    // It ended before it came to the tree, and nobody else knows where that stands.
    auto removing = Shipment::remove_partial(shipment_options());
    co_await within(kCancelLimit, std::move(removing));
  }
  if (broker_) co_await broker_->close();
  if (local_) co_await local_->stop();
  close_units();
}

/// None is without a verdict in the reports.
void Originator::close_units() {
  for (const results::Unit* unit : state_.remaining_units()) {
    const bool is_cancelled =
        winding_down_ || (outcome_ && (outcome_->exit_code >= results::kInterrupted ||
                                       outcome_->exit_code == results::kRunTimeLimit));
    results::UnitResult result = std::move(cut_off_[unit->id]);
    result.unit = unit->id;
    result.verdict = is_cancelled ? results::Verdict::kCancelled : results::Verdict::kLost;
    accept(std::move(result), {}, 0);
  }
}

/// A dead file server must not hold up somebody who has pressed Ctrl-C.
Task<void> Originator::take_back_tree() {
  auto taking = shipment_->take_back();
  if (outcome_) co_return co_await within(kCancelLimit, std::move(taking));
  using asio::experimental::awaitable_operators::operator||;
  std::string reason = "for the file server to remove the tree";
  co_await (std::move(taking) || until_cancel_limit() || show_waiting(std::move(reason), kNoLimit));
}

/// Waits for the run to be cancelled, and then as long as others get to tidy up.
Task<void> Originator::until_cancel_limit() {
  co_await ended_.wait();
  co_await sleep_for(kCancelLimit);
}

/// Workers notice that the file queue is gone and say goodbye; on a cancellation, also one that
/// comes during the goodbyes, they are told to stop at once.
Task<void> Originator::say_goodbye() {
  if (!outcome_) {
    auto ending = end_job();
    co_await within(kCancelLimit, std::move(ending));
    co_await wait_for_goodbyes(runner::callback_limit(options_.config.timeouts.callback) +
                               kCancelLimit);
  }
  if (outcome_ && broker_) {
    auto ending = end_job();
    co_await within(kCancelLimit, std::move(ending));
    co_await wait_for_goodbyes(kCancelLimit);
  }
  if (!broker_) co_return;
  auto deleting = delete_reply_queue();
  co_await within(kCancelLimit, std::move(deleting));
}

Task<void> Originator::end_job() {
  std::string farewell =
      outcome_ ? for_listeners(protocol::CancelJob{job_}) : for_listeners(protocol::JobOver{job_});
  std::vector<broker::Message> messages;
  messages.push_back({broker::to_topic(protocol::control_topic(cluster())), std::move(farewell)});
  (void)co_await broker_->publish(std::move(messages));
  co_await delete_work_queues();
}

/// A broker that stood still for a while takes us for dead when it goes on, often just now; then
/// the farewell may not have reached it either.
Task<void> Originator::delete_reply_queue() {
  const auto deleted = co_await broker_->delete_queue(protocol::reply_queue(job_));
  if (deleted || !broker::means_outage(deleted.error())) co_return;
  show_reason("for the broker: it is to delete the queues of the job");
  const auto connected = co_await connect();
  if (!connected) co_return;
  co_await end_job();
  (void)co_await broker_->delete_queue(protocol::reply_queue(job_));
}

/// Workers let their runners finish, machines run after_creating_workers. Everyone who is still
/// there says so when the goodbye starts; those who do not have died before. The broker may be lost
/// and come back meanwhile. Ends also when the run is cancelled.
Task<void> Originator::wait_for_goodbyes(Clock::duration limit) {
  auto started = Clock::now();
  const bool was_cancelled = outcome_.has_value();
  while ((state_.worker_count() > 0 || hosts_.at_work() > 0) && Clock::now() < started + limit &&
         outcome_.has_value() == was_cancelled) {
    const auto before = Clock::now();
    const auto due = std::min(started + limit, before + kTick);
    co_await handle_inputs_until(due);
    if (is_connection_lost_) {
      // Who presses Ctrl-C does not wait for a broker.
      if (was_cancelled) co_return;
      const auto restored = co_await reconnect();
      if (!restored) co_return;
      const auto back = Clock::now();
      state_.all_seen(back);
      hosts_.all_seen(back);
      started += back - before;
      continue;
    }
    const auto now = Clock::now();
    if (was_deaf(due, now)) {
      state_.all_seen(now);
      hosts_.all_seen(now);
      if (!was_cancelled) started += now - before;
      show_reason(with_alarm("for the broker"));
      continue;
    }
    const auto silent_since = now > started + kGoodbyeAnswer
                                  ? std::max(started, now - kSilenceInGoodbyes)
                                  : now - kSilenceInGoodbyes;
    miss_goodbyes(silent_since);
    if (now > started + kNoticeableWait)
      show_reason("for workers to say goodbye (after_complete, suite hooks)");
  }
}

/// Those of everyone who has said nothing since then.
void Originator::miss_goodbyes(Clock::time_point silent_since) {
  for (const auto& [host, worker] : state_.drop_silent_workers(silent_since))
    miss_goodbye(fmt::format("worker {} on {}", worker, host));
  for (const std::string& host : hosts_.drop_silent(silent_since)) miss_goodbye(host);
}

/// It may have died after its last test, or be cut off.
void Originator::miss_goodbye(const std::string& who) {
  if (outcome_) return;
  notice(Notice::Level::kWarning,
         who + " said no goodbye: whether its suite hooks and after_complete failed is not known");
}

}  // namespace gorgon::originator
