#include "plan/pytest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "plan/test_files.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class PytestFilesTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text = "") {
    const fs::path file = project_.path() / path;
    fs::create_directories(file.parent_path());
    ASSERT_TRUE(write_file(file, text));
  }
  std::vector<std::string> select(std::vector<std::string> arguments = {},
                                  Language language = Language::kUnknown) {
    const auto files = select_test_files({.project = project_.path(),
                                          .config_name = "gorgon.json",
                                          .language = language,
                                          .globs = {},
                                          .arguments = std::move(arguments),
                                          .working_directory = project_.path()});
    std::vector<std::string> paths;
    if (!files) return {files.error().message};
    for (const TestFile& file : *files) paths.push_back(file.path);
    return paths;
  }

  TempDir project_ = *TempDir::make("gorgon-pytest-files-test-");
};

TEST_F(PytestFilesTest, AProjectOfPythonRunsWhatPytestWouldFind) {
  write("tests/test_a.py");
  EXPECT_THAT(select(), ElementsAre(HasSubstr("no test file matches"))) << "it may be any project";
  write("tests/conftest.py");
  write("pkg/tests/b_test.py");
  for (const char* other : {"build/test_c.py", "venv/test_d.py", ".tox/test_e.py", "tests/help.py",
                            "env/lib/python3/site-packages/x/test_f.py"}) {
    write(other);
  }
  EXPECT_THAT(select(), ElementsAre("tests/test_a.py", "pkg/tests/b_test.py"));
  EXPECT_THAT(select({"pkg"}), ElementsAre("pkg/tests/b_test.py"));
}

TEST_F(PytestFilesTest, FilesOfRubyGoBeforePythonUnlessTheLanguageIsSaid) {
  write("pytest.ini");
  write("test/test_a.py");
  write("spec/a_spec.rb");
  EXPECT_THAT(select(), ElementsAre("spec/a_spec.rb"));
  EXPECT_THAT(select({}, Language::kPython), ElementsAre("test/test_a.py"));
  fs::remove_all(project_.path() / "spec");
  EXPECT_THAT(select({}, Language::kRuby), ElementsAre(HasSubstr("no test file matches spec/")));
}

TEST_F(PytestFilesTest, ConfigurationIsReadAsPytestReadsIt) {
  write("unit/a.py");
  write("functional/checks/check_b.py");
  write("setup.cfg", "[tool:pytest]\npython_files = never.py\n");
  write("pyproject.toml",
        "[tool.other]\ntestpaths = \"x\"\n[tool.pytest.ini_options]\naddopts = \"-ra\"\n"
        "testpaths = [\n  \"unit/\",  # first\n  'functional',\n  \"gone\",\n]\n"
        "python_files = \"check_*.py\"\n[tool.last]\nnorecursedirs = [\"unit\"]\n");
  EXPECT_THAT(pytest_globs(project_.path()),
              IsSupersetOf({"unit/**/check_*.py", "functional/**/check_*.py", "!**/build"}));
  EXPECT_THAT(select(), ElementsAre("functional/checks/check_b.py"));

  write("pytest.ini",
        "[pytest]\ntestpaths =\n    unit\n    ; not this\n    functional\npython_files=*.py\n"
        "norecursedirs = checks .*\n");
  EXPECT_THAT(pytest_globs(project_.path()),
              ElementsAre("unit/**/*.py", "functional/**/*.py", "!**/checks", "!**/.*",
                          "!**/site-packages"));
}

TEST_F(PytestFilesTest, TestPathsOfWhichNoneExistDoNotCount) {
  write("tox.ini", "[pytest]\ntestpaths = gone\n");
  write("test_a.py");
  EXPECT_THAT(select(), ElementsAre("test_a.py"));
}

TEST_F(PytestFilesTest, PlacesMayBeNodeIds) {
  write("test_a.py");
  const auto files = select_test_files(
      {.project = project_.path(),
       .config_name = "gorgon.json",
       .language = Language::kUnknown,
       .globs = {},
       .arguments = {"test_a.py::TestX::test_y[a:1]", "test_a.py:3", "test_a.py::test_z[::]"},
       .working_directory = project_.path()});
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_EQ(files->size(), 1U);
  EXPECT_THAT(files->front().places, ElementsAre("::TestX::test_y[a:1]", ":3", "::test_z[::]"));
  EXPECT_THAT(select({"gone.py::test_y"}),
              ElementsAre("gone.py::test_y: there is no file gone.py"));
}

}  // namespace
}  // namespace gorgon::plan
