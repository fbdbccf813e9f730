// The same tests over and over, in another order, or only where something has changed.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

class RepeatTest : public LocalTest {
 protected:
  static std::vector<string> names_of(const FinishedRun& run) {
    std::vector<string> names;
    for (const ReportedCase& one : run.report.cases) names.push_back(one.name);
    return names;
  }
};

constexpr const char* kEight =
    "RSpec.describe('x') { 8.times { |i| it(i.to_s) { puts rand(1_000_000) } } }\n";

TEST_F(RepeatTest, SeedRepeatsOrderAndRandomNumbers) {
  const Project project = cluster().add_project("");
  project.write("spec/x_spec.rb", kEight);
  const auto outputs = [](const FinishedRun& run) {
    string all;
    for (const ReportedCase& one : run.report.cases) all += one.name + " " + one.output;
    return all;
  };
  const FinishedRun first = cluster().run(project, {"--seed", "42"});
  EXPECT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(outputs(first), outputs(cluster().run(project, {"--seed", "42"})));
  EXPECT_NE(outputs(first), outputs(cluster().run(project, {"--seed", "43"})));
  std::vector<string> sorted = names_of(first);
  std::ranges::sort(sorted);
  EXPECT_NE(names_of(first), sorted) << "a seed means a random order, as with rspec --seed";
  EXPECT_EQ(names_of(cluster().run(project, {"--seed", "42", "--order", "defined"})), sorted);
}

TEST_F(RepeatTest, OtherFrameworksThanRubysRefuseOrders) {
  const Project project = cluster().add_project("");
  project.write("test_a.py", "def test_a(): pass\n");
  const FinishedRun run = cluster().run(project, {"test_a.py", "--seed", "1"});
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_NE(run.errors.find("their own options behind --"), string::npos) << run.errors;
}

