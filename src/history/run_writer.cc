#include "history/run_writer.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "history/texts.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::history {

Result<RunWriter> RunWriter::make(Database& database, RunOrigin origin) {
  GORGON_TRY_ASSIGN(Statement old_run,
                    database.prepare("SELECT number, tree FROM runs WHERE job = ?"));
  GORGON_TRY_ASSIGN(Statement delete_run, database.prepare("DELETE FROM runs WHERE number = ?"));
  GORGON_TRY_ASSIGN(
      Statement run,
      database.prepare("INSERT INTO runs(number, job, started_at, expected_seconds, is_local, "
                       "arguments, rerun_of, tree) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  GORGON_TRY_ASSIGN(
      Statement unit,
      database.prepare("INSERT INTO units "
                       "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  GORGON_TRY_ASSIGN(Statement find_test,
                    database.prepare("SELECT id FROM tests WHERE file = ? AND case_id = ? AND "
                                     "name = ? AND location = ?"));
  GORGON_TRY_ASSIGN(
      Statement test,
      database.prepare("INSERT INTO tests(file, case_id, name, location) VALUES(?, ?, ?, ?)"));
  GORGON_TRY_ASSIGN(Statement test_case,
                    database.prepare("INSERT INTO cases VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  GORGON_TRY_ASSIGN(Statement failure,
                    database.prepare("INSERT INTO failures VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  GORGON_TRY_ASSIGN(Statement event,
                    database.prepare("INSERT INTO events "
                                     "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  GORGON_TRY_ASSIGN(Statement tree, database.prepare("UPDATE runs SET tree = ? WHERE number = ?"));
  GORGON_TRY_ASSIGN(
      Statement finish,
      database.prepare("UPDATE runs SET seconds = ?, exit_code = ?, reason = ? WHERE number = ?"));
  return RunWriter(database, std::move(origin),
                   {std::move(old_run), std::move(delete_run), std::move(run), std::move(unit),
                    std::move(find_test), std::move(test), std::move(test_case), std::move(failure),
                    std::move(event), std::move(tree), std::move(finish)});
}

RunWriter::RunWriter(Database& database, RunOrigin origin, Statements statements)
    : database_(&database), origin_(std::move(origin)), statements_(std::move(statements)) {}

Result<void> RunWriter::write(const std::vector<Recorded>& events) {
  GORGON_TRY(database_->execute("BEGIN IMMEDIATE"));
  const auto next_event = next_event_;
  auto written = write_all(events);
  if (written) written = database_->execute("COMMIT");
  if (!written) {
    (void)database_->execute("ROLLBACK");
    next_event_ = next_event;
  }
  return written;
}

Result<void> RunWriter::write_all(const std::vector<Recorded>& events) {
  for (const Recorded& event : events)
    GORGON_TRY(std::visit([this](const auto& one) { return write(one); }, event));
  return {};
}

Result<void> RunWriter::write(const RunBegun& event) {
  GORGON_TRY_ASSIGN(const bool is_again, statements_.old_run.bind(1, event.job).step());
  std::optional<std::int64_t> number;
  std::optional<std::string> tree;
  if (is_again) {
    number = statements_.old_run.integer(0);
    if (!statements_.old_run.is_null(1)) tree = statements_.old_run.text(1);
    statements_.old_run.reset();
    GORGON_TRY(statements_.delete_run.bind(1, *number).run());
  }
  GORGON_TRY(statements_.run.bind(1, number)
                 .bind(2, event.job)
                 .bind(3, event.started_at)
                 .bind(4, event.expected_seconds)
                 .bind(5, std::int64_t{event.is_local})
                 .bind(6, as_column(origin_.arguments))
                 .bind(7, origin_.rerun_of)
                 .bind(8, tree)
                 .run());
  run_ = database_->last_inserted();
  return {};
}

Result<void> RunWriter::add(const Event& event) {
  return statements_.event.bind(1, run_)
      .bind(2, next_event_++)
      .bind(3, event.at)
      .bind(4, event.kind)
      .bind(5, event.state)
      .bind(6, event.unit)
      .bind(7, event.unit_id)
      .bind(8, event.host)
      .bind(9, event.worker)
      .bind(10, event.number)
      .bind(11, event.text)
      .bind(12, event.runner)
      .bind(13, event.seed)
      .run();
}

Result<void> RunWriter::write(const results::HostChanged& event) {
  return add({.kind = "host",
              .state = name_of(event.state),
              .host = event.host,
              .number = static_cast<std::int64_t>(event.workers),
              .text = event.message,
              .at = event.at});
}

Result<void> RunWriter::write(const results::UnitStarted& event) {
  return add({.kind = "started",
              .unit_id = event.unit,
              .host = event.host,
              .worker = event.worker,
              .number = event.attempt,
              .text = event.file,
              .at = event.at});
}

Result<void> RunWriter::write(const results::UnitTried& event) {
  return add({.kind = "tried",
              .state = name_of(event.verdict),
              .unit_id = event.unit,
              .host = event.host,
              .worker = event.worker,
              .number = event.attempt,
              .text = event.file,
              .at = event.at,
              .runner = event.runner,
              .seed = event.seed});
}

Result<void> RunWriter::write(const results::Notice& event) {
  return add({.kind = "notice", .state = name_of(event.level), .text = event.text});
}

Result<void> RunWriter::write(const results::TreeFound& event) {
  GORGON_TRY(statements_.tree.bind(1, event.digest).bind(2, run_).run());
  return add({.kind = "tree", .text = event.digest});
}

Result<void> RunWriter::write(const UnitEnded& event) {
  const results::UnitResult& result = event.result;
  const auto position = static_cast<std::int64_t>(event.position);
  GORGON_TRY(statements_.unit.bind(1, run_)
                 .bind(2, position)
                 .bind(3, event.unit.id)
                 .bind(4, event.unit.file)
                 .bind(5, as_column(event.unit.only))
                 .bind(6, as_column(event.unit.except))
                 .bind(7, as_column(event.unit.filter.places))
                 .bind(8, as_column(event.unit.filter.names))
                 .bind(9, as_column(event.unit.filter.tags))
                 .bind(10, name_of(result.verdict))
                 .bind(11, std::int64_t{result.attempt})
                 .bind(12, result.seconds)
                 .bind(13, result.host)
                 .bind(14, result.worker)
                 .bind(15, result.running_case)
                 .bind(16, result.output)
                 .bind(17, event.unit.filter.expression)
                 .bind(18, result.runner)
                 .bind(19, result.seed)
                 .bind(20, result.running_location)
                 .run());
  GORGON_TRY(add_failures({.unit = position}, result.errors));
  GORGON_TRY(add_failures({.unit = position, .tries_before_verdict = 1}, result.earlier_errors));
  for (std::size_t i = 0; i < result.cases.size(); ++i) GORGON_TRY(add_case(event, i));
  if (!result.artifacts.empty()) {
    GORGON_TRY(add({.kind = "artifacts",
                    .unit_id = event.unit.id,
                    .text = as_column(result.artifacts),
                    .unit = position,
                    .at = event.at}));
  }
  return add({.kind = "finished", .unit_id = event.unit.id, .unit = position, .at = event.at});
}

Result<std::int64_t> RunWriter::test_of(std::string_view file, const results::TestCase& test_case) {
  const auto bind = [&](Statement& statement) -> Statement& {
    return statement.bind(1, file)
        .bind(2, test_case.id)
        .bind(3, test_case.name)
        .bind(4, test_case.location);
  };
  GORGON_TRY_ASSIGN(const bool is_known, bind(statements_.find_test).step());
  if (is_known) {
    const std::int64_t id = statements_.find_test.integer(0);
    statements_.find_test.reset();
    return id;
  }
  GORGON_TRY(bind(statements_.test).run());
  return database_->last_inserted();
}

Result<void> RunWriter::add_case(const UnitEnded& event, std::size_t position) {
  const results::TestCase& test_case = event.result.cases[position];
  GORGON_TRY_ASSIGN(const std::int64_t test, test_of(event.unit.file, test_case));
  const auto unit = static_cast<std::int64_t>(event.position);
  const auto place = static_cast<std::int64_t>(position);
  GORGON_TRY(statements_.test_case.bind(1, run_)
                 .bind(2, unit)
                 .bind(3, place)
                 .bind(4, test)
                 .bind(5, name_of(test_case.status))
                 .bind(6, test_case.seconds)
                 .bind(7, std::int64_t{is_flaky(test_case)})
                 .bind(8, test_case.pending_message)
                 .bind(9, test_case.output)
                 .run());
  if (test_case.failure)
    GORGON_TRY(add_failures({.unit = unit, .case_position = place}, {*test_case.failure}));
  return add_failures({.unit = unit, .case_position = place, .tries_before_verdict = 1},
                      test_case.earlier_failures);
}

Result<void> RunWriter::add_failures(const FailurePlace& place,
                                     const std::vector<results::Failure>& failures) {
  for (std::size_t i = 0; i < failures.size(); ++i) {
    const results::Failure& failure = failures[i];
    GORGON_TRY(statements_.failure.bind(1, run_)
                   .bind(2, place.unit)
                   .bind(3, place.case_position)
                   .bind(4, place.tries_before_verdict)
                   .bind(5, static_cast<std::int64_t>(i))
                   .bind(6, failure.stage)
                   .bind(7, failure.exception_class)
                   .bind(8, failure.message)
                   .bind(9, as_column(failure.backtrace))
                   .bind(10, failure.killed_case)
                   .run());
  }
  return {};
}

/// As events, which older programs pass over: a column would be a new version of the tables.
Result<void> RunWriter::add_kept(const results::RunFinished& event) {
  const results::Artifacts& artifacts = event.artifacts;
  if (artifacts.folder.empty()) return {};
  GORGON_TRY(add({.kind = "kept",
                  .number = static_cast<std::int64_t>(artifacts.files),
                  .text = artifacts.folder,
                  .at = event.seconds}));
  if (artifacts.left_out == 0) return {};
  return add({.kind = "left_out",
              .number = static_cast<std::int64_t>(artifacts.left_out),
              .at = event.seconds});
}

Result<void> RunWriter::write(const results::RunFinished& event) {
  GORGON_TRY(add_kept(event));
  return statements_.finish.bind(1, event.seconds)
      .bind(2, std::int64_t{event.exit_code})
      .bind(3, event.reason)
      .bind(4, run_)
      .run();
}

}  // namespace gorgon::history
