// A machine that keeps the tree and the runner host of a job for the next one: whatever is edited
// in between, the next one must not notice but by its speed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

#include "base/result.h"
#include "harness.h"
#include "program.h"
#include "results/verdict.h"
#include "support/tree.h"

namespace gorgon::test {
namespace {

using std::string;
using testing::HasSubstr;
using namespace std::chrono_literals;

/// The application of tests/fixtures/warm, and a machine.
class WarmTest : public RabbitTest {
 protected:
  void SetUp() override {
    RabbitTest::SetUp();
    project_ = cluster().add_project("warm");
    outside_ = Project(cluster().folder() / "outside");
    outside_.write("link.txt", "one\n");
    outside_.write("gem/outside.rb", "OUTSIDE = 1\n");
    fs::create_symlink(outside_.folder() / "link.txt", project_.folder() / "config/link.txt");
    configure();
    cluster().start_listener();
  }
  void configure(const string& colour = "red", const string& more = {}) {
    cluster().configure(project_, R"("files": ["spec/**/*_spec.rb"], "job": {"preload": ["boot"], )"
                                  R"("env": {"COLOUR": ")" +
                                      colour + R"(", "TOLD": ")" + outside_.folder().string() +
                                      R"(", "RUBYLIB": ")" + (outside_.folder() / "gem").string() +
                                      "\"" + more + "}}");
  }
  /// Runs all, which must pass. The process that the runner was forked from.
  string run() {
    const FinishedRun run = cluster().run(project_);
    EXPECT_EQ(run.exit_code, 0) << run.output << run.errors << run.report.notice_text();
    return outside_.read("host");
  }
  void edit(const string& command) { shell(project_.folder(), command); }
  /// Whether the machine goes on with the process of before after the edit, and no less if there
  /// is a further run without any.
  void expect_warm(const string& command) { expect_after(command, true); }
  void expect_cold(const string& command) { expect_after(command, false); }
  void expect_after(const string& command, bool is_warm) {
    const string before = run();
    edit(command);
    const string after = run();
    EXPECT_EQ(after == before, is_warm) << command;
    EXPECT_EQ(run(), after) << command;
  }
  Project project_{""};
  Project outside_{""};
};

TEST_F(WarmTest, WhatTheBootHasNotReadKeepsIt) {
  expect_warm("true");
  expect_warm("echo '# two' >> lib/lazy.rb");
  expect_warm("echo '# two' >> spec/fresh_spec.rb");
  expect_warm(
      "mkdir spec/deep; echo \"RSpec.describe('x') { it('y') {} }\" > spec/deep/new_spec.rb");
  expect_warm("rm -r spec/deep");
  expect_warm("chmod 600 lib/lazy.rb");
}

TEST_F(WarmTest, WhatTheBootHasLoadedIsLoadedAgain) {
  expect_cold("echo '# two' >> lib/loaded.rb");
}
TEST_F(WarmTest, WhatTheBootHasReadIsReadAgain) { expect_cold("echo 'b: 2' >> config/data.yml"); }

TEST_F(WarmTest, AnEditThatHidesIsSeen) {
  expect_cold(
      "touch -r config/data.yml /tmp/gorgon-warm-$$; echo 'a: 2' > config/data.yml; "
      "touch -r /tmp/gorgon-warm-$$ config/data.yml; rm /tmp/gorgon-warm-$$");
}

TEST_F(WarmTest, WhatAProcessOfTheBootHasReadIsReadAgain) {
  expect_cold("echo two > config/by_child.txt");
  expect_cold("sed -i s/one/two/ config/executable");
}

TEST_F(WarmTest, WhatComesAndGoesIsLookedForAgain) {
  expect_cold("echo 'SECOND = 2' > plugins/second.rb");
  expect_cold("rm plugins/second.rb");
  expect_cold("echo 'c: 3' > config/optional.yml");
  expect_cold("rm config/optional.yml");
}

TEST_F(WarmTest, WhatALinkLeadsToCounts) {
  const string before = run();
  outside_.write("link.txt", "two\n");
  EXPECT_NE(run(), before);
  expect_cold("ln -sfn data.yml config/link.txt");
}

TEST_F(WarmTest, WhatStandsBetweenALinkAndItsEndCounts) {
  outside_.write("other.txt", "other\n");
  const fs::path between = outside_.folder() / "between.txt";
  fs::create_symlink("link.txt", between);
  edit("ln -sfn " + between.string() + " config/link.txt");
  const string before = run();
  EXPECT_EQ(run(), before);
  shell(outside_.folder(), "ln -sfn other.txt between.txt");
  EXPECT_NE(run(), before);
}

TEST_F(WarmTest, WhatTheBootHasRemovedIsRemovedAgain) {
  edit(
      "echo 1 > config/once; echo \"File.delete('config/once') if File.exist?('config/once')\" >> "
      "boot.rb");
  expect_cold("echo 2 > config/once");
}

TEST_F(WarmTest, WhatTheHostItselfLooksForCounts) {
  expect_cold("echo '# mocha' > spec/some_helper_spec.rb");
  expect_cold("mkdir test");
}

TEST_F(WarmTest, WhatTheEnvironmentSaysCounts) {
  const string before = run();
  configure("blue");
  EXPECT_NE(run(), before);
}

TEST_F(WarmTest, LibrariesFromElsewhereCount) {
  edit("sed -i '1i require \"outside\"' lib/loaded.rb");
  const string before = run();
  EXPECT_EQ(run(), before);
  outside_.write("gem/outside.rb", "OUTSIDE = 2\n");
  const string after = run();
  EXPECT_NE(after, before);
  // What would be found before another one.
  outside_.write("gem/loaded.rb", "");
  EXPECT_NE(run(), after);
}

TEST_F(WarmTest, WhatTestsDamageIsMended) {
  configure("red", R"(, "DAMAGE": "tracked")");
  const string before = run();
  EXPECT_EQ(run(), before);
}

TEST_F(WarmTest, WhatTheBootHasMadeIsMadeAgainWhenTestsDamageIt) {
  configure("red", R"(, "DAMAGE": "made")");
  const string before = run();
  EXPECT_NE(run(), before);
}

TEST_F(WarmTest, AHostThatHasDiedMeanwhileIsStartedAgain) {
  const string before = run();
  ::kill(std::stoi(before), SIGKILL);
  EXPECT_NE(run(), before);
}

TEST_F(WarmTest, WhatTheHostWouldLoseKeepsNobody) {
  edit("echo 'CHILD = spawn(\"sleep 600\")' >> boot.rb");
  const string with_child = run();
  EXPECT_NE(run(), with_child);
  edit("sed -i '/CHILD/d' boot.rb; echo 'TICKER = Thread.new { sleep }' >> boot.rb");
  const string with_thread = run();
  EXPECT_NE(run(), with_thread);
  edit(
      "sed -i '/TICKER/d' boot.rb; echo 'require \"socket\"; CONNECTION = UNIXSocket.pair' >> "
      "boot.rb");
  const string with_connection = run();
  EXPECT_NE(run(), with_connection);
  edit("sed -i '/CONNECTION/d' boot.rb; echo 'HELD = File.open(\"config/data.yml\")' >> boot.rb");
  const string with_file = run();
  EXPECT_NE(run(), with_file);
}

TEST_F(WarmTest, CallbacksThatChangeTheTreeKeepNobody) {
  cluster().configure(project_, R"("files": ["spec/**/*_spec.rb"], "job": {"preload": ["boot"], )"
                                R"("env": {"COLOUR": "red", "TOLD": ")" +
                                    outside_.folder().string() +
                                    R"("}, "callbacks": {"after_sync": "true"}})");
  const string before = run();
  EXPECT_NE(run(), before);
}

TEST_F(WarmTest, ProcessesThatTestsLeaveEndWithTheirJob) {
  edit(
      "echo \"RSpec.describe('x') { it('y') { spawn('setsid sleep 12345') } }\" > "
      "spec/left_spec.rb");
  const string before = run();
  EXPECT_TRUE(
      eventually(30s, [&] { return children_matching(std::stoi(before), "sleep 12345").empty(); }));
  EXPECT_EQ(run(), before);
}

}  // namespace
}  // namespace gorgon::test
