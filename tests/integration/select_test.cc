// Runs of a part of a suite: which files, which of their cases, and what is recorded of them.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "harness.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;
/// Status by file and name of the case.
using Cases = std::map<string, string>;

constexpr const char* kSpec = R"(RSpec.describe 'a' do
  it('one', :slow) {}
  it 'two' do
    expect(1).to eq 2
  end

  context 'inner', db: 'mysql' do
    it('three') {}
    it('four') {}
  end
end
)";

class SelectTest : public LocalTest {
 protected:
  void SetUp() override {
    LocalTest::SetUp();
    project_ = cluster().add_project("");
    project().write("spec/a_spec.rb", kSpec);
    project().write("spec/b_spec.rb",
                    "RSpec.describe('b') { it('one') {}\n it('five') { fail } }\n");
    project().write("test/c_test.rb",
                    "require 'minitest/autorun'\n"
                    "class CTest < Minitest::Test\n"
                    "  def test_one; end\n"
                    "\n"
                    "  def test_two; flunk; end\n"
                    "end\n");
    project().write("test/d_test.rb",
                    "require 'test/unit'\n"
                    "class DTest < Test::Unit::TestCase\n"
                    "  def test_one; end\n"
                    "  def test_two; flunk; end\n"
                    "end\n");
  }
  [[nodiscard]] const Project& project() const { return *project_; }
  FinishedRun run(std::vector<string> arguments) {
    return cluster().run(project(), std::move(arguments));
  }
  static Cases cases_of(const FinishedRun& run) {
    Cases cases;
    for (const ReportedCase& one : run.report.cases) cases[one.unit + " " + one.name] = one.status;
    return cases;
  }
  /// What `rspec` itself makes of these arguments.
  Cases rspec(std::vector<string> arguments) {
    arguments.insert(arguments.begin(), {"rspec", "--format", "json"});
    const FinishedRun run = cluster().other_program(arguments, project().folder());
    Cases cases;
    const auto json = parse_json(run.output);
    if (!json) ADD_FAILURE() << run.output << run.errors;
    for (const Json& one : json ? json->at("examples") : Json::array()) {
      const auto file = one.at("file_path").get<string>().substr(2);
      cases[file + " " + one.at("full_description").get<string>()] = one.at("status");
    }
    return cases;
  }
  /// The cases, their statuses and the exit code are those of `rspec`.
  void expect_as_rspec(const std::vector<string>& arguments) {
    const FinishedRun ours = run(arguments);
    const Cases theirs = rspec(arguments);
    string words;
    for (const string& argument : arguments) words += " " + argument;
    EXPECT_EQ(cases_of(ours), theirs) << words;
    const bool is_good =
        std::ranges::all_of(theirs, [](const auto& one) { return one.second == "passed"; });
    EXPECT_EQ(ours.exit_code, is_good ? 0 : 1) << words;
  }

 private:
  std::optional<Project> project_;
};

TEST_F(SelectTest, LinesAndIdsMeanWhatTheyMeanToRspec) {
  for (const std::vector<string>& arguments :
       std::vector<std::vector<string>>{{"spec/a_spec.rb:2"},
                                        {"spec/a_spec.rb:4"},
                                        {"spec/a_spec.rb:2:9"},
                                        {"spec/a_spec.rb:6", "spec/a_spec.rb[1:3]"},
                                        {"./spec/a_spec.rb[1:1,1:3:2]", "spec/b_spec.rb"},
                                        {"spec", "spec/b_spec.rb:1"}}) {
    expect_as_rspec(arguments);
  }
}

TEST_F(SelectTest, LinesOfTestMethods) {
  EXPECT_EQ(cases_of(run({"test/c_test.rb:4", "test/d_test.rb:4", "spec/b_spec.rb:2"})),
            (Cases{{"test/c_test.rb CTest#test_one", "passed"},
                   {"test/d_test.rb DTest#test_two", "failed"},
                   {"spec/b_spec.rb b five", "failed"}}));
}

