// What can be seen of a project on this machine: its files and folders, whether the programs that
// run its tests are here, and in which versions.
#pragma once

#include <filesystem>
#include <string>

#include "base/asio.h"
#include "config/project_config.h"
#include "doctor/environment.h"
#include "doctor/finding.h"

namespace gorgon::doctor {

struct Project {
  std::filesystem::path folder;  ///< Absolute.
  std::string config_name;       ///< What the user calls the configuration file.
  config::ProjectConfig config;
};

/// Of gorgon_secret.json in `folder`: who may read it. Nothing when there is none. Does not need
/// the configuration, which does not load when this is wrong.
[[nodiscard]] Findings check_secret_file(const std::filesystem::path& folder);

/// Where runs write, what they have recorded, the quarantine, cgroups. Reads and tries; leaves
/// nothing behind.
[[nodiscard]] Findings check_places(const Project& project);

/// git and rsync, as far as runs need them. Waits at most ten seconds for each.
[[nodiscard]] Task<Findings> check_tools(Project project);

struct Suite {
  Findings findings;
  Environment environment;
};
/// The test files, and what runs them here.
[[nodiscard]] Task<Suite> check_suite(Project project);

}  // namespace gorgon::doctor
