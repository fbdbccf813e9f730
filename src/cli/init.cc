#include "cli/init.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "plan/detection.h"
#include "plan/glob.h"

namespace gorgon::cli {

namespace {

using Globs = std::vector<std::string>;

constexpr std::string_view kPytestRunner = R"(
  "runner": "pytest",
)";
constexpr std::string_view kNodeRunner = R"(
  // node --test, which finds these by itself, too.
  "runner": "node",
)";
constexpr std::string_view kGoogleTestRunner = R"(
  // Programs of GoogleTest, built before. Other machines get what git does not ignore: let them
  // build in "after_sync".
  "runner": "googletest",
)";
constexpr std::string_view kCTestRunner = R"(
  // What ctest knows in "build", the patterns above by name. Other machines get what git does not
  // ignore: let them build in "after_sync". "googletest" is the runner that sees single cases.
  "runner": "ctest",
)";
constexpr std::string_view kCommandRunner = R"(
  // One run of this for each file. docs/languages.md says what stands in braces, and for what else.
  "runner": "command",
  "test_command": {{"run": ["{}"], "results": "{}"}},
)";

/// The members "runner" and what belongs to it, as text.
std::string runner_text(const plan::Detected& detected) {
  if (detected.runner == "pytest") return std::string(kPytestRunner);
  if (detected.runner == "node") return std::string(kNodeRunner);
  if (detected.runner == "googletest") return std::string(kGoogleTestRunner);
  if (detected.runner == "ctest") return std::string(kCTestRunner);
  return fmt::format(kCommandRunner, fmt::join(detected.test_command.run, R"(", ")"),
                     config::name_of(detected.test_command.results));
}

/// What the project has already, as far as the texts depend on it.
struct Inventory {
  bool has_specs = false;
  bool has_tests = false;
  Globs test_globs;                     ///< For the folder test/; empty without it.
  std::optional<plan::Detected> other;  ///< Of a project without Ruby's test files.

  [[nodiscard]] std::string files() const {
    Globs globs = other ? other->files : test_globs;
    if (!other && (globs.empty() || has_specs)) globs.insert(globs.begin(), "spec/**/*_spec.rb");
    return fmt::format(R"("{}")", fmt::join(globs, R"(", ")"));
  }
  [[nodiscard]] std::string runner() const { return other ? runner_text(*other) : ""; }
  [[nodiscard]] std::string install() const {
    return other ? other->install : "bundle install --quiet";
  }
  [[nodiscard]] std::string_view callbacks_folder() const {
    if (has_specs) return "spec";
    return has_tests ? "test" : "lib";
  }
};

/// Test files are named in one of two ways, seldom in both; a glob for one that does not occur
/// would only take helpers for tests.
std::vector<std::string> test_globs(const fs::path& project) {
  const bool has_suffixes = !plan::find_files(project, "test/**/*_test.rb").empty();
  auto prefixed = plan::find_files(project, "test/**/test_*.rb");
  std::erase_if(prefixed, [](const std::string& path) {
    return path.ends_with("/test_helper.rb") || path.ends_with("_test.rb");
  });
  if (has_suffixes || prefixed.empty()) return {"test/**/*_test.rb"};
  return {"test/**/test_*.rb", "!test/**/test_helper.rb"};
}

Inventory look_at(const fs::path& project) {
  std::error_code ignored;
  Inventory found{.has_specs = fs::is_directory(project / "spec", ignored),
                  .has_tests = fs::is_directory(project / "test", ignored),
                  .test_globs = {},
                  .other = plan::detect_tests(project)};
  if (found.has_tests) found.test_globs = test_globs(project);
  return found;
}

constexpr std::string_view kProjectHead =
    R"(// How this project's tests run: `gorgon start`. docs/configuration.md explains every key.
{
  // The RabbitMQ server through which this machine and the listeners meet. Without it the tests run
  // on this machine alone. The password belongs into gorgon_secret.json beside this file:
  //   {"connection": {"password": "…"}}
  // which should be in .gitignore and readable by you only (chmod 600).
  // "connection": {"host": "rabbitmq.example", "user": "gorgon"},

  // The test files. "!glob" takes away.
  "files": [@FILES@],
@RUNNER@)";

constexpr std::string_view kSimpleJob = R"(
  "job": {
    "sync": {
      // Not copied to the listeners, besides what git ignores. A file that git ignores and that the
      // tests need asks for "gitignore": false.
      "exclude": [".git", "log", "tmp", "doc"],
    },

    // Commands at the turning points of a job; see also "callbacks_class_file".
    // "callbacks": {"after_sync": "@INSTALL@"},

    // "env": {"CI": "true"},
  },
}
)";

