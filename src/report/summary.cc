#include "report/summary.h"

#include <algorithm>  // NOLINT(misc-include-cleaner): std::ranges::upper_bound.
#include <cstddef>
#include <functional>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Verdict;

namespace {

/// Of two verdicts in one file the one with more to say: what a test did comes before what kept it
/// from running.
int badness(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return 0;
    case Verdict::kCancelled:
      return 1;
    case Verdict::kLost:
      return 2;
    case Verdict::kFailed:
      return 3;
    case Verdict::kTimedOut:
      return 4;
    case Verdict::kCrashed:
      return 5;
  }
  return 0;
}

/// The result with its failed cases alone: those that passed may be many and are only counted.
results::UnitResult without_good_cases(const results::UnitResult& result) {
  results::UnitResult kept;
  kept.unit = result.unit;
  kept.verdict = result.verdict;
  kept.attempt = result.attempt;
  kept.seconds = result.seconds;
  kept.host = result.host;
  kept.worker = result.worker;
  kept.errors = result.errors;
  kept.running_case = result.running_case;
  kept.output = result.output;
  for (const results::TestCase& test_case : result.cases) {
    if (is_bad(test_case.status)) kept.cases.push_back(test_case);
  }
  return kept;
}

}  // namespace

bool is_bad(CaseStatus status) {
  return status == CaseStatus::kFailed || status == CaseStatus::kError;
}

void Summary::add(const results::RunEvent& event) {
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    start(*started);
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    finish_unit(*unit->unit, *unit->result);
  } else if (const auto* host = std::get_if<results::HostChanged>(&event)) {
    if (host->state == results::HostChanged::State::kFailed) {
      failed_hosts_.push_back({.host = host->host, .message = host->message});
    }
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    finished_ = *finished;
  }
}

void Summary::start(const results::RunStarted& event) {
  planned_units_ = event.units.size();
  for (const results::Unit& unit : event.units) ++files_[unit.file].units;
}

void Summary::finish_unit(const results::Unit& unit, const results::UnitResult& result) {
  units_.add(result.verdict);
  finish_in_file(unit.file, result.verdict);
  CaseCounts counts;
  for (const results::TestCase& test_case : result.cases) {
    counts.add(test_case.status);
    cases_.add(test_case.status);
  }
  note_time(unit, result);
  const std::size_t bad_cases = counts[CaseStatus::kFailed] + counts[CaseStatus::kError];
  if (result.verdict == Verdict::kPassed && bad_cases == 0) return;
  const bool went_wrong_outside = result.verdict == Verdict::kFailed
                                      ? !result.errors.empty() || bad_cases == 0
                                      : result.verdict != Verdict::kPassed;
  failures_ += bad_cases;
  if (went_wrong_outside && result.verdict != Verdict::kCancelled) ++failures_;
  problems_.push_back({.unit = unit, .result = without_good_cases(result), .cases = counts});
}

void Summary::finish_in_file(const std::string& name, Verdict verdict) {
  File& file = files_[name];
  ++file.finished;
  if (badness(verdict) > badness(file.worst)) file.worst = verdict;
  if (file.finished == file.units) file_counts_.add(file.worst);
}

void Summary::note_time(const results::Unit& unit, const results::UnitResult& result) {
  unit_seconds_ += result.seconds;
  if (result.verdict == Verdict::kCancelled || result.verdict == Verdict::kLost) return;
  if (!result.host.empty()) ++hosts_[result.host][result.worker];
  const auto place =
      // NOLINTNEXTLINE(misc-include-cleaner): <algorithm> is there.
      std::ranges::upper_bound(slowest_, result.seconds, std::greater<>(), &SlowUnit::seconds);
  slowest_.insert(place, {.file = unit.file, .seconds = result.seconds});
  if (slowest_.size() > kSlowest) slowest_.pop_back();
}

std::size_t Summary::workers_used() const {
  std::size_t workers = 0;
  for (const auto& [host, units] : hosts_) workers += units.size();
  return workers;
}

std::vector<std::string> Summary::failing_files() const {
  std::vector<std::string> files;
  std::unordered_set<std::string> seen;
  for (const Problem& problem : problems_) {
    if (problem.result.verdict == Verdict::kCancelled) continue;
    if (seen.insert(problem.unit.file).second) files.push_back(problem.unit.file);
  }
  return files;
}

}  // namespace gorgon::report
