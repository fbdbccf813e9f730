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
};

Result<std::map<Name, State>> cases_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(Statement rows,
                    store.database().prepare("SELECT file, name, status, seconds FROM cases "
                                             "JOIN tests ON test = id WHERE run = ?"));
  rows.bind(1, run);
  std::map<Name, State> cases;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return cases;
    // Of several with one name the worst counts.
    State& state = cases[{rows.text(0), rows.text(1)}];
    if (!is_bad_status(state.status)) state = {.status = rows.text(2), .seconds = rows.real(3)};
  }
}

Result<std::vector<std::string>> files_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(Statement rows, store.database().prepare(fmt::format(
                                        "SELECT file FROM units WHERE run = ? GROUP BY file "
                                        "HAVING min(verdict IN ('passed', 'failed') AND {}) "
                                        "ORDER BY file",
                                        kIsWholeFile)));
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
  if (is_bad_status(before.status) != is_bad_status(after.status))
    return is_bad_status(after.status) ? Kind::kBroken : Kind::kFixed;
  if (before.status != "passed" || after.status != "passed") return std::nullopt;
  constexpr double kLeastSeconds = 0.1;
  constexpr double kFactor = 2;
  const double difference = after.seconds - before.seconds;
  if (difference > kLeastSeconds && after.seconds > kFactor * before.seconds) return Kind::kSlower;
  if (-difference > kLeastSeconds && before.seconds > kFactor * after.seconds) return Kind::kFaster;
  return std::nullopt;
}

/// Rows of file, case, and what the newest `runs` runs say of it, a run after the other.
constexpr const char* kCasesOfRuns =
    "SELECT file, name, status, seconds, is_flaky FROM cases JOIN tests ON test = id "
    "WHERE run IN (SELECT number FROM runs ORDER BY number DESC LIMIT ?) "
    "ORDER BY file, name, run";
constexpr const char* kFilesOfRuns =
    "SELECT file, '', verdict, sum(seconds), 0 FROM units "
    "WHERE run IN (SELECT number FROM runs ORDER BY number DESC LIMIT ?) "
    "AND verdict IN ('passed', 'failed') AND {} "
    "GROUP BY file, run ORDER BY file, run";

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
        add(is_bad_status(state.status) ? CaseChange::Kind::kBroken : CaseChange::Kind::kNew, name,
            {}, state);
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
  GORGON_TRY_ASSIGN(Statement rows,
                    store.database().prepare(are_files ? fmt::format(kFilesOfRuns, kIsWholeFile)
                                                       : std::string(kCasesOfRuns)));
  rows.bind(1, static_cast<std::int64_t>(runs));
  std::map<Name, std::vector<double>> times;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) break;
    times[{rows.text(0), rows.text(1)}].push_back(rows.real(3));
  }
  std::vector<Slowness> all;
  all.reserve(times.size());
  for (auto& [name, seconds] : times) all.push_back(slowness_of(name, std::move(seconds)));
  std::ranges::stable_sort(all, std::greater(), &Slowness::median_seconds);
  if (all.size() > limit) all.resize(limit);
  return all;
}

Result<std::vector<Flakiness>> flaky_cases(Store& store, std::size_t runs) {
  GORGON_TRY_ASSIGN(Statement rows, store.database().prepare(kCasesOfRuns));
  rows.bind(1, static_cast<std::int64_t>(runs));
  struct Course {
    Flakiness sum;
    std::optional<bool> failed;  ///< In the run before.
  };
  std::map<Name, Course> courses;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) break;
    Course& course = courses[{rows.text(0), rows.text(1)}];
    const bool failed = is_bad_status(rows.text(2));
    ++course.sum.runs;
    if (rows.integer(4) != 0) ++course.sum.flaky;
    if (course.failed && *course.failed != failed) ++course.sum.changes;
    course.failed = failed;
  }
  std::vector<Flakiness> flaky;
  for (auto& [name, course] : courses) {
    if (course.sum.flaky == 0 && course.sum.changes < 2) continue;
    std::tie(course.sum.file, course.sum.name) = name;
    flaky.push_back(std::move(course.sum));
  }
  std::ranges::stable_sort(flaky, std::greater(),
                           [](const Flakiness& one) { return std::tie(one.flaky, one.changes); });
  return flaky;
}

}  // namespace gorgon::history
