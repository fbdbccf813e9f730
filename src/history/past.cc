#include "history/past.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "history/database.h"
#include "history/schema.h"
#include "history/store.h"
#include "report/past.h"
#include "results/verdict.h"

namespace gorgon::history {

namespace {

report::PastRun past_run(const RunSummary& run) {
  return {.number = run.number,
          .started_at = run.started_at,
          .seconds = run.seconds,
          .exit_code = run.exit_code,
          .cases = static_cast<std::size_t>(run.cases),
          .failures = static_cast<std::size_t>(run.failures),
          .flaky = static_cast<std::size_t>(run.flaky)};
}

int badness(const report::PastStatus& past) {
  return is_bad(past.status) ? 2 : past.is_flaky ? 1 : 0;
}

/// Asks for one file at a time, so that nobody holds the cases of all runs in memory.
class Courses {
 public:
  using OfFile = std::map<std::string, report::Course>;

  /// `runs`: not empty, the oldest first.
  static Result<std::shared_ptr<Courses>> make(Store store,
                                               const std::vector<report::PastRun>& runs) {
    // The index of cases by test goes on with the run: nothing of other runs is read.
    GORGON_TRY_ASSIGN(Statement rows, store.database().prepare(
                                          "SELECT name, run, status, is_flaky FROM tests "
                                          "CROSS JOIN cases ON test = id "
                                          "WHERE file = ?1 AND run BETWEEN ?2 AND ?3 "
                                          "UNION ALL SELECT name, run, status, is_flaky FROM " +
                                          cases_outside() +
                                          " WHERE file = ?1 AND run BETWEEN ?2 AND ?3 "
                                          "AND (status <> 'passed' OR is_flaky)"));
    return std::make_shared<Courses>(std::move(store), std::move(rows), runs);
  }
  Courses(Store store, Statement rows, const std::vector<report::PastRun>& runs)
      : store_(std::move(store)), rows_(std::move(rows)) {
    for (const report::PastRun& run : runs) places_.emplace(run.number, places_.size());
  }

  OfFile of(const std::string& file) {
    OfFile courses;
    if (const auto read = read_into(courses, file); !read) {
      log::warning("earlier runs of {} are not in the report: {}", file, read.error().message);
      rows_.reset();
      return {};
    }
    return courses;
  }

 private:
  Result<void> read_into(OfFile& courses, const std::string& file) {
    rows_.bind(1, file).bind(2, places_.begin()->first).bind(3, places_.rbegin()->first);
    for (;;) {
      GORGON_TRY_ASSIGN(const bool has_row, rows_.step());
      if (!has_row) return {};
      const auto place = places_.find(rows_.integer(1));
      if (place == places_.end()) continue;
      report::Course& course = courses[rows_.text(0)];
      course.resize(places_.size());
      auto& past = course[place->second];
      const report::PastStatus status{
          .status = results::case_status_named(rows_.text(2)).value_or(results::CaseStatus::kError),
          .is_flaky = rows_.integer(3) != 0};
      // Of several with one name the worst counts.
      if (!past || badness(status) >= badness(*past)) past = status;
    }
  }

  Store store_;
  Statement rows_;
  std::map<std::int64_t, std::size_t> places_;  ///< Number of a run to its place in a course.
};

}  // namespace

Result<report::Past> past_runs(Store store, std::optional<std::int64_t> before, std::size_t limit) {
  GORGON_TRY_ASSIGN(const auto runs, store.runs(limit, before));
  report::Past past;
  for (const RunSummary& run : runs) past.runs.push_back(past_run(run));
  std::ranges::reverse(past.runs);
  if (past.runs.empty()) return past;
  GORGON_TRY_ASSIGN(const auto courses, Courses::make(std::move(store), past.runs));
  past.courses_of = [courses](const std::string& file) { return courses->of(file); };
  return past;
}

}  // namespace gorgon::history
