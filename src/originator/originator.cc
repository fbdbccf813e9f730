#include "originator/originator.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/text.h"
#include "config/project_config.h"
#include "originator/artifact_store.h"
#include "originator/batches.h"
#include "originator/dispatch.h"
#include "originator/journal.h"
#include "originator/limits.h"
#include "originator/local_cluster.h"
#include "originator/make_plan.h"
#include "originator/shipment.h"
#include "originator/unit_rules.h"
#include "protocol/messages.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/job_state.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "runner/callbacks.h"
#include "sync/git_files.h"

namespace gorgon::originator {

using namespace std::chrono_literals;
using results::Notice;

namespace {

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

std::chrono::seconds age_of_job(const Journal& journal) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::chrono::seconds started(journal.head().started_at);
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(now) - started,
                  std::chrono::seconds(0));
}

double unix_time(std::chrono::steady_clock::time_point when) {
  const auto age = std::chrono::steady_clock::now() - when;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now - age).count();
}

results::JobState::Retries retries_of(const config::ProjectConfig& config, std::size_t units) {
  constexpr std::size_t kLeastBudget = 10;
  constexpr std::size_t kUnitsPerRetry = 10;
  return {.per_unit = config.retries.count,
          .budget = config.retries.budget.value_or(std::max(kLeastBudget, units / kUnitsPerRetry)),
          .can_run_cases = config::can_run_cases(config)};
}

results::JobState ledger_of(std::vector<results::Unit> units, const StartOptions& options) {
  const auto retries = retries_of(options.config, units.size());
  return {std::move(units),
          {.max_attempts = options.config.max_attempts,
           .retries = retries,
           .quarantine = options.quarantine}};
}

/// `units` outlive it.
Dispatch dispatch_of(const std::vector<results::Unit>& units, const RuleBook& rules) {
  std::map<std::string, GroupLimit> limits;
  std::vector<std::string> groups;
  groups.reserve(units.size());
  for (const results::Unit& unit : units) {
    const UnitRules rule = rules.rules_for(unit.file);
    const auto& [per_host, total, alone] = rule.limits;
    const bool is_limited = per_host || total || alone;
    groups.push_back(is_limited ? rule.group : "");
    if (!is_limited) continue;
    GroupLimit& limit = limits[rule.group];
    if (per_host) limit.per_host = *per_host;
    // Others would wait for it in their slots.
    if (alone) limit.per_host = 1;
    if (total) limit.total = *total;
  }
  return {units, limits, groups};
}

/// What comes of units that share a message is told together, and their worker finishes them.
bool joins_units(const StartOptions& options) {
  return !options.max_failures && !options.shows_output && !options.config.artifacts;
}

}  // namespace

Originator::Originator(const asio::any_io_executor& executor, StartOptions options, Plan plan,
                       report::Reporter& reporter)
    : executor_(executor),
      options_(std::move(options)),
      reporter_(reporter),
      expected_seconds_(plan.expected_seconds),
      batches_(joins_units(options_) ? Batches(plan) : Batches()),
      state_(ledger_of(std::move(plan.units), options_)),
      dispatch_(dispatch_of(state_.units(), options_.rules)),
      job_(random_id(12)),
      inputs_(executor),
      ended_(executor),
      alive_(std::make_shared<Originator*>(this)) {}

Originator::Originator(const asio::any_io_executor& executor, StartOptions options, Journal journal,
                       report::Reporter& reporter)
    : Originator(executor, std::move(options), Plan{.units = journal.take_units()}, reporter) {
  job_ = journal.head().job;
  options_.config.cluster = journal.head().cluster;
  journal_ = std::move(journal);
  is_taken_up_ = true;
}

