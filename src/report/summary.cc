#include "report/summary.h"

#include <algorithm>  // NOLINT(misc-include-cleaner): std::ranges::upper_bound.
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "results/case_outside.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Verdict;

namespace {

/// Of the message of a problem that is cut short.
constexpr std::size_t kCutMessageBytes = 200;

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

/// The units of the problems whose verdict is `wanted`, one of each file.
template <class Predicate>
std::vector<results::Unit> units_of(const std::vector<Problem>& problems, Predicate wanted) {
  std::vector<results::Unit> units;
  std::unordered_set<std::string> seen;
  for (const Problem& problem : problems) {
    if (wanted(problem.result.verdict) && seen.insert(problem.unit.file).second)
      units.push_back(problem.unit);
  }
  return units;
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
  kept.running_location = result.running_location;
  kept.output = result.output;
  for (const results::TestCase& test_case : result.cases) {
    if (is_bad(test_case.status)) kept.cases.push_back(test_case);
  }
  return kept;
}

std::size_t bytes_of(const results::Failure& failure) {
  std::size_t bytes = failure.message.size();
  for (const std::string& frame : failure.backtrace) bytes += frame.size();
  return bytes;
}

std::size_t bytes_of_details(const results::UnitResult& result) {
  std::size_t bytes = result.output.size();
  for (const results::Failure& error : result.errors) bytes += bytes_of(error);
  for (const results::TestCase& test_case : result.cases) {
    bytes += test_case.output.size();
    if (test_case.failure) bytes += bytes_of(*test_case.failure);
  }
  return bytes;
}

void cut_details(results::Failure& failure) {
  failure.backtrace = {};
  std::string_view text = failure.message;
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  failure.message = valid_utf8(text.substr(0, std::min(text.find('\n'), kCutMessageBytes)));
}

void cut_details(results::UnitResult& result) {
  result.output = {};
  for (results::Failure& error : result.errors) cut_details(error);
  for (results::TestCase& test_case : result.cases) {
    test_case.output = {};
    if (test_case.failure) cut_details(*test_case.failure);
  }
}

}  // namespace

bool is_unfinished(Verdict verdict) {
  return verdict == Verdict::kCancelled || verdict == Verdict::kLost;
}

void Summary::add(const results::RunEvent& event) {
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    start(*started);
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    finish_unit(*unit->unit, *unit->result);
  } else if (const auto* tried = std::get_if<results::UnitTried>(&event)) {
    (void)hosts_[tried->host][tried->worker];  // It has worked, whatever came of it.
  } else if (const auto* host = std::get_if<results::HostChanged>(&event)) {
    if (host->state == results::HostChanged::State::kFailed) {
      failed_hosts_.push_back({.host = host->host, .message = host->message});
    }
  } else if (const auto* notice = std::get_if<results::Notice>(&event)) {
    if (notice->level == results::Notice::Level::kError) errors_.push_back(notice->text);
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    finished_ = *finished;
  }
}

void Summary::start(const results::RunStarted& event) {
  planned_units_ = event.units.size();
  files_.reserve(event.units.size());
  for (const results::Unit& unit : event.units) {
    ++files_[unit.file].units;
    is_repeated_ |= !unit.iteration().empty();
  }
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
  note_excused(unit, result);
  const std::size_t bad_cases = counts[CaseStatus::kFailed] + counts[CaseStatus::kError];
  if (result.verdict == Verdict::kPassed && bad_cases == 0) return;
  failures_ += bad_cases;
  if (results::went_wrong_outside(result) && !is_unfinished(result.verdict)) ++failures_;
  keep({.unit = unit, .result = without_good_cases(result), .cases = counts});
}

void Summary::note_excused(const results::Unit& unit, const results::UnitResult& result) {
  const auto add = [&](ExcusedTests& tests, const std::string& name, const std::string& why,
                       const results::Failure& failure) {
    if (++tests.count > kMostExcused) return;
    results::Failure first = failure;
    cut_details(first);
    tests.first.push_back(
        {.file = unit.file, .name = name, .message = std::move(first.message), .why = why});
  };
  for (const results::TestCase& test_case : result.cases) {
    if (is_flaky(test_case)) add(flaky_, test_case.name, "", test_case.earlier_failures.front());
    if (test_case.status == CaseStatus::kQuarantined) {
      add(quarantined_, test_case.name, test_case.pending_message,
          test_case.failure.value_or(results::Failure()));
    }
  }
  if (result.verdict == Verdict::kPassed && !result.earlier_errors.empty())
    add(flaky_, "", "", result.earlier_errors.front());
}

void Summary::keep(Problem problem) {
  const std::size_t bytes = bytes_of_details(problem.result);
  if (details_bytes_ + bytes > most_details_bytes_) {
    ++cut_problems_;
    cut_details(problem.result);
  } else {
    details_bytes_ += bytes;
  }
  problems_.push_back(std::move(problem));
}

void Summary::finish_in_file(std::string_view name, Verdict verdict) {
  File& file = files_[name];
  ++file.finished;
  if (!is_unfinished(verdict)) ++file.ran;
  if (verdict != Verdict::kPassed && !is_unfinished(verdict)) ++file.bad;
  if (badness(verdict) > badness(file.worst)) file.worst = verdict;
  if (file.finished == file.units) file_counts_.add(file.worst);
}

void Summary::note_time(const results::Unit& unit, const results::UnitResult& result) {
  unit_seconds_ += result.seconds;
  if (is_unfinished(result.verdict)) return;
  if (!result.host.empty()) ++hosts_[result.host][result.worker];
  const auto place =
      // NOLINTNEXTLINE(misc-include-cleaner): <algorithm> is there.
      std::ranges::upper_bound(slowest_, result.seconds, std::greater<>(), &SlowUnit::seconds);
  slowest_.insert(place, {.file = unit.file, .seconds = result.seconds});
  if (slowest_.size() > kSlowest) slowest_.pop_back();
}

std::size_t Summary::ran_units() const {
  return units_.total() - units_[Verdict::kCancelled] - units_[Verdict::kLost];
}

std::size_t Summary::workers_used() const {
  std::size_t workers = 0;
  for (const auto& [host, units] : hosts_) workers += units.size();
  return workers;
}

std::vector<std::string> Summary::failing_files() const {
  std::vector<std::string> files;
  for (results::Unit& unit :
       units_of(problems_, [](Verdict verdict) { return !is_unfinished(verdict); }))
    files.push_back(std::move(unit.file));
  return files;
}

std::vector<UnsteadyFile> Summary::unsteady_files() const {
  std::vector<UnsteadyFile> unsteady;
  if (!is_repeated_) return unsteady;
  std::vector<std::string> files = failing_files();
  for (std::string& file : files) {
    const File& known = files_.at(file);
    unsteady.push_back({.file = std::move(file), .ran = known.ran, .bad = known.bad});
  }
  return unsteady;
}

std::vector<results::Unit> Summary::units_to_rerun() const {
  return units_of(problems_, [](Verdict) { return true; });
}

}  // namespace gorgon::report
