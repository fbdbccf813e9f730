#include "results/job_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "results/verdict.h"

namespace gorgon::results {

JobState::JobState(std::vector<Unit> units) : units_(std::move(units)), entries_(units_.size()) {
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const bool is_new = positions_.emplace(units_[i].id, i).second;
    GORGON_CHECK(is_new);
  }
}

JobState::Entry* JobState::entry(std::string_view unit) {
  const auto found = positions_.find(std::string(unit));
  return found == positions_.end() ? nullptr : &entries_[found->second];
}

bool JobState::unit_started(std::string_view unit, const std::string& host,
                            const std::string& worker, TimePoint now) {
  worker_seen(host, worker, now);
  Entry* known = entry(unit);
  if (known == nullptr || known->result) return false;
  ++known->tries;
  known->running_on = {host, worker};
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
  Entry* known = entry(result.unit);
  if (known == nullptr) return nullptr;
  if (known->result) return nullptr;
  std::vector<TestCase> cases;
  if (const auto earlier = known->earlier_cases.find(run); earlier != known->earlier_cases.end()) {
    for (auto& [part, some] : earlier->second) std::ranges::move(some, std::back_inserter(cases));
  }
  known->earlier_cases.clear();
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
  workers_[{host, worker}] = now;
}

void JobState::worker_left(const std::string& host, const std::string& worker) {
  workers_.erase({host, worker});
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

std::size_t JobState::running_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [&](const Entry& known) {
    return !known.result && known.tries > 0 && workers_.contains(known.running_on);
  }));
}

std::vector<JobState::WorkerName> JobState::drop_silent_workers(TimePoint limit) {
  std::vector<WorkerName> dropped;
  for (const auto& [name, last_seen] : workers_) {
    if (last_seen < limit) dropped.push_back(name);
  }
  for (const WorkerName& name : dropped) workers_.erase(name);
  return dropped;
}

std::vector<JobState::WorkerName> JobState::drop_host(const std::string& host) {
  std::vector<WorkerName> dropped;
  for (const auto& [name, last_seen] : workers_) {
    if (name.first == host) dropped.push_back(name);
  }
  for (const WorkerName& name : dropped) workers_.erase(name);
  return dropped;
}

void JobState::all_seen(TimePoint now) {
  for (auto& [name, last_seen] : workers_) last_seen = now;
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
