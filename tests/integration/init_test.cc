// `gorgon init` and then `gorgon`: the configuration that it writes runs what the project has.
#include <map>
#include <string>

#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

class InitTest : public LocalTest {
 protected:
  /// `files` are names and texts; one of them has one case, which passes.
  void expect_that_it_runs(const std::map<string, string>& files) {
    const Project project = cluster().add_project("", "shop");
    for (const auto& [name, text] : files) project.write(name, text);
    const FinishedRun init = cluster().gorgon({"init"}, project.folder());
    ASSERT_EQ(init.exit_code, 0) << init.errors;
    const FinishedRun run = cluster().run(project);
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    EXPECT_EQ(run.report.units.size(), 1U);
    const FinishedRun doctor = cluster().gorgon({"doctor"}, project.folder());
    EXPECT_EQ(doctor.exit_code, 0) << doctor.output;
  }
};

TEST_F(InitTest, RSpec) {
  expect_that_it_runs(
      {{"spec/models/cart_spec.rb", "RSpec.describe('cart') { it('adds up') {} }\n"},
       {"spec/spec_helper.rb", "\n"}});
}

TEST_F(InitTest, Minitest) {
  expect_that_it_runs({{"test/cart_test.rb",
                        "require 'minitest/autorun'\nclass CartTest < Minitest::Test\n"
                        "  def test_it_adds_up = assert(true)\nend\n"},
                       {"test/test_helper.rb", "\n"}});
}

TEST_F(InitTest, TestUnitWithNamesOfItsOwn) {
  expect_that_it_runs({{"test/test_cart.rb",
                        "require 'test/unit'\nclass TestCart < Test::Unit::TestCase\n"
                        "  def test_it_adds_up = assert(true)\nend\n"},
                       {"test/test_helper.rb", "\n"}});
}

TEST_F(InitTest, ACommand) {
  expect_that_it_runs({{"t/cart.t", "print qq(1..1\\nok 1 - adds up\\n);\n"}});
}

TEST_F(InitTest, Pytest) {
  // That of the system, which has pytest.
  cluster().set_environment("PATH", "/usr/bin:/bin");
  expect_that_it_runs(
      {{"tests/test_cart.py", "def test_adds_up():\n    pass\n"}, {"tests/conftest.py", "\n"}});
}

TEST_F(InitTest, CTest) {
  expect_that_it_runs({{"build/CMakeCache.txt", "CMAKE_PROJECT_NAME:STATIC=shop\n"},
                       {"build/CTestTestfile.cmake", "add_test(adds_up \"true\")\n"},
                       {"CMakeLists.txt", "enable_testing()\n"}});
}

TEST_F(InitTest, Node) {
  const FinishedRun version = cluster().other_program(
      {"sh", "-c", "node -e 'process.exit(process.version.slice(1).split(\".\")[0] < 18 ? 1 : 0)'"},
      cluster().folder());
  if (version.exit_code != 0) GTEST_SKIP() << "there is no Node 18 or later here";
  expect_that_it_runs({{"package.json", "{\"name\": \"shop\"}\n"},
                       {"test/cart.test.js", "require('node:test')('adds up', () => {});\n"},
                       {"node_modules/other/test/a.test.js", "throw new Error('not ours');\n"}});
}

}  // namespace
}  // namespace gorgon::test
