// check_suite(): the test files, and what runs them here.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/text.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "doctor/environment.h"
#include "doctor/finding.h"
#include "doctor/project.h"
#include "originator/make_plan.h"
#include "originator/unit_rules.h"
#include "results/verdict.h"
#include "runner/installed_programs.h"
#include "runner/runner_host.h"

namespace gorgon::doctor {

namespace {

namespace fs = std::filesystem;
using results::Unit;
using runner::Versions;

constexpr std::array kChoosers = {".tool-versions", "mise.toml", ".mise.toml"};

/// Which of the usual files of the project chooses the version of a language; empty: none.
std::string chooser_in(const fs::path& folder, const char* of_language) {
  std::vector<const char*> names(kChoosers.begin(), kChoosers.end());
  names.insert(names.begin(), of_language);
  std::error_code ignored;
  for (const char* name : names) {
    if (fs::exists(folder / name, ignored)) return name;
  }
  return {};
}

Suite cannot_run(std::string subject, const Error& error, const Remedy& remedy) {
  return {.findings = {Finding::problem(Area::kProject, std::move(subject), error.message, remedy)},
          .environment = {}};
}

std::string text_of(const Versions& versions) {
  std::string text;
  for (const auto& [name, version] : versions)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, version);
  return text;
}

bool has_bundle(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "Gemfile", ignored) || std::getenv("BUNDLE_GEMFILE") != nullptr;
}

/// The gems that the files need, one of each set.
std::vector<std::vector<std::string>> ruby_frameworks(const std::string& framework,
                                                      const std::vector<Unit>& units) {
  if (framework == "rspec" || framework == "minitest") return {{framework}};
  if (framework == "test_unit") return {{"test-unit"}};
  const auto is_spec = [](const Unit& unit) { return unit.file.ends_with("_spec.rb"); };
  std::vector<std::vector<std::string>> needed;
  if (std::ranges::any_of(units, is_spec)) needed.push_back({"rspec"});
  if (!std::ranges::all_of(units, is_spec)) needed.push_back({"minitest", "test-unit"});
  return needed;
}

Findings judge_frameworks(const Versions& versions,
                          const std::vector<std::vector<std::string>>& needed) {
  Findings findings;
  for (const auto& names : needed) {
    const bool is_there =
        std::ranges::any_of(names, [&](const auto& name) { return versions.contains(name); });
    if (is_there) continue;
    findings.push_back(Finding::problem(
        Area::kProject, names.front(), "Ruby does not find it here",
        Remedy(fmt::format("gem install {0}, or with a Gemfile: bundle add {0}", names.front()))));
  }
  return findings;
}

Task<Suite> check_ruby(Project project, std::string framework, std::vector<Unit> units) {
  std::vector<std::string> command = runner::ruby_command(project.folder, {});
  command.pop_back();  // The script.
  const auto versions = co_await runner::ruby_versions(project.folder, std::move(command));
  const bool is_bundled = has_bundle(project.folder);
  if (!versions) {
    co_return cannot_run("ruby", versions.error(),
                         Remedy(is_bundled ? "install Ruby, and then: bundle install"
                                           : "install Ruby, or put the folder it is in into PATH"));
  }
  Suite suite{
      .findings = {Finding::ok(Area::kProject, "ruby",
                               text_of(*versions) + (is_bundled ? " (of the bundle)" : ""))},
      .environment = {}};
  const auto needed = ruby_frameworks(framework, units);
  std::ranges::move(judge_frameworks(*versions, needed), std::back_inserter(suite.findings));
  suite.environment.chooser = chooser_in(project.folder, ".ruby-version");
  // What a bundle brings, after_sync installs on each machine in the same version.
  std::set<std::string> everywhere = {"ruby"};
  if (is_bundled) {
    everywhere.insert("bundler");
  } else {
    for (const auto& names : needed) everywhere.insert(names.begin(), names.end());
  }
  for (const auto& [name, version] : *versions) {
    if (everywhere.contains(name)) suite.environment.versions[name] = version;
  }
  co_return suite;
}

