// Short files share a message to their worker, and what comes of them is told together. Whatever
// happens to such a message, each file has one verdict, and one try unless its worker died.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "broker/broker.h"
#include "harness.h"
#include "program.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "results/verdict.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {
namespace {

using std::string;

constexpr std::size_t kFiles = 24;
constexpr const char* kEndsItsRunner = "Process.kill(:KILL, Process.pid); sleep";

string file_of(std::size_t number) { return "spec/f" + std::to_string(100 + number) + "_spec.rb"; }

/// Its place in the plan, behind long_ago_spec.rb.
string unit_of(std::size_t number) { return std::to_string(number + 1); }

/// Files that were short when they last ran, which has been recorded; the tenth and the
/// fifteenth wait for gates now.
class ShortFilesTest : public ClusterTest {
 protected:
  using ClusterTest::ClusterTest;
  Project add_short_files() {
    Project project = cluster().add_project("");
    cluster().configure(project);
    string times = R"({"spec/long_ago_spec.rb": 60)";
    for (std::size_t i = 1; i <= kFiles; ++i) {
      project.write(file_of(i), body(i, ""));
      times += ", \"" + file_of(i) + "\": 0.003";
    }
    project.write("spec/long_ago_spec.rb", body(0, ""));
    for (const std::size_t i : {10U, 15U})
      project.write(file_of(i), body(i, "sleep 0.02 until File.exist?('" + gate() +
                                            std::to_string(i) + "'); "));
    project.write(".gorgon/runtimes.json", times + "}");
    return project;
  }
  [[nodiscard]] string body(std::size_t number, const string& first) const {
    return "RSpec.describe('file') { it('" + std::to_string(number) + "') { " + first +
           "File.open('" + (cluster_folder() / "ran").string() + "', 'a') { |f| f.puts '" +
           std::to_string(number) + "' } } }\n";
  }
  [[nodiscard]] string gate() const { return (cluster_folder() / "gate").string(); }
  void open_gate(std::size_t number) {
    Project(cluster_folder()).write("gate" + std::to_string(number), "");
  }
  void open_gates() {
    open_gate(10);
    open_gate(15);
  }
  /// Started, and all before it have their verdicts.
  void wait_for_the_tenth(Program& run) {
    ASSERT_TRUE(eventually(60s,
                           [&] {
                             const Report report = Cluster::so_far(run);
                             return report.starts.contains(file_of(10)) && report.units.size() >= 9;
                           }))
        << run.output() << cluster().logs();
  }
  /// How often each file has come to its end.
  std::map<string, int> runs() {
    std::map<string, int> runs;
    std::ifstream lines(cluster_folder() / "ran");
    for (string line; std::getline(lines, line);) ++runs[line];
    return runs;
  }
  /// `condition`, in Ruby, is asked before tests run in a runner; `then` is done where it holds.
  void add_before_start(const Project& project, const string& condition, const string& then) {
    project.write("callbacks.rb",
                  "class ShortCallbacks < Gorgon::DefaultCallbacks\n"
                  "  def before_start\n    " +
                      then + " if " + condition +
                      "\n  end\nend\nGorgon.callbacks = ShortCallbacks.new\n");
    cluster().configure(project,
                        R"("job": {"callbacks": {"callbacks_class_file": "callbacks.rb"}})");
  }
  /// One worker after the other cannot go on behind a file that spoils its slot.
  void run_with_one_that_spoils_slots() {
    const Project project = add_short_files();
    open_gates();
    const string spoilt =
        "'" + (cluster_folder() / "spoilt").string() + "' + ENV['GORGON_WORKER_ID']";
    project.write(file_of(5), "RSpec.describe('file') { it('spoils') { File.write(" + spoilt +
                                  ", ''); File.open('" + (cluster_folder() / "ran").string() +
                                  "', 'a') { |f| f.puts '5' }; " + kEndsItsRunner + " } }\n");
    add_before_start(project, "File.exist?(" + spoilt + ")", "raise 'spoilt'");
    const FinishedRun finished = cluster().run(project, {"-j", "2"});
    EXPECT_EQ(finished.exit_code, 1) << finished.report.reason << finished.report.notice_text();
    ASSERT_EQ(finished.report.units.size(), kFiles + 1);
    for (const auto& [file, unit] : finished.report.units)
      EXPECT_EQ(unit.verdict, file == file_of(5) ? "crashed" : "passed") << file;
    EXPECT_EQ(runs()["5"], 1);
    EXPECT_EQ(finished.report.notice_text().find("goodbye"), string::npos)
        << "it has said so, and nothing behind it\n"
        << finished.report.notice_text();
  }
  /// From when "held" is in the test's folder, no runner starts before gate 20 is open.
  void hold_further_runners(const Project& project, const string& or_where = "false") {
    add_before_start(project, or_where + " || File.exist?(" + held() + ")",
                     "(sleep 0.02 until File.exist?('" + gate() + "20'))");
  }
  /// In Ruby.
  [[nodiscard]] string held() const { return "'" + (cluster_folder() / "held").string() + "'"; }
  /// That workers are in the middle of, as `gorgon status` shows them.
  std::set<string> files_at_work(const Project& project) {
    const FinishedRun asked =
        cluster().gorgon({"status", "--json", "--wait", "0.5"}, project.folder());
    const Json status = parse_json(asked.output).value_or(Json::object());
    std::set<string> files;
    if (!status.contains("machines")) return {"no answer"};
    for (const Json& machine : status.at("machines")) {
      if (machine.at("workers").empty()) files.insert("no workers");
      for (const Json& worker : machine.at("workers")) {
        if (worker.at("file").is_string()) files.insert(worker.at("file").get<string>());
      }
    }
    return files;
  }
  /// How long ago its end was when it arrived, in seconds; nothing before it has.
  static std::optional<double> age_of_end(const Project& project, std::size_t number) {
    for (const string& body : journalled(project)) {
      const auto message = protocol::decode(body);
      const auto* end = message ? std::get_if<protocol::UnitFinished>(&*message) : nullptr;
      if (end != nullptr && end->result.unit == unit_of(number)) return end->ago;
    }
    return std::nullopt;
  }
  static void expect_all_passed(const FinishedRun& run) {
    EXPECT_EQ(run.exit_code, 0) << run.report.reason << run.report.notice_text();
    EXPECT_EQ(run.report.units.size(), kFiles + 1);
    for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "passed") << file;
  }

