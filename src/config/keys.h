// Tables of keys: what each key of a configuration object is called, may hold and means, and where
// its value goes. The readers, the "unknown key" messages and docs/configuration.md (checked by a
// test) all come from these tables.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/key_row.h"

namespace gorgon::config {

/// Where a reader is: the key path for messages, and where messages go.
struct Place {
  Problems& problems;
  std::filesystem::path folder;  ///< Of the configuration file: what relative paths start from.
  std::string path = {};

  [[nodiscard]] Place inside(std::string_view key) const {
    return {problems, folder, path.empty() ? std::string(key) : path + "." + std::string(key)};
  }
  [[nodiscard]] Place element(std::size_t index) const {
    return {problems, folder, path + "[" + std::to_string(index) + "]"};
  }
  void reject(const Value& value, std::string_view text) const { problems.add(value, path, text); }
  /// "expected X, found a number: REMEDY".
  void reject_type(const Value& value, std::string_view expected) const;
};

/// How the value of one key is read into a T.
template <class T>
struct Setter {
  std::string type;
  std::function<void(T&, const Value&, const Place&)> set;
  std::vector<KeyRow> rows = {};  ///< Of the object that the key holds, with relative paths.
};

template <class T>
struct Key {
  std::vector<std::string_view> names;  ///< The documented one first, then its aliases.
  std::string_view meaning;
  Setter<T> setter;
};

template <class T>
using Table = std::vector<Key<T>>;

// Readers of single values: they report what does not fit and give nullopt.

[[nodiscard]] std::optional<bool> read_boolean(const Value& value, const Place& place);
[[nodiscard]] std::optional<std::string> read_text(const Value& value, const Place& place);
[[nodiscard]] std::optional<std::int64_t> read_integer(const Value& value, const Place& place,
                                                       std::int64_t least, std::int64_t most);
/// Elements must not be empty strings.
[[nodiscard]] std::optional<std::vector<std::string>> read_texts(const Value& value,
                                                                 const Place& place);
/// "~/" at the start is the home folder; otherwise as written. Not empty.
[[nodiscard]] std::optional<std::filesystem::path> read_path(const Value& value,
                                                             const Place& place);
/// Seconds as a number, or "90s", "15m", "1h30m", "500ms". Not negative, at most `most`.
[[nodiscard]] std::optional<std::chrono::duration<double>> read_duration(
    const Value& value, const Place& place, std::chrono::duration<double> most);
/// "512K", "50M", "4G": powers of 1024, not 0.
[[nodiscard]] std::optional<std::uint64_t> read_bytes(const Value& value, const Place& place);
/// One of `words`; the message names the nearest.
[[nodiscard]] std::optional<std::size_t> read_word(const Value& value, const Place& place,
                                                   std::span<const std::string_view> words);

/// The value of the key with these names, or null when absent or JSON's null. Two spellings of one
/// key: the one in the later file counts; within one file that is a problem.
[[nodiscard]] const Value* find_key(const Value& object, std::span<const std::string_view> names,
                                    const Place& place);
/// Reports every member whose name is not in `known`, with the nearest known name.
void reject_unknown(const Value& object, std::span<const std::string_view> known,
                    const Place& place);

/// Reads the object `value` into `out` by `table`, in the order of the table.
template <class T>
void read_object(const Value& value, const Table<T>& table, T& out, const Place& place) {
  if (!value.is(Value::Kind::kObject)) return place.reject_type(value, "an object");
  std::vector<std::string_view> known;
  for (const Key<T>& key : table) {
    known.insert(known.end(), key.names.begin(), key.names.end());
    const Value* found = find_key(value, key.names, place);
    if (found != nullptr) key.setter.set(out, *found, place.inside(key.names.front()));
  }
  reject_unknown(value, known, place);
}

/// The rows of a table, one per key, those of inner objects behind their key.
template <class T>
std::vector<KeyRow> rows_of(const Table<T>& table) {
  std::vector<KeyRow> rows;
  for (const Key<T>& key : table) {
    KeyRow row{.path = std::string(key.names.front()),
               .aliases = {},
               .type = key.setter.type,
               .meaning = std::string(key.meaning)};
    for (std::size_t i = 1; i < key.names.size(); ++i) {
      row.aliases += (i == 1 ? "" : ", ") + std::string(key.names[i]);
    }
    rows.push_back(row);
    for (KeyRow inner : key.setter.rows) {
      inner.path = row.path + "." + inner.path;
      rows.push_back(std::move(inner));
    }
  }
  return rows;
}

// Setters for members of T.

template <class T>
Setter<T> boolean(bool T::* member) {
  return {"true or false", [member](T& out, const Value& value, const Place& place) {
            if (const auto read = read_boolean(value, place)) out.*member = *read;
          }};
}

template <class T>
Setter<T> text(std::string T::* member) {
  return {"string", [member](T& out, const Value& value, const Place& place) {
            if (auto read = read_text(value, place)) out.*member = *std::move(read);
          }};
}

template <class T>
Setter<T> texts(std::vector<std::string> T::* member) {
  return {"array of strings", [member](T& out, const Value& value, const Place& place) {
            if (auto read = read_texts(value, place)) out.*member = *std::move(read);
          }};
}

/// Kept as written: relative to the project.
template <class T>
Setter<T> project_path(std::filesystem::path T::* member) {
  return {"path", [member](T& out, const Value& value, const Place& place) {
            if (auto read = read_path(value, place)) out.*member = *std::move(read);
          }};
}

/// Made absolute: relative to the folder of the configuration file.
template <class T>
Setter<T> local_path(std::filesystem::path T::* member) {
  return {"path", [member](T& out, const Value& value, const Place& place) {
            if (const auto read = read_path(value, place)) out.*member = place.folder / *read;
          }};
}

template <class T>
Setter<T> port(std::uint16_t T::* member) {
  return {"integer, 1 to 65535", [member](T& out, const Value& value, const Place& place) {
            if (const auto read = read_integer(value, place, 1, 65535)) {
              out.*member = static_cast<std::uint16_t>(*read);
            }
          }};
}

template <class T, class Number>
Setter<T> count(Number T::* member, std::uint32_t least, std::uint32_t most) {
  return {"integer, " + std::to_string(least) + " to " + std::to_string(most),
          [member, least, most](T& out, const Value& value, const Place& place) {
            if (const auto read = read_integer(value, place, least, most)) {
              out.*member = static_cast<std::uint32_t>(*read);
            }
          }};
}

template <class T>
Setter<T> duration(std::chrono::duration<double> T::* member) {
  return {"duration", [member](T& out, const Value& value, const Place& place) {
            const auto read = read_duration(value, place, std::chrono::hours(24));
            if (read) out.*member = *read;
          }};
}

/// An object with a table of its own, read into a member.
template <class T, class Inner>
Setter<T> object(Inner T::* member, const Table<Inner>& table) {
  return {"object",
          [member, &table](T& out, const Value& value, const Place& place) {
            read_object(value, table, out.*member, place);
          },
          rows_of(table)};
}

}  // namespace gorgon::config
