// How a job's runners are started: made by the originator, carried by the job, used by listener and
// worker.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/project_config.h"

namespace gorgon::config {

struct RunnerSettings {
  std::string framework;  ///< "rspec", "minitest", "test_unit": empty: found out of them per file;
                          ///< "pytest", "googletest", "ctest",
                          ///< "command".
  std::vector<std::string> arguments;  ///< For the framework.
  std::optional<std::uint32_t> seed;   ///< Of its random order; nullopt: each unit draws its own.
  std::string order;  ///< Of the cases in a file: "random", "defined"; empty: the framework's own.
  std::vector<std::string> command;  ///< Starts the runner host, in the workspace; empty: our own.
  TestCommand
      test_command;  ///< Of the framework "command"; of "ctest", its only word is the folder.
  std::vector<std::string> python;  ///< Starts Python, in the workspace; empty: found out.
  std::vector<std::string>
      folders;  ///< Of the project, with the test files; pytest alone gets them.
  std::vector<std::string> preload;  ///< Files or libraries that the runner host requires once.
  Callbacks callbacks;
  std::map<std::string, std::string> env;
  friend bool operator==(const RunnerSettings&, const RunnerSettings&) = default;
};

}  // namespace gorgon::config
