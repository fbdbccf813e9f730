// The reports that a run writes for other programs, on one suite in which everything goes wrong
// that can: they have to agree with the events of the run, and with each other.
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// How often `text` is in `report`.
std::size_t count_in(const string& report, const string& text) {
  std::size_t count = 0;
  for (std::size_t at = report.find(text); at != string::npos; at = report.find(text, at + 1))
    ++count;
  return count;
}

/// What the reports should say, from the events of the run.
struct Totals {
  std::map<string, std::size_t> statuses;
  std::size_t outside = 0;  ///< Units that went wrong outside of their cases.

  explicit Totals(const FinishedRun& run) : outside(count_in(run.output, R"("errors":[)")) {
    for (const ReportedCase& test_case : run.report.cases) ++statuses[test_case.status];
  }
  [[nodiscard]] std::size_t bad() { return statuses["failed"] + statuses["error"] + outside; }
};

/// How many slices of each category a trace has; fails the test where two of a thread overlap and
/// none of them is within the other.
std::map<string, std::size_t> slices_of(const string& trace) {
  struct Slice {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };
  const auto json = parse_json(trace);
  EXPECT_TRUE(json) << "no JSON: " << trace;
  std::map<string, std::size_t> counts;
  std::map<std::pair<int, int>, std::vector<Slice>> open_slices;
  if (!json) return counts;
  for (const Json& event : json->at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    ++counts[event.at("cat")];
    const auto begin = event.at("ts").get<std::int64_t>();
    const Slice slice{.begin = begin, .end = begin + event.at("dur").get<std::int64_t>()};
    auto& open = open_slices[{event.at("pid"), event.at("tid")}];
    while (!open.empty() && open.back().end <= slice.begin) open.pop_back();
    if (!open.empty()) {
      EXPECT_LE(open.back().begin, slice.begin) << event;
      EXPECT_LE(slice.end, open.back().end) << event;
    }
    open.push_back(slice);
  }
  return counts;
}

class ReportsTest : public LocalTest {
 protected:
  /// Failures, errors, skipped and pending cases, a crash, a file that cannot be loaded, names that
  /// mean something to readers.
  Project add_bad_day() {
    const Project project = cluster().add_project("mixed");
    project.write("spec/crash_spec.rb",
                  "RSpec.describe('crash') { it('passes') {}\n"
                  "it('kills # TODO its runner') { Process.kill(:KILL, $$) } }\n");
    project.write("spec/load_spec.rb", "raise \"no # SKIP\\nnot ok 1 - \\\\\"\n");
    project.write("spec/names_spec.rb",
                  "RSpec.describe('names') { it(\"# SKIP\\nBail out! <b>|`%0A::\\\\\") "
                  "{ raise \"1..9\\n  ...\\n::error::]]>\" } }\n");
    return project;
  }
  /// What TAP::Parser finds in the project's run.tap: "run passed failed …", of each how many
  /// points; and after "errors" what it does not understand.
  string parsed_tap(const Project& project) {
    return cluster()
        .other_program({"perl", "-MTAP::Parser", "-e",
                        // This one's newest version is 13, which is read no differently.
                        "local $/; open my $file, '<', 'run.tap'; my $tap = <$file>;"
                        "$tap =~ s/^TAP version 14$/TAP version 13/m or die;"
                        "my $parser = TAP::Parser->new({tap => $tap}); my ($yaml, $bail) = (0, '');"
                        "while (my $result = $parser->next) {"
                        "  $yaml++ if $result->is_yaml && $result->data->{message};"
                        "  $bail = $result->explanation if $result->is_bailout }"
                        "printf \"run %d passed %d failed %d todo %d skipped %d yaml %d bail '%s' "
                        "errors %s\\n\", $parser->tests_run, scalar($parser->passed),"
                        "scalar($parser->failed), scalar($parser->todo), scalar($parser->skipped),"
                        "$yaml, $bail, join('; ', $parser->parse_errors)"},
                       project.folder())
        .output;
  }
};

