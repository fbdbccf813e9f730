// What ran before matters: `gorgon bisect` finds what, `gorgon replay-worker` does it again.
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;
using Words = std::vector<string>;

constexpr const char* kLeaksRate =
    "RSpec.describe('rates') { it('can be changed') { $rate = 2 } }\n";
constexpr const char* kInvoice = R"(RSpec.describe 'invoice' do
  it('has a title') {}
  it('is in euros') { expect($rate).to be_nil }
end
)";
constexpr const char* kInside = R"(RSpec.describe 'inside' do
  it('does nothing') {}
  it('leaks') { $leak = true }
  it('does nothing either') {}
  it('suffers') { expect($leak).to be_nil }
  it('is not reached') {}
end
)";
/// Fails every second time that it runs behind the leak of a rate, at first at the first.
constexpr const char* kFlakyBehindRate = R"(RSpec.describe 'flaky' do
  it 'flips' do
    next unless $rate
    count = File.open(ENV.fetch('NOTES'), 'a') { |file| file.flock(File::LOCK_EX); file.write('.'); file.flush; file.size }
    expect(count).to be_even
  end
end
)";

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

string plain_name(int number) {
  return (number < 10 ? "spec/p0" : "spec/p") + std::to_string(number) + "_spec.rb";
}

/// The command that it says to see the failure with; empty: none.
Words shown_command(const FinishedRun& run) {
  const auto at = run.output.find("  gorgon start ");
  if (at == string::npos) return {};
  std::istringstream text(run.output.substr(at, run.output.find('\n', at) - at));
  Words words;
  for (string word; text >> word;) {
    std::erase(word, '\'');
    words.push_back(word);
  }
  return {words.begin() + 2, words.end()};  // Without "gorgon start".
}

/// The lines between "it fails behind these" and the next that is not indented.
Words found(const FinishedRun& run) {
  std::istringstream lines(run.output);
  Words names;
  bool is_list = false;
  for (string line; std::getline(lines, line);) {
    if (is_list && line.starts_with("  ")) names.push_back(line.substr(2));
    is_list = line.starts_with("it fails behind these") || (is_list && line.starts_with("  "));
  }
  return names;
}

class BisectTestBase : public ClusterTest {
 protected:
  explicit BisectTestBase(TestBroker broker) : ClusterTest(broker), broker_(broker) {}
  void SetUp() override {
    ClusterTest::SetUp();
    if (broker_ == TestBroker::kRabbitMq) cluster().start_two_listeners();
  }
  /// Ten files that leave nothing behind, and `files`.
  Project project_with(std::initializer_list<std::pair<string, string>> files,
                       const string& keys = {}) {
    Project project = cluster().add_project("");
    for (int i = 1; i <= 10; ++i) {
      project.write(plain_name(i),
                    "RSpec.describe('plain " + std::to_string(i) + "') { it('works') {} }\n");
    }
    for (const auto& [file, text] : files) project.write(file, text);
    cluster().set_environment("NOTES", (cluster().folder() / "notes").string());
    cluster().configure(project, keys);
    return project;
  }
  /// All files by name, one after the other in one process.
  FinishedRun run_in_order(const Project& project, const Words& more = {}) {
    Words words = {"--in-order", "spec"};
    words.insert(words.end(), more.begin(), more.end());
    return cluster().run(project, words);
  }
  FinishedRun gorgon(const Project& project, const Words& words) {
    return cluster().gorgon(words, project.folder(), 180s);
  }
  /// What it says fails again: run as it says.
  void expect_command_fails(const Project& project, const FinishedRun& bisect, std::size_t files) {
    const Words command = shown_command(bisect);
    ASSERT_FALSE(command.empty()) << bisect.output;
    const FinishedRun again = cluster().run(project, command);
    EXPECT_EQ(again.exit_code, 1) << again.output;
    EXPECT_EQ(again.report.units.size(), files);
  }

  void find_one_file();
  void find_two_files();
  void find_a_case();

 private:
  TestBroker broker_;
};

