#include "plan/test_files.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "plan/ctest_tests.h"
#include "plan/glob.h"
#include "plan/pytest_files.h"

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

/// Whether it can be a test file of the selection's language, as far as that can be seen.
bool may_be_test(const std::string& path, const Selection& selection) {
  if (selection.language != Language::kGoogleTest) return true;
  constexpr fs::perms kExecutable =
      fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  std::error_code error;
  const fs::file_status status = fs::status(selection.project / path, error);
  return (status.permissions() & kExecutable) != fs::perms::none && !error;
}

/// The files of the project that `pattern` matches.
std::vector<std::string> find_tests(const std::string& pattern, const Selection& selection) {
  std::vector<std::string> files = find_files(selection.project, pattern);
  std::erase_if(files, [&](const std::string& path) { return !may_be_test(path, selection); });
  return files;
}

/// What `globs` match in the project of `selection`.
Result<std::vector<std::string>> find_matching(const std::vector<std::string>& globs,
                                               const Selection& selection) {
  const fs::path& project = selection.project;
  auto patterns = parse_patterns(globs, project, project);
  if (!patterns) {
    return fail(patterns.error().kind,
                fmt::format("{}: files: {}", selection.config_name, patterns.error().message));
  }
  Collection collection;
  for (const std::string& pattern : patterns->wanted) {
    collection.add(find_tests(pattern, selection), *patterns);
  }
  return collection.paths();
}

/// What the defaults match, without what the configured globs take away.
Result<std::vector<std::string>> find_by_default(const Selection& selection) {
  const auto find = [&](std::vector<std::string> globs) {
    std::ranges::copy(selection.globs, std::back_inserter(globs));
    return find_matching(globs, selection);
  };
  if (selection.language == Language::kOther) return std::vector<std::string>();
  if (selection.language == Language::kNode) return find(node_globs());
  if (selection.language == Language::kGoogleTest) return find(googletest_globs());
  if (selection.language != Language::kPython) {
    auto found = find(default_globs());
    const bool is_final = selection.language == Language::kRuby || !found || !found->empty() ||
                          !is_python_project(selection.project);
    if (is_final) return found;
  }
  return find(pytest_globs(selection.project));
}

/// What the configured globs, or without any the defaults, match; or what was said to.
Result<std::vector<std::string>> find_configured(const Selection& selection) {
  if (selection.files) return *selection.files;
  const bool only_take_away = std::ranges::all_of(
      selection.globs, [](const std::string& glob) { return glob.starts_with('!'); });
  return only_take_away ? find_by_default(selection) : find_matching(selection.globs, selection);
}

/// The names by which test files are known anywhere.
std::vector<std::string_view> usual_names(Language language) {
  std::vector<std::string_view> names;
  if (language == Language::kOther || language == Language::kNode ||
      language == Language::kGoogleTest)
    return names;
  if (language != Language::kPython) names = {"*_spec.rb", "*_test.rb"};
  if (language != Language::kRuby) names.insert(names.end(), {"test_*.py", "*_test.py"});
  return names;
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
  for (const std::string_view name : usual_names(selection.language)) {
    for (const std::string& path :
         find_files(selection.project / folder, fmt::format("**/{}", name))) {
      files.push_back(folder == "." ? path : fmt::format("{}/{}", folder, path));
    }
  }
  std::ranges::sort(files);
  return files;
}

/// An argument that names places in a file.
struct PlacedFile {
  std::string path;
  std::vector<std::string> places;
};

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "a_spec.rb:12:40": the lines behind the name. What is_file() is a name, whatever it ends in.
template <class Predicate>
PlacedFile split_lines(std::string_view argument, Predicate is_file) {
  PlacedFile file;
  while (!is_file(argument)) {
    const auto colon = argument.rfind(':');
    if (colon == std::string_view::npos || !is_number(argument.substr(colon + 1))) break;
    file.places.emplace_back(argument.substr(colon));
    argument = argument.substr(0, colon);
  }
  std::ranges::reverse(file.places);
  file.path = argument;
  return file;
}

/// "a_spec.rb[1:2,1:3]": the ids behind the name, with or without blanks between them.
PlacedFile split_ids(std::string_view argument) {
  const auto bracket = argument.rfind('[');
  if (bracket == std::string_view::npos || !argument.ends_with(']')) return {};
  PlacedFile file{.path = std::string(argument.substr(0, bracket)), .places = {}};
  std::string_view rest = argument.substr(bracket + 1, argument.size() - bracket - 2);
  for (bool is_last = false; !is_last;) {
    const auto comma = rest.find(',');
    is_last = comma == std::string_view::npos;
    std::string_view id = rest.substr(0, comma);
    while (id.starts_with(' ')) id.remove_prefix(1);
    while (id.ends_with(' ')) id.remove_suffix(1);
    const PlacedFile parts =
        split_lines(fmt::format(":{}", id), [](std::string_view) { return false; });
    if (id.empty() || !parts.path.empty()) return {};
    file.places.push_back(fmt::format("[{}]", id));
    if (!is_last) rest.remove_prefix(comma + 1);
  }
  return file;
}

/// "test_a.py::TestA::test_b[1]": pytest's id of a class or case behind the name;
/// "build/a_test::Suite.Test": a filter of GoogleTest.
PlacedFile split_node_id(const std::string& argument, Language language) {
  const auto colons = argument.find("::");
  if (colons == std::string::npos) return {};
  if (language != Language::kGoogleTest && !is_python(argument.substr(0, colons))) return {};
  return {.path = argument.substr(0, colons), .places = {argument.substr(colons)}};
}