 private:
  [[nodiscard]] std::filesystem::path cluster_folder() const {
    return const_cast<ShortFilesTest*>(this)->cluster().folder();
  }
};

class BatchesTest : public ShortFilesTest {
 protected:
  BatchesTest() : ShortFilesTest(TestBroker::kRabbitMq) {}
};
/// A broker that hands out again what is given back untried.
class LocalBatchesTest : public ShortFilesTest {
 protected:
  LocalBatchesTest() : ShortFilesTest(TestBroker::kEmbedded) {}
};

TEST_F(BatchesTest, OneThatTakesLongerThanBeforeIsToldWithAllThatWasBeforeIt) {
  cluster().start_listener();
  const Project project = add_short_files();
  Program& run = cluster().start_run(project, {"-j", "1"});
  wait_for_the_tenth(run);
  EXPECT_FALSE(Cluster::so_far(run).starts.contains(file_of(11))) << "it shares a message";
  open_gate(10);
  EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.contains(file_of(15)); }))
      << "the next of them, too";
  open_gate(15);
  const FinishedRun finished = cluster().finish(run);
  expect_all_passed(finished);
  for (const auto& [file, starts] : finished.report.starts) EXPECT_EQ(starts, 1) << file;
  for (const auto& [file, count] : runs()) EXPECT_EQ(count, 1) << file;
}

TEST_F(BatchesTest, WhatIsLeftOfAKilledWorkersMessageRunsElsewhere) {
  RunningListener& listener = cluster().start_listener();
  const Project project = add_short_files();
  Program& run = cluster().start_run(project, {"-j", "1"});
  wait_for_the_tenth(run);
  const auto workers = listener.workers();
  ASSERT_FALSE(workers.empty());
  for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  open_gates();
  const FinishedRun finished = cluster().finish(run);
  expect_all_passed(finished);
  for (const auto& [file, starts] : finished.report.starts)
    EXPECT_EQ(starts, file == file_of(10) ? 2 : 1) << file;
  for (std::size_t i = 1; i <= 9; ++i) EXPECT_EQ(runs()[std::to_string(i)], 1) << i;
}

/// The runner's host is its parent, and the worker the listener's other child. Within the time in
/// which nothing is told.
constexpr const char* kKiller =
    "RSpec.describe('file') { it('kills') {\n"
    "  listener = File.read(\"/proc/#{Process.ppid}/stat\")[/\\) . (\\d+)/, 1]\n"
    "  children = File.read(\"/proc/#{listener}/task/#{listener}/children\").split.map(&:to_i)\n"
    "  (children - [Process.ppid]).each { |pid| Process.kill(:KILL, pid) }\n"
    "  sleep } }\n";