Task<int> Originator::run() {
  started_ = Clock::now();
  if (is_taken_up_) started_ -= age_of_job(*journal_);
  reporter_.on(results::RunStarted{.job = job_,
                                   .started_at = unix_time(started_),
                                   .units = state_.units(),
                                   .expected_seconds = expected_seconds_,
                                   .is_local = !options_.config.connection.has_value()});
  for (const Notice& told : options_.notices) notice(told.level, told.text);
  if (const auto limit = options_.config.timeouts.run; limit.count() > 0) {
    const auto left = started_ + std::chrono::duration_cast<Clock::duration>(limit) - Clock::now();
    spawn(executor_, watch_run_limit(alive_, left));
  }
  std::vector<Step> steps = {&Originator::call_before_originate, &Originator::reach_broker_and_ship,
                             &Originator::begin_journal, &Originator::publish_job};
  if (is_taken_up_) {
    steps = {&Originator::replay_journal, &Originator::reach_broker, &Originator::take_up_tree,
             &Originator::take_up_job};
  }
  bool can_be_tried_again = false;
  for (const Step step : steps) {
    if (outcome_) break;
    const auto done = co_await (this->*step)();
    if (done) continue;
    can_be_tried_again = is_taken_up_ && !outcome_;
    end(exit_code_of(done.error()), done.error().message);
  }
  if (can_be_tried_again) co_return co_await leave_as_found();
  if (!outcome_) co_await collect();
  co_await close_job();
  record();
  co_await call_after_job_finishes();
  const int exit_code = co_await finish();
  if (journal_) journal_->remove();
  *alive_ = nullptr;
  co_return exit_code;
}

/// Whoever tries next finds journal, tree and queues there, and the machines at work.
Task<int> Originator::leave_as_found() {
  if (shipment_) shipment_->leave();
  if (broker_) co_await broker_->close();
  if (local_) co_await local_->stop();
  close_units();
  notice(Notice::Level::kInfo, fmt::format("`gorgon resume {}` can be tried again", job_));
  const int exit_code = co_await finish();
  *alive_ = nullptr;
  co_return exit_code;
}

bool Originator::interrupt(int signal) {
  const int exit_code = 128 + signal;
  if (outcome_) return false;
  if (signal == SIGINT && !winding_down_ && state_.worker_count() > 0 && !is_connection_lost_) {
    wind_down(exit_code, "interrupted");
  } else {
    end(exit_code, "interrupted");
  }
  return true;
}

Task<void> Originator::watch_run_limit(std::shared_ptr<Originator*> self, Clock::duration limit) {
  co_await sleep_for(limit);
  if (*self != nullptr) (*self)->reach_run_limit();
}

/// Verdicts that are all in count, however long the goodbyes take: those have limits of their own.
void Originator::reach_run_limit() {
  if (state_.is_complete() || outcome_) return;
  for (const auto& [unit, worker, since] : state_.running_units()) {
    results::UnitResult& result = cut_off_[unit->id];
    result.seconds = std::chrono::duration<double>(Clock::now() - since).count();
    std::tie(result.host, result.worker) = worker;
    result.errors = {{.stage = "timeout",
                      .exception_class = "",
                      .message = "it was running when the run's time limit was reached",
                      .backtrace = {}}};
  }
  end(results::kRunTimeLimit,
      "the run's time limit of " + human_duration(options_.config.timeouts.run) + " was reached");
}

void Originator::give_up(int exit_code) {
  // Before the journal goes: if we are killed in between, there is still something to resume.
  if (*alive_ != nullptr) tell_end(exit_code);
  remove_traces();
}

/// Of a run that does not come to its end.
void Originator::tell_end(int exit_code) {
  outcome_ = Outcome{exit_code, "interrupted"};
  close_units();
  reporter_.on(results::RunFinished{.units = state_.units().size(),
                                    .cases = state_.case_count(),
                                    .seconds = run_clock(),
                                    .exit_code = exit_code,
                                    .reason = outcome_->reason});
}

void Originator::remove_traces() {
  if (journal_) journal_->remove();
  shipment_.reset();
  local_.reset();
  Cgroup::remove_abandoned();
}

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

Task<Result<void>> Originator::reach_broker() {
  if (!options_.config.connection) {
    GORGON_CO_TRY_ASSIGN(local_, LocalCluster::start(executor_, local_slots(options_),
                                                     options_.config.originator_log_file));
  }
  auto connecting = is_taken_up_ ? patiently(&Originator::connect) : connect();
  std::string reason = "for the broker to answer";
  co_return co_await unless_ended(std::move(connecting), std::move(reason), kNoLimit);
}