/// The file and the places in it that `argument` means; nullopt: it means something else. A name on
/// disk goes before what it could mean.
Result<std::optional<PlacedFile>> find_places(const std::string& argument,
                                              const fs::path& working_directory,
                                              Language language) {
  std::error_code ignored;
  if (fs::exists(working_directory / argument, ignored)) return std::nullopt;
  PlacedFile file = split_node_id(argument, language);
  if (file.places.empty()) {
    file = split_lines(argument, [&](std::string_view name) {
      return fs::is_regular_file(working_directory / name, ignored);
    });
  }
  if (file.places.empty()) file = split_ids(argument);
  if (file.places.empty() || file.path.empty()) return std::nullopt;
  const fs::file_status status = fs::status(working_directory / file.path, ignored);
  if (fs::is_directory(status)) {
    return fail(ErrorKind::kUsage, fmt::format("{}: {} is a folder, only a file has lines and ids",
                                               argument, file.path));
  }
  if (!fs::is_regular_file(status)) {
    if (file.places.front().starts_with('[') || is_glob(file.path)) return std::nullopt;
    return fail(ErrorKind::kNotFound, fmt::format("{}: there is no file {}", argument, file.path));
  }
  for (const std::string& place : file.places) {
    if (place.find_first_not_of(":0") != std::string::npos) continue;
    return fail(ErrorKind::kUsage, fmt::format("{}: the first line of a file is 1", argument));
  }
  return file;
}

/// Places by file, relative to the project.
using Places = std::map<std::string, std::vector<std::string>, std::less<>>;

/// Takes the places off the arguments.
Result<Places> take_places(Selection& selection) {
  Places places;
  for (std::string& argument : selection.arguments) {
    if (argument.starts_with('!')) continue;
    GORGON_TRY_ASSIGN(auto file,
                      find_places(argument, selection.working_directory, selection.language));
    if (!file) continue;
    GORGON_TRY_ASSIGN(
        const std::string path,
        relative_to_project(file->path, selection.working_directory, selection.project));
    std::vector<std::string>& known = places[path];
    for (std::string& place : file->places) {
      if (std::ranges::find(known, place) == known.end()) known.push_back(std::move(place));
    }
    argument = std::move(file->path);
  }
  return places;
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
    if (!may_be_test(path, selection))
      return fail(ErrorKind::kUsage, fmt::format("{} is no program: it cannot be executed", path));
    return std::vector<std::string>{path};
  }
  GORGON_TRY_ASSIGN(const Patterns patterns, parse_patterns({argument}, base, selection.project));
  std::vector<std::string> files;
  for (const std::string& pattern : patterns.wanted) {
    std::ranges::move(find_tests(pattern, selection), std::back_inserter(files));
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

std::vector<std::string> defaults_of(const Selection& selection) {
  if (selection.language == Language::kPython) return pytest_globs(selection.project);
  if (selection.language == Language::kGoogleTest) return googletest_globs();
  return selection.language == Language::kNode ? node_globs() : default_globs();
}

std::string nothing_matches(const Selection& selection) {
  if (selection.language == Language::kOther && selection.globs.empty()) {
    return fmt::format(
        "name the test files, or the globs that match them with \"files\" in {}: a "
        "test command has none by default",
        selection.config_name);
  }
  const auto& globs = selection.globs.empty() ? defaults_of(selection) : selection.globs;
  return fmt::format("no test file matches {} in {}: name the project's with \"files\" in {}",
                     fmt::join(globs, ", "), selection.project.string(), selection.config_name);
}

}  // namespace

const std::vector<std::string>& default_globs() {
  static const std::vector<std::string> globs = {"spec/**/*_spec.rb", "test/**/*_test.rb"};
  return globs;
}

const std::vector<std::string>& node_globs() {
  // https://nodejs.org/api/test.html#running-tests-from-the-command-line
  static const std::vector<std::string> globs = {
      "**/*[._-]test.js", "**/*[._-]test.[cm]js", "**/test-*.js",
      "**/test-*.[cm]js", "**/test.js",           "**/test.[cm]js",
      "**/test/**/*.js",  "**/test/**/*.[cm]js",  "!**/node_modules"};
  return globs;
}

const std::vector<std::string>& googletest_globs() {
  static const std::vector<std::string> globs = {
      "build/**/*[_-]test", "build/**/*[_-]tests", "build/**/*_unittest", "build/**/*_unittests",
      "build/**/*Test",     "build/**/*Tests",     "!**/CMakeFiles"};
  return globs;
}

bool is_python(std::string_view file) { return file.ends_with(".py"); }

Result<std::vector<TestFile>> select_test_files(Selection selection) {
  if (selection.language == Language::kCTest) return find_ctest_tests(selection);
  GORGON_TRY_ASSIGN(const Places places, take_places(selection));
  GORGON_TRY_ASSIGN(const auto paths, selection.arguments.empty() ? find_configured(selection)
                                                                  : find_arguments(selection));
  if (paths.empty() && !selection.files)
    return fail(ErrorKind::kNotFound, nothing_matches(selection));
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
    const auto placed = places.find(path);
    if (placed != places.end()) files.back().places = placed->second;
  }
  return files;
}

}  // namespace gorgon::plan
