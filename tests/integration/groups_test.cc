// Test files that must not run beside each other: on one machine, in the whole run, or at all.
#include <signal.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// The most files that ran side by side, of those that `counts` says yes to; by machine or over
/// all. The log has a line "+ HOST FILE" or "- HOST FILE" for each begin and end.
struct Log {
  explicit Log(const string& text) : text_(text) {}
  template <class Predicate>
  [[nodiscard]] int most(Predicate counts, bool by_host = false) const {
    std::istringstream lines(text_);
    std::map<string, int> running;
    int most = 0;
    for (string sign, host, file; lines >> sign >> host >> file;) {
      if (!counts(file)) continue;
      int& count = running[by_host ? host : ""];
      count += sign == "+" ? 1 : -1;
      most = std::max(most, count);
    }
    return most;
  }

 private:
  string text_;
};

bool is_of_group(const string& file) { return file.starts_with("g"); }
bool is_any(const string& /*file*/) { return true; }

class GroupsTestBase {
 protected:
  /// `grouped` files g1, g2, … below spec/db, and `others` o1, o2, …, each of which runs for a
  /// while and tells.
  static Project add_project(Cluster& cluster, int grouped, int others) {
    Project project = cluster.add_project("");
    const string log = (project.folder().parent_path() / "log").string();
    const auto add = [&](const string& folder, const string& name) {
      project.write("spec/" + folder + name + "_spec.rb",
                    "RSpec.describe('" + name +
                        "') { it('works') {\n"
                        "  tell = ->(sign) { File.write('" +
                        log + "', \"#{sign} #{ENV['GORGON_HOST']} " + name +
                        "\\n\", mode: 'a') }\n"
                        "  tell['+']; sleep 0.15; tell['-']\n} }\n");
    };
    for (int i = 1; i <= grouped; ++i) add("db/", "g" + std::to_string(i));
    for (int i = 1; i <= others; ++i) add("", "o" + std::to_string(i));
    return project;
  }
  static Log log_of(const Project& project) { return Log(project.read("../log")); }
  static string keys(const string& group, const string& more = "") {
    return R"("groups": {"db": )" + group +
           R"(}, "overrides": [{"files": ["spec/db/**/*"], "group": "db"}])" + more;
  }
};

class LocalGroupsTest : public LocalTest, protected GroupsTestBase {};
class RabbitGroupsTest : public RabbitTest, protected GroupsTestBase {};

TEST_F(LocalGroupsTest, NoMoreOfAGroupThanMayRun) {
  const Project project = add_project(cluster(), 5, 6);
  cluster().configure(project, keys(R"({"total": 1})"));
  const FinishedRun run = cluster().run(project, {"-j", "3"});
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(run.report.units.size(), 11U);
  EXPECT_EQ(log_of(project).most(is_of_group), 1);
  EXPECT_GT(log_of(project).most(is_any), 1) << "the others run beside it";
}

TEST_F(LocalGroupsTest, WhoeverRunsAloneRunsBesideNobody) {
  const Project project = add_project(cluster(), 2, 6);
  cluster().configure(project, keys(R"({"alone": true})"));
  const FinishedRun run = cluster().run(project, {"-j", "3"});
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(run.report.units.size(), 8U);
  std::istringstream lines(project.read("../log"));
  string running;
  for (string sign, host, file; lines >> sign >> host >> file;) {
    const bool begins = sign == "+";
    if (begins && (is_of_group(file) || is_of_group(running))) {
      EXPECT_EQ(running, "") << "beside " << file;
    }
    running = begins ? file : "";
  }
}

TEST_F(LocalGroupsTest, AfterTheFirstFailureFewOfThoseThatWaitAreBegun) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", "raise 'at once'\n");
  for (int i = 1; i <= 8; ++i) {
    project.write("spec/b" + std::to_string(i) + "_spec.rb",
                  "RSpec.describe('b') { it('works') { sleep 0.2 } }\n" + string(200, '#') + "\n");
  }
  cluster().configure(project, R"("groups": {"all": {"alone": true}},
                                  "overrides": [{"files": ["spec"], "group": "all"}],
                                  "runtime_file": "runtimes.json")");
  project.write("runtimes.json", R"({"spec/a_spec.rb": 9})");
  const FinishedRun run = cluster().run(project, {"-j", "6", "-x"});
  EXPECT_EQ(run.exit_code, 1);
  const auto ran = std::ranges::count_if(
      run.report.units, [](const auto& one) { return one.second.verdict == "passed"; });
  EXPECT_LE(ran, 2) << run.output;
}

TEST_F(LocalGroupsTest, FilesHaveLimitsOfTheirOwn) {
  const Project project = cluster().add_project("");
  project.write("spec/slow_spec.rb", "RSpec.describe('s') { it('hangs') { sleep } }\n");
  project.write("spec/good_spec.rb", "RSpec.describe('g') { it('works') {} }\n");
  cluster().configure(project, R"("overrides": [{"files": ["spec/slow_spec.rb"], "timeout": 0.5},
                                                 {"files": ["spec"], "timeout": 600}])");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.report.unit("spec/slow_spec.rb")->verdict, "timed_out");
  EXPECT_EQ(run.report.unit("spec/good_spec.rb")->verdict, "passed");
}

TEST_F(LocalGroupsTest, FailuresAndFurtherTriesLetTheGroupGoOn) {
  const Project project = add_project(cluster(), 3, 1);
  project.write("spec/db/g9_spec.rb", "RSpec.describe('g9') { it('fails') { fail } }\n");
  project.write("spec/db/g8_spec.rb", "RSpec.describe('g8') { it('dies') { exit!(3) } }\n");
  cluster().configure(project, keys(R"({"total": 1})"));
  const FinishedRun run = cluster().run(project, {"--retries", "1", "-j", "2"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.report.units.size(), 6U);
  EXPECT_EQ(run.report.unit("spec/db/g8_spec.rb")->verdict, "crashed");
  EXPECT_EQ(log_of(project).most(is_of_group), 1);
}

TEST_F(LocalGroupsTest, UnknownGroupIsRefused) {
  const Project project = add_project(cluster(), 1, 1);
  cluster().configure(project, R"("overrides": [{"files": ["spec"], "group": "dbb"}])");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_NE(run.errors.find("overrides[0].group: there is no group \"dbb\""), string::npos)
      << run.errors;
}

TEST_F(RabbitGroupsTest, OneOfAGroupOnEachMachine) {
  const Project project = add_project(cluster(), 6, 6);
  cluster().configure(project, keys(R"({"per_host": 1})"));
  cluster().start_two_listeners();
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(run.report.units.size(), 12U);
  EXPECT_EQ(log_of(project).most(is_of_group, true), 1);
}

TEST_F(RabbitGroupsTest, RunThatIsTakenUpKeepsToItsGroups) {
  const Project project = add_project(cluster(), 8, 2);
  // A file on its way to the broker at the kill is missed once all have been idle for this long.
  cluster().configure(project, keys(R"({"total": 1})", R"(, "timeouts": {"callback": 1})"));
  cluster().start_two_listeners();
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(30s, [&] { return Cluster::so_far(run).units.size() >= 2; }));
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
  const FinishedRun resumed = cluster().finish(
      cluster().start_gorgon({"resume", "--message-format", "json"}, project.folder()));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason;
  EXPECT_EQ(resumed.report.units.size(), 10U);
  EXPECT_EQ(log_of(project).most(is_of_group), 1);
}

}  // namespace
}  // namespace gorgon::test