TEST_F(SelectTest, APlaceAtWhichNothingIsFailsItsFile) {
  project().write("spec/a_spec.rb", string("# a comment\n") + kSpec);
  const FinishedRun result = run({"spec/a_spec.rb:1:3", "spec/b_spec.rb[2]", "test/c_test.rb:1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(cases_of(result), (Cases{{"spec/a_spec.rb a one", "passed"}}));
  for (const auto& [file, place] : Cases{{"spec/a_spec.rb", ":1: there is no example"},
                                         {"spec/b_spec.rb", "[2]: there is no example"},
                                         {"test/c_test.rb", ":1: there is no test"}}) {
    const ReportedUnit* unit = result.report.unit(file);
    ASSERT_NE(unit, nullptr) << file;
    EXPECT_EQ(unit->verdict, "failed") << file;
    EXPECT_NE(unit->errors.find(file + place), string::npos) << unit->errors;
  }
}

TEST_F(SelectTest, NamesAndTagsMeanWhatTheyMeanToRspec) {
  for (const std::vector<string>& arguments :
       std::vector<std::vector<string>>{{"spec", "-e", "one"},
                                        {"spec", "--example", "a two", "-e", "b"},
                                        {"spec", "-t", "slow"},
                                        {"spec", "-t", "~slow"},
                                        {"spec", "--tag", "db:mysql", "-t", "~slow"},
                                        {"spec/a_spec.rb:4", "spec/b_spec.rb", "-e", "inner"},
                                        {"spec/a_spec.rb:4", "spec/b_spec.rb", "-t", "~slow"}}) {
    expect_as_rspec(arguments);
  }
}

TEST_F(SelectTest, NamesOfTestMethods) {
  EXPECT_EQ(cases_of(run({"-e", "Test#test_one", "-e", "a inner three"})),
            (Cases{{"test/c_test.rb CTest#test_one", "passed"},
                   {"test/d_test.rb DTest#test_one", "passed"},
                   {"spec/a_spec.rb a inner three", "passed"}}));
}

TEST_F(SelectTest, TagsAreAnErrorWhereThereAreNone) {
  const FinishedRun result = run({"-t", "slow"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(cases_of(result), (Cases{{"spec/a_spec.rb a one", "passed"}}));
  for (const auto& [file, framework] :
       Cases{{"test/c_test.rb", "Minitest"}, {"test/d_test.rb", "test-unit"}}) {
    const ReportedUnit* unit = result.report.unit(file);
    ASSERT_NE(unit, nullptr) << file;
    EXPECT_NE(unit->errors.find("-t slow: " + framework + " has no tags"), string::npos)
        << unit->errors;
  }
}

TEST_F(SelectTest, WhatStandsBehindTheDashesGoesToTheFramework) {
  cluster().configure(project(), R"("runner_arguments": ["--tag", "slow"])");
  EXPECT_EQ(cases_of(run({"spec", "--", "--example", "two"})),
            (Cases{{"spec/a_spec.rb a two", "failed"}}));
  EXPECT_EQ(cases_of(run({"spec"})), (Cases{{"spec/a_spec.rb a one", "passed"}}));
}

TEST_F(SelectTest, ARunOfNoCaseIsNotGreen) {
  for (const auto& [arguments, reason] : std::vector<std::pair<std::vector<string>, string>>{
           {{"-e", "gone", "-e", "no such"}, "no test case matches -e gone -e 'no such'"},
           {{"spec", "-t", "gone"}, "no test case matches -t gone"},
           {{"spec", "--", "--tag", "gone"}, "no test case matches -- --tag gone"}}) {
    const FinishedRun result = run(arguments);
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_EQ(result.report.reason, reason);
  }
  project().write("spec/empty_spec.rb", "");
  EXPECT_EQ(run({"spec/empty_spec.rb"}).exit_code, 0) << "nothing was to be found in it";
}

TEST_F(SelectTest, PartitionsShareTheFiles) {
  for (const string kind : {"slice", "hash"}) {
    std::map<string, int> files;
    for (const char* part : {":1/3", ":2/3", ":3/3"}) {
      const FinishedRun result = run({"--partition", kind + part});
      for (const auto& [file, unit] : result.report.units) ++files[file];
    }
    EXPECT_EQ(files, (std::map<string, int>{{"spec/a_spec.rb", 1},
                                            {"spec/b_spec.rb", 1},
                                            {"test/c_test.rb", 1},
                                            {"test/d_test.rb", 1}}));
  }
}

TEST_F(SelectTest, APartitionWithoutFilesIsNoFailure) {
  const FinishedRun events = run({"--partition", "slice:5/5"});
  EXPECT_EQ(events.exit_code, 0);
  EXPECT_EQ(events.report.reason, "no file is in partition slice:5/5 of 4 files: nothing to run");
  const FinishedRun text =
      cluster().gorgon({"--partition", "slice:2/2", "spec/a_spec.rb"}, project().folder());
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_EQ(text.output, "gorgon: no file is in partition slice:2/2 of 1 file: nothing to run\n");
  EXPECT_EQ(cluster().gorgon({"--partition", "slice:2/2", "lib"}, project().folder()).exit_code, 4);
}

TEST_F(SelectTest, ListShowsTheOrderAndHowLongItTakes) {
  project().write(".gorgon/runtimes.json", R"({"test/c_test.rb": 30, "spec/b_spec.rb": 20})");
  const auto list = [&](std::vector<string> arguments) {
    arguments.insert(arguments.begin(), "list");
    const FinishedRun result = cluster().gorgon(arguments, project().folder());
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  };
  EXPECT_EQ(list({"-j", "2", "test/c_test.rb", "spec/b_spec.rb"}),
            "   1  30.0 s           recorded  test/c_test.rb\n"
            "   2  20.0 s           recorded  spec/b_spec.rb\n"
            "2 files, 50.0 s in all, about 30.0 s on 2 slots\n");
  EXPECT_EQ(list({"-j", "1", "spec/b_spec.rb[1]"}),
            "   1  up to 20.0 s     recorded  'spec/b_spec.rb[1]'\n"
            "1 file, up to 20.0 s in all, up to 20.0 s on 1 slot\n");
  EXPECT_EQ(list({"spec/a_spec.rb"}),
            "   1  unknown                    spec/a_spec.rb\n"
            "1 file\n");
  EXPECT_NE(list({}).find("by size"), string::npos);
  EXPECT_EQ(list({"-j", "2"}),
            cluster().gorgon({"start", "--dry-run", "-j", "2"}, project().folder()).output);
  EXPECT_NE(list({"--message-format", "json", "spec/b_spec.rb:2"}).find(R"("places":[":2"])"),
            string::npos);
}

TEST_F(SelectTest, ArgumentsThatMakeNoSense) {
  for (const auto& [arguments, answer] : std::vector<std::pair<std::vector<string>, string>>{
           {{"-e", ""}, "--example: must not be empty"},
           {{"-t"}, "--tag needs a value"},
           {{"--partition", "slice:0/2"}, "must be slice:M/N or hash:M/N, with M from 1 to N"},
           {{"spec:3"}, "spec is a folder"},
           {{"--list"}, "did you mean \"--dry-run\"?"}}) {
    const FinishedRun result = cluster().gorgon(arguments, project().folder());
    EXPECT_EQ(result.exit_code, 64) << answer;
    EXPECT_NE(result.errors.find(answer), string::npos) << result.errors;
  }
}

TEST_F(SelectTest, APartOfAFileIsNotItsRuntime) {
  project().write(".gorgon/runtimes.json", R"({"spec/a_spec.rb": 50, "spec/b_spec.rb": 40})");
  EXPECT_EQ(run({"spec/a_spec.rb:2", "spec/b_spec.rb"}).exit_code, 1);
  const Json runtimes = parse_json(project().read(".gorgon/runtimes.json")).value();
  EXPECT_EQ(runtimes.at("spec/a_spec.rb").get<double>(), 50);
  EXPECT_LT(runtimes.at("spec/b_spec.rb").get<double>(), 40);
  project().write(".gorgon/runtimes.json", R"({"spec/b_spec.rb": 40})");
  for (const std::vector<string>& filter :
       std::vector<std::vector<string>>{{"-e", "one"}, {"-t", "~slow"}, {"--", "--tag", "~slow"}}) {
    (void)run(filter);
    EXPECT_EQ(project().read(".gorgon/runtimes.json"), R"({"spec/b_spec.rb": 40})");
  }
}

// ---- by what is recorded ----

TEST_F(SelectTest, FailuresAreRunAgainUntilNoneIsLeft) {
  const Project fixed = project();
  fixed.write(
      "spec/a_spec.rb",
      "RSpec.describe('a') { it('one') {}\n it('two') { fail unless File.exist?('fixed') } }");
  fixed.write("spec/b_spec.rb", "RSpec.describe('b') { it('x') {} }");
  fixed.write("test/d_test.rb",
              "raise 'broken' unless File.exist?('fixed')\nrequire 'test/unit'\n"
              "class DTest < Test::Unit::TestCase; def test_one; end; end\n");
  EXPECT_EQ(run({}).exit_code, 1);
  const FinishedRun failures = run({"--only-failures"});
  EXPECT_EQ(cases_of(failures), (Cases{{"spec/a_spec.rb a two", "failed"},
                                       {"test/c_test.rb CTest#test_two", "failed"}}));
  EXPECT_EQ(failures.report.units.size(), 3U) << "and the file that did not load";
  // What the first run has left: of it, one file passes, and the others were not asked for.
  fixed.write("fixed", "");
  fixed.write("test/c_test.rb",
              "require 'minitest/autorun'\n"
              "class CTest < Minitest::Test; def test_one; end\n"
              "  def test_two; end\nend\n");
  const FinishedRun narrow = run({"--rerun", "1", "spec"});
  EXPECT_EQ(narrow.exit_code, 5) << narrow.report.reason;
  EXPECT_EQ(cases_of(narrow), (Cases{{"spec/a_spec.rb a two", "passed"}}));
  const FinishedRun rest =
      cluster().gorgon({"rerun", "--message-format", "json"}, project().folder());
  EXPECT_EQ(rest.exit_code, 0) << rest.output;
  const FinishedRun none = cluster().gorgon({"rerun"}, project().folder());
  EXPECT_EQ(none.exit_code, 4) << none.output << none.errors;
  EXPECT_NE(none.errors.find("the run has left nothing"), string::npos) << none.errors;
  EXPECT_EQ(run({}).exit_code, 0);
  const FinishedRun no_failure = run({"--only-failures"});
  EXPECT_EQ(no_failure.exit_code, 4);
  EXPECT_NE(no_failure.errors.find("--only-failures leaves no case of 4 selected files: nothing"),
            string::npos)
      << no_failure.errors;
}

TEST_F(SelectTest, FilesThatFailedGoFirst) {
  // By their recorded times a_spec.rb would be last.
  project().write("spec/a_spec.rb", "RSpec.describe('a') { it('fails') { fail } }\n");
  project().write("spec/b_spec.rb", "RSpec.describe('b') { it('is good') { sleep 0.4 } }\n");
  EXPECT_EQ(run({"spec"}).exit_code, 1);
  for (const char* option : {"--failed-first", "--ff"}) {
    const FinishedRun again = run({"spec", option, "-j", "1"});
    const auto a = again.output.find(R"("event":"unit_finished","unit":"spec/a_spec.rb")");
    const auto b = again.output.find(R"("event":"unit_finished","unit":"spec/b_spec.rb")");
    EXPECT_LT(a, b) << option << "\n" << again.output;
  }
  const FinishedRun usual = run({"spec", "-j", "1"});
  EXPECT_GT(usual.output.find(R"("event":"unit_finished","unit":"spec/a_spec.rb")"),
            usual.output.find(R"("event":"unit_finished","unit":"spec/b_spec.rb")"));
  EXPECT_EQ(cases_of(run({"spec", "--lf"})), (Cases{{"spec/a_spec.rb a fails", "failed"}}));
  EXPECT_EQ(cases_of(run({"spec", "-E", "slower(0.3s)"})),
            (Cases{{"spec/b_spec.rb b is good", "passed"}}));
}

TEST_F(SelectTest, TagsInExpressionsAreRefusedWhereThereAreNone) {
  cluster().configure(project(), R"("runner": "minitest", "files": ["test/c_test.rb"])");
  for (const char* expression : {"tag(slow)", "not tag(slow)"}) {
    const FinishedRun refused = run({"-E", expression});
    EXPECT_EQ(refused.exit_code, 64) << refused.output;
    EXPECT_NE(refused.errors.find("tag(): Minitest has no tags"), string::npos) << refused.errors;
  }
}

TEST_F(SelectTest, CasesThatWereNotSelectedAreLeft) {
  project().write("spec/b_spec.rb",
                  "RSpec.describe('b') { %w[x y].each { |n| it(n) { fail unless "
                  "File.exist?('fixed') } } }");
  EXPECT_EQ(run({"spec/b_spec.rb"}).exit_code, 1);
  project().write("fixed", "");
  EXPECT_EQ(run({"--rerun", "1", "-e", "b x"}).exit_code, 5);
  EXPECT_EQ(run({"--rerun", "2"}).exit_code, 0);
}

TEST_F(SelectTest, ARerunIsAboutTheFilesOfItsRunWhateverTheGlobsSay) {
  project().write("one/a.rb", "RSpec.describe('a') { it('one') { fail } }");
  cluster().configure(project(), R"("files": ["spec/**/*_spec.rb"], "runner": "rspec")");
  EXPECT_EQ(run({"one/a.rb", "--partition", "slice:1/1", "-E", "all()"}).exit_code, 1);
  const Cases failed = {{"one/a.rb a one", "failed"}};
  EXPECT_EQ(cases_of(run({"--rerun", "1"})), failed);
  EXPECT_EQ(cases_of(run({"--rerun", "1", "one", "!spec"})), failed);
  std::filesystem::remove(project().folder() / "one/a.rb");
  EXPECT_EQ(run({"--rerun", "1"}).exit_code, 4);
}

TEST_F(SelectTest, OfAFileThatIsLeftARerunRunsWhatWasWanted) {
  project().write("spec/a_spec.rb", string("exit!(3) unless File.exist?('ready')\n") + kSpec);
  for (const auto& selection :
       std::vector<std::vector<string>>{{"spec/a_spec.rb", "-e", "a one"},
                                        {"spec/a_spec.rb", "-t", "slow"},
                                        {"spec/a_spec.rb", "-E", "test(a one)"},
                                        {"spec/a_spec.rb:3"},
                                        {"spec/a_spec.rb", "--", "-e", "a one"}}) {
    SCOPED_TRACE(selection.back());
    std::filesystem::remove(project().folder() / "ready");
    EXPECT_EQ(run(selection).exit_code, 1);
    project().write("ready", "");
    const FinishedRun rerun =
        cluster().gorgon({"rerun", "--message-format", "json"}, project().folder());
    EXPECT_EQ(rerun.exit_code, 0) << rerun.errors;
    EXPECT_NE(rerun.output.find(R"("a one")"), string::npos) << rerun.output;
    EXPECT_EQ(rerun.output.find(R"("a two")"), string::npos) << rerun.output;
    EXPECT_EQ(cluster().gorgon({"rerun"}, project().folder()).exit_code, 4) << "nothing is left";
  }
}

TEST_F(SelectTest, WhatAFrameworkCannotSelectByIsNoFailureOfItsCases) {
  project().write("test/c_test.rb",
                  "require 'minitest/autorun'\n"
                  "class CTest < Minitest::Test\n"
                  "  def test_one; end\n"
                  "  def test_two; flunk; end\n"
                  "end\n");
  EXPECT_EQ(run({"test/c_test.rb"}).exit_code, 1);
  EXPECT_EQ(run({"test/c_test.rb", "-t", "slow"}).exit_code, 1) << "found out by file";
  EXPECT_EQ(cases_of(run({"test/c_test.rb", "--only-failures"})),
            (Cases{{"test/c_test.rb CTest#test_two", "failed"}}));
  cluster().configure(project(), R"("runner": "minitest", "files": ["test/c_test.rb"])");
  const FinishedRun refused = cluster().gorgon({"-t", "slow"}, project().folder());
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_NE(refused.errors.find("Minitest has no tags"), string::npos) << refused.errors;
}

TEST_F(SelectTest, ExpressionsSelectInAllFrameworks) {
  EXPECT_EQ(cases_of(run({"-E", "tag(slow) or (file(test) and test(two))"})),
            (Cases{{"spec/a_spec.rb a one", "passed"},
                   {"test/c_test.rb CTest#test_two", "failed"},
                   {"test/d_test.rb DTest#test_two", "failed"}}));
  EXPECT_EQ(cases_of(run({"-k", "ONE and not ctest"})),
            (Cases{{"spec/a_spec.rb a one", "passed"},
                   {"spec/b_spec.rb b one", "passed"},
                   {"test/d_test.rb DTest#test_one", "passed"}}));
  EXPECT_EQ(run({"-E", "new()"}).exit_code, 1) << "some cases have not run yet";
  EXPECT_EQ(run({"-E", "tag(slow"}).exit_code, 64);
  const FinishedRun nothing = run({"-k", "nowhere or x"});
  EXPECT_EQ(nothing.exit_code, 4);
  EXPECT_EQ(nothing.report.reason, "no test case matches -k 'nowhere or x'");
}

}  // namespace
}  // namespace gorgon::test