/// It has been told that it runs; it has come to its end when another one kills its worker.
TEST_F(BatchesTest, WhoHasComeToItsEndIsNotBlamedForTheNext) {
  cluster().start_listener();
  const Project project = add_short_files();
  project.write(file_of(11), kKiller);
  open_gate(15);
  cluster().configure(project, R"("max_attempts": 1)");
  Program& run = cluster().start_run(project, {"-j", "1"});
  wait_for_the_tenth(run);
  open_gate(10);
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 1) << finished.report.notice_text();
  ASSERT_EQ(finished.report.units.size(), kFiles + 1);
  for (const auto& [file, unit] : finished.report.units)
    EXPECT_EQ(unit.verdict, file == file_of(11) ? "crashed" : "passed") << file;
  EXPECT_EQ(finished.report.starts.at(file_of(10)), 1);
  EXPECT_EQ(runs()["10"], 1);
}

TEST_F(BatchesTest, WhatHasComeToItsEndIsToldWhileTheNextRunnerStarts) {
  cluster().start_listener();
  const Project project = add_short_files();
  open_gate(10);
  project.write(file_of(15), "RSpec.describe('file') { it('ends') { File.write(" + held() +
                                 ", ''); sleep 0.02 until File.exist?('" + gate() + "15'); " +
                                 kEndsItsRunner + " } }\n");
  hold_further_runners(project);
  Program& run = cluster().start_run(project, {"-j", "1"});
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.contains(file_of(15)); }));
  open_gate(15);
  EXPECT_TRUE(eventually(20s, [&] { return Cluster::so_far(run).units.contains(file_of(15)); }))
      << Cluster::so_far(run).notice_text();
  EXPECT_FALSE(Cluster::so_far(run).starts.contains(file_of(16)));
  EXPECT_EQ(files_at_work(project), std::set<string>());
  open_gate(20);
  EXPECT_EQ(cluster().finish(run).report.unit(file_of(15))->verdict, "crashed");
}

/// Meanwhile: while the last file of a message runs.
TEST_F(BatchesTest, AWorkerThatWasCutOffMeanwhileHasNothingInHandAfterwards) {
  cluster().start_listener();
  const Project project = add_short_files();
  const string long_ago = "spec/long_ago_spec.rb";
  project.write(long_ago, body(0, "sleep 0.02 until File.exist?('" + gate() + "20'); "));
  project.write(file_of(kFiles),
                body(kFiles, "sleep 0.02 until File.exist?('" + gate() + "24'); "));
  open_gates();
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] {
    const auto starts = Cluster::so_far(run).starts;
    return starts.contains(long_ago) && starts.contains(file_of(kFiles));
  }));
  ASSERT_TRUE(shared_rabbit().rabbitmqctl({"close_all_connections", "a test"}));
  open_gate(24);
  EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).units.size() == kFiles; }));
  const auto age = age_of_end(project, kFiles);
  ASSERT_TRUE(age);
  EXPECT_GT(*age, 0) << "it had to wait for a new connection";
  EXPECT_TRUE(eventually(20s, [&] { return files_at_work(project) == std::set<string>{long_ago}; }))
      << cluster().logs();
  open_gate(20);
  expect_all_passed(cluster().finish(run));
}

TEST_F(BatchesTest, AFileThatKillsItsWorkerIsFoundAmongThoseItSharesAMessageWith) {
  cluster().start_listener();
  const Project project = add_short_files();
  project.write(file_of(10), kKiller);
  open_gates();
  const FinishedRun finished = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(finished.exit_code, 1) << finished.report.notice_text();
  ASSERT_EQ(finished.report.units.size(), kFiles + 1);
  for (const auto& [file, unit] : finished.report.units)
    EXPECT_EQ(unit.verdict, file == file_of(10) ? "crashed" : "passed") << file;
}

TEST_F(BatchesTest, LinesOfABodyCountBesideThoseThatCannotBeRead) {
  cluster().start_listener();
  const Project project = add_short_files();
  Program& run = cluster().start_run(project, {"-j", "1"});
  wait_for_the_tenth(run);
  const string job = Cluster::so_far(run).job;
  const auto end_of = [&](std::size_t number) {
    protocol::UnitFinished finished{.job = job, .run = "elsewhere:" + std::to_string(number)};
    finished.result.unit = unit_of(number);
    finished.result.verdict = results::Verdict::kPassed;
    finished.result.host = "elsewhere";
    return protocol::encode(finished);
  };
  publish(broker::to_queue(protocol::reply_queue(job)),
          {end_of(20) + "\nrubbish\n" + end_of(21) + "\nrubbish"});
  EXPECT_TRUE(eventually(20s, [&] {
    const Report report = Cluster::so_far(run);
    return report.units.contains(file_of(20)) && report.units.contains(file_of(21));
  }));
  open_gates();
  const FinishedRun finished = cluster().finish(run);
  expect_all_passed(finished);
  EXPECT_EQ(finished.report.unit(file_of(20))->host, "elsewhere");
  EXPECT_EQ(finished.report.unit(file_of(21))->host, "elsewhere");
  EXPECT_EQ(std::ranges::count_if(
                finished.report.notices,
                [](const string& notice) { return notice.find("was left aside") != string::npos; }),
            1)
      << finished.report.notice_text();
}