class BisectTest : public BisectTestBase {
 protected:
  BisectTest() : BisectTestBase(TestBroker::kEmbedded) {}
};
class AmqpBisectTest : public BisectTestBase {
 protected:
  AmqpBisectTest() : BisectTestBase(TestBroker::kRabbitMq) {}
};

void BisectTestBase::find_one_file() {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "spec/z_spec.rb:3"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output << bisect.errors;
  EXPECT_EQ(found(bisect), Words({"spec/p03_spec.rb"})) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "10 files and 1 case of its own file")) << bisect.output;
  expect_command_fails(project, bisect, 2);
}
TEST_F(BisectTest, OneFileIsFound) { find_one_file(); }
TEST_F(AmqpBisectTest, OneFileIsFound) { find_one_file(); }

void BisectTestBase::find_two_files() {
  const Project project =
      project_with({{"spec/p02_spec.rb", "RSpec.describe('l') { it('sets') { $left = 1 } }\n"},
                    {"spec/p09_spec.rb", "RSpec.describe('r') { it('sets') { $right = 1 } }\n"},
                    {"spec/z_spec.rb",
                     "RSpec.describe('z') { it('works') { expect($left && $right).to be_nil } "
                     "}\n"}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "z works"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output << bisect.errors;
  EXPECT_EQ(found(bisect), Words({"spec/p02_spec.rb", "spec/p09_spec.rb"})) << bisect.output;
  expect_command_fails(project, bisect, 3);
}
TEST_F(BisectTest, TwoFilesThatOnlyMatterTogetherAreFound) { find_two_files(); }
TEST_F(AmqpBisectTest, TwoFilesThatOnlyMatterTogetherAreFound) { find_two_files(); }

void BisectTestBase::find_a_case() {
  const Project project = project_with({{"spec/z_spec.rb", kInside}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "./spec/z_spec.rb[1:4]"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output << bisect.errors;
  EXPECT_EQ(found(bisect), Words({"spec/z_spec.rb: inside leaks"})) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "'spec/z_spec.rb[1:2,1:4]'")) << bisect.output;
  expect_command_fails(project, bisect, 1);
}
TEST_F(BisectTest, ACaseOfTheSameFileIsFound) { find_a_case(); }
TEST_F(AmqpBisectTest, ACaseOfTheSameFileIsFound) { find_a_case(); }

TEST_F(BisectTest, MinitestCasesInRandomOrderAreFoundWithTheSeedOfTheRun) {
  const Project project = cluster().add_project("");
  for (const char* name : {"a", "b", "c", "d"}) {
    project.write(string("test/") + name + "_test.rb",
                  "require 'minitest/autorun'\nclass " + string(1, static_cast<char>(*name - 32)) +
                      "Test < Minitest::Test\n  def test_it; end\nend\n");
  }
  project.write("test/z_test.rb",
                "require 'minitest/autorun'\nclass ZTest < Minitest::Test\n"
                "  def test_leaks; $leak = true; end\n"
                "  def test_nothing; end\n"
                "  def test_suffers; assert_nil $leak; end\nend\n");
  bool has_failed = false;
  for (int seed = 1; seed < 20 && !has_failed; ++seed) {
    has_failed =
        cluster().run(project, {"--in-order", "--seed", std::to_string(seed), "test"}).exit_code ==
        1;
  }
  ASSERT_TRUE(has_failed);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "ZTest#test_suffers"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output << bisect.errors;
  EXPECT_EQ(found(bisect), Words({"test/z_test.rb: ZTest#test_leaks"})) << bisect.output;
  expect_command_fails(project, bisect, 1);
}

TEST_F(BisectTest, WhatFailsAloneIsNoMatterOfTheOrder) {
  const Project project =
      project_with({{"spec/z_spec.rb", "RSpec.describe('z') { it('fails') { fail } }\n"}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "z fails"});
  EXPECT_EQ(bisect.exit_code, 1);
  EXPECT_TRUE(says(bisect.output, "alone: fails, 3 of 3")) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "it fails alone")) << bisect.output;
}

