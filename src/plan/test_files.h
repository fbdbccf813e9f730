// Which files a run is about: the globs of the configuration, or what the command line names, and
// the places in them that it names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

struct TestFile {
  std::string path;  ///< Relative to the project, with "/", valid UTF-8.
  std::uintmax_t size_bytes = 0;
  std::vector<std::string> places = {};  ///< CaseFilter::places; none: the whole file.
  friend bool operator==(const TestFile&, const TestFile&) = default;
};

/// What the test files are written in, as far as the project says.
enum class Language {
  kUnknown,
  kRuby,
  kPython,
  kNode,        ///< JavaScript, for Node's test runner.
  kGoogleTest,  ///< Programs.
  kCTest,       ///< Whatever ctest runs; its tests are no files: plan/ctest_tests.h.
  kOther,       ///< Anything that a test command runs; it has no defaults.
};

struct Selection {
  std::filesystem::path project;           ///< Absolute.
  std::string config_name;                 ///< What messages call the file that `globs` stand in.
  Language language = Language::kUnknown;  ///< Which defaults count.
  std::vector<std::string> globs;      ///< "files" of gorgon.json; "!glob" takes away. Empty, or
                                       ///< only taking away: the defaults.
  std::vector<std::string> arguments;  ///< Of the command line; empty: all that the globs match.
  /// What counts as matched by the globs, whatever they say: paths in the project, of files that
  /// are there.
  std::optional<std::vector<std::string>> files = {};
  // Of ctest alone:
  std::vector<std::string> names = {};  ///< Parts of a test's name: any of them.
  std::vector<std::string> tags = {};   ///< Labels: any of them; "~LABEL" takes away.
  std::string ctest_directory = "build";
  std::vector<std::string> ctest_arguments = {};
  std::filesystem::path working_directory;  ///< Absolute: what `arguments` start from.
};

/// Those of Ruby: "spec/**/*_spec.rb" and "test/**/*_test.rb". Of Python: pytest_globs(). Of
/// Node: node_globs(). Of GoogleTest: googletest_globs().
[[nodiscard]] const std::vector<std::string>& default_globs();

/// Those that `node --test` takes by default.
[[nodiscard]] const std::vector<std::string>& node_globs();

/// Those of the programs of GoogleTest: below "build", with the usual names.
[[nodiscard]] const std::vector<std::string>& googletest_globs();

/// Whether `file` is one of Python, by its name.
[[nodiscard]] bool is_python(std::string_view file);

/// The test files. With no language, the defaults are those of Ruby, or, when these match nothing
/// in a project of Python, those of Python. Each file once, in the order of the globs (or
/// arguments) and bytewise within each. Of the arguments, a file is taken even if no glob matches
/// it; a folder stands for the files below it that the globs match, or, when there are none, that
/// are named *_spec.rb or *_test.rb (of Python: test_*.py or *_test.py); anything else is a file
/// with places in it ("a_spec.rb:12:40", "a_spec.rb[1:2,1:3]", "test_a.py::TestA::test_b",
/// "build/a_test::Suite.*") when there is that file, else a glob, and "!glob" takes away. As with
/// RSpec, a file of which an argument names places runs these alone, whatever else it is part of.
/// Of GoogleTest, only files that can be executed match a glob or are in a folder. Without
/// arguments, none when `files` has none. kNotFound: nothing matches, or an argument matches
/// nothing; the message names it. kUsage: an empty argument, a path outside of the project, a place
/// in a folder, a line 0, a file of GoogleTest that cannot be executed, a pattern with too many
/// braces, a file name that is not UTF-8.
[[nodiscard]] Result<std::vector<TestFile>> select_test_files(Selection selection);

}  // namespace gorgon::plan
