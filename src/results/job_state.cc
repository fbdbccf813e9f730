#include "results/job_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "results/verdict.h"

namespace gorgon::results {

JobState::JobState(std::vector<Unit> units, std::uint32_t max_attempts)
    : units_(std::move(units)), entries_(units_.size()), max_attempts_(max_attempts) {
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const bool is_new = positions_.emplace(units_[i].id, i).second;
    GORGON_CHECK(is_new);
  }
}

JobState::Entry* JobState::entry(std::string_view unit) {
  const auto found = positions_.find(std::string(unit));
  return found == positions_.end() ? nullptr : &entries_[found->second];
}

const JobState::Entry* JobState::entry(std::string_view unit) const {
  const auto found = positions_.find(std::string(unit));
  return found == positions_.end() ? nullptr : &entries_[found->second];
}

bool JobState::unit_started(std::string_view unit, const std::string& host,
                            const std::string& worker, TimePoint now) {
  worker_seen(host, worker, now);
  const auto found = positions_.find(std::string(unit));
  if (found == positions_.end() || entries_[found->second].result) return false;
  WorkerState& state = workers_[{host, worker}];
  if (state.unit && *state.unit != found->second)
    end_attempt(*state.unit, {AttemptEnd::kLost, {host, worker}, "went on without its verdict"});
  state.unit = found->second;
  state.since = now;
  ++entries_[found->second].tries;
  return true;
}

void JobState::add_cases(std::string_view unit, const std::string& run, std::uint32_t part,
                         std::vector<TestCase> cases) {
  Entry* known = entry(unit);
  if (known == nullptr || known->result) return;
  known->earlier_cases[run].emplace(part, std::move(cases));
}

const UnitResult* JobState::finish(UnitResult result, const std::string& run,
                                   std::size_t earlier_cases) {
  const auto found = positions_.find(result.unit);
  if (found == positions_.end()) return nullptr;
  Entry* const known = &entries_[found->second];
  const auto worker = workers_.find({result.host, result.worker});
  if (worker != workers_.end() && worker->second.unit == found->second) worker->second.unit.reset();
  if (known->result) return nullptr;
  std::vector<TestCase> cases;
  if (const auto earlier = known->earlier_cases.find(run); earlier != known->earlier_cases.end()) {
    for (auto& [part, some] : earlier->second) std::ranges::move(some, std::back_inserter(cases));
  }
  known->earlier_cases.clear();
  known->failed = {};
  known->last_output = {};
  if (cases.size() != earlier_cases) {
    result.errors.push_back({.stage = "outside",
                             .exception_class = "",
                             .message = std::to_string(earlier_cases) +
                                        " case results were announced and " +
                                        std::to_string(cases.size()) + " arrived",
                             .backtrace = {}});
    if (result.verdict == Verdict::kPassed) result.verdict = Verdict::kFailed;
  }
  std::ranges::move(result.cases, std::back_inserter(cases));
  result.cases = std::move(cases);
  result.attempt = std::max({known->tries, result.attempt, 1U});
  cases_ += result.cases.size();
  ++done_;
  known->result = std::move(result);
  return &*known->result;
}

void JobState::worker_seen(const std::string& host, const std::string& worker, TimePoint now) {
  workers_[{host, worker}].last_seen = now;
}

void JobState::worker_has(const std::string& host, const std::string& worker, std::string_view unit,
                          TimePoint now) {
  WorkerState& state = workers_[{host, worker}];
  state.last_seen = now;
  if (!state.unit || units_[*state.unit].id == unit) return;
  end_attempt(*state.unit, {AttemptEnd::kLost, {host, worker}, "went on without its verdict"});
  state.unit.reset();
}

void JobState::worker_left(const std::string& host, const std::string& worker) {
  forget_worker({host, worker}, AttemptEnd::kStopped, "was stopped");
}

void JobState::worker_died(const std::string& host, const std::string& worker,
                           const std::string& how, const std::string& output) {
  forget_worker({host, worker}, AttemptEnd::kDied, "ended with " + how, output);
}

void JobState::forget_worker(const WorkerName& name, AttemptEnd end, const std::string& how,
                             const std::string& output) {
  const auto found = workers_.find(name);
  if (found == workers_.end()) return;
  const auto place = found->second.unit;
  workers_.erase(found);
  if (!place) return;
  end_attempt(*place, {end, name, how});
  if (!output.empty()) entries_[*place].last_output = output;
}

void JobState::end_attempt(std::size_t place, FailedAttempt attempt) {
  if (!entries_[place].result) entries_[place].failed.push_back(std::move(attempt));
}

bool JobState::is_running(std::size_t place) const {
  return std::ranges::any_of(workers_,
                             [&](const auto& worker) { return worker.second.unit == place; });
}

void JobState::unit_returned(std::string_view unit) {
  const auto found = positions_.find(std::string(unit));
  if (found != positions_.end() && !entries_[found->second].result) returned_.insert(found->second);
}

