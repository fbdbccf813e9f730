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
  std::string tree;        ///< Digest of what was tested; empty: not known.
  std::int64_t units = 0;  ///< With a verdict,
  std::int64_t files = 0;  ///< and the files of these.
  std::int64_t cases = 0;
  /// Failed cases, and units that went wrong outside of their cases, as report::Summary counts.
  std::int64_t failures = 0;
  std::int64_t flaky = 0;  ///< The same of what passed when it was tried again.
};

/// How far somebody is who reads a run while it goes on.
struct Bookmark {
  bool has_begun = false;  ///< RunStarted has been told.
  std::int64_t next = 0;   ///< The event to be told next,
  double last_at = 0;      ///< and the time of that before it,
  std::string last_unit;   ///< and its unit.
};
enum class Followed {
  kGoesOn,  ///< Nothing more is recorded now.
  kOver,    ///< RunFinished has been told.
  kAnew,    ///< `gorgon resume` has begun its record anew: nothing of what was told counts.
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
  /// Tells what has been recorded of a run behind `bookmark`, and moves that: RunStarted (without
  /// units: which are planned is not recorded) at first, RunFinished when the run is over. What an
  /// event borrows lives for the call. kNotFound: the run is recorded no more.
  [[nodiscard]] Result<Followed> follow(std::int64_t run, Bookmark& bookmark,
                                        const std::function<void(const results::RunEvent&)>& tell);
  /// Another number after each commit of another connection.
  [[nodiscard]] Result<std::int64_t> version();
  /// As runs(), with all its counts 0: for who wants to know which runs there are.
  [[nodiscard]] Result<std::vector<RunSummary>> outlines(std::size_t limit);
  /// Removes all but the newest `keep` runs; gives how many went.
  [[nodiscard]] Result<std::int64_t> prune(std::int64_t keep);

  [[nodiscard]] Database& database() { return database_; }

 private:
  explicit Store(Database database) : database_(std::move(database)) {}
  Database database_;
};

}  // namespace gorgon::history