/// Side by side: one waits for the broker, the other for git, rsync and the disk.
Task<Result<void>> Originator::reach_broker_and_ship() {
  if (!options_.config.connection) {
    GORGON_CO_TRY(co_await reach_broker());
    co_return co_await ship_tree();
  }
  using asio::experimental::awaitable_operators::operator&&;
  auto [reached, shipped] =
      co_await (or_end(&Originator::prepare_broker) && or_end(&Originator::ship_tree));
  GORGON_CO_TRY(std::move(reached));
  co_return shipped;
}

Task<Result<void>> Originator::prepare_broker() {
  const auto began = Clock::now();
  GORGON_CO_TRY(co_await reach_broker());
  const auto reached = Clock::now();
  tell_step("connect", reached - began);
  has_queues_ = true;
  auto declaring = declare_queues();
  std::string reason = "for the broker to make the queues of this run";
  GORGON_CO_TRY(co_await unless_ended(std::move(declaring), std::move(reason), answer_limit()));
  queues_declared_at_ = Clock::now();
  tell_step("make queues", *queues_declared_at_ - reached);
  co_return Result<void>();
}

/// One that fails ends the run, and so whatever runs beside it.
Task<Result<void>> Originator::or_end(Step step) {
  auto done = co_await (this->*step)();
  if (!done) end(exit_code_of(done.error()), done.error().message);
  co_return done;
}

ShipmentOptions Originator::shipment_options() const {
  return {.project = options_.project,
          .job = job_,
          .config = options_.config,
          .is_local = local_ != nullptr,
          .needs_digest = options_.signing_key.has_value()};
}

/// Beside everything else: nobody waits for it, and the record of a run that is over before has
/// none.
Task<void> Originator::find_tree(std::shared_ptr<Originator*> self, std::filesystem::path project) {
  const auto digest = co_await sync::checkout_digest(std::move(project));
  if (!digest) log::info("the record will not say which tree it was: {}", digest.error().message);
  if (!digest || !*digest || *self == nullptr) co_return;
  // The checkout may be another one by the time somebody takes the run up.
  (*self)->keep([&](Journal& journal) { return journal.add(TreeRecord{.digest = **digest}); });
  (*self)->tell_tree(**digest);
}

void Originator::tell_tree(const std::string& digest) {
  if (digest.empty() || !tree_.empty()) return;
  tree_ = digest;
  reporter_.on(results::TreeFound{.digest = digest});
}

Task<Result<void>> Originator::ship_tree() {
  ShipmentOptions options = shipment_options();
  const bool has_own_digest = options.needs_digest && !options.is_local;
  if (!has_own_digest && options_.config.history_runs > 0 && !options_.is_experiment)
    spawn(executor_, find_tree(alive_, options_.project));
  auto sending = Shipment::send(options);
  std::string reason = "for the tree to be shipped";
  auto sent = co_await unless_ended(std::move(sending), std::move(reason), kNoLimit);
  if (!sent) {
    auto removing = Shipment::remove_partial(std::move(options));
    co_await within(kCancelLimit, std::move(removing));
    co_return std::unexpected(std::move(sent).error());
  }
  shipment_ = *std::move(sent);
  tell_tree(shipment_->tree_digest());
  if (shipment_->staging_time().count() > 0) tell_step("stage", shipment_->staging_time());
  if (shipment_->push_time().count() > 0) tell_step("push", shipment_->push_time());
  co_return Result<void>();
}

/// A run without a journal is one that cannot be taken up; it is worth no less otherwise.
Task<Result<void>> Originator::begin_journal() {
  if (options_.is_experiment) co_return Result<void>();
  tell_of_cut_off_jobs();
  open_artifacts();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto journal =
      Journal::create(options_.project,
                      {.job = job_,
                       .started_at = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
                       .arguments = options_.arguments,
                       .folder = options_.folder,
                       .cluster = options_.config.cluster,
                       .stage = shipment_->stage(),
                       .tree_digest = shipment_->tree_digest(),
                       .sign_interval = sign_interval()},
                      state_.units());
  if (!journal) {
    log::warning("`gorgon resume` will not know this run: {}", journal.error().message);
    co_return Result<void>();
  }
  journal_ = *std::move(journal);
  if (!tree_.empty()) keep([this](Journal& held) { return held.add(TreeRecord{.digest = tree_}); });
  if (!journal_) co_return Result<void>();
  link_broker();
  const auto kept = shipment_->keep_while(journal_->file());
  if (!kept) log::warning("`gorgon resume` may find no tree: {}", kept.error().message);
  co_return Result<void>();
}

