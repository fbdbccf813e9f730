#include "results/job_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "results/tries.h"
#include "results/verdict.h"

namespace gorgon::results {

namespace {

/// Puts the cases that came before `result`, in parts, in front of its own.
void collect_cases(UnitResult& result, std::map<std::uint32_t, std::vector<TestCase>>& parts,
                   std::size_t announced) {
  std::vector<TestCase> cases;
  for (auto& [part, some] : parts) std::ranges::move(some, std::back_inserter(cases));
  if (cases.size() != announced) {
    result.errors.push_back({.stage = "outside",
                             .exception_class = "",
                             .message = std::to_string(announced) +
                                        " case results were announced and " +
                                        std::to_string(cases.size()) + " arrived",
                             .backtrace = {}});
    if (result.verdict == Verdict::kPassed) result.verdict = Verdict::kFailed;
  }
  std::ranges::move(result.cases, std::back_inserter(cases));
  result.cases = std::move(cases);
}

}  // namespace

JobState::JobState(std::vector<Unit> units, Rules rules)
    : units_(std::move(units)),
      entries_(units_.size()),
      rules_(std::move(rules)),
      retries_left_(rules_.retries.budget) {
  positions_.reserve(units_.size());
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const bool is_new = positions_.emplace(units_[i].id, i).second;
    GORGON_CHECK(is_new);
  }
}

std::optional<std::size_t> JobState::place_of(std::string_view unit) const {
  const auto found = positions_.find(unit);
  if (found == positions_.end()) return std::nullopt;
  return found->second;
}

/// Of a unit that has no verdict yet.
std::optional<std::size_t> JobState::place_of_open(std::string_view unit) const {
  const auto place = place_of(unit);
  if (!place || entries_[*place].outcome) return std::nullopt;
  return place;
}

const JobState::Course* JobState::course_of(std::string_view unit) const {
  const auto place = place_of(unit);
  const auto course = place ? courses_.find(*place) : courses_.end();
  return course == courses_.end() ? nullptr : &course->second;
}

bool JobState::unit_started(std::string_view unit, const std::string& host,
                            const std::string& worker, TimePoint now) {
  worker_seen(host, worker, now);
  const auto place = place_of_open(unit);
  if (!place) return false;
  WorkerState& state = workers_[{host, worker}];
  if (state.unit && state.unit != place)
    end_attempt(*state.unit, {AttemptEnd::kLost, {host, worker}, "went on without its verdict"});
  state.unit = place;
  state.since = now;
  ++entries_[*place].tries;
  return true;
}

void JobState::add_cases(std::string_view unit, const std::string& run, std::uint32_t part,
                         std::vector<TestCase> cases) {
  if (const auto place = place_of_open(unit))
    courses_[*place].earlier_cases[run].emplace(part, std::move(cases));
}

std::optional<JobState::Taken> JobState::finish(UnitResult result, const std::string& run,
                                                std::size_t earlier_cases) {
  const auto place = place_of(result.unit);
  if (!place) return std::nullopt;
  const auto worker = workers_.find({result.host, result.worker});
  if (worker != workers_.end() && worker->second.unit == place) worker->second.unit.reset();
  Entry& known = entries_[*place];
  if (known.outcome) return std::nullopt;
  Course course;
  if (auto earlier = courses_.extract(*place)) course = std::move(earlier.mapped());
  if (course.runs.contains(run)) {
    courses_.emplace(*place, std::move(course));
    return std::nullopt;
  }
  collect_cases(result, course.earlier_cases[run], earlier_cases);
  course.earlier_cases.erase(run);
  result.attempt = std::max({known.tries, result.attempt, 1U});
  course.longest_seconds = std::max(course.longest_seconds, result.seconds);
  if (course.failed) result = with_earlier_tries(std::move(result), *std::move(course.failed));
  const Verdict own = result.verdict;
  rules_.quarantine.apply_to(units_[*place].file, result);
  if (!run.empty() && may_try_again(result, course)) {
    ++course.retries;
    --retries_left_;
    course.declined = 0;
    course.last_end.clear();
    course.runs.insert(run);
    course.failed = result;
    courses_.emplace(*place, std::move(course));
    again_.insert(*place);
    return Taken{.is_final = false, .result = std::move(result)};
  }
  cases_ += result.cases.size();
  ++done_;
  known.outcome = Outcome{.verdict = result.verdict, .own = own, .seconds = course.longest_seconds};
  return Taken{.is_final = true, .result = std::move(result)};
}

