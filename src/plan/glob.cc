#include "plan/glob.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxExpansions = 4096;

/// Takes the first character of `text`. A byte outside of UTF-8 becomes a value of its own beyond
/// Unicode, so that it equals itself only.
std::uint32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  std::size_t length = 1;
  if (first >= 0xC2 && first < 0xE0) length = 2;
  if (first >= 0xE0 && first < 0xF0) length = 3;
  if (first >= 0xF0 && first < 0xF5) length = 4;
  std::uint32_t code = length == 1 ? first : first & (0x7FU >> length);
  bool is_valid = first < 0x80 || length > 1;
  for (std::size_t i = 1; i < length && is_valid; ++i) {
    is_valid = i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80;
    if (is_valid) code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  if (!is_valid) {
    code = 0x110000U + first;
    length = 1;
  }
  text.remove_prefix(length);
  return code;
}

/// Like take_character, over a pattern: a backslash stands for what is behind it.
std::uint32_t take_literal(std::string_view& pattern) {
  if (pattern.front() == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
  return take_character(pattern);
}

enum class SetMatch : std::uint8_t { kNo, kYes, kNotASet };

/// Takes "[…]" from `pattern` and judges `character` by it. Without a closing bracket nothing is
/// taken.
SetMatch take_set(std::string_view& pattern, std::uint32_t character) {
  std::string_view rest = pattern.substr(1);
  const bool is_negated = rest.starts_with('^') || rest.starts_with('!');
  if (is_negated) rest.remove_prefix(1);
  bool found = false;
  bool is_first = true;
  while (!rest.empty() && (rest.front() != ']' || is_first)) {
    is_first = false;
    const std::uint32_t low = take_literal(rest);
    std::uint32_t high = low;
    if (rest.size() > 1 && rest.front() == '-' && rest[1] != ']') {
      rest.remove_prefix(1);
      high = take_literal(rest);
    }
    found = found || (low <= character && character <= high);
  }
  if (rest.empty()) return SetMatch::kNotASet;
  pattern = rest.substr(1);
  return found != is_negated ? SetMatch::kYes : SetMatch::kNo;
}

/// Matches one character of both, and takes it. False: they differ, and both are as before.
bool take_match(std::string_view& pattern, std::string_view& name) {
  std::string_view rest_of_pattern = pattern;
  std::string_view rest_of_name = name;
  const std::uint32_t character = take_character(rest_of_name);
  bool matches = false;
  if (pattern.front() == '?') {
    rest_of_pattern.remove_prefix(1);
    matches = true;
  } else {
    const SetMatch set =
        pattern.front() == '[' ? take_set(rest_of_pattern, character) : SetMatch::kNotASet;
    matches = set == SetMatch::kNotASet ? take_literal(rest_of_pattern) == character
                                        : set == SetMatch::kYes;
  }
  if (!matches) return false;
  pattern = rest_of_pattern;
  name = rest_of_name;
  return true;
}

/// "a//./b" -> "a", "b".
std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> components;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    if (!component.empty() && component != ".") components.push_back(component);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

/// "**" means folders only in front of another component; at the end it is a "*", as in Ruby.
bool is_recursive(const std::vector<std::string_view>& components, std::size_t index) {
  return components[index] == "**" && index + 1 < components.size();
}

bool match_from(const std::vector<std::string_view>& pattern, std::size_t at,
                const std::vector<std::string_view>& path, std::size_t from) {
  // Greedy with one point of return, the last "**": what an earlier one could have taken instead,
  // the later one can take as well.
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t return_at = kNone;
  std::size_t return_from = 0;
  while (from < path.size() || at < pattern.size()) {
    if (at < pattern.size() && is_recursive(pattern, at)) {
      return_at = ++at;
      return_from = from;
    } else if (at < pattern.size() && from < path.size() &&
               matches_component(pattern[at], path[from])) {
      ++at;
      ++from;
    } else if (return_at != kNone && return_from < path.size() &&
               !path[return_from].starts_with('.')) {
      at = return_at;
      from = ++return_from;
    } else {
      return false;
    }
  }
  return true;
}

class Finder {
 public:
  Finder(fs::path root, std::vector<std::string_view> components)
      : root_(std::move(root)), components_(std::move(components)) {}

  std::vector<std::string> run() {
    if (!components_.empty()) expand("", 0);
    return {found_.begin(), found_.end()};
  }

 private:
  /// Finds what matches the components from `index` on below `folder` ("" or "a/b/").
  void expand(const std::string& folder, std::size_t index) {
    // Two "**" reach one folder by several ways; each is worth one visit.
    if (!visited_.emplace(folder, index).second) return;
    const std::string_view component = components_[index];
    if (is_recursive(components_, index)) {
      expand(folder, index + 1);
      for_each_entry(folder, [&](const fs::directory_entry& entry, const std::string& name) {
        std::error_code ignored;
        const bool is_folder = !entry.is_symlink(ignored) && entry.is_directory(ignored);
        if (is_folder && !name.starts_with('.')) expand(folder + name + "/", index);
      });
    } else if (!is_glob(component)) {
      take(folder + std::string(component), index);
    } else {
      for_each_entry(folder, [&](const fs::directory_entry&, const std::string& name) {
        if (matches_component(component, name)) take(folder + name, index);
      });
    }
  }

  /// `path` matches the components up to `index`.
  void take(const std::string& path, std::size_t index) {
    std::error_code ignored;
    if (index + 1 == components_.size()) {
      // A link that leads nowhere is a file that cannot be loaded, as it is for Ruby's Dir.glob.
      const fs::file_status status = fs::status(root_ / path, ignored);
      const bool is_dangling =
          status.type() == fs::file_type::not_found && fs::is_symlink(root_ / path, ignored);
      if (status.type() == fs::file_type::regular || is_dangling) found_.insert(path);
    } else if (fs::is_directory(root_ / path, ignored)) {
      expand(path + "/", index + 1);
    }
  }

  template <class Visit>
  void for_each_entry(const std::string& folder, Visit visit) {
    std::error_code error;
    fs::directory_iterator it(root_ / folder, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
      visit(*it, it->path().filename().string());
    }
  }

  fs::path root_;
  std::vector<std::string_view> components_;
  std::set<std::pair<std::string, std::size_t>> visited_;
  std::set<std::string> found_;
};

/// The positions of the first "{" that has a partner, its commas and that partner; empty: none.
std::vector<std::size_t> find_braces(std::string_view pattern) {
  for (std::size_t start = 0; start < pattern.size(); ++start) {
    if (pattern[start] == '\\') {
      ++start;
      continue;
    }
    if (pattern[start] != '{') continue;
    std::vector<std::size_t> positions = {start};
    std::size_t depth = 0;
    for (std::size_t i = start; i < pattern.size(); ++i) {
      const char c = pattern[i];
      if (c == '\\') ++i;
      if (c == '{') ++depth;
      if (c == ',' && depth == 1) positions.push_back(i);
      if (c == '}' && --depth == 0) {
        positions.push_back(i);
        return positions;
      }
    }
  }
  return {};
}

bool expand_into(std::string_view pattern, std::vector<std::string>& out) {
  const std::vector<std::size_t> positions = find_braces(pattern);
  if (positions.empty()) {
    out.emplace_back(pattern);
    return out.size() <= kMaxExpansions;
  }
  const std::string_view before = pattern.substr(0, positions.front());
  const std::string_view after = pattern.substr(positions.back() + 1);
  for (std::size_t i = 0; i + 1 < positions.size(); ++i) {
    const std::string_view choice =
        pattern.substr(positions[i] + 1, positions[i + 1] - positions[i] - 1);
    std::string chosen(before);
    chosen.append(choice).append(after);
    if (!expand_into(chosen, out)) return false;
  }
  return true;
}

}  // namespace