constexpr std::string_view kRailsJob = R"(
  "job": {
    "sync": {
      // Not copied to the listeners, besides what git ignores. A file that git ignores and that the
      // tests need (config/master.key, say) asks for "gitignore": false.
      "exclude": [".git", ".rvmrc", "doc", "log", "tmp", "node_modules"],
    },

    // The database for each worker, among others.
    "callbacks": {"callbacks_class_file": "@CALLBACKS@"},

    "env": {"RAILS_ENV": "test"},

    // Loaded once per machine and job; the workers are forked from there.
    "preload": ["config/environment"],
  },
}
)";

constexpr std::string_view kListener =
    R"(// What this machine offers: `gorgon listen`, started here or with this file in ~/.gorgon/.
{
  // The same server as in gorgon.json of the projects. The password belongs into
  // gorgon_secret.json beside this file.
  "connection": {"host": "localhost"},

  // Test files at once: a number, or "auto" for one per core.
  "worker_slots": "auto",

  // "log_file": "gorgon-listener.log",
  // "cluster_id": "",
}
)";

constexpr std::string_view kRailsCallbacks = R"(# frozen_string_literal: true

# What Gorgon does for this application at the turning points of a job. gorgon.json names this file.
# Hooks that are not needed can go; a hook that raises takes its machine out of the job.
class GorgonCallbacks < Gorgon::DefaultCallbacks
  # On the machine that runs `gorgon start`, before anything else. A string names the cluster of
  # listeners to use.
  # def before_originate
  # end

  # On each machine, in the fresh copy of the application.
  def after_sync
    return if system('bundle', 'check', out: File::NULL, err: File::NULL)

    system('bundle', 'install', '--quiet') || raise('bundle install failed')
  end

  # Once per machine, in the process that has loaded the application and from which the workers are
  # forked: the place for what all of them share.
  # def before_creating_workers
  # end

  # In each worker, before its first file: a database of its own, named after the worker, made from
  # db/schema.rb or db/structure.sql. This is how Rails itself gives its parallel tests their
  # databases.
  def before_start
    require 'active_record'
    require 'active_record/test_databases'
    ActiveRecord::TestDatabases.create_and_load_schema(ENV.fetch('GORGON_WORKER_ID').to_i, env_name: 'test')
  end

  # In each worker, after its last file. The next job makes its databases anew, so that they need
  # not be dropped.
  # def after_complete
  # end

  # Once per machine, after the last worker.
  # def after_creating_workers
  # end

  # On the machine that runs `gorgon start`, after the last result.
  # def after_job_finishes
  # end
end

Gorgon.callbacks = GorgonCallbacks.new
)";

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  const std::size_t at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), by);
}

Result<void> write_unless_there(const fs::path& project, const fs::path& file,
                                std::string_view text, InitReport& report) {
  std::error_code error;
  // A dangling link is somebody's file, too.
  if (fs::symlink_status(project / file, error).type() != fs::file_type::not_found) {
    report.kept.push_back(file);
    return {};
  }
  GORGON_TRY(write_file(project / file, text));
  report.written.push_back(file);
  return {};
}

}  // namespace

Result<InitReport> write_initial_files(const fs::path& project, InitKind kind) {
  const Inventory found = look_at(project);
  const fs::path callbacks =
      fs::path(found.callbacks_folder()) / "gorgon_callbacks/gorgon_callbacks.rb";
  const bool is_rails = kind == InitKind::kRails;
  std::string configuration = replaced(std::string(kProjectHead), "@FILES@", found.files());
  configuration = replaced(std::move(configuration), "@RUNNER@", found.runner());
  configuration += is_rails ? kRailsJob : kSimpleJob;
  configuration = replaced(std::move(configuration), "@INSTALL@", found.install());

  InitReport report;
  // The callbacks come first: gorgon.json names them and would not load without.
  if (is_rails) GORGON_TRY(write_unless_there(project, callbacks, kRailsCallbacks, report));
  GORGON_TRY(write_unless_there(
      project, "gorgon.json", replaced(configuration, "@CALLBACKS@", callbacks.string()), report));
  GORGON_TRY(write_unless_there(project, "gorgon_listener.json", kListener, report));
  return report;
}

}  // namespace gorgon::cli
