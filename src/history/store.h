// The record of a project's runs: PROJECT/.gorgon/history.db. What a run told its reporters is
// written while it runs, and can be told again, to any reporter, as long as the run is kept.
// docs/history.md has the tables, for those who ask SQLite themselves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "results/run_event.h"

namespace gorgon::history {

struct RunSummary {
  std::int64_t number = 0;  ///< How people name it: counts the project's runs from 1.
  std::string job;
  double started_at = 0;               ///< Unix seconds.
  std::vector<std::string> arguments;  ///< Of its `gorgon start`.
  std::optional<double> seconds;       ///< Nullopt: it goes on still, or its gorgon has died.
  std::optional<int> exit_code;        ///< Beside `seconds`.
  std::string reason;
  std::int64_t units = 0;  ///< With a verdict.
  std::int64_t cases = 0;
  std::int64_t cases_failed = 0;  ///< Failures and errors.
  std::int64_t cases_flaky = 0;
};

class Store {
 public:
  /// kNotFound without `may_create`, when nothing is recorded. kIo; kUsage when a newer gorgon has
  /// written it.
  [[nodiscard]] static Result<Store> open(const std::filesystem::path& project, bool may_create);

  /// The newest first; at most `limit`, and of those before the run `before`, if there is one.
  [[nodiscard]] Result<std::vector<RunSummary>> runs(std::size_t limit,
                                                     std::optional<std::int64_t> before = {});
  /// `name` is a number, a job's id, "latest", or "~N": the Nth before the latest. kUsage,
  /// kNotFound.
  [[nodiscard]] Result<RunSummary> find(std::string_view name);
  /// Tells the events of a run again, in their order, with RunFinished at the end also for one that
  /// was cut off (exit code 6). What an event borrows lives for the call, units for all of them.
  [[nodiscard]] Result<void> replay(std::int64_t run,
                                    const std::function<void(const results::RunEvent&)>& tell);
  /// Removes all but the newest `keep` runs; gives how many went.
  [[nodiscard]] Result<std::int64_t> prune(std::int64_t keep);

  [[nodiscard]] Database& database() { return database_; }

 private:
  explicit Store(Database database) : database_(std::move(database)) {}
  Database database_;
};

}  // namespace gorgon::history
