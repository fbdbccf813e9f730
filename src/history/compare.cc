#include "history/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "history/schema.h"
#include "history/store.h"

namespace gorgon::history {

namespace {

using Name = std::pair<std::string, std::string>;  ///< File and case.

struct State {
  std::string status;
  double seconds = 0;
  bool has_gone_wrong = false;
};

Result<std::map<Name, State>> cases_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(
      Statement rows,
      store.database().prepare(fmt::format(
          "SELECT file, name, status, seconds, {0} FROM cases JOIN tests ON test = id "
          "WHERE run = ?1 UNION ALL SELECT file, name, status, 0, {0} FROM {1} WHERE run = ?1",
          kHasGoneWrong, cases_outside())));
  rows.bind(1, run);
  std::map<Name, State> cases;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return cases;
    // Of several with one name the worst counts.
    State& state = cases[{rows.text(0), rows.text(1)}];
    if (is_bad_status(state.status)) continue;
    const bool has_gone_wrong = rows.integer(4) != 0;
    if (state.has_gone_wrong && !has_gone_wrong) continue;
    state = {.status = rows.text(2), .seconds = rows.real(3), .has_gone_wrong = has_gone_wrong};
  }
}

/// That ran whole and to their end.
Result<std::vector<std::string>> files_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(Statement rows, store.database().prepare(fmt::format(
                                        "SELECT file FROM units WHERE run = ? GROUP BY file "
                                        "HAVING min({} AND {}) ORDER BY file",
                                        kCameToItsEnd, is_whole_file())));
  rows.bind(1, run);
  std::vector<std::string> files;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return files;
    files.push_back(rows.text(0));
  }
}

std::optional<CaseChange::Kind> kind_of(const State& before, const State& after) {
  using Kind = CaseChange::Kind;
  if (before.has_gone_wrong != after.has_gone_wrong)
    return after.has_gone_wrong ? Kind::kBroken : Kind::kFixed;
  if (before.status != "passed" || after.status != "passed") return std::nullopt;
  constexpr double kLeastSeconds = 0.1;
  constexpr double kFactor = 2;
  const double difference = after.seconds - before.seconds;
  if (difference > kLeastSeconds && after.seconds > kFactor * before.seconds) return Kind::kSlower;
  if (-difference > kLeastSeconds && before.seconds > kFactor * after.seconds) return Kind::kFaster;
  return std::nullopt;
}

/// Of the newest runs; the first parameter says how many.
constexpr const char* kNewestRuns = "(SELECT number FROM runs ORDER BY number DESC LIMIT ?1)";

/// Rows of file, case and seconds, one a run: of several rounds the mean.
constexpr const char* kCaseTimes =
    "SELECT file, name, avg(seconds) FROM cases JOIN tests ON test = id "
    "WHERE run IN {} GROUP BY file, name, run ORDER BY file, name, run";
constexpr const char* kFileTimes =
    "SELECT file, '', avg(seconds) FROM units "
    "WHERE run IN {} AND verdict IN ('passed', 'failed') AND {} "
    "GROUP BY file, run ORDER BY file, run";

/// Rows of file, case, run, unit and what that says of the case: whether it failed, and whether it
/// was flaky. The oldest run first.
std::string rows_of_courses() {
  return fmt::format(
      "SELECT file, name, run, unit, {0}, is_flaky FROM cases JOIN tests ON test = id "
      "WHERE run IN {1} UNION ALL SELECT file, name, run, unit, {0}, is_flaky FROM {2} "
      "WHERE run IN {1} ORDER BY file, name, run, unit",
      kHasGoneWrong, kNewestRuns, cases_outside());
}

/// A case over several runs.
class Course {
 public:
  struct Round {
    std::int64_t run = 0;
    std::int64_t unit = 0;
    bool failed = false;
    bool is_flaky = false;
  };
  /// Of several with one name in a unit the worst counts.
  void take(const Round& round) {
    if (!rounds_.empty() && rounds_.back().run != round.run) end_run();
    if (rounds_.empty() || rounds_.back().unit != round.unit)
      rounds_.push_back({.run = round.run, .unit = round.unit});
    rounds_.back().failed |= round.failed;
    rounds_.back().is_flaky |= round.is_flaky;
  }
  /// `name` is that of the case.
  Flakiness end(const Name& name) {
    end_run();
    std::tie(sum_.file, sum_.name) = name;
    return std::move(sum_);
  }

