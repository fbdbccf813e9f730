#include "history/store.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/own_folder.h"
#include "history/database.h"
#include "history/schema.h"
#include "history/texts.h"

namespace gorgon::history {

namespace {

constexpr std::string_view kOutline =
    "SELECT number, job, started_at, arguments, seconds, exit_code, reason, tree";
constexpr std::string_view kWithoutCounts = ", 0, 0, 0, 0, 0 FROM runs ";

/// All columns of a RunSummary; a condition may follow.
std::string summaries() {
  const std::string outside = "(SELECT count(*) FROM " + cases_outside() + " WHERE run = number";
  return fmt::format(
      "{}, (SELECT count(*) FROM units WHERE run = number), "
      "(SELECT count(DISTINCT file) FROM units WHERE run = number), "
      "(SELECT count(*) FROM cases WHERE run = number), "
      "(SELECT count(*) FROM cases WHERE run = number AND status IN ('failed', 'error')) + "
      "{} AND status <> 'passed'), "
      "(SELECT count(*) FROM cases WHERE run = number AND is_flaky) + {} AND is_flaky) FROM runs ",
      kOutline, outside, outside);
}

RunSummary summary_in(const Statement& row) {
  RunSummary run{.number = row.integer(0), .job = row.text(1), .started_at = row.real(2)};
  run.arguments = texts_in(row.text(3));
  if (!row.is_null(4)) {
    run.seconds = row.real(4);
    run.exit_code = static_cast<int>(row.integer(5));
  }
  run.reason = row.text(6);
  run.tree = row.text(7);
  run.units = row.integer(8);
  run.files = row.integer(9);
  run.cases = row.integer(10);
  run.failures = row.integer(11);
  run.flaky = row.integer(12);
  return run;
}

Result<std::vector<RunSummary>> summaries_in(Statement& rows) {
  std::vector<RunSummary> runs;
  for (;;) {
    GORGON_TRY_ASSIGN(const bool has_row, rows.step());
    if (!has_row) return runs;
    runs.push_back(summary_in(rows));
  }
}

/// Counts of runs and steps back.
std::optional<std::int64_t> number_in(std::string_view text) {
  const auto number = number_of<std::int64_t>(text);
  return number && *number >= 0 ? number : std::nullopt;
}

/// What tests print is for nobody else. SQLite gives its other files the same mode. A record that
/// is there is not touched: to close it would take the locks of this process's other connections
/// away (POSIX), and whoever closes the record next would take it for nobody's, and remove its log.
Result<void> make_private(const std::filesystem::path& file) {
  const UniqueFd made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) return fail_errno("cannot make " + file.string(), errno);
  return {};
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& project, bool may_create) {
  const auto folder = project / config::kOwnFolder;
  const auto file = folder / "history.db";
  std::error_code error;
  if (!may_create && !std::filesystem::exists(file, error))
    return fail(ErrorKind::kNotFound, "no run is recorded here yet");
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno("cannot make " + folder.string(), error.value());
  GORGON_TRY(config::hide_own_folder(project));
  GORGON_TRY(make_private(file));
  GORGON_TRY_ASSIGN(Database database, Database::open(file));
  if (auto prepared = prepare_tables(database); !prepared)
    return with_context(file.string(), std::move(prepared).error());
  return Store(std::move(database));
}

Result<std::vector<RunSummary>> Store::runs(std::size_t limit, std::optional<std::int64_t> before) {
  GORGON_TRY_ASSIGN(
      Statement rows,
      database_.prepare(summaries() +
                        "WHERE ?1 IS NULL OR number < ?1 ORDER BY number DESC LIMIT ?2"));
  rows.bind(1, before).bind(2, static_cast<std::int64_t>(limit));
  return summaries_in(rows);
}

Result<std::vector<RunSummary>> Store::outlines(std::size_t limit) {
  GORGON_TRY_ASSIGN(Statement rows,
                    database_.prepare(fmt::format("{}{}", kOutline, kWithoutCounts) +
                                      "ORDER BY number DESC LIMIT ?"));
  rows.bind(1, static_cast<std::int64_t>(limit));
  return summaries_in(rows);
}

Result<std::int64_t> Store::version() {
  GORGON_TRY_ASSIGN(Statement statement, database_.prepare("PRAGMA data_version"));
  GORGON_TRY(statement.step());
  return statement.integer(0);
}

Result<RunSummary> Store::find(std::string_view name) {
  std::string where = "WHERE job = ?1";
  std::optional<std::int64_t> number = number_in(name);
  if (name == "latest") {
    number = 0;
    where = "ORDER BY number DESC LIMIT 1 OFFSET ?1";
  } else if (name.starts_with('~')) {
    number = number_in(name.substr(1));
    if (!number)
      return fail(ErrorKind::kUsage,
                  "\"~\" needs a number behind it: ~1 is the run before the latest");
    where = "ORDER BY number DESC LIMIT 1 OFFSET ?1";
  } else if (number) {
    where = "WHERE number = ?1";
  }
  GORGON_TRY_ASSIGN(Statement rows, database_.prepare(summaries() + where));
  if (number) {
    rows.bind(1, *number);
  } else {
    rows.bind(1, name);
  }
  GORGON_TRY_ASSIGN(const bool is_there, rows.step());
  if (is_there) return summary_in(rows);
  return fail(
      ErrorKind::kNotFound,
      fmt::format("no run \"{}\" is recorded; `gorgon runs list` shows those that are", name));
}

Result<std::int64_t> Store::prune(std::int64_t keep) {
  GORGON_TRY(database_.execute("BEGIN IMMEDIATE"));
  const auto pruned = [&]() -> Result<std::int64_t> {
    GORGON_TRY_ASSIGN(Statement count, database_.prepare("SELECT count(*) FROM runs"));
    GORGON_TRY(count.step());
    const std::int64_t before = count.integer(0);
    count.reset();
    GORGON_TRY_ASSIGN(Statement remove,
                      database_.prepare("DELETE FROM runs WHERE number NOT IN "
                                        "(SELECT number FROM runs ORDER BY number DESC LIMIT ?)"));
    GORGON_TRY(remove.bind(1, keep).run());
    const std::int64_t gone = before > keep ? before - keep : 0;
    if (gone > 0)
      GORGON_TRY(database_.execute("DELETE FROM tests WHERE id NOT IN (SELECT test FROM cases)"));
    return gone;
  }();
  GORGON_TRY(database_.execute(pruned ? "COMMIT" : "ROLLBACK"));
  if (pruned && *pruned > 0) GORGON_TRY(database_.execute("PRAGMA incremental_vacuum"));
  return pruned;
}

}  // namespace gorgon::history