TEST_F(BisectTest, WhatFailsSometimesIsSaidToBeFlaky) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kFlakyBehindRate}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "flaky flips"});
  EXPECT_EQ(bisect.exit_code, 5) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "behind all of them: fails 1 of 3")) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "it is flaky")) << bisect.output;
}

TEST_F(BisectTest, WhatPassesNowIsNotReproduced) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  project.write("spec/p03_spec.rb", "RSpec.describe('rates') { it('can be changed') {} }\n");
  // Files have whole seconds, and the run may have begun in this one.
  std::filesystem::last_write_time(project.folder() / "spec/p03_spec.rb",
                                   std::filesystem::file_time_type::clock::now() + 5s);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "spec/z_spec.rb"});
  EXPECT_EQ(bisect.exit_code, 5);
  EXPECT_TRUE(says(bisect.output, "1 file changed since that run")) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "behind all of them: passes, 3 of 3")) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "not reproduced")) << bisect.output;
}

TEST_F(BisectTest, ACrashBehindOthersIsFound) {
  const Project project = project_with(
      {{"spec/p06_spec.rb", kLeaksRate},
       {"spec/z_spec.rb",
        "RSpec.describe('z') { it('dies') { Process.kill(:KILL, Process.pid) if $rate } }\n"}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "spec/z_spec.rb"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output << bisect.errors;
  EXPECT_EQ(found(bisect), Words({"spec/p06_spec.rb"})) << bisect.output;
}

/// A candidate whose files do not come to their end says nothing of the case.
TEST_F(BisectTest, WhatEndsItsProcessIsNoCause) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  project.write("spec/p05_spec.rb",
                "RSpec.describe('new') { it('dies') { Process.kill(:KILL, Process.pid) } }\n");
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "spec/z_spec.rb"});
  EXPECT_EQ(bisect.exit_code, 5) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "spec/p05_spec.rb, which was to run before it, did not come"))
      << bisect.output;
}

TEST_F(BisectTest, FilesThatAreGoneAreLeftOut) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  std::filesystem::remove(project.folder() / "spec/p01_spec.rb");
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "spec/z_spec.rb"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output;
  EXPECT_TRUE(says(bisect.errors, "spec/p01_spec.rb is not there any more: left out"));
  EXPECT_EQ(found(bisect), Words({"spec/p03_spec.rb"})) << bisect.output;
  std::filesystem::remove(project.folder() / "spec/z_spec.rb");
  const FinishedRun gone = gorgon(project, {"bisect", "latest", "spec/z_spec.rb"});
  EXPECT_EQ(gone.exit_code, 4);
  EXPECT_TRUE(says(gone.errors, "spec/z_spec.rb is not there any more")) << gone.errors;
}

TEST_F(BisectTest, WhatIsNotInTheRecordIsNotFound) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  EXPECT_EQ(gorgon(project, {"bisect", "latest", "spec/z_spec.rb"}).exit_code, 4);
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const auto refused = [&](const Words& words, int code, const string& reason) {
    const FinishedRun run = gorgon(project, words);
    EXPECT_EQ(run.exit_code, code) << run.errors;
    EXPECT_TRUE(says(run.errors, reason)) << run.errors;
  };
  refused({"bisect", "77", "spec/z_spec.rb"}, 4, "no run \"77\" is recorded");
  refused({"bisect", "1", "no such case"}, 4, "no case \"no such case\" ran in this run");
  refused({"bisect", "1", "invoice has a title"}, 4, "did not fail in this run");
  refused({"bisect", "1", "spec/p01_spec.rb"}, 4, "did not fail in this run");
  refused({"replay-worker", "77", "one:1"}, 4, "no run \"77\" is recorded");
  refused({"replay-worker", "1", "nowhere:9"}, 4, "run 1 had no worker \"nowhere:9\"; it had ");
}

TEST_F(BisectTest, ItsTriesAreNoNewsOfTheSuite) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}},
                   R"("failed_files": "failed.json")");
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const string runtimes = project.read(".gorgon/runtimes.json");
  const string failed = project.read("failed.json");
  ASSERT_EQ(gorgon(project, {"bisect", "latest", "spec/z_spec.rb"}).exit_code, 0);
  EXPECT_EQ(project.read(".gorgon/runtimes.json"), runtimes);
  EXPECT_EQ(project.read("failed.json"), failed);
  EXPECT_EQ(gorgon(project, {"bisect", "~1", "spec/z_spec.rb"}).exit_code, 4)
      << "there is one run only";
}

