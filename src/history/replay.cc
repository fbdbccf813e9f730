// Store::replay(): the record of a run as the events it was made of.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "history/store.h"
#include "history/texts.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::history {

namespace {

using Tell = std::function<void(const results::RunEvent&)>;

results::Failure failure_in(const Statement& row, int first) {
  return {.stage = row.text(first),
          .exception_class = row.text(first + 1),
          .message = row.text(first + 2),
          .backtrace = texts_in(row.text(first + 3)),
          .killed_case = row.text(first + 4)};
}

class Replay {
 public:
  static Result<Replay> make(Database& database, std::int64_t run) {
    GORGON_TRY_ASSIGN(
        Statement unit,
        database.prepare("SELECT verdict, attempt, seconds, host, worker, "
                         "running_case, output, runner, seed, running_location FROM units "
                         "WHERE run = ? AND position = ?"));
    GORGON_TRY_ASSIGN(Statement cases,
                      database.prepare("SELECT case_id, name, location, status, seconds, pending, "
                                       "output FROM cases JOIN tests ON test = id "
                                       "WHERE run = ? AND unit = ? ORDER BY position"));
    GORGON_TRY_ASSIGN(
        Statement failures,
        database.prepare("SELECT case_position, try, stage, class, message, backtrace, killed_case "
                         "FROM failures "
                         "WHERE run = ? AND unit = ? ORDER BY case_position, try, position"));
    return Replay(run, std::move(unit), std::move(cases), std::move(failures));
  }

  /// Those that ended with the event `from` or behind it.
  Result<void> load_units(Database& database, std::int64_t from = 0) {
    std::string sql =
        "SELECT position, id, file, only_cases, except_cases, places, names, tags, expression "
        "FROM units WHERE run = ?1 ";
    if (from > 0)
      sql += "AND position IN (SELECT unit FROM events WHERE run = ?1 AND position >= ?2) ";
    GORGON_TRY_ASSIGN(Statement rows, database.prepare(sql + "ORDER BY position"));
    rows.bind(1, run_);
    if (from > 0) rows.bind(2, from);
    for (;;) {
      GORGON_TRY_ASSIGN(const bool has_row, rows.step());
      if (!has_row) return {};
      places_[rows.integer(0)] = units_.size();
      units_.push_back({.id = rows.text(1),
                        .file = rows.text(2),
                        .only = texts_in(rows.text(3)),
                        .except = texts_in(rows.text(4)),
                        .filter = {.places = texts_in(rows.text(5)),
                                   .names = texts_in(rows.text(6)),
                                   .tags = texts_in(rows.text(7)),
                                   .expression = rows.text(8)}});
    }
  }

  Result<void> tell_start(Database& database, const Tell& tell) {
    GORGON_TRY_ASSIGN(Statement row,
                      database.prepare("SELECT job, started_at, expected_seconds, is_local "
                                       "FROM runs WHERE number = ?"));
    GORGON_TRY_ASSIGN(const bool is_there, row.bind(1, run_).step());
    if (!is_there) return fail(ErrorKind::kNotFound, "the run is recorded no more");
    results::RunStarted started{.job = row.text(0),
                                .started_at = row.real(1),
                                .units = units_,
                                .is_local = row.integer(3) != 0};
    if (!row.is_null(2)) started.expected_seconds = row.real(2);
    tell(started);
    return {};
  }

  /// Moves `bookmark` behind what it has told.
  Result<void> tell_course(Database& database, const Tell& tell, Bookmark& bookmark) {
    GORGON_TRY_ASSIGN(
        Statement rows,
        database.prepare("SELECT at, kind, state, unit, unit_id, host, worker, number, text, "
                         "position, runner, seed FROM events "
                         "WHERE run = ? AND position >= ? ORDER BY position"));
    rows.bind(1, run_).bind(2, bookmark.next);
    for (;;) {
      GORGON_TRY_ASSIGN(const bool has_row, rows.step());
      if (!has_row) return {};
      GORGON_TRY(tell_event(rows, tell));
      bookmark.next = rows.integer(9) + 1;
      bookmark.last_at = rows.real(0);
      bookmark.last_unit = rows.text(4);
    }
  }

  /// Whether the event in front of `bookmark` is that which it was put behind.
  Result<bool> is_same_record(Database& database, const Bookmark& bookmark) {
    if (bookmark.next == 0) return true;
    GORGON_TRY_ASSIGN(
        Statement row,
        database.prepare("SELECT at, unit_id FROM events WHERE run = ? AND position = ?"));
    GORGON_TRY_ASSIGN(const bool is_there, row.bind(1, run_).bind(2, bookmark.next - 1).step());
    return is_there && row.real(0) == bookmark.last_at && row.text(1) == bookmark.last_unit;
  }

