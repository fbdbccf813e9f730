#include "history/schema.h"

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "history/database.h"
#include "results/case_outside.h"
#include "results/verdict.h"

namespace gorgon::history {

namespace {

/// Grows with every change that older programs would misread.
constexpr int kVersion = 5;

/// Names of cases are kept once, however many runs they were in: they are most of the text of a run
/// that passes. "try" counts back from the verdict: 0 is what decided it, 1 what came before.
constexpr const char* kFirstTables = R"(
CREATE TABLE runs(
  number INTEGER PRIMARY KEY,
  job TEXT NOT NULL UNIQUE,
  started_at REAL NOT NULL,
  expected_seconds REAL,
  is_local INTEGER NOT NULL,
  arguments TEXT NOT NULL,
  seconds REAL,
  exit_code INTEGER,
  reason TEXT
);
CREATE TABLE tests(
  id INTEGER PRIMARY KEY,
  file TEXT NOT NULL,
  case_id TEXT NOT NULL,
  name TEXT NOT NULL,
  location TEXT NOT NULL,
  UNIQUE(file, case_id, name, location)
);
CREATE TABLE units(
  run INTEGER NOT NULL REFERENCES runs(number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  file TEXT NOT NULL,
  only_cases TEXT NOT NULL,
  except_cases TEXT NOT NULL,
  places TEXT NOT NULL,
  names TEXT NOT NULL,
  tags TEXT NOT NULL,
  verdict TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  seconds REAL NOT NULL,
  host TEXT NOT NULL,
  worker TEXT NOT NULL,
  running_case TEXT NOT NULL,
  output TEXT NOT NULL,
  PRIMARY KEY(run, position)
) WITHOUT ROWID;
CREATE TABLE cases(
  run INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  position INTEGER NOT NULL,
  test INTEGER NOT NULL REFERENCES tests(id),
  status TEXT NOT NULL,
  seconds REAL NOT NULL,
  is_flaky INTEGER NOT NULL,
  pending TEXT NOT NULL,
  output TEXT NOT NULL,
  PRIMARY KEY(run, unit, position),
  FOREIGN KEY(run, unit) REFERENCES units(run, position) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX cases_of_test ON cases(test);
CREATE TABLE failures(
  run INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  case_position INTEGER NOT NULL,
  try INTEGER NOT NULL,
  position INTEGER NOT NULL,
  stage TEXT NOT NULL,
  class TEXT NOT NULL,
  message TEXT NOT NULL,
  backtrace TEXT NOT NULL,
  PRIMARY KEY(run, unit, case_position, try, position),
  FOREIGN KEY(run, unit) REFERENCES units(run, position) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE events(
  run INTEGER NOT NULL REFERENCES runs(number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  unit INTEGER,
  unit_id TEXT NOT NULL,
  host TEXT NOT NULL,
  worker TEXT NOT NULL,
  number INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(run, position)
) WITHOUT ROWID;
)";

/// What came since, a step for each version.
constexpr std::array kSteps = std::to_array<const char*>({
    kFirstTables,
    // rerun_of: the run whose failures this one has taken up.
    R"(
ALTER TABLE runs ADD COLUMN rerun_of INTEGER;
ALTER TABLE units ADD COLUMN expression TEXT NOT NULL DEFAULT '';
CREATE INDEX units_of_file ON units(file, run);
)",
    // runner: units and tries with the same ran in one process, one after the other.
    R"(
ALTER TABLE units ADD COLUMN runner TEXT NOT NULL DEFAULT '';
ALTER TABLE units ADD COLUMN seed INTEGER;
ALTER TABLE events ADD COLUMN runner TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN seed INTEGER;
)",
    // tree: a digest of what was tested.
    "ALTER TABLE runs ADD COLUMN tree TEXT",
    // killed_case, running_location: before, they had to be read out of messages, once more here.
    R"(
ALTER TABLE failures ADD COLUMN killed_case TEXT NOT NULL DEFAULT '';
ALTER TABLE units ADD COLUMN running_location TEXT NOT NULL DEFAULT '';
UPDATE failures SET killed_case = coalesce((
  SELECT CASE WHEN case_id <> '' THEN case_id ELSE name END FROM failures AS told
  JOIN cases ON cases.run = told.run AND cases.unit = told.unit
    AND cases.position = told.case_position
  JOIN tests ON tests.id = cases.test
  WHERE told.run = failures.run AND told.unit = failures.unit AND told.case_position >= 0
    AND told.try = 0 AND told.stage = 'timeout'
    AND substr(failures.message, -length(' was ' || told.message)) = ' was ' || told.message), '')
WHERE case_position < 0 AND try = 0 AND stage = 'timeout';
UPDATE units SET running_location = coalesce((
  SELECT substr(message, begins, length(message) - begins) FROM (
    SELECT message, instr(message, before) + length(before) AS begins, before FROM (
      SELECT message, ' in "' || units.running_case || '" (' AS before FROM failures
      WHERE run = units.run AND unit = units.position AND case_position < 0 AND try = 0
        AND failures.position = 0))
  WHERE instr(message, before) > 0 AND message LIKE '%)'), '')
WHERE running_case <> '';
)",
});
static_assert(kSteps.size() == kVersion);

Result<std::int64_t> version_of(Database& database) {
  GORGON_TRY_ASSIGN(Statement statement, database.prepare("PRAGMA user_version"));
  GORGON_TRY(statement.step());
  return statement.integer(0);
}

}  // namespace

Result<void> prepare_tables(Database& database) {
  // Readers and one writer at once; a loss of power may cost the last seconds, never the file.
  GORGON_TRY(
      database.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON"));
  // Two first runs at once: one of them makes the tables.
  GORGON_TRY(database.execute("BEGIN IMMEDIATE"));
  GORGON_TRY_ASSIGN(const std::int64_t version, version_of(database));
  if (version > kVersion) {
    return fail(ErrorKind::kUsage,
                fmt::format("it was written by a newer gorgon (format {}, this one knows {})",
                            version, kVersion));
  }
  for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step)
    GORGON_TRY(database.execute(kSteps.at(step)));
  if (version < kVersion)
    GORGON_TRY(database.execute(fmt::format("PRAGMA user_version = {}", kVersion).c_str()));
  return database.execute("COMMIT");
}

std::string is_whole_file() {
  return std::string(
             "only_cases = '[]' AND except_cases = '[]' AND places = '[]' AND names = '[]' "
             "AND tags = '[]' AND expression = '' "
             // Arguments of the framework may be filters.
             "AND NOT EXISTS (SELECT 1 FROM runs WHERE number = units.run AND "
             "arguments LIKE '%\"--\"%') AND NOT ") +
         kIsExcused;
}

std::string cases_outside() {
  // Of a row of units: its failed cases tell all that went wrong in it (results/case_outside.cc).
  constexpr const char* kIsToldByCases =
      "(verdict IN ('failed', 'timed_out') AND EXISTS (SELECT 1 FROM failures AS error "
      "WHERE error.run = units.run AND error.unit = units.position AND error.case_position < 0 "
      "AND error.try = 0) AND NOT EXISTS (SELECT 1 FROM failures AS error "
      "WHERE error.run = units.run AND error.unit = units.position AND error.case_position < 0 "
      "AND error.try = 0 AND NOT EXISTS (SELECT 1 FROM cases JOIN tests ON test = tests.id "
      "WHERE cases.run = units.run AND cases.unit = units.position "
      "AND cases.status IN ('failed', 'error') AND (error.killed_case <> '' AND "
      "error.killed_case = CASE WHEN case_id <> '' THEN case_id ELSE tests.name END "
      "OR error.stage = 'exit' AND EXISTS (SELECT 1 FROM failures AS told "
      "WHERE told.run = units.run AND told.unit = units.position AND told.try = 0 "
      "AND told.case_position = cases.position AND told.stage = 'exit')))))";
  return fmt::format(
      "(SELECT run, position AS unit, file, "
      "CASE WHEN verdict IN ('crashed', 'timed_out') AND running_case <> '' THEN running_case "
      "ELSE '{0}' END AS name, "
      "CASE WHEN {1} OR {2} THEN 'passed' WHEN verdict = 'failed' THEN 'error' ELSE verdict END AS "
      "status, "
      "verdict = 'passed' AND EXISTS (SELECT 1 FROM failures WHERE failures.run = units.run AND "
      "failures.unit = units.position AND case_position < 0 AND try > 0) AS is_flaky "
      "FROM units WHERE verdict IN ('passed', 'failed', 'crashed', 'timed_out') "
      "AND NOT EXISTS (SELECT 1 FROM cases JOIN tests ON test = tests.id "
      "WHERE cases.run = units.run AND cases.unit = units.position AND status = 'quarantined' "
      "AND case_id = '{0}'))",
      results::kOutsideOfCases, kCameToItsEnd, kIsToldByCases);
}

bool is_bad_status(std::string_view status) {
  const auto known = results::case_status_named(status);
  return known && results::is_bad(*known);
}

}  // namespace gorgon::history
