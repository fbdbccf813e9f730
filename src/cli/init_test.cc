#include "cli/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "config/listener_config.h"
#include "config/project_config.h"

namespace gorgon::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

class InitTest : public ::testing::Test {
 protected:
  InitReport init(InitKind kind) {
    auto report = write_initial_files(project_.path(), kind);
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(InitReport{});
  }
  config::ProjectConfig load() {
    auto loaded = config::load_project_config(project_.path() / "gorgon.json", true);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded.value_or(config::ProjectConfig{});
  }
  void make_folder(const std::string& name) { fs::create_directory(project_.path() / name); }

  TempDir project_ = *TempDir::make("gorgon-init-test-");
};

TEST_F(InitTest, SimpleFilesLoadAndRunLocally) {
  make_folder("test");
  EXPECT_THAT(init(InitKind::kSimple).written, ElementsAre("gorgon.json", "gorgon_listener.json"));
  const config::ProjectConfig config = load();
  EXPECT_FALSE(config.connection);
  EXPECT_THAT(config.files, ElementsAre("test/**/*_test.rb"));
  EXPECT_EQ(config.job.sync.transport, config::Transport::kNone);
  const auto listener = config::load_listener_config(project_.path() / "gorgon_listener.json");
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_EQ(listener->worker_slots, 0U);
}

TEST_F(InitTest, ProgramsOfGoogleTestAreKnownByWhatIsInThem) {
  make_folder("build");
  const fs::path program = project_.path() / "build/cart_test";
  ASSERT_TRUE(write_file(program,
                         "\x7f"
                         "ELF and --gtest_list_tests",
                         0755));
  init(InitKind::kSimple);
  EXPECT_EQ(load().runner, "googletest");
  EXPECT_THAT(load().files, ::testing::Contains("build/**/*[_-]test"));
}

TEST_F(InitTest, OtherProgramsAreNot) {
  make_folder("build");
  ASSERT_TRUE(write_file(project_.path() / "build/cart_test",
                         "\x7f"
                         "ELF",
                         0755));
  init(InitKind::kSimple);
  EXPECT_EQ(load().runner, "");
}

TEST_F(InitTest, ABuiltFolderOfCMakeIsForCTest) {
  make_folder("build");
  ASSERT_TRUE(write_file(project_.path() / "build/CTestTestfile.cmake", ""));
  init(InitKind::kSimple);
  EXPECT_EQ(load().runner, "ctest");
  EXPECT_THAT(load().files, ElementsAre("*"));
}

TEST_F(InitTest, NamesOfTheTestFilesDecideOnTheGlobs) {
  const auto touch = [&](const char* path) { ASSERT_TRUE(write_file(project_.path() / path, "")); };
  touch("test/test_helper.rb");
  touch("test/models/test_user.rb");
  init(InitKind::kSimple);
  EXPECT_THAT(load().files, ElementsAre("test/**/test_*.rb", "!test/**/test_helper.rb"));
  fs::remove(project_.path() / "gorgon.json");
  touch("test/models/account_test.rb");
  init(InitKind::kSimple);
  EXPECT_THAT(load().files, ElementsAre("test/**/*_test.rb"));
}

TEST_F(InitTest, FoldersOfTheProjectDecideOnTheGlobs) {
  EXPECT_THAT(init(InitKind::kSimple).kept, IsEmpty());
  EXPECT_THAT(load().files, ElementsAre("spec/**/*_spec.rb"));
  fs::remove(project_.path() / "gorgon.json");
  make_folder("spec");
  make_folder("test");
  init(InitKind::kSimple);
  EXPECT_THAT(load().files, ElementsAre("spec/**/*_spec.rb", "test/**/*_test.rb"));
}

TEST_F(InitTest, AProjectOfPythonRunsPytest) {
  ASSERT_TRUE(write_file(project_.path() / "pytest.ini", "[pytest]\ntestpaths = unit\n"));
  make_folder("unit");
  init(InitKind::kSimple);
  const config::ProjectConfig config = load();
  EXPECT_EQ(config.runner, "pytest");
  EXPECT_THAT(config.files, IsSupersetOf({"unit/**/test_*.py", "unit/**/*_test.py"}));

  fs::remove(project_.path() / "gorgon.json");
  make_folder("test");
  ASSERT_TRUE(write_file(project_.path() / "test/a_test.rb", ""));
  init(InitKind::kSimple);
  EXPECT_EQ(load().runner, "") << "Ruby goes first, as it does without a configuration";
}

