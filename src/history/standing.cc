#include "history/standing.h"

#include <algorithm>
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
#include "history/texts.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"

namespace gorgon::history {

namespace {

/// It failed because it could not be asked for these cases: that says nothing of them.
constexpr const char* kWasRefused =
    "(verdict = 'failed' AND EXISTS (SELECT 1 FROM failures WHERE failures.run = units.run AND "
    "failures.unit = units.position AND case_position < 0 AND try = 0) AND "
    "NOT EXISTS (SELECT 1 FROM failures WHERE failures.run = units.run AND "
    "failures.unit = units.position AND case_position < 0 AND try = 0 AND stage <> 'selection'))";

/// How the last runs of a file ended.
struct FileCourse {
  std::optional<std::int64_t> last_whole_run;  ///< That came to its end.
  /// In which it did not, and quarantine excused that, and all that had failed before.
  std::optional<std::int64_t> last_excused_run;
  bool has_failed_as_a_whole = false;
};

Result<FileCourse> course_of(Store& store, const std::string& file) {
  GORGON_TRY_ASSIGN(Statement rows, store.database().prepare(
                                        "SELECT run, verdict, " + is_whole_file() + ", " +
                                        kCameToItsEnd + ", " + kIsExcused + ", " + kWasRefused +
                                        " FROM units WHERE file = ? ORDER BY run DESC, 4"));
  rows.bind(1, file);
  FileCourse course;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return course;
    const std::string verdict = rows.text(1);
    if (verdict == "cancelled" || verdict == "lost" || rows.integer(5) != 0) continue;
    if (rows.integer(3) == 0) {
      course.has_failed_as_a_whole = !course.last_excused_run;
      return course;
    }
    if (rows.integer(4) != 0 && !course.last_excused_run) course.last_excused_run = rows.integer(0);
    if (rows.integer(2) == 0) continue;
    course.last_whole_run = rows.integer(0);
    return course;
  }
}

/// Something went wrong outside of its cases, and did not when the file was tried again.
Result<bool> is_flaky_as_a_whole(Store& store, const std::string& file) {
  GORGON_TRY_ASSIGN(Statement row,
                    store.database().prepare("SELECT 1 FROM " + cases_outside() +
                                             " WHERE file = ? AND is_flaky LIMIT 1"));
  return row.bind(1, file).step();
}

struct UnitRow {
  std::int64_t position = 0;
  plan::Progress progress;
};

Result<std::vector<UnitRow>> units_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(
      Statement rows,
      store.database().prepare(
          std::string("SELECT position, file, places, names, tags, expression, "
                      "only_cases <> '[]' OR except_cases <> '[]', ") +
          kCameToItsEnd + ", " + kIsExcused + " FROM units WHERE run = ? ORDER BY position"));
  rows.bind(1, run);
  std::vector<UnitRow> units;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return units;
    units.push_back({.position = rows.integer(0),
                     .progress = {.file = rows.text(1),
                                  .filter = {.places = texts_in(rows.text(2)),
                                             .names = texts_in(rows.text(3)),
                                             .tags = texts_in(rows.text(4)),
                                             .expression = rows.text(5)},
                                  .is_part = rows.integer(6) != 0,
                                  .came_to_its_end = rows.integer(7) != 0,
                                  .is_excused = rows.integer(8) != 0}});
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

struct RunRow {
  std::int64_t number = 0;
  std::optional<std::int64_t> rerun_of;
  std::vector<std::string> framework_arguments;
};

Result<RunRow> run_row(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(Statement row, store.database().prepare(
                                       "SELECT rerun_of, arguments FROM runs WHERE number = ?"));
  GORGON_TRY_ASSIGN(const bool is_there, row.bind(1, run).step());
  if (!is_there) {
    return fail(ErrorKind::kNotFound,
                "run " + std::to_string(run) +
                    ", whose failures were taken up, is recorded no more: run the suite anew");
  }
  RunRow found{.number = run};
  if (!row.is_null(0)) found.rerun_of = row.integer(0);
  const std::vector<std::string> words = texts_in(row.text(1));
  const auto dashes = std::ranges::find(words, "--");
  if (dashes != words.end()) found.framework_arguments.assign(dashes + 1, words.end());
  return found;
}

/// `run`, the one whose failures it took up, and so on to the first.
Result<std::vector<RunRow>> chain_of(Store& store, std::int64_t run) {
  std::vector<RunRow> chain;
  for (std::optional<std::int64_t> next = run; next;) {
    GORGON_TRY_ASSIGN(RunRow row, run_row(store, *next));
    next = row.rerun_of;
    // Of two that name each other, one is damaged.
    if (next >= row.number) next.reset();
    chain.push_back(std::move(row));
  }
  return chain;
}

}  // namespace

Result<plan::FileRecord> record_of(Store& store, const std::string& file) {
  GORGON_TRY_ASSIGN(const FileCourse course, course_of(store, file));
  plan::FileRecord record;
  record.has_failed_as_a_whole = course.has_failed_as_a_whole;
  GORGON_TRY_ASSIGN(record.is_flaky_as_a_whole, is_flaky_as_a_whole(store, file));
  // The index of cases by test goes on with the run.
  GORGON_TRY_ASSIGN(Statement rows,
                    store.database().prepare("SELECT case_id, run, status, seconds, is_flaky "
                                             "FROM tests CROSS JOIN cases ON test = id "
                                             "WHERE file = ? ORDER BY run DESC, "
                                             // Of a case that ran several times, what was worst.
                                             "status IN ('failed', 'error') DESC"));
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
    const bool is_excused = course.last_excused_run && rows.integer(1) < *course.last_excused_run;
    if (is_bad_status(rows.text(2)) && !is_excused) record.failed.insert(id);
  }
}

Result<std::optional<KnownCases>> known_cases(Store& store, const std::string& file) {
  GORGON_TRY_ASSIGN(const FileCourse course, course_of(store, file));
  if (!course.last_whole_run) return std::nullopt;
  KnownCases known{.run = *course.last_whole_run, .names = {}};
  GORGON_TRY_ASSIGN(Statement rows,
                    store.database().prepare("SELECT case_id, name FROM tests CROSS JOIN cases "
                                             "ON test = id WHERE file = ? AND run = ?"));
  rows.bind(1, file).bind(2, known.run);
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return known;
    known.names.insert({rows.text(0), rows.text(1)});
  }
}

Result<plan::Outstanding> outstanding_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(auto chain, chain_of(store, run));
  GORGON_TRY_ASSIGN(Statement cases,
                    store.database().prepare("SELECT case_id, status FROM cases "
                                             "JOIN tests ON test = id WHERE run = ? AND unit = ?"));
  plan::Outstanding left{.files = {}, .framework_arguments = chain.back().framework_arguments};
  for (; !chain.empty(); chain.pop_back()) {
    const RunRow& row = chain.back();
    GORGON_TRY_ASSIGN(auto units, units_of(store, row.number));
    std::vector<plan::Progress> progress;
    for (UnitRow& unit : units) {
      GORGON_TRY_ASSIGN(unit.progress.passes, passes_of(cases, row.number, unit.position));
      unit.progress.is_part |= plan::may_be_part(left, row.framework_arguments);
      progress.push_back(std::move(unit.progress));
    }
    plan::take_run(left, std::move(progress));
  }
  return left;
}

Result<std::vector<std::string>> framework_arguments_of(Store& store, std::int64_t run) {
  GORGON_TRY_ASSIGN(auto chain, chain_of(store, run));
  return std::move(chain.back().framework_arguments);
}

}  // namespace gorgon::history
