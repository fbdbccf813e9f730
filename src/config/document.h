// A configuration file as a tree of values that know their line, so that every later complaint can
// name it. JSON (RFC 8259) with // and /* */ comments and trailing commas. Knows no keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::config {

struct Member;

/// One JSON value. Exactly the field that `kind` names has a meaning.
struct Value {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string text;  ///< kString: without escapes, valid UTF-8, no NUL. kNumber: as written.
  std::vector<Value> elements;
  std::vector<Member> members;  ///< In the order of the file; names may repeat.
  std::size_t file = 0;         ///< Index of the file it stands in (Problems).
  std::size_t line = 0;         ///< Of its first character; the first line is 1.

  /// The last member of that name, or null.
  [[nodiscard]] const Value* find(std::string_view name) const;
  [[nodiscard]] bool is(Kind wanted) const { return kind == wanted; }
};

struct Member {
  std::string name;
  std::size_t line;  ///< Of the name.
  Value value;
};

/// "an array", "a number", "true"; never the contents, which may be a password.
[[nodiscard]] std::string_view kind_of(const Value& value);

/// Collects what is wrong with a set of files.
class Problems {
 public:
  /// Gives the index that values of `name` carry.
  std::size_t add_file(std::string name);
  /// `path` is the key path ("job.sync.exclude"), or empty for the file as a whole.
  void add(std::size_t file, std::size_t line, std::string_view path, std::string_view text);
  void add(const Value& at, std::string_view path, std::string_view text) {
    add(at.file, at.line, path, text);
  }
  /// Like add(), for what the scanner cannot read.
  void add_syntax(std::size_t file, std::size_t line, std::size_t column, std::string_view text);

  [[nodiscard]] bool is_empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t count() const { return entries_.size(); }
  /// kUsage, one line per problem in the order of the files: "gorgon.json:7: job.sync.exclude:
  /// expected …". At most 20 lines; the last then says how many are left out.
  [[nodiscard]] Error error() const;

 private:
  struct Entry {
    std::size_t file;
    std::size_t line;
    std::string text;
  };
  std::vector<std::string> files_;
  std::vector<Entry> entries_;
};

/// Parses `text`, one JSON value; a byte order mark is skipped. Nesting is limited to 64 levels.
/// Reports the first syntax error (with line and column, counted in characters from 1) and gives a
/// null value; a name that stands twice in one object is reported too, and parsing goes on.
[[nodiscard]] Value parse_document(std::string_view text, std::size_t file, Problems& problems);

/// `over` laid over `base`: objects member by member, anything else replaced as a whole. Members of
/// `over` that `base` lacks come last.
[[nodiscard]] Value merge(Value base, Value over);

/// For messages: in double quotes, control characters escaped, cut after 60 bytes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace gorgon::config