TEST_F(ReportsTest, AllOfThemAgreeWithTheRun) {
  const Project project = add_bad_day();
  const FinishedRun run = cluster().run(
      project, {"-j", "2", "--junit", "junit.xml", "--tap", "run.tap", "--trace", "trace.json"});
  EXPECT_EQ(run.exit_code, 1);
  Totals totals(run);
  ASSERT_EQ(totals.outside, 2U);
  const std::size_t points = run.report.cases.size() + totals.outside;

  const string junit = project.read("junit.xml");
  EXPECT_EQ(count_in(junit, "<testcase "), points);
  EXPECT_EQ(count_in(junit, "<failure ") + count_in(junit, "<error "), totals.bad());

  std::ostringstream tap;
  tap << "run " << points << " passed " << points - totals.bad() << " failed " << totals.bad()
      << " todo " << totals.statuses["pending"] << " skipped " << totals.statuses["skipped"]
      << " yaml " << totals.bad() << " bail '' errors \n";
  EXPECT_EQ(parsed_tap(project), tap.str());
  const FinishedRun proved =
      cluster().other_program({"prove", "-e", "sed 1s/4$/3/", "run.tap"}, project.folder());
  EXPECT_EQ(proved.exit_code, 1) << proved.output;

  const string trace = project.read("trace.json");
  const std::map<string, std::size_t> slices = slices_of(trace);
  EXPECT_EQ(slices.at("unit"), run.report.units.size());
  // Beside those that ended, the case that the crash cut off.
  EXPECT_EQ(slices.at("case"), run.report.cases.size() + 1);

  const FinishedRun again = cluster().gorgon(
      {"report", "--junit", "junit2.xml", "--tap", "2.tap", "--trace", "2.json"}, project.folder());
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(project.read("junit2.xml"), junit);
  EXPECT_EQ(project.read("2.tap"), project.read("run.tap"));
  EXPECT_EQ(project.read("2.json"), trace);
}

/// That standard output has events alone is checked for every run.
TEST_F(ReportsTest, GithubHasAnnotationsOnStandardErrorAndASummary) {
  const Project project = add_bad_day();
  const auto summary = cluster().folder() / "summary.md";
  cluster().set_environment("GITHUB_ACTIONS", "true");
  cluster().set_environment("GITHUB_STEP_SUMMARY", summary.string());
  cluster().set_environment("GITHUB_WORKSPACE", cluster().folder().string());
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(run.exit_code, 1);
  Totals totals(run);
  ASSERT_GT(totals.bad(), 10U);
  EXPECT_EQ(count_in(run.errors, "::error file=project/"), 10U) << run.errors;
  const string rest = "::notice title=gorgon::" + std::to_string(totals.bad() - 10) + " more error";
  EXPECT_EQ(count_in(run.errors, rest), 1U) << run.errors;
  const string text = Project(cluster().folder()).read("summary.md");
  EXPECT_EQ(count_in(text, "<details>"), totals.bad());
  EXPECT_EQ(count_in(text, "### Failures: " + std::to_string(totals.bad())), 1U);

  const FinishedRun again = cluster().gorgon({"report", "--github"}, project.folder());
  EXPECT_EQ(again.output, run.errors);
  EXPECT_EQ(Project(cluster().folder()).read("summary.md"), text + text);
  EXPECT_EQ(cluster().run(project, {"--no-github"}).errors, "");
  EXPECT_EQ(Project(cluster().folder()).read("summary.md"), text + text);
}

TEST_F(ReportsTest, ARunThatIsTakenUpElsewhereWritesTheSameFile) {
  const Project project = cluster().add_slow_project(4, 0.3);
  cluster().configure(project);
  project.write("ci/kept", "");
  Program& run = cluster().start_gorgon({"start", "--config", "../gorgon.json", "-j", "1", "--tap",
                                         "run.tap", "--message-format", "json"},
                                        project.folder() / "ci");
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).units.size() >= 1; }));
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
  const FinishedRun resumed = cluster().finish(
      cluster().start_gorgon({"resume", "--message-format", "json"}, project.folder()));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.errors;
  EXPECT_EQ(count_in(project.read("ci/run.tap"), "\nok "), 4U);
  EXPECT_FALSE(project.has("run.tap"));
}

