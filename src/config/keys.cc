#include "config/keys.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "config/document.h"

namespace gorgon::config {

namespace {

using Kind = Value::Kind;
using Seconds = std::chrono::duration<double>;

/// What to write instead, where the mistake shows it.
std::string remedy(const Value& value, std::string_view expected) {
  if (expected == "an array of strings" && value.is(Kind::kString)) {
    return ": put it in brackets, [\"…\"]";
  }
  if (expected.starts_with("a string") && (value.is(Kind::kNumber) || value.is(Kind::kBoolean))) {
    return ": put it in double quotes";
  }
  const bool looks_bare = !value.text.empty() && value.text.size() < 12;
  if (value.is(Kind::kString) && looks_bare &&
      (expected.starts_with("an integer") || expected == "true or false")) {
    return ": write it without quotes";
  }
  return "";
}

/// "512K", "50M", "4G": powers of 1024.
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const std::size_t unit = std::string_view("KMGT").find(text.empty() ? ' ' : text.back());
  if (unit == std::string_view::npos) return std::nullopt;
  text.remove_suffix(1);
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // 2^32 times 2^40 is too much.
  if (unit == 3 && count > 1024 * 1024) return std::nullopt;
  return std::uint64_t{count} << (10 * (unit + 1));
}

}  // namespace

void Place::reject_type(const Value& value, std::string_view expected) const {
  reject(value,
         fmt::format("expected {}, found {}{}", expected, kind_of(value), remedy(value, expected)));
}

std::optional<bool> read_boolean(const Value& value, const Place& place) {
  if (value.is(Kind::kBoolean)) return value.boolean;
  place.reject_type(value, "true or false");
  return std::nullopt;
}

std::optional<std::string> read_text(const Value& value, const Place& place) {
  if (value.is(Kind::kString)) return value.text;
  place.reject_type(value, "a string");
  return std::nullopt;
}

std::optional<std::int64_t> read_integer(const Value& value, const Place& place, std::int64_t least,
                                         std::int64_t most) {
  const std::string expected = fmt::format("an integer from {} to {}", least, most);
  if (!value.is(Kind::kNumber)) {
    place.reject_type(value, expected);
    return std::nullopt;
  }
  std::int64_t number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto parsed = std::from_chars(value.text.data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end && number >= least && number <= most) {
    return number;
  }
  place.reject(value, fmt::format("expected {}, found {}", expected, value.text.substr(0, 40)));
  return std::nullopt;
}

std::optional<std::vector<std::string>> read_texts(const Value& value, const Place& place) {
  if (!value.is(Kind::kArray)) {
    place.reject_type(value, "an array of strings");
    return std::nullopt;
  }
  std::vector<std::string> result;
  for (std::size_t i = 0; i < value.elements.size(); ++i) {
    const Value& element = value.elements[i];
    if (!element.is(Kind::kString)) {
      place.element(i).reject_type(element, "a string");
    } else if (element.text.empty()) {
      place.element(i).reject(element, "expected a string that is not empty: remove it");
    } else {
      result.push_back(element.text);
    }
  }
  return result;
}

std::optional<std::filesystem::path> read_path(const Value& value, const Place& place) {
  if (!value.is(Kind::kString)) {
    place.reject_type(value, "a string with a path");
    return std::nullopt;
  }
  if (value.text.empty()) {
    place.reject(value, "expected a path, found an empty string: remove the key for its default");
    return std::nullopt;
  }
  if (value.text == "~" || value.text.starts_with("~/")) {
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') {
      place.reject(value, "the environment has no HOME for ~: write the path in full");
      return std::nullopt;
    }
    return std::filesystem::path(home) /
           value.text.substr(std::min<std::size_t>(2, value.text.size()));
  }
  return value.text;
}

std::optional<Seconds> read_duration(const Value& value, const Place& place, Seconds most) {
  std::optional<Seconds> read;
  if (value.is(Kind::kNumber)) read = Seconds(value.number);
  if (value.is(Kind::kString)) read = parse_duration(value.text);
  if (read && *read >= Seconds(0) && *read <= most) return read;
  const bool has_value = value.is(Kind::kNumber) || value.is(Kind::kString);
  const std::string found = has_value ? in_quotes(value.text) : std::string(kind_of(value));
  place.reject(value, fmt::format("expected a duration of at most {} h (seconds as a number, or "
                                  "\"90s\", \"15m\", \"1h30m\"), found {}",
                                  most / std::chrono::hours(1), found));
  return std::nullopt;
}

std::optional<std::uint64_t> read_bytes(const Value& value, const Place& place) {
  const auto text = read_text(value, place);
  if (!text) return std::nullopt;
  const auto read = parse_bytes(*text);
  if (read && *read > 0) return read;
  place.reject(value, "expected a size like \"512M\" or \"4G\"");
  return std::nullopt;
}

std::optional<std::size_t> read_word(const Value& value, const Place& place,
                                     std::span<const std::string_view> words) {
  const std::string expected = fmt::format("\"{}\"", fmt::join(words, "\", \""));
  if (!value.is(Kind::kString)) {
    place.reject_type(value, "a string, one of " + expected);
    return std::nullopt;
  }
  const auto found = std::ranges::find(words, value.text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const auto near = nearest(value.text, words);
  place.reject(value, fmt::format("expected one of {}, found {}{}", expected, in_quotes(value.text),
                                  near ? fmt::format(": did you mean \"{}\"?", *near) : ""));
  return std::nullopt;
}

const Value* find_key(const Value& object, std::span<const std::string_view> names,
                      const Place& place) {
  const Member* best = nullptr;
  for (const Member& member : object.members) {
    if (std::ranges::find(names, member.name) == names.end()) continue;
    if (best != nullptr && best->value.file == member.value.file && best->name != member.name) {
      place.problems.add(member.value.file, member.line, place.inside(member.name).path,
                         fmt::format("is another name of {}, which is there too: keep one",
                                     in_quotes(best->name)));
    }
    if (best == nullptr || member.value.file >= best->value.file) best = &member;
  }
  return best == nullptr || best->value.is(Kind::kNull) ? nullptr : &best->value;
}

void reject_unknown(const Value& object, std::span<const std::string_view> known,
                    const Place& place) {
  for (const Member& member : object.members) {
    if (std::ranges::find(known, member.name) != known.end()) continue;
    const auto near = nearest(member.name, known);
    const std::string hint = near ? fmt::format("did you mean \"{}\"?", *near)
                                  : fmt::format("known here: {}", fmt::join(known, ", "));
    place.problems.add(member.value.file, member.line, place.path,
                       fmt::format("unknown key {}: {}", in_quotes(member.name), hint));
  }
}

}  // namespace gorgon::config
