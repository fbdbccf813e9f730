// "connection" inside a configuration file: its table of keys over connection.h.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "config/connection.h"
#include "config/document.h"
#include "config/keys.h"

namespace gorgon::config {

inline constexpr std::string_view kConnectionType = "URL or object";

/// Reads a URL or an object; file names become absolute, and must be readable. Reports what is
/// wrong and gives nullopt.
[[nodiscard]] std::optional<Connection> read_connection(const Value& value, const Place& place);

/// The keys of the object form, relative to "connection".
[[nodiscard]] std::vector<KeyRow> connection_rows();

/// A setter for Connection and std::optional<Connection> members.
template <class T, class Member>
Setter<T> connection(Member T::* member) {
  return {std::string(kConnectionType),
          [member](T& out, const Value& value, const Place& place) {
            if (auto read = read_connection(value, place)) out.*member = *std::move(read);
          },
          connection_rows()};
}

}  // namespace gorgon::config
