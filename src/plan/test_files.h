// Which files a run is about: the globs of the configuration, or what the command line names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

struct TestFile {
  std::string path;  ///< Relative to the project, with "/", valid UTF-8.
  std::uintmax_t size_bytes = 0;
  friend bool operator==(const TestFile&, const TestFile&) = default;
};

struct Selection {
  std::filesystem::path project;       ///< Absolute.
  std::string config_name;             ///< What messages call the file that `globs` stand in.
  std::vector<std::string> globs;      ///< "files" of gorgon.json; "!glob" takes away. Empty, or
                                       ///< only taking away: the defaults.
  std::vector<std::string> arguments;  ///< Of the command line; empty: all that the globs match.
  std::filesystem::path working_directory;  ///< Absolute: what `arguments` start from.
};

/// "spec/**/*_spec.rb" and "test/**/*_test.rb".
[[nodiscard]] const std::vector<std::string>& default_globs();

/// The test files, each once, in the order of the globs (or arguments) and bytewise within each.
/// Of the arguments, a file is taken even if no glob matches it; a folder stands for the files
/// below it that the globs match, or, when there are none, that are named *_spec.rb or *_test.rb;
/// anything else is a glob, and "!glob" takes away.
/// kNotFound: nothing matches, or an argument matches nothing; the message names it. kUsage: an
/// empty argument, a path outside of the project, a pattern with too many braces, a file name that
/// is not UTF-8.
[[nodiscard]] Result<std::vector<TestFile>> select_test_files(const Selection& selection);

}  // namespace gorgon::plan
