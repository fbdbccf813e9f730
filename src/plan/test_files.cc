#include "plan/test_files.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "plan/glob.h"

namespace gorgon::plan {

namespace {

namespace fs = std::filesystem;

/// A list of patterns, braces expanded: those that add files, and those that take them away.
struct Patterns {
  std::vector<std::string> wanted;
  std::vector<std::string> unwanted;

  [[nodiscard]] bool takes_away(std::string_view path) const {
    return std::ranges::any_of(unwanted, [&](const std::string& pattern) {
      // "!spec/slow" means the folder with all that is in it.
      return matches_path(pattern, path) || matches_path(pattern + "/**/*", path);
    });
  }
};

/// `text`, a path or pattern that starts from `base`, as one that starts from `project`.
Result<std::string> relative_to_project(std::string_view text, const fs::path& base,
                                        const fs::path& project) {
  const fs::path absolute = (base / text).lexically_normal();
  std::string relative = absolute.lexically_relative(project.lexically_normal()).string();
  if (relative.empty() || relative == ".." || relative.starts_with("../")) {
    return fail(ErrorKind::kUsage,
                fmt::format("{} is outside of the project {}", text, project.string()));
  }
  return relative;
}

Result<Patterns> parse_patterns(const std::vector<std::string>& globs, const fs::path& base,
                                const fs::path& project) {
  Patterns patterns;
  for (const std::string_view glob : globs) {
    const bool is_unwanted = glob.starts_with('!');
    GORGON_TRY_ASSIGN(const auto expanded, expand_braces(glob.substr(is_unwanted ? 1 : 0)));
    for (const std::string& pattern : expanded) {
      GORGON_TRY_ASSIGN(std::string relative, relative_to_project(pattern, base, project));
      (is_unwanted ? patterns.unwanted : patterns.wanted).push_back(std::move(relative));
    }
  }
  return patterns;
}

/// Collects paths in order, each once.
class Collection {
 public:
  /// Gives the number of `paths` that remain after taking away, new here or not.
  std::size_t add(const std::vector<std::string>& paths, const Patterns& patterns) {
    std::size_t count = 0;
    for (const std::string& path : paths) {
      if (patterns.takes_away(path)) continue;
      ++count;
      if (seen_.insert(path).second) paths_.push_back(path);
    }
    return count;
  }
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::set<std::string> seen_;
  std::vector<std::string> paths_;
};

/// What the configured globs, or without any the defaults, match.
Result<std::vector<std::string>> find_configured(const Selection& selection) {
  const fs::path& project = selection.project;
  auto parsed = parse_patterns(selection.globs, project, project);
  if (!parsed) {
    return fail(parsed.error().kind,
                fmt::format("{}: files: {}", selection.config_name, parsed.error().message));
  }
  Patterns patterns = *std::move(parsed);
  if (patterns.wanted.empty()) patterns.wanted = default_globs();
  Collection collection;
  for (const std::string& pattern : patterns.wanted) {
    collection.add(find_files(project, pattern), patterns);
  }
  return collection.paths();
}

std::vector<std::string> below(const std::vector<std::string>& paths, const std::string& folder) {
  if (folder == ".") return paths;
  std::vector<std::string> result;
  std::ranges::copy_if(paths, std::back_inserter(result),
                       [&](const std::string& path) { return path.starts_with(folder + "/"); });
  return result;
}

/// The files that the folder `folder` of the project stands for.
Result<std::vector<std::string>> find_below(const std::string& folder, const Selection& selection) {
  GORGON_TRY_ASSIGN(const auto configured, find_configured(selection));
  std::vector<std::string> files = below(configured, folder);
  if (!files.empty()) return files;
  for (const std::string_view name : {"*_spec.rb", "*_test.rb"}) {
    for (const std::string& path :
         find_files(selection.project / folder, fmt::format("**/{}", name))) {
      files.push_back(folder == "." ? path : fmt::format("{}/{}", folder, path));
    }
  }
  std::ranges::sort(files);
  return files;
}

Result<std::vector<std::string>> find_argument(const std::string& argument,
                                               const Selection& selection) {
  // An unset variable of a script must not become the whole suite.
  if (argument.empty()) return fail(ErrorKind::kUsage, "an empty argument names no test file");
  const fs::path& base = selection.working_directory;
  std::error_code ignored;
  // A name on disk goes before its meaning as a pattern: "a[1]_spec.rb" may be a file.
  const fs::file_status status = fs::status(base / argument, ignored);
  if (fs::is_regular_file(status) || fs::is_directory(status)) {
    GORGON_TRY_ASSIGN(std::string path, relative_to_project(argument, base, selection.project));
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (fs::is_directory(status)) return find_below(path, selection);
    return std::vector<std::string>{path};
  }
  GORGON_TRY_ASSIGN(const Patterns patterns, parse_patterns({argument}, base, selection.project));
  std::vector<std::string> files;
  for (const std::string& pattern : patterns.wanted) {
    std::ranges::move(find_files(selection.project, pattern), std::back_inserter(files));
  }
  return files;
}

Result<std::vector<std::string>> find_arguments(const Selection& selection) {
  std::vector<std::string> wanted;
  std::vector<std::string> unwanted;
  for (const std::string& argument : selection.arguments) {
    (argument.starts_with('!') ? unwanted : wanted).push_back(argument);
  }
  GORGON_TRY_ASSIGN(const Patterns patterns,
                    parse_patterns(unwanted, selection.working_directory, selection.project));
  Collection collection;
  if (wanted.empty()) {
    GORGON_TRY_ASSIGN(const auto configured, find_configured(selection));
    collection.add(configured, patterns);
  }
  for (const std::string& argument : wanted) {
    GORGON_TRY_ASSIGN(const auto found, find_argument(argument, selection));
    if (collection.add(found, patterns) > 0) continue;
    std::error_code ignored;
    const fs::path path = selection.working_directory / argument;
    const std::string_view reason =
        !found.empty() ? "all files of {} are taken away by \"!\" patterns"
        : fs::is_directory(path, ignored)
            ? "there are no test files in {}, neither by \"files\" of {} nor by the usual names"
        : is_glob(argument) ? "no file matches {}"
                            : "there is no file or folder {}";
    return fail(ErrorKind::kNotFound,
                fmt::format(fmt::runtime(reason), argument, selection.config_name));
  }
  return collection.paths();
}

std::string nothing_matches(const Selection& selection) {
  const auto& globs = selection.globs.empty() ? default_globs() : selection.globs;
  return fmt::format("no test file matches {} in {}: name the project's with \"files\" in {}",
                     fmt::join(globs, ", "), selection.project.string(), selection.config_name);
}

}  // namespace

const std::vector<std::string>& default_globs() {
  static const std::vector<std::string> globs = {"spec/**/*_spec.rb", "test/**/*_test.rb"};
  return globs;
}

Result<std::vector<TestFile>> select_test_files(const Selection& selection) {
  GORGON_TRY_ASSIGN(const auto paths, selection.arguments.empty() ? find_configured(selection)
                                                                  : find_arguments(selection));
  if (paths.empty()) return fail(ErrorKind::kNotFound, nothing_matches(selection));
  std::vector<TestFile> files;
  files.reserve(paths.size());
  for (const std::string& path : paths) {
    if (valid_utf8(path) != path) {
      return fail(ErrorKind::kUsage, fmt::format("the name of the test file {} is not UTF-8: "
                                                 "rename it, or take it away with \"!\"",
                                                 valid_utf8(path)));
    }
    std::error_code error;
    const std::uintmax_t size = fs::file_size(selection.project / path, error);
    files.push_back({.path = path, .size_bytes = error ? 0 : size});
  }
  return files;
}

}  // namespace gorgon::plan