 private:
  void end_run() {
    const bool has_failed = std::ranges::any_of(rounds_, &Round::failed);
    const bool has_passed = !std::ranges::all_of(rounds_, &Round::failed);
    ++sum_.runs;
    if ((has_failed && has_passed) || std::ranges::any_of(rounds_, &Round::is_flaky)) ++sum_.flaky;
    if (failed_ && *failed_ != has_failed) ++sum_.changes;
    failed_ = has_failed;
    rounds_.clear();
  }

  Flakiness sum_;
  std::optional<bool> failed_;  ///< In the run before.
  std::vector<Round> rounds_;   ///< Of one run.
};

/// `seconds` is not empty.
Slowness slowness_of(const Name& name, std::vector<double> seconds) {
  std::ranges::sort(seconds);
  return {.file = name.first,
          .name = name.second,
          .median_seconds = seconds[seconds.size() / 2],
          .most_seconds = seconds.back(),
          .runs = seconds.size()};
}

}  // namespace

Result<std::vector<CaseChange>> changes_between(Store& store, std::int64_t before,
                                                std::int64_t after) {
  GORGON_TRY_ASSIGN(const auto old_cases, cases_of(store, before));
  GORGON_TRY_ASSIGN(const auto new_cases, cases_of(store, after));
  GORGON_TRY_ASSIGN(const auto old_files, files_of(store, before));
  GORGON_TRY_ASSIGN(const auto new_files, files_of(store, after));
  std::vector<CaseChange> changes;
  const auto add = [&](CaseChange::Kind kind, const Name& name, const State& was, const State& is) {
    changes.push_back({.kind = kind,
                       .file = name.first,
                       .name = name.second,
                       .before = was.status,
                       .after = is.status,
                       .seconds_before = was.seconds,
                       .seconds_after = is.seconds});
  };
  for (const auto& [name, state] : new_cases) {
    const auto old = old_cases.find(name);
    if (old == old_cases.end()) {
      // NOLINTNEXTLINE(misc-include-cleaner): <algorithm> is there.
      if (std::ranges::binary_search(old_files, name.first))
        add(state.has_gone_wrong ? CaseChange::Kind::kBroken : CaseChange::Kind::kNew, name, {},
            state);
    } else if (const auto kind = kind_of(old->second, state)) {
      add(*kind, name, old->second, state);
    }
  }
  for (const auto& [name, state] : old_cases) {
    if (!new_cases.contains(name) && std::ranges::binary_search(new_files, name.first))
      add(CaseChange::Kind::kGone, name, state, {});
  }
  std::ranges::sort(changes, {}, [](const CaseChange& change) {
    return std::tie(change.kind, change.file, change.name);
  });
  return changes;
}

Result<std::vector<Slowness>> slowest(Store& store, std::size_t runs, bool are_files,
                                      std::size_t limit) {
  GORGON_TRY_ASSIGN(
      Statement rows,
      store.database().prepare(are_files ? fmt::format(kFileTimes, kNewestRuns, is_whole_file())
                                         : fmt::format(kCaseTimes, kNewestRuns)));
  rows.bind(1, static_cast<std::int64_t>(runs));
  std::map<Name, std::vector<double>> times;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) break;
    times[{rows.text(0), rows.text(1)}].push_back(rows.real(2));
  }
  std::vector<Slowness> all;
  all.reserve(times.size());
  for (auto& [name, seconds] : times) all.push_back(slowness_of(name, std::move(seconds)));
  std::ranges::stable_sort(all, std::greater(), &Slowness::median_seconds);
  if (all.size() > limit) all.resize(limit);
  return all;
}

Result<std::vector<Flakiness>> flaky_cases(Store& store, std::size_t runs) {
  GORGON_TRY_ASSIGN(Statement rows, store.database().prepare(rows_of_courses()));
  rows.bind(1, static_cast<std::int64_t>(runs));
  std::map<Name, Course> courses;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) break;
    courses[{rows.text(0), rows.text(1)}].take({.run = rows.integer(2),
                                                .unit = rows.integer(3),
                                                .failed = rows.integer(4) != 0,
                                                .is_flaky = rows.integer(5) != 0});
  }
  std::vector<Flakiness> flaky;
  for (auto& [name, course] : courses) {
    Flakiness one = course.end(name);
    if (one.flaky > 0 || one.changes > 1) flaky.push_back(std::move(one));
  }
  std::ranges::stable_sort(flaky, std::greater(),
                           [](const Flakiness& one) { return std::tie(one.flaky, one.changes); });
  return flaky;
}

}  // namespace gorgon::history
