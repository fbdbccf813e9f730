#include "cli/detect_runner.h"

#include <filesystem>
#include <utility>

#include "config/project_config.h"
#include "plan/detection.h"

namespace gorgon::cli {

bool detect_runner(config::ProjectConfig& config, const std::filesystem::path& project) {
  if (!config::leaves_tests_open(config)) return false;
  auto detected = plan::detect_tests(project);
  if (!detected || detected->runner == "pytest") return false;
  config.runner = std::move(detected->runner);
  config.test_command = std::move(detected->test_command);
  // What takes away stays behind what it takes from.
  config.files.insert(config.files.begin(), detected->files.begin(), detected->files.end());
  return true;
}

}  // namespace gorgon::cli