/// A run that cannot keep them is worth no less otherwise.
void Originator::open_artifacts() {
  if (!options_.config.artifacts) return;
  auto store =
      ArtifactStore::open(options_.project, *options_.config.artifacts, job_, state_.units());
  if (store) {
    artifacts_ = *std::move(store);
  } else {
    notice(Notice::Level::kWarning, "no artifacts are kept: " + store.error().message);
  }
}

/// So that `gorgon status` finds it; without, it does not.
void Originator::link_broker() {
  if (!local_ || !journal_) return;
  const auto linked = journal_->link_broker(local_->socket());
  if (!linked) log::warning("`gorgon status` will not know this run: {}", linked.error().message);
}

void Originator::tell_of_cut_off_jobs() {
  for (const auto& [job, age] : cut_off_jobs(options_.project)) {
    notice(Notice::Level::kInfo,
           fmt::format("the run {} was cut off {} ago; `gorgon resume {}` finishes it", job,
                       human_duration(age), job));
  }
}

void Originator::keep(const std::function<Result<void>(Journal&)>& write) {
  if (!journal_) return;
  const auto written = write(*journal_);
  if (written) return;
  journal_->remove();
  journal_.reset();
  notice(Notice::Level::kWarning,
         "if this program dies, the run cannot be taken up: " + written.error().message);
}

/// What the originator that has died knew, and told.
Task<Result<void>> Originator::replay_journal() {
  open_artifacts();
  tell_tree(journal_->head().tree_digest);
  // Came back, and were neither published nor started again since.
  std::map<std::string, const results::Unit*> returned_units;
  std::vector<results::UnitResult> given_up;
  const auto take = [&](JournalRecord record) {
    if (const auto* queues = std::get_if<QueueRecord>(&record)) {
      epoch_ = queues->epoch;
      if (!queues->is_published) dispatch_.take_all_back();
      is_published_ = queues->is_published;
      was_published_ = was_published_ || is_published_;
      // To be closed with the run, also if it is cancelled before it has its broker again.
      has_queues_ = is_connection_lost_ = options_.config.connection.has_value();
    } else if (const auto* returned = std::get_if<ReturnRecord>(&record)) {
      state_.unit_returned(returned->unit);
    } else if (const auto* tree = std::get_if<TreeRecord>(&record)) {
      tell_tree(tree->digest);
    } else if (const auto* republished = std::get_if<RepublishRecord>(&record)) {
      returned_units.erase(republished->unit);
      state_.unit_published(republished->unit);
      dispatch_.hand_out(republished->unit);
    } else {
      auto reply = std::get<ReplyRecord>(std::move(record));
      if (const auto* started = std::get_if<protocol::UnitStarted>(&reply.message))
        returned_units.erase(started->unit);
      if (counts_each_time(reply.message)) remember(reply.body);
      handle(std::move(reply.message));
    }
    auto settled = state_.settle_returned();
    for (const results::Unit* unit : settled.again) returned_units[unit->id] = unit;
    std::ranges::move(settled.given_up, std::back_inserter(given_up));
  };
  GORGON_CO_TRY(journal_->replay(take));
  for (results::UnitResult& result : given_up) {
    if (!state_.outcome(result.unit)) give_up(std::move(result));
  }
  for (const auto& [id, unit] : returned_units) {
    if (!state_.outcome(id) && !winding_down_) to_republish_.push_back(unit);
  }
  notice(Notice::Level::kInfo, fmt::format("the run {} is taken up: {} of {} had a verdict", job_,
                                           state_.units().size() - state_.remaining(),
                                           count_of(state_.units().size(), "file")));
  co_return Result<void>();
}

/// Without the tree, machines that have it may still finish the job.
Task<Result<void>> Originator::take_up_tree() {
  link_broker();
  auto taking =
      Shipment::take_up(shipment_options(), journal_->head().stage, journal_->head().tree_digest);
  std::string reason = "for the tree to be served again";
  auto taken = co_await unless_ended(std::move(taking), std::move(reason), kNoLimit);
  if (taken) {
    shipment_ = *std::move(taken);
  } else {
    log::warning("no further machine can join: {}", taken.error().message);
  }
  co_return Result<void>();
}