TEST_F(BatchesTest, AListenerThatStopsLeavesTheRestToAnother) {
  RunningListener& listener = cluster().start_listener();
  const Project project = add_short_files();
  Program& run = cluster().start_run(project, {"-j", "1"});
  wait_for_the_tenth(run);
  listener.program->signal(SIGTERM);
  ASSERT_TRUE(listener.program->wait(60s)) << listener.log();
  open_gates();
  cluster().start_listener({.name = "two"});
  const FinishedRun finished = cluster().finish(run);
  expect_all_passed(finished);
  for (const auto& [file, count] : runs()) EXPECT_EQ(count, 1) << file;
}

/// It is told to leave for another job while its runner host, which the tenth has killed, starts.
TEST_F(BatchesTest, WhatAWorkerLeavesBehindWasStopped) {
  cluster().start_listener();
  const Project project = add_short_files();
  project.write(file_of(10),
                body(10, "sleep 0.02 until File.exist?('" + gate() + "10'); unless File.exist?(" +
                             held() + "); File.write(" + held() +
                             ", ''); Process.kill(:KILL, Process.ppid); sleep; end; "));
  hold_further_runners(project, "ENV['GORGON_WORKER_ID'] == '2'");
  open_gate(15);
  Program& run = cluster().start_run(project);
  wait_for_the_tenth(run);
  open_gate(10);
  const Project slow = cluster().add_slow_project(1, 0.1);
  cluster().configure(slow);
  Program& other = cluster().start_run(slow);
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(other).hosts["one"] == "ready"; }));
  // Behind the word to leave, in the same socket.
  ASSERT_EQ(files_at_work(project), std::set<string>{file_of(10)});
  open_gate(20);
  EXPECT_EQ(cluster().finish(other).exit_code, 0);
  const FinishedRun finished = cluster().finish(run);
  expect_all_passed(finished);
  EXPECT_NE(finished.report.notice_text().find("(try 2): worker 1 on one was stopped"),
            string::npos)
      << finished.report.notice_text();
}

TEST_F(BatchesTest, ThoseThatAreInterruptedHaveOneVerdictEach) {
  cluster().start_listener();
  const Project project = add_short_files();
  Program& run = cluster().start_run(project, {"-j", "1"});
  wait_for_the_tenth(run);
  Cluster::interrupt(run);
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 130);
  ASSERT_EQ(finished.report.units.size(), kFiles + 1);
  EXPECT_EQ(finished.report.unit(file_of(9))->verdict, "passed");
  EXPECT_EQ(finished.report.unit(file_of(10))->verdict, "cancelled");
}

/// What runs is told only at its end, and the first Ctrl-C lets it come to that.
TEST_F(BatchesTest, OneInterruptLetsThemFinish) {
  cluster().start_listener();
  const Project project = add_short_files();
  string times = "{";
  // Five to a message: it has come to its end before a start of it is told.
  for (std::size_t i = 1; i <= 200; ++i) {
    const string file = "spec/many/" + std::to_string(i) + "_spec.rb";
    project.write(file, "RSpec.describe('file') { it('is short') { sleep 0.002 } }\n");
    times += (i > 1 ? ", \"" : "\"") + file + "\": 0.001";
  }
  project.write(".gorgon/runtimes.json", times + "}");
  Program& run = cluster().start_run(project, {"-j", "1", "spec/many"});
  ASSERT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  run.signal(SIGINT);
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 130);
  EXPECT_EQ(finished.report.units.size(), 200U);
  EXPECT_NE(finished.report.notice_text().find("what runs is finished"), string::npos);
  EXPECT_EQ(finished.report.notice_text().find("was stopped before"), string::npos)
      << finished.report.notice_text();
}

TEST_F(BatchesTest, AFileThatSpoilsASlotSpoilsNoOther) {
  cluster().start_listener();
  run_with_one_that_spoils_slots();
}

TEST_F(LocalBatchesTest, AFileThatSpoilsASlotSpoilsNoOther) { run_with_one_that_spoils_slots(); }

}  // namespace
}  // namespace gorgon::test