Task<Suite> check_pytest(Project project) {
  std::vector<std::string> command = project.config.runner_python;
  std::error_code ignored;
  const fs::path own = project.folder / ".venv/bin/python";
  const bool is_of_system = command.empty() && !fs::exists(own, ignored);
  if (command.empty()) command.push_back(is_of_system ? "python3" : own.string());
  const auto versions = co_await runner::python_versions(project.folder, std::move(command));
  if (!versions) {
    co_return cannot_run("python", versions.error(),
                         Remedy("install Python, or say with runner_python how it is started"));
  }
  Suite suite{.findings = {Finding::ok(Area::kProject, "python", text_of(*versions))},
              .environment = {}};
  if (!versions->contains("pytest")) {
    suite.findings.push_back(
        Finding::problem(Area::kProject, "pytest", "Python does not find it here",
                         Remedy("install it for that Python: python3 -m pip install pytest, or uv "
                                "add --dev pytest")));
  }
  // A virtual environment is made anew on each machine, by what after_sync says.
  if (is_of_system) suite.environment.versions = *versions;
  suite.environment.chooser = chooser_in(project.folder, ".python-version");
  co_return suite;
}

Task<Suite> check_program(Project project, std::string program, const char* chooser) {
  const auto version = co_await runner::program_version(project.folder, program);
  if (!version) {
    co_return cannot_run(
        program, version.error(),
        Remedy(fmt::format("install {0}, or put the folder it is in into PATH", program)));
  }
  Suite suite{.findings = {Finding::ok(Area::kProject, program, *version)}, .environment = {}};
  suite.environment.versions[program] = *version;
  suite.environment.chooser = chooser_in(project.folder, chooser);
  co_return suite;
}

/// A path of the project, or a name in PATH.
bool can_be_run(const fs::path& folder, const std::string& program) {
  if (program.contains('/')) return ::access((folder / program).c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const fs::path entry = rest.substr(0, end);
    if (!entry.empty() && ::access((entry / program).c_str(), X_OK) == 0) return true;
    rest.erase(0, std::min(end + 1, rest.size()));
  }
  return false;
}

Suite check_command(const Project& project, const std::string& key,
                    const std::vector<std::string>& command) {
  const std::string& program = command.front();
  if (program.contains('{') || can_be_run(project.folder, program))
    return {.findings = {Finding::ok(Area::kProject, key, program)}, .environment = {}};
  return cannot_run(key, {ErrorKind::kNotFound, "there is no program " + program},
                    Remedy(fmt::format("install it here and on each machine, or mend \"{}\" in {}",
                                       key, project.config_name)));
}

Task<Suite> check_language(Project project, config::RunnerSettings settings,
                           std::vector<Unit> units) {
  const config::ProjectConfig& config = project.config;
  if (!config.runner_command.empty())
    co_return check_command(project, "runner_command", config.runner_command);
  if (config.runner == "node") co_return co_await check_program(project, "node", ".nvmrc");
  if (config.runner == "ctest") co_return co_await check_program(project, "ctest", "");
  if (config.runner == "command")
    co_return check_command(project, "test_command", config.test_command.run);
  if (config.runner == "googletest") co_return Suite();  // The programs themselves.
  if (settings.framework == "pytest") co_return co_await check_pytest(project);
  std::string framework = settings.framework;
  co_return co_await check_ruby(project, std::move(framework), std::move(units));
}

Result<originator::Plan> plan_of(const originator::StartOptions& options) {
  return originator::make_plan(options);
}

}  // namespace

Task<Suite> check_suite(Project project) {
  originator::StartOptions options;
  options.project = project.folder;
  options.folder = project.folder;
  options.config_name = project.config_name;
  options.config = project.config;
  auto rules = originator::RuleBook::make(project.config);
  if (!rules) {
    co_return cannot_run("groups", rules.error(),
                         Remedy("mend \"groups\" or \"overrides\" in " + project.config_name));
  }
  options.rules = *std::move(rules);
  const auto plan = plan_of(options);
  if (!plan) {
    co_return cannot_run("test files", plan.error(),
                         Remedy(fmt::format("name them with \"files\" in {}; `gorgon init` writes "
                                            "one for what it finds",
                                            project.config_name)));
  }
  auto settings = originator::runner_settings(options, plan->units);
  Suite suite = co_await check_language(project, std::move(settings), plan->units);
  suite.findings.insert(
      suite.findings.begin(),
      Finding::ok(Area::kProject, "test files", count_of(plan->selected_files, "file")));
  co_return suite;
}

}  // namespace gorgon::doctor