bool is_glob(std::string_view text) { return text.find_first_of("*?[{\\") != text.npos; }

Result<std::vector<std::string>> expand_braces(std::string_view pattern) {
  // The depth of recursion is the number of braces; no useful pattern comes near.
  if (std::ranges::count(pattern, '{') > 256) {
    return fail(ErrorKind::kUsage, "the pattern has more than 256 braces");
  }
  std::vector<std::string> patterns;
  if (!expand_into(pattern, patterns)) {
    return fail(ErrorKind::kUsage,
                "the braces of the pattern \"" + std::string(pattern.substr(0, 60)) +
                    "\" stand for more than " + std::to_string(kMaxExpansions) + " patterns");
  }
  return patterns;
}

bool matches_component(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.') && !pattern.starts_with("\\.")) {
    return false;
  }
  // One point of return, the last "*", is enough; with it the time is at most |pattern| x |name|.
  std::string_view return_pattern;
  std::string_view return_name;
  bool can_return = false;
  while (!name.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      return_pattern = pattern;
      return_name = name;
      can_return = true;
    } else if (!pattern.empty() && !name.empty() && take_match(pattern, name)) {
      continue;
    } else if (can_return && !return_name.empty()) {
      take_character(return_name);
      pattern = return_pattern;
      name = return_name;
    } else {
      return false;
    }
  }
  return true;
}

bool matches_path(std::string_view pattern, std::string_view path) {
  return match_from(components_of(pattern), 0, components_of(path), 0);
}

std::vector<std::string> find_files(const fs::path& root, std::string_view pattern) {
  return Finder(root, components_of(pattern)).run();
}

}  // namespace gorgon::plan