TEST_F(BisectTest, WhenItGivesUpItSaysHowFarItIs) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  const FinishedRun bisect =
      gorgon(project, {"bisect", "latest", "spec/z_spec.rb", "--max-candidates", "8", "-j", "2"});
  EXPECT_EQ(bisect.exit_code, 6) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "given up: 8 were tried")) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "the smallest set so far, ")) << bisect.output;
  EXPECT_TRUE(says(bisect.output, "  spec/p03_spec.rb\n")) << bisect.output;
}

TEST_F(BisectTest, CtrlCSaysHowFarItIsAndLeavesNothing) {
  const Project project = project_with(
      {{"spec/p03_spec.rb", kLeaksRate},
       {"spec/z_spec.rb",
        "RSpec.describe('z') { it('waits') { sleep 0.2; expect($rate).to be_nil } }\n"}});
  ASSERT_EQ(run_in_order(project).exit_code, 1);
  Program& bisect =
      cluster().start_gorgon({"bisect", "latest", "z waits", "-j", "1"}, project.folder());
  ASSERT_TRUE(eventually(60s, [&] { return says(bisect.output(), "behind all of them"); }));
  bisect.signal(SIGINT);
  EXPECT_EQ(bisect.exit_code(60s), 130);
  EXPECT_TRUE(says(bisect.output(), "given up: interrupted")) << bisect.output();
  EXPECT_TRUE(says(bisect.output(), "the smallest set so far")) << bisect.output();
}

TEST_F(BisectTest, PytestFilesSeeNothingOfEachOther) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("runner_python": ["/usr/bin/python3"])");
  project.write("tests/test_a.py", "def test_a():\n    pass\n");
  project.write("tests/test_z.py",
                "seen = []\ndef test_nothing():\n    pass\ndef test_leaks():\n    seen.append(1)\n"
                "def test_suffers():\n    assert seen == []\n");
  ASSERT_EQ(cluster().run(project, {"--in-order", "tests"}).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "tests/test_z.py::test_suffers"});
  EXPECT_EQ(bisect.exit_code, 0) << bisect.output << bisect.errors;
  EXPECT_TRUE(says(bisect.output, "sees nothing of others")) << bisect.output;
  const Words names = found(bisect);
  ASSERT_EQ(names.size(), 1U) << bisect.output;
  EXPECT_TRUE(says(names[0], "test_leaks"));
  expect_command_fails(project, bisect, 1);
}