JobState::Settled JobState::settle_returned() {
  Settled settled;
  std::erase_if(returned_, [&](std::size_t place) {
    if (entries_[place].result) return true;
    if (is_running(place)) return false;
    if (auto result = give_up(place)) {
      settled.given_up.push_back(*std::move(result));
    } else {
      settled.again.push_back(&units_[place]);
    }
    return true;
  });
  return settled;
}

/// Counts a return of the unit. Nullopt when it is to be tried again.
std::optional<UnitResult> JobState::give_up(std::size_t place) {
  Entry& known = entries_[place];
  const auto count = [&](AttemptEnd end) {
    return static_cast<std::uint32_t>(std::ranges::count(known.failed, end, &FailedAttempt::end));
  };
  const std::uint32_t lost = count(AttemptEnd::kLost);
  const bool is_crashed = count(AttemptEnd::kDied) + (lost > 0 ? lost - 1 : 0) >= max_attempts_;
  known.returns_untried = known.tries == known.tries_at_return ? known.returns_untried + 1 : 0;
  known.tries_at_return = known.tries;
  if (!is_crashed && known.tries < kMostTries && known.returns_untried < kMostReturns)
    return std::nullopt;
  UnitResult result{.unit = units_[place].id,
                    .verdict = is_crashed ? Verdict::kCrashed : Verdict::kLost};
  Failure failure{.stage = "crash", .exception_class = "", .message = "", .backtrace = {}};
  if (is_crashed) {
    failure.message = "it takes its worker down each time it runs";
  } else if (known.tries > 0) {
    failure.message = "no worker finished it";
  } else {
    failure.message = "every worker gave it back without having started it";
  }
  for (std::size_t i = 0; i < known.failed.size(); ++i) {
    const auto& [end, worker, how] = known.failed[i];
    failure.message +=
        (i == 0 ? ": worker " : ", worker ") + worker.second + " on " + worker.first + " " + how;
  }
  result.errors.push_back(std::move(failure));
  if (!known.failed.empty()) std::tie(result.host, result.worker) = known.failed.back().worker;
  result.output = known.last_output;
  return result;
}

const Unit* JobState::unit(std::string_view id) const {
  const auto found = positions_.find(std::string(id));
  return found == positions_.end() ? nullptr : &units_[found->second];
}

const UnitResult* JobState::result(std::string_view id) const {
  const auto found = positions_.find(std::string(id));
  if (found == positions_.end() || !entries_[found->second].result) return nullptr;
  return &*entries_[found->second].result;
}

std::vector<const Unit*> JobState::remaining_units() const {
  std::vector<const Unit*> remaining;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if (!entries_[i].result) remaining.push_back(&units_[i]);
  }
  return remaining;
}

std::uint32_t JobState::tries(std::string_view unit) const {
  const auto found = positions_.find(std::string(unit));
  return found == positions_.end() ? 0 : entries_[found->second].tries;
}

std::string JobState::last_end(std::string_view unit) const {
  const Entry* known = entry(unit);
  if (known == nullptr || known->failed.empty()) return "the worker that had it did not finish";
  const auto& [end, worker, how] = known->failed.back();
  return "worker " + worker.second + " on " + worker.first + " " + how;
}

bool JobState::runs_alone(std::string_view unit) const {
  const Entry* known = entry(unit);
  return known != nullptr && std::ranges::any_of(known->failed, [](const FailedAttempt& attempt) {
           return attempt.end != AttemptEnd::kStopped;
         });
}

std::size_t JobState::running_count() const {
  std::set<std::size_t> running;
  for (const auto& [name, state] : workers_) {
    if (state.unit && !entries_[*state.unit].result) running.insert(*state.unit);
  }
  return running.size();
}

std::vector<JobState::RunningUnit> JobState::running_units() const {
  std::vector<RunningUnit> running;
  for (const auto& [name, state] : workers_) {
    if (state.unit && !entries_[*state.unit].result)
      running.push_back({.unit = &units_[*state.unit], .worker = name, .since = state.since});
  }
  return running;
}

std::vector<JobState::WorkerName> JobState::drop_silent_workers(TimePoint limit) {
  std::vector<WorkerName> dropped;
  for (const auto& [name, state] : workers_) {
    if (state.last_seen < limit) dropped.push_back(name);
  }
  for (const WorkerName& name : dropped)
    forget_worker(name, AttemptEnd::kLost, "stopped answering");
  return dropped;
}

std::vector<JobState::WorkerName> JobState::drop_host(const std::string& host, AttemptEnd how) {
  std::vector<WorkerName> dropped;
  for (const auto& [name, state] : workers_) {
    if (name.first == host) dropped.push_back(name);
  }
  for (const WorkerName& name : dropped)
    forget_worker(name, how, how == AttemptEnd::kLost ? "stopped answering" : "was stopped");
  return dropped;
}

void JobState::all_seen(TimePoint now) {
  for (auto& [name, state] : workers_) state.last_seen = now;
}

void JobState::forget_details(std::string_view unit) {
  Entry* known = entry(unit);
  if (known == nullptr || !known->result) return;
  known->result->cases = {};
  known->result->errors = {};
  known->result->output = {};
}

std::size_t JobState::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [&](const Entry& known) {
    return known.result && known.result->verdict == verdict;
  }));
}

}  // namespace gorgon::results
