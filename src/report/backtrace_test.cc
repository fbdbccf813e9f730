#include "report/backtrace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gorgon::report {

using ::testing::ElementsAre;

TEST(CutToProjectTest, KeepsTheProjectsFramesOfARemoteWorkspace) {
  const CutBacktrace cut = cut_to_project(
      {"<internal:kernel>:90:in `tap'", "/w/k2x9/app/user.rb:3:in `valid?'",
       "/usr/share/rubygems-integration/all/gems/rspec-core-3.12.0/lib/rspec/core/example.rb:263",
       "/w/k2x9/spec/user_spec.rb:9:in `block'", "/usr/lib/ruby/vendor_ruby/rspec/core.rb:1",
       "/usr/lib/ruby/3.1.0/json/common.rb:216",
       "/w/k2x9/vendor/bundle/ruby/3.1.0/gems/x/lib/x.rb:1",
       "/home/USER/.local/share/gorgon/ruby/runner.rb:80", "/usr/local/bin/rspec:25:in `load'"},
      "spec/user_spec.rb", "/home/someone/shop");
  EXPECT_THAT(cut.lines,
              ElementsAre("app/user.rb:3:in `valid?'", "spec/user_spec.rb:9:in `block'"));
  EXPECT_EQ(cut.left_out, 7U);
}

TEST(CutToProjectTest, KeepsRelativeFramesAndTakesTheProjectRootOff) {
  const CutBacktrace cut = cut_to_project({"./spec/a_spec.rb:1", "/home/someone/shop/lib/a.rb:2"},
                                          "spec/other_spec.rb", "/home/someone/shop");
  EXPECT_THAT(cut.lines, ElementsAre("spec/a_spec.rb:1", "lib/a.rb:2"));
  EXPECT_EQ(cut.left_out, 0U);
}

TEST(CutToProjectTest, AProjectInAFolderCalledGemsOrBinIsStillAProject) {
  const CutBacktrace cut = cut_to_project(
      {"/home/someone/gems/shop/bin/tool:2", "/home/someone/gems/shop/spec/a_spec.rb:1"},
      "spec/a_spec.rb", "");
  EXPECT_THAT(cut.lines, ElementsAre("bin/tool:2", "spec/a_spec.rb:1"));
}

TEST(CutToProjectTest, PythonsLibraryAndVirtualEnvironmentsAreForeign) {
  const CutBacktrace cut = cut_to_project(
      {"/p/tests/test_a.py:3:in test_a", "/p/.venv/lib/python3.11/site-packages/django/test.py:1",
       "/usr/lib/python3.11/unittest/case.py:1", "<frozen importlib._bootstrap>:7",
       "/usr/lib/python3/dist-packages/attr/_make.py:1"},
      "tests/test_a.py", "/p");
  EXPECT_THAT(cut.lines, ElementsAre("tests/test_a.py:3:in test_a"));
  EXPECT_EQ(cut.left_out, 4U);
}

TEST(CutToProjectTest, NodesOwnFramesAndPackagesAreForeign) {
  const CutBacktrace cut = cut_to_project(
      {"node_modules/chai/chai.js:1", "test/a.test.js:3:in fails", "node:internal/test:5"},
      "test/a.test.js", "/p");
  EXPECT_THAT(cut.lines, ElementsAre("test/a.test.js:3:in fails"));
}

TEST(CutToProjectTest, KeepsTheFirstFramesWhenNoneIsOfTheProject) {
  const CutBacktrace cut = cut_to_project(
      {"/g/gems/a/a.rb:1", "/g/gems/a/b.rb:1", "/g/gems/a/c.rb:1", "/g/gems/a/d.rb:1"},
      "spec/a_spec.rb", "/p");
  EXPECT_EQ(cut.lines.size(), 3U);
  EXPECT_EQ(cut.left_out, 1U);
}

TEST(CutToProjectTest, AcceptsNoFrames) {
  EXPECT_TRUE(cut_to_project({}, "spec/a_spec.rb", "/p").lines.empty());
}

}  // namespace gorgon::report
