#include "plan/ctest_tests.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <expected>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/json.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "plan/test_files.h"

namespace gorgon::plan {

namespace {

using Strings = std::vector<std::string>;

/// Programs may have to list their tests first (gtest_discover_tests).
constexpr std::chrono::minutes kListLimit{2};
constexpr std::size_t kMaxListBytes = std::size_t{256} * 1024 * 1024;

bool matches(const std::string& pattern, const std::string& name) {
  return pattern == name || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool any_matches(const Strings& patterns, const std::string& name) {
  return std::ranges::any_of(patterns, [&](const std::string& one) { return matches(one, name); });
}

/// Patterns, and behind "!" those that take away.
struct Patterns {
  explicit Patterns(const Strings& words) {
    for (const std::string& word : words)
      (word.starts_with('!') ? unwanted : wanted).push_back(word.substr(word[0] == '!' ? 1 : 0));
  }
  [[nodiscard]] bool takes(const std::string& name) const {
    return (wanted.empty() || any_matches(wanted, name)) && !any_matches(unwanted, name);
  }
  Strings wanted;
  Strings unwanted;
};

/// As with pytest's markers: one of those that are wanted is enough.
bool has_tags(const CTestTest& test, const Patterns& tags) {
  const auto has = [&](const std::string& tag) {
    return std::ranges::find(test.labels, tag) != test.labels.end();
  };
  return (tags.wanted.empty() || std::ranges::any_of(tags.wanted, has)) &&
         std::ranges::none_of(tags.unwanted, has);
}

/// "~slow" as "!slow".
Patterns tag_patterns(Strings tags) {
  for (std::string& tag : tags) {
    if (tag.starts_with('~')) tag[0] = '!';
  }
  return Patterns(tags);
}

bool has_name(const std::string& name, const Strings& parts) {
  return parts.empty() ||
         std::ranges::any_of(parts, [&](const std::string& part) { return name.contains(part); });
}

std::string remedy(const Selection& selection) {
  return fmt::format(
      "build the project first, or name its build folder with \"ctest_directory\" in {}",
      selection.config_name);
}

}  // namespace

Result<std::vector<CTestTest>> parse_ctest_list(std::string_view text) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(text));
  ObjectReader in(json, "ctest");
  std::vector<CTestTest> tests;
  in.objects("tests", [&](ObjectReader& one) {
    CTestTest test{.name = one.text("name"), .labels = {}};
    one.objects("properties", [&](ObjectReader& property) {
      if (property.text("name") == "LABELS") test.labels = property.texts("value");
    });
    if (test.name.empty()) one.reject("name", "a name");
    tests.push_back(std::move(test));
  });
  GORGON_TRY(in.status());
  return tests;
}

Result<std::vector<TestFile>> select_of_ctest(const std::vector<CTestTest>& tests,
                                              const Selection& selection) {
  const Patterns globs(selection.globs);
  const Patterns arguments(selection.arguments);
  const Patterns tags = tag_patterns(selection.tags);
  for (const std::string& argument : arguments.wanted) {
    const bool is_there = std::ranges::any_of(
        tests, [&](const CTestTest& test) { return matches(argument, test.name); });
    if (!is_there) {
      return fail(ErrorKind::kNotFound,
                  fmt::format("no test of {} is called {}", selection.ctest_directory, argument));
    }
  }
  std::vector<TestFile> files;
  std::set<std::string> seen;
  for (const CTestTest& test : tests) {
    // What an argument names is taken even if no glob matches it.
    const bool is_wanted =
        arguments.takes(test.name) && (!arguments.wanted.empty() || globs.takes(test.name));
    if (!is_wanted || !has_tags(test, tags) || !has_name(test.name, selection.names)) continue;
    if (seen.insert(test.name).second) files.push_back({.path = test.name});
  }
  if (!files.empty()) return files;
  return fail(ErrorKind::kNotFound, tests.empty()
                                        ? fmt::format("ctest knows no test in {}: {}",
                                                      selection.ctest_directory, remedy(selection))
                                        : fmt::format("no test of {} is wanted: nothing to run",
                                                      selection.ctest_directory));
}

Result<std::vector<TestFile>> find_ctest_tests(const Selection& selection) {
  RunOptions options{
      .spawn = {.argv = {"ctest", "--test-dir", selection.ctest_directory, "--show-only=json-v1"},
                .working_directory = selection.project},
      .timeout = kListLimit,
      .max_output_bytes = kMaxListBytes};
  options.spawn.argv.insert(options.spawn.argv.end(), selection.ctest_arguments.begin(),
                            selection.ctest_arguments.end());
  asio::io_context io(1);
  auto listed = run_to_completion(io, gorgon::run(std::move(options)));
  if (!listed) return fail(listed.error().kind, "cannot run ctest: " + listed.error().message);
  // It tells where it goes before it prints the list.
  const auto begin = listed->output.find('{');
  if (!listed->status.is_success() || begin == std::string::npos) {
    return fail(ErrorKind::kNotFound,
                fmt::format("ctest cannot list the tests of {}: {}: {}\n{}",
                            selection.ctest_directory, describe(listed->status), remedy(selection),
                            last_lines(listed->output + listed->errors, 10)));
  }
  GORGON_TRY_ASSIGN(const auto tests,
                    parse_ctest_list(std::string_view(listed->output).substr(begin)));
  return select_of_ctest(tests, selection);
}

}  // namespace gorgon::plan
