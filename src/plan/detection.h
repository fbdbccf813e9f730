// How a project's tests run, as far as its files show. Reads them, runs nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/project_config.h"

namespace gorgon::plan {

/// Members of gorgon.json, and what a fresh copy of the project needs.
struct Detected {
  std::string runner;
  std::vector<std::string> files;
  config::TestCommand test_command;  ///< Of the runner "command".
  std::string install;               ///< The usual command that makes a fresh copy ready.
};

/// Of a project without Ruby's usual test files: pytest's, or what package.json names, or other
/// tools' test files, or those of Node's test runner, or built programs of GoogleTest, or a build
/// folder of ctest. Nullopt: it has Ruby's, or none of these.
[[nodiscard]] std::optional<Detected> detect_tests(const std::filesystem::path& project);

}  // namespace gorgon::plan
