// SQLite behind errors as values: a connection and prepared statements. The only door to
// <sqlite3.h>.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gorgon::history {

/// One prepared statement. Its connection outlives it. An error of bind() comes out of the next
/// step().
class Statement {
 public:
  /// Parameters in the order of the statement's question marks, from 1; they keep their values
  /// until they are bound again. Text is copied.
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view value);
  Statement& bind_null(int index);
  template <class T>
  Statement& bind(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind_null(index);
  }

  /// True: there is a row to be read. False: it has come to its end, and can be run again.
  /// kTimeout: another process held the database for too long. kIo.
  [[nodiscard]] Result<bool> step();
  /// For a statement that gives no rows.
  [[nodiscard]] Result<void> run();
  /// Lets it start anew, before its last row.
  void reset();

  // Columns of the row, from 0. What is NULL reads as 0 or "".
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  void note(int code);

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

class Database {
 public:
  /// Opens or makes `file`; its folder must exist. Waits for at most a second whenever another
  /// process writes. kIo.
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& file);

  /// Statements without parameters and rows, separated by semicolons.
  [[nodiscard]] Result<void> execute(const char* sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  [[nodiscard]] std::int64_t last_inserted() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace gorgon::history
