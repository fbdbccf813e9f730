// One run in which much goes wrong, on two machines: further tries, a flaky case, a crash, a test
// in quarantine, a worker that is killed. Whatever tells of it counts the same.
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;
/// Cases by status, "flaky" among the passed, and "outside": units that went wrong outside of them.
using Totals = std::map<string, std::size_t>;

string text_of(const Totals& totals) {
  string text;
  for (const auto& [name, count] : totals) {
    if (count > 0) text += name + " " + std::to_string(count) + ", ";
  }
  return text;
}

std::size_t count_in(const string& text, const string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

Totals of_events(const FinishedRun& exported) {
  Totals totals;
  for (const ReportedCase& one : exported.report.cases) ++totals[one.status];
  totals["flaky"] = count_in(exported.output, R"("flaky":true)");
  for (const auto& [file, unit] : exported.report.units) {
    if (unit.verdict == "crashed" || unit.verdict == "timed_out") ++totals["outside"];
  }
  return totals;
}

/// "  cases  12: 6 passed, 2 failed, 1 in quarantine", and "3 failures … 1 flaky" in the last line.
Totals of_terminal(const string& output) {
  Totals totals;
  std::istringstream lines(output);
  for (string line; std::getline(lines, line);) {
    std::istringstream words(line);
    string word;
    words >> word;
    if (word == "cases") {
      words >> word;  // The sum.
      for (std::size_t count = 0; words >> count >> word;) {
        if (word == "in") words >> word;
        if (word.ends_with(',')) word.pop_back();
        if (word == "quarantine") word = "quarantined";
        totals[word == "errors" ? "error" : word] = count;
      }
    }
    if (word.starts_with("gorgon:")) {
      const auto number_before = [&](const string& what) -> std::size_t {
        const auto at = line.find(" " + what);
        if (at == string::npos) return 0;
        const auto from = line.rfind(' ', at - 1);
        return std::stoul(line.substr(from + 1));
      };
      totals["flaky"] = number_before("flaky");
      const std::size_t failures = number_before("failure");
      totals["outside"] = failures - std::min(failures, totals["failed"] + totals["error"]);
    }
  }
  return totals;
}

/// Errors are told apart from failures; what went wrong outside is one, too.
Totals of_junit(const string& xml, std::size_t errors_of_cases) {
  Totals totals;
  totals["failed"] = count_in(xml, "<failure ");
  const std::size_t errors = count_in(xml, "<error ");
  totals["error"] = errors_of_cases;
  totals["outside"] = errors - errors_of_cases;
  totals["quarantined"] = count_in(xml, "<skipped message=\"in quarantine");
  totals["pending"] = count_in(xml, "<skipped") - totals["quarantined"];
  totals["flaky"] = count_in(xml, "<flakyFailure ");
  totals["passed"] = count_in(xml, "<testcase ") - totals["failed"] - errors -
                     totals["quarantined"] - totals["pending"];
  return totals;
}

Totals of_page(const string& page) {
  const string mark = R"(id="data">)";
  const auto from = page.find(mark);
  const auto to = page.find("</script>", from);
  EXPECT_NE(from, string::npos);
  const auto json = parse_json(page.substr(from + mark.size(), to - from - mark.size()));
  EXPECT_TRUE(json) << page.substr(from, 200);
  if (!json) return {};
  const Json& head = json->at("head");
  Totals totals = head.at("cases").get<Totals>();
  totals["flaky"] = head.at("flaky");
  totals["outside"] = head.at("outside");
  return totals;
}

class TotalsTest : public RabbitTest {
 protected:
  /// As SQLite has it, without any code of ours.
  Totals of_record(const Project& project) {
    const FinishedRun read = cluster().other_program(
        {"python3", "-c",
         "import sqlite3, json\n"
         "db = sqlite3.connect('.gorgon/history.db')\n"
         "totals = dict(db.execute('SELECT status, count(*) FROM cases GROUP BY status'))\n"
         "one = lambda sql: db.execute(sql).fetchone()[0]\n"
         "totals['flaky'] = one('SELECT count(*) FROM cases WHERE is_flaky')\n"
         "totals['outside'] = one(\"SELECT count(*) FROM units WHERE verdict = 'crashed'\")\n"
         "print(json.dumps(totals))"},
        project.folder());
    const auto json = parse_json(read.output);
    EXPECT_TRUE(json) << read.output << read.errors;
    return json ? json->get<Totals>() : Totals();
  }
  Project add_suite() {
    const Project project = cluster().add_project("");
    const string folder = project.folder().parent_path().string();
    project.write("spec/good_spec.rb",
                  "RSpec.describe('good') { it('a') {}\n it('b') {}\n it('c') }\n");
    project.write("spec/bad_spec.rb", "RSpec.describe('bad') { it('a') { fail }\n it('b') {} }\n");
    project.write("spec/flaky_spec.rb",
                  "RSpec.describe('flaky') { it('wavers') {\n"
                  "  first = File.open('" +
                      folder +
                      "/tried', File::CREAT | File::EXCL) rescue nil\n"
                      "  fail 'the first time' if first } }\n");
    project.write("spec/crash_spec.rb",
                  "RSpec.describe('crash') { it('a') {}\n it('kills') { exit!(3) } }\n");
    project.write("spec/known_spec.rb", "RSpec.describe('known') { it('a') { fail } }\n");
    project.write("test/x_test.rb",
                  "require 'minitest/autorun'\nclass XTest < Minitest::Test\n"
                  "  def test_a; end\n  def test_b; raise 'boom'; end\nend\n");
    // Runs until its worker has been killed once.
    project.write("spec/killed_spec.rb",
                  "RSpec.describe('killed') { it('a') {\n"
                  "  next if File.exist?('" +
                      folder +
                      "/killed')\n"
                      "  File.write('" +
                      folder + "/runs', Process.pid.to_s)\n  sleep } }\n");
    project.write("gorgon_quarantine.json",
                  R"({"quarantine": [{"file": "spec/known_spec.rb", "owner": "ann",)"
                  R"( "reason": "known", "expires": "2999-12-31"}]})");
    return project;
  }
};

TEST_F(TotalsTest, EverythingThatTellsOfARunCountsTheSame) {
  const Project project = add_suite();
  cluster().configure(project);
  cluster().start_two_listeners();
  Program& run = cluster().start_gorgon(
      {"start", "--color", "never", "--retries", "1", "--junit", "junit.xml", "--html", "run.html"},
      project.folder());
  // Tries that the kill must not hit have ended then.
  const std::vector<string> ended = {"FLAKY    spec/flaky_spec.rb", "CRASH    spec/crash_spec.rb",
                                     "FAIL     spec/bad_spec.rb", "FAIL     test/x_test.rb"};
  ASSERT_TRUE(eventually(60s,
                         [&] {
                           const string output = run.output();
                           return !project.read("../runs").empty() &&
                                  std::ranges::all_of(ended, [&](const string& line) {
                                    return output.find(line) != string::npos;
                                  });
                         }))
      << run.output() << run.errors();
  const pid_t runner = std::stoi(project.read("../runs"));
  project.write("../killed", "");
  bool is_killed = false;
  for (RunningListener& listener : cluster().listeners()) {
    for (const pid_t worker : listener.workers()) {
      // The runner is a child of its host: its worker is the one whose unit hangs. All are killed
      // on that machine, since nobody outside knows which.
      const auto hosts = listener.runner_hosts();
      const bool is_here = std::ranges::any_of(hosts, [&](pid_t host) {
        const auto children = children_matching(host, "gorgon runner");
        return std::ranges::find(children, runner) != children.end();
      });
      if (is_here) is_killed |= ::kill(worker, SIGKILL) == 0;
    }
  }
  ASSERT_TRUE(is_killed) << "no worker was found to kill";
  ASSERT_TRUE(run.wait(120s)) << run.output() << run.errors();
  const string terminal = run.output();

  FinishedRun exported = cluster().gorgon({"runs", "export"}, project.folder());
  exported.report = read_report(exported.output);
  EXPECT_TRUE(exported.report.mistakes.empty()) << exported.report.mistakes.front();
  EXPECT_EQ(exported.report.units.size(), 7U);
  const Totals totals = of_events(exported);
  EXPECT_EQ(text_of(totals),
            "error 1, failed 1, flaky 1, outside 1, passed 7, pending 1, quarantined 1, ");
  EXPECT_EQ(text_of(of_terminal(terminal)), text_of(totals)) << terminal;
  EXPECT_EQ(text_of(of_junit(project.read("junit.xml"), totals.at("error"))), text_of(totals));
  EXPECT_EQ(text_of(of_page(project.read("run.html"))), text_of(totals));
  EXPECT_EQ(text_of(of_record(project)), text_of(totals));
}

}  // namespace
}  // namespace gorgon::test
