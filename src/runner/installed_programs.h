// Which interpreters and frameworks a machine has, by asking them. Runs no test and loads nothing
// of a project.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/result.h"

namespace gorgon::runner {

/// A version by the name of what has it: "ruby" to "3.1.2".
using Versions = std::map<std::string, std::string>;

// Each of these runs one process in `directory`, and waits at most ten seconds for it. kNotFound:
// there is no such program. kTimeout. kCallback: it failed; with its last words.

/// "ruby", and of "bundler", "rspec", "minitest" and "test-unit" those that it can load. `command`
/// starts it, as ruby_command() says it without a script: with bundler's set-up, only what the
/// bundle has.
[[nodiscard]] Task<Result<Versions>> ruby_versions(std::filesystem::path directory,
                                                   std::vector<std::string> command);
/// "python", and "pytest" if it has that.
[[nodiscard]] Task<Result<Versions>> python_versions(std::filesystem::path directory,
                                                     std::vector<std::string> command);
/// What the program says of itself when asked with --version: "node", "rsync", "ctest", "git".
[[nodiscard]] Task<Result<std::string>> program_version(std::filesystem::path directory,
                                                        std::string program);

/// All of this that is in PATH, asked side by side; what is not there, or does not answer, is left
/// out.
[[nodiscard]] Task<Versions> installed_programs(std::filesystem::path directory);

/// The first number with dots in what a program says of itself: "3.2.7" of "rsync  version 3.2.7
/// protocol version 31". Empty: there is none.
[[nodiscard]] std::string version_in(const std::string& text);

}  // namespace gorgon::runner