bool JobState::may_try_again(const UnitResult& result, const Course& course) const {
  return result.verdict != Verdict::kPassed && course.retries < rules_.retries.per_unit &&
         retries_left_ > 0;
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

void JobState::worker_ended_earlier(const std::string& host, const std::string& worker) {
  const auto found = workers_.find({host, worker});
  if (found != workers_.end() && !found->second.unit) workers_.erase(found);
}

void JobState::forget_worker(const WorkerName& name, AttemptEnd end, const std::string& how,
                             const std::string& output) {
  const auto found = workers_.find(name);
  if (found == workers_.end()) return;
  const auto place = found->second.unit;
  workers_.erase(found);
  if (!place) return;
  end_attempt(*place, {end, name, how}, output);
}

void JobState::end_attempt(std::size_t place, FailedAttempt attempt, const std::string& output) {
  if (entries_[place].outcome) return;
  Course& course = courses_[place];
  course.last_end =
      "worker " + attempt.worker.second + " on " + attempt.worker.first + " " + attempt.how;
  course.attempts.push_back(std::move(attempt));
  if (!output.empty()) course.last_output = output;
}

bool JobState::is_running(std::size_t place) const {
  return std::ranges::any_of(workers_,
                             [&](const auto& worker) { return worker.second.unit == place; });
}

void JobState::unit_returned(std::string_view unit) {
  if (const auto place = place_of_open(unit)) returned_.insert(*place);
}

void JobState::unit_declined(std::string_view unit) {
  const auto place = place_of_open(unit);
  if (!place) return;
  ++courses_[*place].declined;
  again_.insert(*place);
}

void JobState::unit_published(std::string_view unit) {
  const auto place = place_of(unit);
  if (!place) return;
  returned_.erase(*place);
  again_.erase(*place);
}

JobState::Settled JobState::settle_returned() {
  Settled settled;
  for (const std::size_t place : std::exchange(again_, {})) {
    if (!entries_[place].outcome) settled.again.push_back(&units_[place]);
  }
  std::erase_if(returned_, [&](std::size_t place) {
    if (entries_[place].outcome) return true;
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
  const Entry& known = entries_[place];
  Course& course = courses_[place];
  const auto count = [&](AttemptEnd end) {
    return static_cast<std::uint32_t>(
        std::ranges::count(course.attempts, end, &FailedAttempt::end));
  };
  const std::uint32_t lost = count(AttemptEnd::kLost);
  const bool is_crashed =
      count(AttemptEnd::kDied) + (lost > 0 ? lost - 1 : 0) >= rules_.max_attempts;
  course.returns_untried = known.tries == course.tries_at_return ? course.returns_untried + 1 : 0;
  course.tries_at_return = known.tries;
  if (!is_crashed && known.tries < kMostTries && course.returns_untried < kMostReturns)
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
  for (std::size_t i = 0; i < course.attempts.size(); ++i) {
    const auto& [end, worker, how] = course.attempts[i];
    failure.message +=
        (i == 0 ? ": worker " : ", worker ") + worker.second + " on " + worker.first + " " + how;
  }
  result.errors.push_back(std::move(failure));
  if (!course.attempts.empty())
    std::tie(result.host, result.worker) = course.attempts.back().worker;
  result.output = course.last_output;
  return result;
}

const Unit* JobState::unit(std::string_view id) const {
  const auto place = place_of(id);
  return place ? &units_[*place] : nullptr;
}

std::optional<JobState::Outcome> JobState::outcome(std::string_view id) const {
  const auto place = place_of(id);
  return place ? entries_[*place].outcome : std::nullopt;
}

std::vector<const Unit*> JobState::remaining_units() const {
  std::vector<const Unit*> remaining;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if (!entries_[i].outcome) remaining.push_back(&units_[i]);
  }
  return remaining;
}

std::uint32_t JobState::tries(std::string_view unit) const {
  const auto place = place_of(unit);
  return place ? entries_[*place].tries : 0;
}

std::string JobState::last_end(std::string_view unit) const {
  const Course* course = course_of(unit);
  if (course == nullptr) return "the worker that had it did not finish";
  if (course->last_end.empty() && !course->failed) return "the worker that had it did not finish";
  return course->last_end;
}

Unit JobState::next_try(std::string_view unit) const {
  const auto place = place_of(unit);
  GORGON_CHECK(place.has_value());
  Unit next = units_[*place];
  const Course* course = course_of(unit);
  if (course == nullptr || !course->failed || !rules_.retries.can_run_cases) return next;
  std::vector<std::string> cases = cases_to_try_again(*course->failed);
  if (cases.empty()) return next;
  next.only = std::move(cases);
  next.except.clear();
  return next;
}

std::string JobState::host_to_avoid(std::string_view unit) const {
  const Course* course = course_of(unit);
  if (course == nullptr || !course->failed) return {};
  const std::string& host = course->failed->host;
  const auto here = static_cast<std::size_t>(std::ranges::count_if(
      workers_, [&](const auto& worker) { return worker.first.first == host; }));
  // Its workers are asked in turn; a round of them has met all that the broker would ask.
  const bool has_others = here < workers_.size();
  return has_others && course->declined < here ? host : "";
}

bool JobState::runs_alone(std::string_view unit) const {
  const Course* course = course_of(unit);
  return course != nullptr && std::ranges::any_of(course->attempts, [](const auto& attempt) {
           return attempt.end != AttemptEnd::kStopped;
         });
}

std::size_t JobState::running_count() const {
  std::set<std::size_t> running;
  for (const auto& [name, state] : workers_) {
    if (state.unit && !entries_[*state.unit].outcome) running.insert(*state.unit);
  }
  return running.size();
}

std::vector<JobState::RunningUnit> JobState::running_units() const {
  std::vector<RunningUnit> running;
  for (const auto& [name, state] : workers_) {
    if (state.unit && !entries_[*state.unit].outcome)
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

std::size_t JobState::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [&](const Entry& known) {
    return known.outcome && known.outcome->verdict == verdict;
  }));
}

}  // namespace gorgon::results
