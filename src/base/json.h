// Checked access to JSON that another process or person wrote. Only .cc files include this.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon {

using Json = nlohmann::json;

/// Longer than anything that Gorgon measures or waits for (30 years), and far below what
/// std::chrono's clocks can count (292 years of nanoseconds).
inline constexpr double kMaxSeconds = 1e9;

/// kProtocol when `text` is not one JSON value in UTF-8, nests deeper than 64 levels, or holds more
/// than a million values (a short text can stand for a large tree). Of a key that stands twice in
/// one object the last value counts, as in ruby/wire.rb.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

/// Compact UTF-8; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string dump_json(const Json& value);

/// The least and the most that an integer may be; anything else is an error that says so.
struct IntegerRange {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

/// Reads fields of one JSON object. The first error sticks and later reads give defaults, so that a
/// reader is a plain list of fields followed by one check of error(). Unknown fields are ignored;
/// null counts as absent.
class ObjectReader {
 public:
  /// `name` stands in front of errors: "finished.unit: expected a string".
  ObjectReader(const Json& value, std::string name);

  [[nodiscard]] std::string text(std::string_view key);  ///< Required.
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback);
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view key);
  [[nodiscard]] std::int64_t integer(std::string_view key,
                                     IntegerRange range = IntegerRange());  ///< Required.
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback,
                                        IntegerRange range = IntegerRange());
  [[nodiscard]] std::optional<std::int64_t> optional_integer(std::string_view key);
  /// How long something took, absent: 0. A clock that was set back must not cost a result, nor a
  /// made-up number overflow a clock of ours: always from 0 to kMaxSeconds.
  [[nodiscard]] double measured_seconds(std::string_view key);
  [[nodiscard]] double measured_seconds_or(std::string_view key, double fallback);
  /// How long something may take: anything but 0 to kMaxSeconds is an error.
  [[nodiscard]] std::chrono::duration<double> limit_or(std::string_view key,
                                                       std::chrono::duration<double> fallback);
  [[nodiscard]] bool boolean_or(std::string_view key, bool fallback);
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);  ///< Absent: empty.
  /// Calls `read` for each element of an array of objects (absent: not at all).
  void objects(std::string_view key, const std::function<void(ObjectReader&)>& read);
  /// Calls `read` for an object field; gives false when absent.
  bool object(std::string_view key, const std::function<void(ObjectReader&)>& read);
  /// Calls `read` for each member of an object of strings or nulls.
  void members(std::string_view key,
               const std::function<void(const std::string&, std::optional<std::string>)>& read);

  /// Records an error of the caller's own: `key` has a value that its reader does not accept.
  void reject(std::string_view key, std::string_view expected);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  /// An empty Result, or the sticky error.
  [[nodiscard]] Result<void> status() const;

 private:
  [[nodiscard]] const Json* find(std::string_view key) const;
  const Json& value_;
  std::string name_;
  std::optional<Error> error_;
};

}  // namespace gorgon