TEST_F(ReportsTest, ARunThatIsCutShortLooksLikeNoSuccess) {
  const Project project = cluster().add_slow_project(2, 30);
  const FinishedRun run =
      cluster().run(project, {"-j", "1", "--global-timeout", "1", "--tap", "run.tap"});
  EXPECT_EQ(run.exit_code, 7);
  const string parsed = parsed_tap(project);
  EXPECT_NE(parsed.find("passed 0 failed 2"), string::npos) << parsed;
  EXPECT_NE(parsed.find("bail '" + run.report.reason + "'"), string::npos) << parsed;
}

/// The report of the run before would be taken for that of this one.
TEST_F(ReportsTest, ARunThatEndsBeforeItBeginsHasReports) {
  const string nobody =
      R"("connection": {"host": "127.0.0.1", "port": )" + std::to_string(free_port()) + "}";
  struct Ending {
    string keys;  ///< Of gorgon.json.
    std::vector<string> arguments;
    int exit_code = 0;
  };
  for (const auto& [keys, arguments, exit_code] :
       {Ending{R"("fils": [])", {"--tap", "run.tap"}, 64},
        Ending{R"("reports": {"tap": "run.tap"})", {"spec/none_spec.rb"}, 4},
        Ending{R"("reports": {"tap": "run.tap"}, )" + nobody, {}, 3}}) {
    const Project project = cluster().add_slow_project(1, 0);
    project.write("gorgon.json", "{" + keys + "}");
    project.write("run.tap", "old");
    EXPECT_EQ(cluster().gorgon({"list", "spec/none_spec.rb"}, project.folder()).exit_code,
              exit_code == 64 ? 64 : 4);
    EXPECT_EQ(project.read("run.tap"), "old") << "nothing was to be run";
    const FinishedRun run = cluster().run(project, arguments);
    EXPECT_EQ(run.exit_code, exit_code) << run.errors;
    EXPECT_NE(parsed_tap(project).find("bail '"), string::npos) << project.read("run.tap");
    EXPECT_EQ(parsed_tap(project).find("bail ''"), string::npos) << project.read("run.tap");
  }
}

TEST_F(ReportsTest, TwoReportsAreNotOneFile) {
  const Project project = cluster().add_project("mixed");
  const auto refused = [&](const std::vector<string>& arguments) {
    const FinishedRun run = cluster().gorgon(arguments, project.folder());
    EXPECT_EQ(run.exit_code, 64);
    EXPECT_NE(run.errors.find("two reports cannot be one file: "), string::npos) << run.errors;
    EXPECT_FALSE(project.has("a.xml"));
  };
  const string other_path = (project.folder() / "spec/../a.xml").string();
  refused({"--junit", "a.xml", "--html", other_path});
  project.write("gorgon.json", R"({"reports": {"tap": "a.xml", "trace": "./a.xml"}})");
  refused({"start"});
  project.write("gorgon.json", "{}");
  ASSERT_EQ(cluster().run(project, {"spec/stack_spec.rb"}).exit_code, 0);
  refused({"report", "--junit", "a.xml", "--html", other_path});
}

TEST_F(ReportsTest, ADeviceIsNoReport) {
  const Project project = cluster().add_slow_project(1, 0);
  project.write("run.tap", "old");
  const FinishedRun run =
      cluster().run(project, {"--junit", "/dev/stdout", "--tap", "run.tap", "--trace", "x.json"});
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_TRUE(run.report.units.empty());
  EXPECT_NE(run.report.reason.find("cannot write /dev/stdout"), string::npos) << run.report.reason;
  EXPECT_NE(project.read("run.tap").find("Bail out! cannot write"), string::npos);
}

/// That the process ends with it, too, is checked for every run.
TEST_F(ReportsTest, AFileThatCannotBeWrittenInTheEndIsPartOfTheExitCode) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('b') { Dir.rmdir('out') } }\n");
  const FinishedRun run = cluster().run(project, {"--tap", "out/run.tap"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.report.exit_code, 3);
  EXPECT_NE(run.errors.find("cannot write out/run.tap"), string::npos) << run.errors;
}

}  // namespace
}  // namespace gorgon::test