TEST_F(InitTest, AProjectOfNodeRunsItsOwnTestRunner) {
  ASSERT_TRUE(
      write_file(project_.path() / "package.json", R"({"scripts": {"test": "node --test"}})"));
  ASSERT_TRUE(write_file(project_.path() / "test/cart.test.js", ""));
  init(InitKind::kSimple);
  EXPECT_EQ(load().runner, "node");
  EXPECT_THAT(load().files, IsSupersetOf({"**/*[._-]test.js", "!**/node_modules"}));
}

TEST_F(InitTest, AToolWhoseNameIsInPackageJsonIsRunAsACommand) {
  using config::ResultFormat;
  for (const auto& [tool, results] :
       {std::pair("vitest", ResultFormat::kJunit), std::pair("jest", ResultFormat::kExitCode),
        std::pair("mocha", ResultFormat::kTap), std::pair("tape", ResultFormat::kTap)}) {
    fs::remove(project_.path() / "gorgon.json");
    ASSERT_TRUE(write_file(project_.path() / "package.json",
                           R"({"devDependencies": {")" + std::string(tool) + R"(": "^3"}})"));
    init(InitKind::kSimple);
    const config::ProjectConfig config = load();
    EXPECT_EQ(config.runner, "command") << tool;
    EXPECT_THAT(config.test_command.run, ::testing::Contains(tool));
    EXPECT_EQ(config.test_command.results, results) << tool;
    EXPECT_FALSE(config.files.empty());
  }
}

TEST_F(InitTest, FilesOfOtherToolsAreRunByThese) {
  for (const auto& [file, program] : {std::pair("t/a.t", "perl"), std::pair("test/a.bats", "bats"),
                                      std::pair("tests/unit/CartTest.php", "vendor/bin/phpunit")}) {
    ASSERT_TRUE(write_file(project_.path() / file, ""));
    init(InitKind::kSimple);
    const config::ProjectConfig config = load();
    EXPECT_EQ(config.runner, "command") << file;
    ASSERT_FALSE(config.test_command.run.empty()) << file;
    EXPECT_EQ(config.test_command.run.front(), program);
    fs::remove(project_.path() / file);
    fs::remove(project_.path() / "gorgon.json");
  }
}

TEST_F(InitTest, FilesOfRubyGoBeforeWhatIsInPackageJson) {
  ASSERT_TRUE(
      write_file(project_.path() / "package.json", R"({"devDependencies": {"jest": "1"}})"));
  ASSERT_TRUE(write_file(project_.path() / "spec/models/cart_spec.rb", ""));
  init(InitKind::kSimple);
  EXPECT_EQ(load().runner, "");
  EXPECT_THAT(load().files, ElementsAre("spec/**/*_spec.rb"));
}

TEST_F(InitTest, RailsFilesNameTheirCallbacks) {
  for (const std::string folder : {"lib", "test", "spec"}) {
    if (folder != "lib") make_folder(folder);
    fs::remove(project_.path() / "gorgon.json");
    const std::string callbacks = folder + "/gorgon_callbacks/gorgon_callbacks.rb";
    EXPECT_EQ(init(InitKind::kRails).written.front(), callbacks);
    const config::ProjectConfig config = load();
    EXPECT_EQ(config.job.callbacks.class_file, callbacks);
    EXPECT_THAT(config.job.env, ElementsAre(std::pair("RAILS_ENV", "test")));
  }
}

TEST_F(InitTest, ExistingFilesAreKept) {
  ASSERT_TRUE(write_file(project_.path() / "gorgon.json", "{}"));
  fs::create_symlink("elsewhere", project_.path() / "gorgon_listener.json");
  const InitReport report = init(InitKind::kSimple);
  EXPECT_THAT(report.written, IsEmpty());
  EXPECT_THAT(report.kept, ElementsAre("gorgon.json", "gorgon_listener.json"));
  EXPECT_EQ(read_file(project_.path() / "gorgon.json"), "{}");
}

TEST_F(InitTest, UnwritableProjectIsAnError) {
  const auto report = write_initial_files("/proc/nowhere", InitKind::kSimple);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kIo);
}

TEST_F(InitTest, RailsCallbacksAreRubyThatGorgonCanLoad) {
  init(InitKind::kRails);
  asio::io_context io;
  const std::string program =
      "module Gorgon; class DefaultCallbacks; end; class << self; attr_accessor :callbacks; end; "
      "end; load ARGV[0]; print Gorgon.callbacks.method(:before_start).name";
  const fs::path file = project_.path() / "lib/gorgon_callbacks/gorgon_callbacks.rb";
  RunOptions options{.spawn = {.argv = {"ruby", "-w", "-e", program, file.string()}},
                     .timeout = std::chrono::seconds(20)};
  const auto ran = run_to_completion(io, run(std::move(options)));
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->output, "before_start");
  EXPECT_EQ(ran->errors, "");
}

}  // namespace
}  // namespace gorgon::cli
