#include "report/activity.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "report/summary.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::report {

namespace {

double seconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void Activity::add(const results::RunEvent& event, TimePoint now) {
  if (!started_) started_ = now;
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    started_ = now;
    expected_ = started->expected_seconds;
  } else if (const auto* waiting = std::get_if<results::Waiting>(&event)) {
    waiting_ = waiting->reason;
  } else if (const auto* host = std::get_if<results::HostChanged>(&event)) {
    change_host(*host);
  } else if (const auto* unit = std::get_if<results::UnitStarted>(&event)) {
    start_unit(*unit, now);
  } else if (const auto* tried = std::get_if<results::UnitTried>(&event)) {
    std::erase_if(running_, [&](const RunningUnit& entry) { return entry.unit == tried->unit; });
  } else if (const auto* finished = std::get_if<results::UnitFinished>(&event)) {
    // What was waited for, a broker say, has answered.
    const auto verdict = finished->result->verdict;
    if (verdict != results::Verdict::kLost && verdict != results::Verdict::kCancelled) {
      waiting_.clear();
    }
    // Second copies of it are of no interest any more.
    std::erase_if(running_,
                  [&](const RunningUnit& entry) { return entry.unit == finished->unit->id; });
  }
}

void Activity::add(const results::LongCase& long_case, TimePoint now) {
  for (RunningUnit& entry : running_) {
    if (entry.unit != long_case.unit || entry.host != long_case.host ||
        entry.worker != long_case.worker)
      continue;
    entry.running_case = long_case.running_case;
    const std::chrono::duration<double> age(std::clamp(long_case.case_seconds, 0.0, 1e9));
    entry.case_since = now - std::chrono::duration_cast<TimePoint::duration>(age);
  }
}

std::vector<Activity::HostEntry> Activity::hosts() const {
  std::vector<HostEntry> entries;
  for (const auto& [name, host] : hosts_) {
    entries.push_back(
        {.host = name, .state = host.state, .workers = std::max(host.workers, host.seen.size())});
  }
  return entries;
}

void Activity::start_unit(const results::UnitStarted& event, TimePoint now) {
  waiting_.clear();
  // The worker does one thing at a time, and a later attempt means that the earlier one is dead.
  std::erase_if(running_, [&](const RunningUnit& entry) {
    return (entry.host == event.host && entry.worker == event.worker) ||
           (entry.unit == event.unit && entry.attempt < event.attempt);
  });
  hosts_.try_emplace(event.host, Host{.state = State::kReady})
      .first->second.seen.insert(event.worker);
  running_.push_back({.unit = event.unit,
                      .file = event.file,
                      .host = event.host,
                      .worker = event.worker,
                      .attempt = event.attempt,
                      .since = now});
}

void Activity::change_host(const results::HostChanged& event) {
  if (event.state == State::kReady || event.state == State::kPreparing) waiting_.clear();
  Host& host = hosts_[event.host];
  host.state = event.state;
  host.workers = event.workers;
  if (event.state == State::kLeft || event.state == State::kFailed) {
    host.workers = 0;
    host.seen.clear();
    std::erase_if(running_, [&](const RunningUnit& entry) { return entry.host == event.host; });
  }
}

std::size_t Activity::count(State state) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(hosts_, [&](const auto& host) { return host.second.state == state; }));
}

std::size_t Activity::workers() const {
  std::size_t workers = 0;
  for (const auto& [name, host] : hosts_) workers += std::max(host.workers, host.seen.size());
  return workers;
}

double Activity::elapsed_seconds(TimePoint now) const {
  return started_ ? seconds_between(*started_, now) : 0;
}

std::optional<double> Activity::remaining_seconds(const Summary& summary, TimePoint now) const {
  const std::size_t finished = summary.units().total();
  const std::size_t planned = summary.planned_units();
  if (workers() == 0 || finished >= planned) return std::nullopt;
  const std::size_t left_units = planned - finished;
  const std::size_t ran = summary.ran_units();
  double spent = summary.unit_seconds();
  for (const RunningUnit& entry : running_) spent += seconds_between(entry.since, now);
  const auto spread = static_cast<double>(std::min(workers(), left_units));
  // What was expected of units that do not run will not be spent.
  if (expected_ && ran == finished && *expected_ > spent) return (*expected_ - spent) / spread;
  if (ran == 0 || finished * 10 < planned) return std::nullopt;
  const double mean = summary.unit_seconds() / static_cast<double>(ran);
  const double left = mean * static_cast<double>(left_units) - (spent - summary.unit_seconds());
  return std::max(0.0, left / spread);
}

}  // namespace gorgon::report