void Originator::record() {
  if (options_.is_experiment) return;
  const auto saved = save_history(options_, state_);
  if (!saved) notice(Notice::Level::kWarning, saved.error().message);
}

Task<void> Originator::call_after_job_finishes() {
  if (!was_published_) co_return;
  const auto called = co_await call_here(config::Callback::kAfterJobFinishes);
  if (called || called.error().kind == ErrorKind::kCancelled) co_return;
  notice(Notice::Level::kError, called.error().message);
  if (!outcome_) outcome_ = Outcome{results::kCallbackFailed, called.error().message};
}

Task<int> Originator::finish() {
  using results::Verdict;
  results::RunFinished finished{
      .units = state_.units().size(), .cases = state_.case_count(), .seconds = run_clock()};
  if (artifacts_) {
    artifacts_->finish();
    finished.artifacts = {.folder = artifacts_->folder().string(),
                          .files = artifacts_->files(),
                          .left_out = artifacts_->left_out()};
  }
  const bool tests_failed = state_.count(Verdict::kFailed) + state_.count(Verdict::kCrashed) +
                                state_.count(Verdict::kTimedOut) >
                            0;
  if (outcome_ && !(outcome_->exit_code == results::kCallbackFailed && tests_failed &&
                    state_.count(Verdict::kLost) == 0)) {
    finished.exit_code = outcome_->exit_code;
    finished.reason = outcome_->reason;
  } else if (winding_down_ && state_.count(Verdict::kCancelled) > 0) {
    finished.exit_code = winding_down_->exit_code;
    finished.reason = winding_down_->reason;
  } else if (state_.count(Verdict::kLost) + state_.count(Verdict::kCancelled) > 0) {
    finished.exit_code = results::kIncomplete;
    finished.reason = "not every file has a verdict";
  } else if (tests_failed || errors_after_units_ > 0) {
    finished.exit_code = results::kTestsFailed;
    if (errors_after_units_ > 0)
      finished.reason = count_of(errors_after_units_, "error") + " outside the test files";
  } else if (const std::string filter = filter_text(options_, state_.units());
             !filter.empty() && state_.case_count() == 0) {
    // What was meant to be tested was not, and nobody would notice.
    finished.exit_code = results::kNothingSelected;
    finished.reason = "no test case matches " + filter;
  } else if (const std::size_t files = files_left(options_); files > 0) {
    finished.exit_code = results::kFailuresLeft;
    finished.reason = "the earlier run has failures left in " + count_of(files, "file");
  }
  reporter_.on(finished);
  co_return finished.exit_code;
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

/// `step`, whose reason is shown when it takes a while. kCancelled when the run ends meanwhile,
/// kTimeout after `limit`: what the step has started is killed and removed.
template <class T>
Task<Result<T>> Originator::unless_ended(Task<Result<T>> step, std::string reason,
                                         Clock::duration limit) {
  using asio::experimental::awaitable_operators::operator||;
  auto done = co_await (std::move(step) || ended_.wait() || show_waiting(reason, limit));
  if (done.index() == 0) co_return std::get<0>(std::move(done));
  if (done.index() == 1) co_return fail(ErrorKind::kCancelled, "interrupted");
  co_return fail(ErrorKind::kTimeout, "waited " + human_duration(limit) + " " + with_alarm(reason));
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
std::string Originator::with_alarm(const std::string& reason) const {
  const auto blocked = broker_ ? broker_->blocked_reason() : std::nullopt;
  return blocked ? reason + ": it takes no messages now (" + *blocked + ")" : reason;
}

/// `step`, given up after `limit`: a broker in need of memory or disk answers nothing.
Task<void> Originator::within(Clock::duration limit, Task<void> step) {
  using asio::experimental::awaitable_operators::operator||;
  co_await (std::move(step) || sleep_for(limit));
}

// For the other files of this class.
template Task<Result<void>> Originator::unless_ended(Task<Result<void>>, std::string,
                                                     Clock::duration);

}  // namespace gorgon::originator
