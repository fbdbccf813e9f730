#include "plan/detection.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/files.h"
#include "config/project_config.h"
#include "plan/glob.h"
#include "plan/pytest_files.h"
#include "plan/test_files.h"

namespace gorgon::plan {

namespace {

namespace fs = std::filesystem;
using config::ResultFormat;

/// A tool that runs one test file: with whose name in package.json, or with which files, a project
/// uses it.
struct Tool {
  std::string package;  ///< Empty: not one of npm.
  std::vector<std::string> files;
  config::TestCommand command;
  std::string install;
};

const std::vector<Tool>& tools() {
  static const std::vector<std::string> javascript = {"**/*.{test,spec}.{js,jsx,mjs,cjs,ts,tsx}",
                                                      "!**/node_modules"};
  static const std::vector<std::string> below_test = {"test/**/*.{js,mjs,cjs}"};
  static const std::string npm = "npm ci --silent";
  static const std::vector<Tool> all = {
      {.package = "vitest",
       .files = javascript,
       .command = {.run = {"npx", "vitest", "run", "{file}", "--reporter=junit",
                           "--outputFile={output}"},
                   .results = ResultFormat::kJunit},
       .install = npm},
      {.package = "jest",
       .files = javascript,
       .command = {.run = {"npx", "jest", "--runTestsByPath", "{file}"},
                   .results = ResultFormat::kExitCode},
       .install = npm},
      {.package = "mocha",
       .files = below_test,
       .command = {.run = {"npx", "mocha", "--reporter", "tap", "{file}"},
                   .results = ResultFormat::kTap},
       .install = npm},
      {.package = "tape",
       .files = below_test,
       .command = {.run = {"npx", "tape", "{file}"}, .results = ResultFormat::kTap},
       .install = npm},
      {.package = "",
       .files = {"tests/**/*Test.php"},
       .command = {.run = {"vendor/bin/phpunit", "--log-junit", "{output}", "{file}"},
                   .results = ResultFormat::kJunit},
       .install = "composer install --quiet"},
      {.package = "",
       .files = {"t/**/*.t"},
       .command = {.run = {"perl", "-Ilib", "{arguments}", "{file}"},
                   .results = ResultFormat::kTap},
       .install = "make"},
      {.package = "",
       .files = {"test/**/*.bats", "tests/**/*.bats"},
       .command = {.run = {"bats", "--formatter", "tap", "{file}"}, .results = ResultFormat::kTap},
       .install = "make"}};
  return all;
}

bool has_any(const fs::path& project, const std::vector<std::string>& globs) {
  return std::ranges::any_of(
      globs, [&](const std::string& glob) { return !find_files(project, glob).empty(); });
}

/// The first file that the runner of this language would take by itself.
std::optional<fs::path> first_file(const fs::path& project, Language language) {
  const auto files = select_test_files({.project = project,
                                        .config_name = "gorgon.json",
                                        .language = language,
                                        .globs = {},
                                        .arguments = {},
                                        .working_directory = project});
  if (!files) return std::nullopt;
  return project / files->front().path;
}

bool has_text(const fs::path& file, std::string_view text) {
  const auto bytes = read_file(file);
  return bytes && bytes->contains(text);
}

bool is_used(const Tool& tool, const fs::path& project, std::string_view package) {
  if (tool.package.empty()) return has_any(project, tool.files);
  return package.contains(fmt::format("\"{}\"", tool.package));
}

/// Files that look like tests may be those of another tool.
bool is_of_node(const fs::path& project, std::string_view package) {
  if (package.empty()) return false;
  const auto file = first_file(project, Language::kNode);
  return file && (package.contains("node --test") || has_text(*file, "node:test"));
}

/// GoogleTest's option is in one of its programs, or the name of its library.
bool is_of_googletest(const fs::path& project) {
  const auto program = first_file(project, Language::kGoogleTest);
  return program && (has_text(*program, "gtest_list_tests") || has_text(*program, "libgtest"));
}

std::optional<Detected> detect_build(const fs::path& project) {
  constexpr const char* kBuild = "cmake -B build && cmake --build build";
  if (is_of_googletest(project)) {
    return Detected{
        .runner = "googletest", .files = googletest_globs(), .test_command = {}, .install = kBuild};
  }
  std::error_code ignored;
  if (!fs::exists(project / "build/CTestTestfile.cmake", ignored)) return std::nullopt;
  return Detected{.runner = "ctest", .files = {"*"}, .test_command = {}, .install = kBuild};
}

}  // namespace

std::optional<Detected> detect_tests(const fs::path& project) {
  if (has_any(project, {"spec/**/*_spec.rb", "test/**/*.rb"})) return std::nullopt;
  if (is_python_project(project)) {
    return Detected{.runner = "pytest",
                    .files = pytest_globs(project),
                    .test_command = {},
                    .install = "uv sync --quiet"};
  }
  const std::string package = read_file(project / "package.json").value_or("");
  for (const Tool& tool : tools()) {
    if (!is_used(tool, project, package)) continue;
    return Detected{.runner = "command",
                    .files = tool.files,
                    .test_command = tool.command,
                    .install = tool.install};
  }
  if (is_of_node(project, package)) {
    return Detected{
        .runner = "node", .files = node_globs(), .test_command = {}, .install = "npm ci --silent"};
  }
  return detect_build(project);
}

}  // namespace gorgon::plan
