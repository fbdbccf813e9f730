// Small questions about text that several folders ask.
#pragma once

#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace gorgon {

/// The candidate that `word` is most likely a misspelling of, or nullopt when none is near: at most
/// two edits (insert, delete, replace, swap of neighbours), and fewer than half of the word's
/// letters.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 std::span<const std::string_view> candidates);

/// `text` with every byte that is not valid UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// "0.42 s", "12.3 s", "3 min 05 s".
[[nodiscard]] std::string human_duration(std::chrono::duration<double> duration);

/// "90s", "15m", "1h30m", "500ms", "0.5s" (without a sign); nullopt: it is none.
[[nodiscard]] std::optional<std::chrono::duration<double>> parse_duration(std::string_view text);

/// "3 files", "1 file".
[[nodiscard]] std::string count_of(std::size_t count, std::string_view singular);

/// The whole of `text` as a number, without blanks and a "+"; nullopt: it is none, or out of range.
template <class Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

/// `length` random characters of [a-z0-9], from the system's random source: about 5.2 bits each.
[[nodiscard]] std::string random_id(std::size_t length);
/// Whether it is made as random_id() makes them, of 1 to 64 characters: fit for names of files.
[[nodiscard]] bool is_id(std::string_view text);

}  // namespace gorgon
