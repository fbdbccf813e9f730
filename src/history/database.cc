#include "history/database.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gorgon::history {

namespace {

constexpr int kBusyMilliseconds = 1000;

std::unexpected<Error> failure(sqlite3* database, int code) {
  // The low byte is the primary code: https://www.sqlite.org/rescode.html
  const bool is_busy = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
  return fail(is_busy ? ErrorKind::kTimeout : ErrorKind::kIo, ::sqlite3_errmsg(database));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  ::sqlite3_finalize(statement);
}

void Database::Close::operator()(sqlite3* database) const { ::sqlite3_close(database); }

void Statement::note(int code) {
  if (code != SQLITE_OK) bind_error_ = code;
}

Statement& Statement::bind(int index, std::int64_t value) {
  note(::sqlite3_bind_int64(statement_.get(), index, value));
  return *this;
}

Statement& Statement::bind(int index, double value) {
  note(::sqlite3_bind_double(statement_.get(), index, value));
  return *this;
}

Statement& Statement::bind(int index, std::string_view value) {
  // A null pointer would be NULL.
  const char* const bytes = value.data() == nullptr ? "" : value.data();
  note(::sqlite3_bind_text64(statement_.get(), index, bytes, value.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_null(int index) {
  note(::sqlite3_bind_null(statement_.get(), index));
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != 0) return failure(database_, bind_error_);
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    const auto error = failure(database_, code);
    reset();
    return error;
  }
  reset();
  return false;
}

Result<void> Statement::run() {
  GORGON_TRY(step());
  return {};
}

void Statement::reset() { ::sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  return ::sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  return ::sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* bytes = ::sqlite3_column_blob(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes),
          static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return ::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::filesystem::path& file) {
  sqlite3* opened = nullptr;
  const int code =
      ::sqlite3_open_v2(file.c_str(), &opened,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(opened);
  if (code != SQLITE_OK) return with_context(file.string(), failure(opened, code).error());
  ::sqlite3_busy_timeout(opened, kBusyMilliseconds);
  return database;
}

Result<void> Database::execute(const char* sql) {
  const int code = ::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(database_.get(), code);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = ::sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        &prepared, nullptr);
  if (code != SQLITE_OK) return failure(database_.get(), code);
  return Statement(database_.get(), prepared);
}

std::int64_t Database::last_inserted() const {
  return ::sqlite3_last_insert_rowid(database_.get());
}

}  // namespace gorgon::history