  Result<Followed> follow(Database& database, Bookmark& bookmark, const Tell& tell) {
    GORGON_TRY_ASSIGN(Statement row,
                      database.prepare("SELECT seconds IS NOT NULL FROM runs WHERE number = ?"));
    GORGON_TRY_ASSIGN(const bool is_there, row.bind(1, run_).step());
    if (!is_there) return fail(ErrorKind::kNotFound, "the run is recorded no more");
    GORGON_TRY_ASSIGN(const bool is_same, is_same_record(database, bookmark));
    if (!is_same) {
      bookmark = {};
      return Followed::kAnew;
    }
    if (!bookmark.has_begun) GORGON_TRY(tell_start(database, tell));
    bookmark.has_begun = true;
    GORGON_TRY(load_units(database, bookmark.next));
    GORGON_TRY(tell_course(database, tell, bookmark));
    if (row.integer(0) == 0) return Followed::kGoesOn;
    GORGON_TRY(count_all(database));
    GORGON_TRY(tell_end(database, tell));
    return Followed::kOver;
  }

  /// Of a run that was told in parts.
  Result<void> count_all(Database& database) {
    GORGON_TRY_ASSIGN(Statement counts,
                      database.prepare("SELECT (SELECT count(*) FROM units WHERE run = ?1), "
                                       "(SELECT count(*) FROM cases WHERE run = ?1)"));
    GORGON_TRY(counts.bind(1, run_).step());
    units_told_ = static_cast<std::size_t>(counts.integer(0));
    cases_told_ = static_cast<std::size_t>(counts.integer(1));
    return {};
  }

  Result<void> tell_end(Database& database, const Tell& tell) {
    GORGON_TRY_ASSIGN(
        Statement row,
        database.prepare("SELECT seconds, exit_code, reason FROM runs WHERE number = ?"));
    GORGON_TRY(row.bind(1, run_).step());
    results::RunFinished finished{.units = units_told_,
                                  .cases = cases_told_,
                                  .seconds = row.real(0),
                                  .exit_code = static_cast<int>(row.integer(1)),
                                  .reason = row.text(2),
                                  .artifacts = std::move(kept_)};
    if (row.is_null(0)) {
      finished.seconds = last_at_;
      finished.exit_code = results::kIncomplete;
      finished.reason = "the run was not recorded to its end: it goes on, or was cut off";
    }
    tell(finished);
    return {};
  }

 private:
  Replay(std::int64_t run, Statement unit, Statement cases, Statement failures)
      : run_(run),
        unit_(std::move(unit)),
        cases_(std::move(cases)),
        failures_(std::move(failures)) {}

  Result<void> tell_event(const Statement& row, const Tell& tell) {
    const std::string kind = row.text(1);
    if (kind != "notice" && kind != "tree") last_at_ = row.real(0);
    if (kind == "host") {
      tell(results::HostChanged{
          .host = row.text(5),
          .state =
              results::host_state_named(row.text(2)).value_or(results::HostChanged::State::kLeft),
          .workers = static_cast<std::size_t>(row.integer(7)),
          .message = row.text(8),
          .at = row.real(0)});
    } else if (kind == "started") {
      tell(results::UnitStarted{.unit = row.text(4),
                                .file = row.text(8),
                                .host = row.text(5),
                                .worker = row.text(6),
                                .attempt = static_cast<std::uint32_t>(row.integer(7)),
                                .at = row.real(0)});
    } else if (kind == "tried") {
      results::UnitTried tried{
          .unit = row.text(4),
          .file = row.text(8),
          .host = row.text(5),
          .worker = row.text(6),
          .verdict = results::verdict_named(row.text(2)).value_or(results::Verdict::kFailed),
          .attempt = static_cast<std::uint32_t>(row.integer(7)),
          .at = row.real(0),
          .runner = row.text(10)};
      if (!row.is_null(11)) tried.seed = row.integer(11);
      tell(tried);
    } else if (kind == "notice") {
      tell(results::Notice{
          .level =
              results::notice_level_named(row.text(2)).value_or(results::Notice::Level::kError),
          .text = row.text(8)});
    } else if (kind == "artifacts") {
      artifacts_ = texts_in(row.text(8));
    } else if (kind == "kept") {
      kept_.folder = row.text(8);
      kept_.files = static_cast<std::size_t>(row.integer(7));
    } else if (kind == "left_out") {
      kept_.left_out = static_cast<std::size_t>(row.integer(7));
    } else if (kind == "tree") {
      tell(results::TreeFound{.digest = row.text(8)});
    } else if (kind == "finished") {
      return tell_unit(row.integer(3), row.real(0), tell);
    }
    return {};
  }

