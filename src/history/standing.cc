#include "history/standing.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "history/schema.h"
#include "history/store.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"

namespace gorgon::history {

namespace {

/// Of a row of units: it ran, and nothing went wrong outside of its cases. One that failed without
/// saying which of them did not.
constexpr const char* kCameToItsEnd =
    "(verdict = 'passed' OR (verdict = 'failed' AND "
    "NOT EXISTS (SELECT 1 FROM failures WHERE failures.run = units.run AND "
    "failures.unit = units.position AND case_position < 0 AND try = 0) AND "
    "EXISTS (SELECT 1 FROM cases WHERE cases.run = units.run AND cases.unit = units.position AND "
    "status IN ('failed', 'error'))))";

/// How the last runs of a file ended.
struct FileCourse {
  std::optional<std::int64_t> last_whole_run;  ///< That came to its end.
  bool has_failed_as_a_whole = false;
};

Result<FileCourse> course_of(Store& store, const std::string& file) {
  GORGON_TRY_ASSIGN(
      Statement rows,
      store.database().prepare(std::string("SELECT run, verdict, ") + kIsWholeFile + ", " +
                               kCameToItsEnd + " FROM units WHERE file = ? ORDER BY run DESC"));
  rows.bind(1, file);
  FileCourse course;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return course;
    const std::string verdict = rows.text(1);
    if (verdict == "cancelled" || verdict == "lost") continue;
    if (rows.integer(3) == 0) {
      course.has_failed_as_a_whole = true;
      return course;
    }
    if (rows.integer(2) == 0) continue;
    course.last_whole_run = rows.integer(0);
    return course;
  }
}

struct UnitRow {
  std::int64_t position = 0;
  plan::Progress progress;
};

Result<std::vector<UnitRow>> units_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(
      Statement rows,
      store.database().prepare(std::string("SELECT position, file, ") + kIsWholeFile + ", " +
                               kCameToItsEnd + " FROM units WHERE run = ? ORDER BY position"));
  rows.bind(1, run);
  std::vector<UnitRow> units;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return units;
    units.push_back({.position = rows.integer(0),
                     .progress = {.file = rows.text(1),
                                  .is_whole_file = rows.integer(2) != 0,
                                  .came_to_its_end = rows.integer(3) != 0}});
  }
}

Result<std::map<std::string, bool>> passes_of(Statement& cases, std::int64_t run,
                                              std::int64_t unit) {
  cases.bind(1, run).bind(2, unit);
  std::map<std::string, bool> passes;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, cases.step());
    if (!has_row) return passes;
    passes[cases.text(0)] = !is_bad_status(cases.text(1));
  }
}

Result<std::optional<std::int64_t>> taken_up_by(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(Statement row,
                    store.database().prepare("SELECT rerun_of FROM runs WHERE number = ?"));
  GORGON_TRY_ASSIGN(const bool is_there, row.bind(1, run).step());
  if (!is_there) {
    return fail(ErrorKind::kNotFound,
                "run " + std::to_string(run) +
                    ", whose failures were taken up, is recorded no more: run the suite anew");
  }
  if (row.is_null(0)) return std::nullopt;
  return row.integer(0);
}

}  // namespace

Result<plan::FileRecord> record_of(Store& store, const std::string& file) {
  GORGON_TRY_ASSIGN(const FileCourse course, course_of(store, file));
  plan::FileRecord record;
  record.has_failed_as_a_whole = course.has_failed_as_a_whole;
  // The index of cases by test goes on with the run.
  GORGON_TRY_ASSIGN(Statement rows,
                    store.database().prepare("SELECT case_id, run, status, seconds, is_flaky "
                                             "FROM tests CROSS JOIN cases ON test = id "
                                             "WHERE file = ? ORDER BY run DESC"));
  rows.bind(1, file);
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return record;
    const std::string id = rows.text(0);
    if (rows.integer(4) != 0) record.flaky.insert(id);
    const bool is_latest = record.known.insert(id).second;
    const bool is_gone = course.last_whole_run && rows.integer(1) < *course.last_whole_run;
    if (!is_latest || is_gone) continue;
    record.seconds[id] = rows.real(3);
    if (is_bad_status(rows.text(2))) record.failed.insert(id);
  }
}

Result<plan::Outstanding> outstanding_of(Store& store, std::int64_t run) {
  std::vector<std::int64_t> runs = {run};
  for (;;) {
    GORGON_TRY_ASSIGN(const auto earlier, taken_up_by(store, runs.back()));
    // Of two that name each other, one is damaged.
    if (!earlier || *earlier >= runs.back()) break;
    runs.push_back(*earlier);
  }
  GORGON_TRY_ASSIGN(Statement cases,
                    store.database().prepare("SELECT case_id, status FROM cases "
                                             "JOIN tests ON test = id WHERE run = ? AND unit = ?"));
  plan::Outstanding left;
  for (; !runs.empty(); runs.pop_back()) {
    GORGON_TRY_ASSIGN(auto units, units_of(store, runs.back()));
    for (UnitRow& unit : units) {
      GORGON_TRY_ASSIGN(unit.progress.passes, passes_of(cases, runs.back(), unit.position));
      plan::take(left, unit.progress);
    }
  }
  return left;
}

}  // namespace gorgon::history
