// "artifacts" in gorgon.json: files that tests write and that come back from the workers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/keys.h"

namespace gorgon::config {

struct Artifacts {
  // Globs relative to the workspace, with the meaning of plan/glob.
  std::vector<std::string> always;
  std::vector<std::string> on_failure;
  std::uint64_t max_unit_bytes = 50 << 20;
  std::uint64_t max_run_bytes = 1 << 30;
  std::filesystem::path folder = ".gorgon/artifacts";  ///< Relative to the project, or absolute.
  std::uint32_t keep_runs = 5;
};

[[nodiscard]] const Table<Artifacts>& artifact_keys();

}  // namespace gorgon::config
