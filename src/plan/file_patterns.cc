#include "plan/file_patterns.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "plan/glob.h"

namespace gorgon::plan {

namespace {

bool any_matches(const std::vector<std::string>& patterns, std::string_view path) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return matches_path(pattern, path) || matches_path(pattern + "/**/*", path);
  });
}

/// "./spec/system/" as a path that was found is written.
std::string_view tidy(std::string_view glob) {
  while (glob.starts_with("./")) glob.remove_prefix(2);
  while (glob.size() > 1 && glob.ends_with('/')) glob.remove_suffix(1);
  return glob;
}

}  // namespace

Result<FilePatterns> FilePatterns::parse(const std::vector<std::string>& globs) {
  FilePatterns patterns;
  for (const std::string_view glob : globs) {
    const bool takes_away = glob.starts_with('!');
    GORGON_TRY_ASSIGN(auto expanded, expand_braces(tidy(glob.substr(takes_away ? 1 : 0))));
    auto& list = takes_away ? patterns.unwanted_ : patterns.wanted_;
    for (std::string& pattern : expanded) list.push_back(std::move(pattern));
  }
  return patterns;
}

bool FilePatterns::match(std::string_view path) const {
  return any_matches(wanted_, path) && !any_matches(unwanted_, path);
}

}  // namespace gorgon::plan