TEST_F(RepeatTest, StressRunsEverythingSoManyTimesWithAVerdictEach) {
  const Project project = cluster().add_project("");
  const string count = (project.folder().parent_path() / "count").string();
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('works') {} }\n");
  project.write("spec/b_spec.rb", "RSpec.describe 'b' do\n  it 'wavers' do\n    File.write('" +
                                      count + "', 'x', mode: 'a')\n    fail if File.size('" +
                                      count + "') == 2\n  end\nend\n");
  const FinishedRun run = cluster().run(project, {"--stress-count", "4", "-j", "1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.planned, 8U);
  const auto failed = std::ranges::count(run.report.cases, "failed", &ReportedCase::status);
  EXPECT_EQ(run.report.cases.size(), 8U);
  EXPECT_EQ(failed, 1);
  const FinishedRun shown = cluster().gorgon({"runs", "show"}, project.folder());
  EXPECT_NE(shown.output.find("spec/b_spec.rb did not pass 1 of 4 times"), string::npos)
      << shown.output;
  EXPECT_NE(shown.output.find("spec/b_spec.rb:2 #2 on worker 1"), string::npos) << shown.output;
  const FinishedRun again = cluster().run(project, {"--only-failures"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(names_of(again), std::vector<string>{"b wavers"}) << "one failure is enough";
}

TEST_F(RepeatTest, MoreUnitsThanMemoryIsRefused) {
  const Project project = cluster().add_project("");
  for (int i = 0; i < 11; ++i)
    project.write("spec/" + std::to_string(i) + "_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
  const FinishedRun run = cluster().run(project, {"--stress-count", "100000"});
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_NE(run.errors.find("11 files 100000 times are more than 1000000 units"), string::npos)
      << run.errors;
}

class ChangedTest : public LocalTest {
 protected:
  void SetUp() override {
    LocalTest::SetUp();
    project_ = cluster().add_project("");
    for (const char* name : {"a", "b", "c"}) {
      project().write("spec/" + string(name) + "_spec.rb",
                      "RSpec.describe('" + string(name) + "') { it('works') {} }\n");
    }
    project().write(".gitignore", ".gorgon\n");
    git({"init", "-q", "-b", "main"});
    commit("first");
  }
  [[nodiscard]] const Project& project() const { return *project_; }
  void git(std::vector<string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-c", "user.name=x", "-c", "user.email=x@example",
                                         "-c", "commit.gpgsign=false"});
    const FinishedRun run = cluster().other_program(arguments, project().folder());
    ASSERT_EQ(run.exit_code, 0) << run.errors;
  }
  void commit(const string& message) {
    git({"add", "-A"});
    git({"commit", "-q", "-m", message});
  }
  void change(const string& name) {
    project().write("spec/" + name + "_spec.rb",
                    "RSpec.describe('" + name + "') { it('is new') {} }\n");
  }
  /// Names of the files that ran.
  std::set<string> files_of(std::vector<string> arguments) {
    const FinishedRun run = cluster().run(project(), std::move(arguments));
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    std::set<string> files;
    for (const auto& [file, unit] : run.report.units) files.insert(file);
    return files;
  }

 private:
  std::optional<Project> project_;
};

TEST_F(ChangedTest, FilesThatDifferFromTheLastCommit) {
  change("b");
  project().write("spec/new one_spec.rb", "RSpec.describe('n') { it('works') {} }\n");
  EXPECT_EQ(files_of({"--changed"}), (std::set<string>{"spec/b_spec.rb", "spec/new one_spec.rb"}));
  commit("second");
  const FinishedRun none = cluster().run(project(), {"--changed"});
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_NE(none.errors.find("nothing has changed"), string::npos) << none.errors;
}

TEST_F(ChangedTest, FilesOfABranch) {
  git({"checkout", "-q", "-b", "branch"});
  change("b");
  commit("on the branch");
  git({"checkout", "-q", "main"});
  change("c");
  commit("on main, since");
  git({"checkout", "-q", "branch"});
  change("a");
  EXPECT_EQ(files_of({"--changed=main"}), (std::set<string>{"spec/a_spec.rb", "spec/b_spec.rb"}));
}

TEST_F(ChangedTest, OtherFilesAreTold) {
  project().write("lib/cart.rb", "# changed\n");
  const FinishedRun none = cluster().run(project(), {"--changed"});
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_NE(none.errors.find("1 file changed, none of them is a selected test file"), string::npos)
      << none.errors;
  change("a");
  const FinishedRun some = cluster().run(project(), {"--changed"});
  EXPECT_EQ(some.exit_code, 0);
  EXPECT_NE(some.report.notice_text().find("1 changed file is no test that runs: lib/cart.rb"),
            string::npos)
      << some.report.notice_text();
}

TEST_F(ChangedTest, ProgramsAreNotWhatGitKnows) {
  cluster().configure(project(), R"("runner": "ctest")");
  // Whether or not it is built: nothing of it could ever be selected.
  const FinishedRun run = cluster().run(project(), {"--changed"});
  EXPECT_NE(run.exit_code, 0);
}

TEST_F(ChangedTest, WithoutACheckoutNobodyKnows) {
  fs::remove_all(project().folder() / ".git");
  for (const string option : {"--changed", "--changed=main"}) {
    const FinishedRun list = cluster().gorgon({"list", option}, project().folder());
    EXPECT_EQ(list.exit_code, 64);
    EXPECT_EQ(list.errors, "gorgon: " + project().folder().string() +
                               " is not a git checkout, which says what has changed: leave "
                               "--changed out, or name files\n");
  }
}

TEST_F(ChangedTest, UnknownRevisionsAndHostileOnesAreRefused) {
  for (const char* revision : {"--changed=nowhere", "--changed=--output=x"}) {
    const FinishedRun run = cluster().run(project(), {revision});
    EXPECT_EQ(run.exit_code, 64) << revision;
    EXPECT_NE(run.errors.find("git knows no revision"), string::npos) << run.errors;
  }
}

}  // namespace
}  // namespace gorgon::test
