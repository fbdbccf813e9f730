// What counts for a project whose gorgon.json says nothing of its tests.
#pragma once

#include <filesystem>

#include "config/project_config.h"

namespace gorgon::cli {

/// Puts what the files of `project` show of its tests into `config`, when that leaves it open.
/// False: nothing was put there. Test files of Ruby and Python are told apart by themselves.
bool detect_runner(config::ProjectConfig& config, const std::filesystem::path& project);

}  // namespace gorgon::cli