  Result<void> tell_unit(std::int64_t position, results::RunClock at, const Tell& tell) {
    const auto place = places_.find(position);
    if (place == places_.end())
      return fail(ErrorKind::kIo, "the record is damaged: a unit of the run is missing");
    const results::Unit& unit = units_[place->second];
    GORGON_TRY_ASSIGN(results::UnitResult result, result_of(position));
    result.unit = unit.id;
    result.artifacts = std::exchange(artifacts_, {});
    ++units_told_;
    cases_told_ += result.cases.size();
    for (const results::TestCase& test_case : result.cases)
      tell(results::CaseFinished{.unit = &unit, .result = &result, .test_case = &test_case});
    tell(results::UnitFinished{.unit = &unit, .result = &result, .at = at});
    return {};
  }

  Result<results::UnitResult> result_of(std::int64_t position) {
    GORGON_TRY(unit_.bind(1, run_).bind(2, position).step());
    results::UnitResult result{
        .verdict = results::verdict_named(unit_.text(0)).value_or(results::Verdict::kLost),
        .attempt = static_cast<std::uint32_t>(unit_.integer(1)),
        .seconds = unit_.real(2),
        .host = unit_.text(3),
        .worker = unit_.text(4)};
    result.running_case = unit_.text(5);
    result.output = unit_.text(6);
    result.runner = unit_.text(7);
    if (!unit_.is_null(8)) result.seed = unit_.integer(8);
    result.running_location = unit_.text(9);
    unit_.reset();
    GORGON_TRY(add_cases(position, result));
    GORGON_TRY(add_failures(position, result));
    return result;
  }

  Result<void> add_cases(std::int64_t position, results::UnitResult& result) {
    cases_.bind(1, run_).bind(2, position);
    for (;;) {
      GORGON_TRY_ASSIGN(const bool has_row, cases_.step());
      if (!has_row) return {};
      results::TestCase test_case{
          .id = cases_.text(0),
          .name = cases_.text(1),
          .location = cases_.text(2),
          .status =
              results::case_status_named(cases_.text(3)).value_or(results::CaseStatus::kError),
          .seconds = cases_.real(4)};
      test_case.pending_message = cases_.text(5);
      test_case.output = cases_.text(6);
      result.cases.push_back(std::move(test_case));
    }
  }

  Result<void> add_failures(std::int64_t position, results::UnitResult& result) {
    failures_.bind(1, run_).bind(2, position);
    for (;;) {
      GORGON_TRY_ASSIGN(const bool has_row, failures_.step());
      if (!has_row) return {};
      const std::int64_t place = failures_.integer(0);
      const bool is_earlier = failures_.integer(1) > 0;
      results::Failure failure = failure_in(failures_, 2);
      if (place < 0) {
        (is_earlier ? result.earlier_errors : result.errors).push_back(std::move(failure));
      } else if (static_cast<std::size_t>(place) < result.cases.size()) {
        results::TestCase& test_case = result.cases[static_cast<std::size_t>(place)];
        if (is_earlier) {
          test_case.earlier_failures.push_back(std::move(failure));
        } else {
          test_case.failure = std::move(failure);
        }
      }
    }
  }

  std::int64_t run_;
  Statement unit_;
  Statement cases_;
  Statement failures_;
  std::vector<results::Unit> units_;
  std::map<std::int64_t, std::size_t> places_;  ///< Planned position to place in units_.
  std::size_t units_told_ = 0;
  std::size_t cases_told_ = 0;
  results::RunClock last_at_ = 0;
  std::vector<std::string> artifacts_;  ///< Of the unit that ends next.
  results::Artifacts kept_;
};

}  // namespace

Result<void> Store::replay(std::int64_t run, const Tell& tell) {
  // The run may go on meanwhile: all is told as it is now.
  GORGON_TRY(database_.execute("BEGIN"));
  const auto told = [&]() -> Result<void> {
    GORGON_TRY_ASSIGN(Replay replay, Replay::make(database_, run));
    GORGON_TRY(replay.load_units(database_));
    GORGON_TRY(replay.tell_start(database_, tell));
    Bookmark start;
    GORGON_TRY(replay.tell_course(database_, tell, start));
    return replay.tell_end(database_, tell);
  }();
  GORGON_TRY(database_.execute("ROLLBACK"));
  return told;
}

Result<Followed> Store::follow(std::int64_t run, Bookmark& bookmark, const Tell& tell) {
  GORGON_TRY(database_.execute("BEGIN"));
  const auto followed = [&]() -> Result<Followed> {
    GORGON_TRY_ASSIGN(Replay replay, Replay::make(database_, run));
    return replay.follow(database_, bookmark, tell);
  }();
  GORGON_TRY(database_.execute("ROLLBACK"));
  return followed;
}

}  // namespace gorgon::history