TEST_F(BisectTest, CommandsAreRefused) {
  const Project project = cluster().add_project("");
  cluster().configure(project,
                      R"("runner": "command", "files": ["t/*.sh"],
                         "test_command": {"run": ["sh", "{file}"], "results": "exit_code"})");
  project.write("t/a.sh", "exit 1\n");
  ASSERT_EQ(cluster().run(project).exit_code, 1);
  const FinishedRun bisect = gorgon(project, {"bisect", "latest", "t/a.sh"});
  EXPECT_EQ(bisect.exit_code, 64) << bisect.output;
  EXPECT_TRUE(says(bisect.errors, "in a process of its own")) << bisect.errors;
}

// ---- replay-worker ----

/// HOST:N of the only worker of a run.
string worker_of(const FinishedRun& run) {
  const auto& unit = run.report.units.begin()->second;
  return unit.host + ":" + unit.worker;
}

TEST_F(BisectTest, AWorkersFailureIsReproduced) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate},
                    {"spec/p08_spec.rb", kInvoice},
                    {"spec/z_spec.rb", "RSpec.describe('z') { it('w') {} }\n"}});
  const FinishedRun run = run_in_order(project);
  ASSERT_EQ(run.exit_code, 1);
  const FinishedRun replay = gorgon(project, {"replay-worker", "latest", worker_of(run)});
  EXPECT_EQ(replay.exit_code, 1) << replay.output << replay.errors;
  EXPECT_TRUE(says(replay.output, "8 of its 11 files, in 1 process, on this machine"))
      << replay.output;
  EXPECT_TRUE(says(replay.output, "reproduced: failed again, as then: spec/p08_spec.rb\n"))
      << replay.output;
  const FinishedRun before =
      gorgon(project, {"replay-worker", "latest", worker_of(run), "--up-to", "spec/p07_spec.rb"});
  EXPECT_EQ(before.exit_code, 0);
  EXPECT_TRUE(says(before.output, "all passed, as then\n")) << before.output;
  const FinishedRun all = gorgon(project, {"replay-worker", "latest", worker_of(run), "--all"});
  EXPECT_EQ(all.exit_code, 1);
  EXPECT_TRUE(says(all.output, "11 of its 11 files")) << all.output;
  EXPECT_EQ(gorgon(project, {"replay-worker", "latest", worker_of(run), "--up-to", "x"}).exit_code,
            4);
}

/// What ran in another process then does so now: its leak does not reach the others.
TEST_F(BisectTest, ProcessesBeginWhereTheyBegan) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate},
                    {"spec/p05_spec.rb", "RSpec.describe('last') { it('leaves') { exit } }\n"},
                    {"spec/z_spec.rb", kInvoice}});
  const FinishedRun run = run_in_order(project);
  ASSERT_EQ(run.exit_code, 1);
  const FinishedRun replay = gorgon(project, {"replay-worker", "latest", worker_of(run), "--all"});
  EXPECT_TRUE(says(replay.output, "11 of its 11 files, in 2 processes")) << replay.output;
  EXPECT_TRUE(says(replay.output, "failed again, as then: spec/p05_spec.rb\n")) << replay.output;
  EXPECT_FALSE(says(replay.output, "processes were replaced")) << replay.output;
}

TEST_F(BisectTest, WhatPassesInAReplayIsNotReproduced) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  const FinishedRun run = run_in_order(project);
  ASSERT_EQ(run.exit_code, 1);
  std::filesystem::remove(project.folder() / "spec/p03_spec.rb");
  const FinishedRun replay = gorgon(project, {"replay-worker", "latest", worker_of(run)});
  EXPECT_EQ(replay.exit_code, 0) << replay.output;
  EXPECT_TRUE(says(replay.errors, "spec/p03_spec.rb is not there any more: left out"));
  EXPECT_TRUE(says(replay.output,
                   "not reproduced: failed then, and not in the same way now: "
                   "spec/z_spec.rb"))
      << replay.output;
}

TEST_F(AmqpBisectTest, AnotherMachinesWorkerIsReplayedHere) {
  const Project project =
      project_with({{"spec/p03_spec.rb", kLeaksRate}, {"spec/z_spec.rb", kInvoice}});
  const FinishedRun run = run_in_order(project);
  ASSERT_EQ(run.exit_code, 1);
  const FinishedRun replay = gorgon(project, {"replay-worker", "latest", worker_of(run)});
  EXPECT_EQ(replay.exit_code, 1) << replay.output << replay.errors;
  EXPECT_TRUE(says(replay.output, "reproduced: failed again, as then: spec/z_spec.rb"))
      << replay.output;
}

// ---- --in-order, --seed ----

TEST_F(BisectTest, FilesRunInTheOrderGiven) {
  const Project project = project_with({});
  const FinishedRun run = cluster().run(
      project, {"--in-order", "spec/p07_spec.rb", "spec/p02_spec.rb", "spec/p05_spec.rb"});
  EXPECT_EQ(run.exit_code, 0);
  Words order;
  for (const ReportedCase& one : run.report.cases) order.push_back(one.unit);
  EXPECT_EQ(order, Words({"spec/p07_spec.rb", "spec/p02_spec.rb", "spec/p05_spec.rb"}));
  EXPECT_EQ(cluster().run(project, {"--in-order", "-j", "2", "spec"}).exit_code, 64);
}

}  // namespace
}  // namespace gorgon::test
