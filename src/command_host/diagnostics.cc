#include "command_host/diagnostics.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

std::size_t indentation_of(std::string_view line) {
  const auto first = line.find_first_not_of(' ');
  return first == std::string_view::npos ? line.size() : first;
}

/// 'it''s' and "a\tb"; other texts as they are.
std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back()) return std::string(text);
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (text.front() == '"') {
    // A text of JSON is one of YAML.
    const auto parsed = parse_json(text);
    return parsed && parsed->is_string() ? parsed->get<std::string>() : std::string(inner);
  }
  if (text.front() != '\'') return std::string(text);
  std::string result;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    result += inner[i];
    if (inner.substr(i).starts_with("''")) ++i;
  }
  return result;
}

/// Whether `text` says that the value is the lines below: "|", "|-", ">+".
bool is_block_mark(std::string_view text) {
  return !text.empty() && text.size() <= 3 && (text.front() == '|' || text.front() == '>');
}

/// Joins the lines of a block, without the indentation of its first one.
std::string block_text(const std::vector<std::string>& lines) {
  std::string text;
  const std::size_t margin = lines.empty() ? 0 : indentation_of(lines.front());
  for (const std::string& line : lines) {
    text += (text.empty() ? "" : "\n") + line.substr(std::min(margin, indentation_of(line)));
  }
  while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
  return text;
}

/// "TestContext.<anonymous> (file:///p/a.test.js:4:10)" as a line of a backtrace here:
/// "a.test.js:4:in TestContext.<anonymous>".
std::string frame(std::string text, const ReadUnit& unit) {
  text = relative_paths(std::move(text), unit);
  text.erase(0, indentation_of(text));
  if (text.starts_with("at ")) text.erase(0, 3);
  const auto bracket = text.rfind(" (");
  if (bracket == std::string::npos || !text.ends_with(')')) return without_column(text);
  const std::string place = text.substr(bracket + 2, text.size() - bracket - 3);
  return without_column(place) + ":in " + text.substr(0, bracket);
}

std::vector<std::string> frames_of(const std::string& stack, const ReadUnit& unit) {
  std::vector<std::string> frames;
  for (std::size_t start = 0; start < stack.size();) {
    const std::size_t end = std::min(stack.find('\n', start), stack.size());
    frames.push_back(frame(stack.substr(start, end - start), unit));
    start = end + 1;
  }
  return frames;
}

/// The first of `keys` that is there.
std::string first_of(const Diagnostics& diagnostics, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    std::string value = value_of(diagnostics, key);
    if (!value.empty()) return value;
  }
  return {};
}

}  // namespace

Diagnostics read_diagnostics(const std::vector<std::string>& lines) {
  Diagnostics diagnostics;
  for (std::size_t i = 0; i < lines.size();) {
    const std::string& line = lines[i++];
    std::vector<std::string> below;
    while (i < lines.size() && (lines[i].empty() || lines[i].front() == ' '))
      below.push_back(lines[i++]);
    const auto colon = line.find(':');
    if (colon == std::string::npos || line.front() == ' ') continue;
    std::string_view value = std::string_view(line).substr(colon + 1);
    value.remove_prefix(indentation_of(value));
    std::string text = is_block_mark(value) ? "" : unquoted(value);
    if (!below.empty()) text += (text.empty() ? "" : "\n") + block_text(below);
    diagnostics.emplace(line.substr(0, colon), std::move(text));
  }
  return diagnostics;
}

std::string value_of(const Diagnostics& diagnostics, std::string_view key) {
  const auto found = diagnostics.find(key);
  return found == diagnostics.end() ? "" : found->second;
}

double seconds_of(const Diagnostics& diagnostics) {
  const double milliseconds = std::strtod(value_of(diagnostics, "duration_ms").c_str(), nullptr);
  return milliseconds >= 0 && milliseconds <= kMaxSeconds ? milliseconds / 1000 : 0;
}

std::string location_of(const Diagnostics& diagnostics, const ReadUnit& unit) {
  const std::string location = value_of(diagnostics, "location");
  if (!location.empty()) return without_column(relative_paths(location, unit));
  const std::string file = first_of(diagnostics, {"file", "filename"});
  const std::string line = value_of(diagnostics, "line");
  if (!file.empty() && !line.empty()) return relative_paths(file, unit) + ":" + line;
  return place_in(relative_paths(first_of(diagnostics, {"at", "stack"}), unit), unit);
}

results::Failure failure_of(const Diagnostics& diagnostics, const ReadUnit& unit,
                            const std::string& fallback) {
  results::Failure failure{.stage = "",
                           .exception_class = value_of(diagnostics, "name"),
                           .message = first_of(diagnostics, {"error", "message"}),
                           .backtrace = frames_of(value_of(diagnostics, "stack"), unit)};
  if (failure.message.empty()) failure.message = fallback;
  const std::string expected = first_of(diagnostics, {"expected", "wanted"});
  const std::string actual = first_of(diagnostics, {"actual", "found", "got"});
  const bool has_both = failure.message.contains(expected) && failure.message.contains(actual);
  if (!has_both) failure.message += "\nexpected: " + expected + "\n  actual: " + actual;
  return failure;
}

}  // namespace gorgon::command_host
