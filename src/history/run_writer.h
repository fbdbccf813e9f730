// Writes the events of one run into the record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::history {

/// RunStarted, with nothing borrowed.
struct RunBegun {
  std::string job;
  double started_at = 0;
  std::optional<double> expected_seconds;
  bool is_local = true;
};
/// Why there is a run.
struct RunOrigin {
  std::vector<std::string> arguments;         ///< Of its `gorgon start`.
  std::optional<std::int64_t> rerun_of = {};  ///< Number of the run whose failures it takes up.
};
/// UnitFinished, with nothing borrowed.
struct UnitEnded {
  std::size_t position = 0;  ///< In the plan.
  results::Unit unit;
  results::UnitResult result;
  results::RunClock at = 0;
};
/// What is recorded of a run. Waiting and UnitSlow are not: they matter while they happen.
using Recorded =
    std::variant<RunBegun, results::HostChanged, results::UnitStarted, results::UnitTried,
                 UnitEnded, results::Notice, results::TreeFound, results::RunFinished>;

class RunWriter {
 public:
  /// `database` has the tables, and outlives the writer.
  [[nodiscard]] static Result<RunWriter> make(Database& database, RunOrigin origin);

  /// Writes all of `events` or, on an error, none. The first event of a run is RunBegun: what was
  /// recorded of the same job before makes room for it, under the same number; of which tree that
  /// was stays. kTimeout, kIo.
  [[nodiscard]] Result<void> write(const std::vector<Recorded>& events);
  /// Of the run, once RunBegun is written.
  [[nodiscard]] std::int64_t run() const { return run_; }

 private:
  struct Statements {
    Statement old_run, delete_run, run, unit, find_test, test, test_case, failure, event, tree,
        finish;
  };
  RunWriter(Database& database, RunOrigin origin, Statements statements);

  Result<void> write_all(const std::vector<Recorded>& events);
  Result<void> write(const RunBegun& event);
  Result<void> write(const results::HostChanged& event);
  Result<void> write(const results::UnitStarted& event);
  Result<void> write(const results::UnitTried& event);
  Result<void> write(const UnitEnded& event);
  Result<void> write(const results::Notice& event);
  Result<void> write(const results::TreeFound& event);
  Result<void> write(const results::RunFinished& event);
  struct Event {
    std::string_view kind;
    std::string_view state;
    std::string_view unit_id;
    std::string_view host;
    std::string_view worker;
    std::int64_t number = 0;
    std::string_view text;
    std::optional<std::int64_t> unit;
    results::RunClock at = 0;
    std::string_view runner;
    std::optional<std::int64_t> seed = {};
  };
  Result<void> add(const Event& event);
  Result<void> add_kept(const results::RunFinished& event);
  Result<std::int64_t> test_of(std::string_view file, const results::TestCase& test_case);
  Result<void> add_case(const UnitEnded& event, std::size_t position);
  /// `case_position` -1: outside of the cases.
  struct FailurePlace {
    std::int64_t unit = 0;
    std::int64_t case_position = -1;
    std::int64_t tries_before_verdict = 0;
  };
  Result<void> add_failures(const FailurePlace& place,
                            const std::vector<results::Failure>& failures);

  Database* database_;
  RunOrigin origin_;
  Statements statements_;
  std::int64_t run_ = 0;
  std::int64_t next_event_ = 0;
};

}  // namespace gorgon::history
