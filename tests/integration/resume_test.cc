// The originator dies, and `gorgon resume` takes its run up: no verdict is lost, none comes twice.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/broker.h"
#include "harness.h"
#include "program.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {
namespace {

using std::string;

/// A project whose files note that they have run, and wait for a gate: all but the first `open`.
Project add_gated_project(Cluster& cluster, std::size_t files, std::size_t open) {
  const Project project = cluster.add_project("", "gated");
  const string folder = cluster.folder().string();
  for (std::size_t i = 1; i <= files; ++i) {
    const string wait =
        i <= open ? "" : fmt::format("sleep 0.02 until File.exist?('{}/gate'); ", folder);
    project.write(fmt::format("spec/{:02}_spec.rb", i),
                  fmt::format("RSpec.describe('file {0}') {{ it('runs') {{ {1}"
                              "File.open('{2}/ran', 'a') {{ |ran| ran.puts '{0}' }} }} }}\n",
                              i, wait, folder));
  }
  return project;
}

ExpectedUnits gated_units(std::size_t files) {
  ExpectedUnits units;
  for (std::size_t i = 1; i <= files; ++i) {
    ExpectedUnit& unit = units[fmt::format("spec/{:02}_spec.rb", i)];
    unit.verdict = "passed";
    unit.cases[fmt::format("file {} runs", i)] = "passed";
  }
  return units;
}

/// How often each file of a gated project has come to its end.
std::map<string, int> runs_of(const Cluster& cluster) {
  std::map<string, int> runs;
  std::ifstream lines(cluster.folder() / "ran");
  for (string line; std::getline(lines, line);) ++runs[line];
  return runs;
}

void open_gate(const Cluster& cluster) { Project(cluster.folder()).write("gate", ""); }

bool has_verdicts(const Program& run, std::size_t count) {
  return eventually(60s, [&] { return Cluster::so_far(run).units.size() >= count; });
}

/// The second file of a gated project, so many times.
bool has_begun_second(const Program& run, int times) {
  return eventually(60s, [&] {
    const Report report = Cluster::so_far(run);
    const auto found = report.starts.find("spec/02_spec.rb");
    return found != report.starts.end() && found->second == times;
  });
}

/// Without a word to anybody.
void kill(Program& run) {
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
}

Program& start_resume(Cluster& cluster, const Project& project, const string& job = {}) {
  std::vector<string> arguments = {"resume", "--message-format", "json"};
  if (!job.empty()) arguments.push_back(job);
  return cluster.start_gorgon(arguments, project.folder());
}

// ---- on this machine ----

using LocalResumeTest = LocalTest;

TEST_F(LocalResumeTest, OnlyWhatHasNoVerdictRuns) {
  const Project project = add_gated_project(cluster(), 6, 2);
  Program& run = cluster().start_run(project, {"-j", "2"});
  ASSERT_TRUE(has_verdicts(run, 2));
  kill(run);
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(differences(gated_units(6), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason;
  EXPECT_EQ(resumed.report.job, Cluster::so_far(run).job);
  const auto runs = runs_of(cluster());
  EXPECT_EQ(runs.at("1"), 1);
  EXPECT_EQ(runs.at("2"), 1);
  EXPECT_TRUE(journals_of(project).empty());
}

TEST_F(LocalResumeTest, ItSaysWhichTreeItWas) {
  const Project project = add_gated_project(cluster(), 2, 1);
  for (const char* command : {"git init -q", "git add -A",
                              "git -c user.name=x -c user.email=x@y "
                              "-c commit.gpgsign=false commit -qm x"})
    ASSERT_EQ(cluster().other_program({"sh", "-c", command}, project.folder()).exit_code, 0);
  Program& run = cluster().start_run(project, {"-j", "1"});
  ASSERT_TRUE(has_begun_second(run, 1));
  ASSERT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).tree.empty(); }));
  const string tree = Cluster::so_far(run).tree;
  kill(run);
  project.write("new", "");  // The checkout is another one by now, and another run would say so.
  Program& second = start_resume(cluster(), project);
  ASSERT_TRUE(has_begun_second(second, 2));
  EXPECT_EQ(Cluster::so_far(second).tree, tree);
  kill(second);
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason;
  EXPECT_EQ(resumed.report.tree, tree);
  const string exported = cluster().gorgon({"runs", "export"}, project.folder()).output;
  const string event = "{\"event\":\"tree\",\"digest\":\"" + tree + "\"}";
  const std::size_t at = exported.find(event);
  ASSERT_NE(at, string::npos) << exported;
  EXPECT_EQ(exported.find("\"tree\"", at + event.size()), string::npos) << "once";
}

TEST_F(LocalResumeTest, TheSelectionStays) {
  const Project project = add_gated_project(cluster(), 3, 1);
  project.write("spec/04_spec.rb",
                "RSpec.describe('file 4') { it('is left out') { fail } }\n"
                "RSpec.describe('file 4') { it('runs') {} }\n");
  Program& run = cluster().start_run(
      project, {"-j", "1", "-e", "runs", "spec/01_spec.rb:1", "spec/02_spec.rb[1:1]",
                "spec/04_spec.rb", "--", "--order", "defined"});
  ASSERT_TRUE(has_verdicts(run, 1));
  kill(run);
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  ExpectedUnits expected = gated_units(4);
  expected.erase("spec/03_spec.rb");
  EXPECT_EQ(differences(expected, resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason;
  EXPECT_FALSE(project.has(".gorgon/runtimes.json")) << "parts of files, with arguments";
}

TEST_F(LocalResumeTest, FailuresFromBeforeAreReportedAndDecide) {
  const Project project = add_gated_project(cluster(), 3, 0);
  project.write("spec/00_spec.rb",
                "RSpec.describe('zero') { it('fails') { expect('this').to eq 'that' } }\n");
  Program& run = cluster().start_run(project, {"-j", "1"});
  ASSERT_TRUE(has_verdicts(run, 1));
  kill(run);
  open_gate(cluster());
  const FinishedRun resumed =
      cluster().gorgon({"resume", "--color", "never"}, project.folder(), 60s);
  EXPECT_EQ(resumed.exit_code, 1) << resumed.output;
  EXPECT_NE(resumed.output.find("expected: \"that\""), string::npos) << resumed.output;
  EXPECT_EQ(runs_of(cluster()).size(), 3U);
}

TEST_F(LocalResumeTest, AResumedRunMayDieAsWell) {
  const Project project = add_gated_project(cluster(), 4, 1);
  Program& run = cluster().start_run(project, {"-j", "1"});
  ASSERT_TRUE(has_begun_second(run, 1));
  kill(run);
  Program& again = start_resume(cluster(), project);
  ASSERT_TRUE(has_begun_second(again, 2)) << "it tells of the first start as well";
  kill(again);
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(differences(gated_units(4), resumed.report), "");
  EXPECT_EQ(runs_of(cluster()).at("1"), 1);
}

TEST_F(LocalResumeTest, ARunInProgressIsNotTakenUp) {
  const Project project = add_gated_project(cluster(), 2, 1);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1));
  const string job = Cluster::so_far(run).job;
  const FinishedRun refused = cluster().gorgon({"resume", job}, project.folder());
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.errors.find("the run goes on"), string::npos) << refused.errors;
  EXPECT_EQ(cluster().gorgon({"resume"}, project.folder()).exit_code, 4);
  open_gate(cluster());
  EXPECT_EQ(cluster().finish(run).exit_code, 0);
  EXPECT_TRUE(journals_of(project).empty());
  const FinishedRun over = cluster().gorgon({"resume", job}, project.folder());
  EXPECT_EQ(over.exit_code, 4);
  EXPECT_NE(over.errors.find("no job " + job), string::npos) << over.errors;
}

TEST_F(LocalResumeTest, WhichOfTwoIsAsked) {
  const Project project = add_gated_project(cluster(), 2, 1);
  std::vector<string> jobs;
  for (int i = 0; i < 2; ++i) {
    Program& run = cluster().start_run(project);
    ASSERT_TRUE(has_verdicts(run, 1));
    jobs.push_back(Cluster::so_far(run).job);
    if (i == 1) {
      EXPECT_NE(Cluster::so_far(run).notice_text().find("gorgon resume " + jobs[0]), string::npos);
    }
    kill(run);
  }
  open_gate(cluster());
  const FinishedRun asked = cluster().gorgon({"resume"}, project.folder());
  EXPECT_EQ(asked.exit_code, 64) << asked.errors;
  for (const string& job : jobs)
    EXPECT_NE(asked.errors.find("gorgon resume " + job), string::npos) << asked.errors;
  for (const string& job : jobs)
    EXPECT_EQ(cluster().finish(start_resume(cluster(), project, job)).exit_code, 0);
}

TEST_F(LocalResumeTest, AJournalThatSomebodyDamagedIsRefusedByLine) {
  const Project project = add_gated_project(cluster(), 2, 1);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1));
  kill(run);
  const auto files = journals_of(project);
  ASSERT_EQ(files.size(), 1U);
  std::ofstream(files.front(), std::ios::app) << "{\"reply\":{\"v\":1,\"ty";
  std::ofstream(files.front(), std::ios::app) << "\n{\"returned\":\"1\"}\n";
  const FinishedRun refused = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.report.reason.find(files.front().filename().string() + ", line "), string::npos)
      << refused.report.reason;
}

// ---- on machines that go on ----

using ResumeTest = RabbitTest;

TEST_F(ResumeTest, MachinesGoOnMeanwhile) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(16, 0.5);
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 2)) << cluster().logs();
  kill(run);
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(differences(Cluster::slow_units(16), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
  for (const auto& [file, starts] : resumed.report.starts) EXPECT_EQ(starts, 1) << file;
  EXPECT_TRUE(journals_of(project).empty());
}

TEST_F(ResumeTest, ABrokerThatIsAwayCostsNothing) {
  cluster().start_two_listeners();
  const Project project = add_gated_project(cluster(), 4, 1);
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  kill(run);
  const string reachable = project.read("gorgon.json");
  project.write("gorgon.json", R"({"connection": {"host": "127.0.0.1", "port": 1},)"
                               R"( "timeouts": {"start": 1}})");
  const FinishedRun failed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(failed.exit_code, 3) << failed.output << failed.errors;
  EXPECT_NE(failed.report.notice_text().find("can be tried again"), string::npos);
  project.write("gorgon.json", reachable);
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(differences(gated_units(4), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
  for (const auto& [file, runs] : runs_of(cluster())) EXPECT_EQ(runs, 1) << file;
}

TEST_F(ResumeTest, ABrokerThatComesBackIsWaitedFor) {
  cluster().start_two_listeners();
  const Project project = add_gated_project(cluster(), 4, 1);
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  kill(run);
  shared_rabbit().kill();
  Program& again = start_resume(cluster(), project);
  EXPECT_TRUE(eventually(60s, [&] {
    const auto& waiting = Cluster::so_far(again).waiting;
    return !waiting.empty() && waiting.back().contains("for the broker");
  }));
  ASSERT_TRUE(shared_rabbit().restart());
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(again);
  EXPECT_EQ(differences(gated_units(4), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
  EXPECT_EQ(runs_of(cluster()).at("1"), 1);
}

/// The tree on the file server is known to nobody else.
TEST_F(ResumeTest, OneThatIsInterruptedWhileItWaitsForTheBrokerTakesTheTreeBack) {
  cluster().start_two_listeners();
  const auto server = cluster().folder() / "server";
  const auto files = server / "files";
  std::filesystem::create_directories(files);
  const string port = std::to_string(free_port());
  ASSERT_EQ(
      cluster().gorgon({"start_rsync", "files", "--port", port}, server, 20s, server).exit_code, 0);
  const Project project = add_gated_project(cluster(), 4, 1);
  cluster().configure(project, R"("job": {"sync": {"rsync_transport": "anonymous"}},)"
                               R"( "file_server": {"host": "127.0.0.1", "port": )" +
                                   port + "}");
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  kill(run);
  shared_rabbit().kill();
  EXPECT_FALSE(std::filesystem::is_empty(files));
  Program& resumed = start_resume(cluster(), project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(resumed).waiting.empty(); }));
  resumed.signal(SIGINT);
  EXPECT_EQ(cluster().finish(resumed).exit_code, 130);
  EXPECT_TRUE(std::filesystem::is_empty(files));
  EXPECT_EQ(cluster().gorgon({"stop_rsync"}, server, 20s, server).exit_code, 0);
  ASSERT_TRUE(shared_rabbit().restart());
  open_gate(cluster());
  for (const string& queue : cluster().job_queues())  // As after their two minutes.
    EXPECT_TRUE(shared_rabbit().rabbitmqctl({"delete_queue", queue}));
}

/// A run that was started from elsewhere, with a configuration beside a gorgon.json that leads
/// nowhere.
class NamedConfigurationTest : public ResumeTest {
 protected:
  void start_and_kill() {
    cluster().start_two_listeners();
    project_ = add_gated_project(cluster(), 3, 1);
    cluster().configure(project_, R"("job": {"callbacks": {"after_job_finishes": "touch ours"}})");
    project_.write("ci.json", project_.read("gorgon.json"));
    project_.write("gorgon.json", R"({"connection": {"host": "127.0.0.1", "port": 1}})");
    Program& run = cluster().start_gorgon(
        {"start", "--message-format", "json", "--config", "gated/ci.json"}, cluster().folder());
    ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
    job_ = Cluster::so_far(run).job;
    kill(run);
    open_gate(cluster());
  }
  void expect_end_of_run(const FinishedRun& resumed) const {
    EXPECT_EQ(differences(gated_units(3), resumed.report), "");
    EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
    EXPECT_EQ(resumed.report.job, job_);
    EXPECT_TRUE(journals_of(project_).empty());
  }
  Project project_{""};
  string job_;
};

TEST_F(NamedConfigurationTest, ItIsUsedAgainWithoutBeingNamed) {
  start_and_kill();
  expect_end_of_run(cluster().finish(start_resume(cluster(), project_, job_)));
  EXPECT_TRUE(project_.has("ours"));
}

TEST_F(NamedConfigurationTest, AnotherOneMayBeNamed) {
  start_and_kill();
  cluster().configure(project_, R"("job": {"callbacks": {"after_job_finishes": "touch theirs"}})");
  std::filesystem::rename(project_.folder() / "gorgon.json", project_.folder() / "other.json");
  expect_end_of_run(cluster().finish(cluster().start_gorgon(
      {"resume", "--message-format", "json", "--config", "gated/other.json", job_},
      cluster().folder())));
  EXPECT_TRUE(project_.has("theirs"));
  EXPECT_FALSE(project_.has("ours"));
}

TEST_F(ResumeTest, ResultsThatCameMeanwhileCount) {
  cluster().start_two_listeners();
  const Project project = add_gated_project(cluster(), 8, 1);
  cluster().configure(project, R"("job": {"callbacks": {"after_job_finishes": "touch finished"}})");
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  kill(run);
  open_gate(cluster());
  ASSERT_TRUE(eventually(60s, [&] { return runs_of(cluster()).size() == 8; })) << cluster().logs();
  EXPECT_FALSE(project.has("finished"));
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(differences(gated_units(8), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
  for (const auto& [file, runs] : runs_of(cluster())) EXPECT_EQ(runs, 1) << file;
  EXPECT_TRUE(project.has("finished"));
}

/// The first result in there, and its message as it came.
std::pair<protocol::UnitFinished, string> journalled_result(const Project& project) {
  for (const string& body : journalled(project)) {
    const auto message = protocol::decode(body);
    const auto* finished = message ? std::get_if<protocol::UnitFinished>(&*message) : nullptr;
    if (finished != nullptr) return {*finished, body};
  }
  return {};
}

TEST_F(ResumeTest, TheJournalDoesNotGrowBySignsOfLife) {
  cluster().start_listener({.name = "one"});
  const Project project = add_gated_project(cluster(), 2, 1);
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  const string job = Cluster::so_far(run).job;
  const auto [done, done_body] = journalled_result(project);
  ASSERT_NE(done_body, "");

  // Of a machine that nobody else speaks for.
  using State = protocol::HostState::State;
  const auto guest_is = [&](State state, std::uint32_t workers) {
    return protocol::encode(
        protocol::HostState{.job = job, .host = "guest", .state = state, .workers = workers});
  };
  const string empty = guest_is(State::kReady, 0);
  const string busy = guest_is(State::kReady, 2);
  const string gone = guest_is(State::kLeft, 0);
  const string cases =
      protocol::encode(protocol::UnitCases{.job = job, .unit = done.result.unit, .run = "again"});
  const string unknown = protocol::encode(protocol::UnitFinished{
      .job = job, .run = "again", .result = {.unit = "of nobody", .worker = "1"}});
  const string alive = protocol::encode(
      protocol::WorkerAlive{.job = job, .host = "one", .worker = done.result.worker});
  std::vector<string> bodies;
  for (const string& often : {empty, done_body, cases, unknown, alive})
    bodies.insert(bodies.end(), 20, often);
  bodies.insert(bodies.end(), {busy, empty, empty, gone});
  publish(broker::to_queue(protocol::reply_queue(job)), bodies);
  ASSERT_TRUE(eventually(60s, [&] { return std::ranges::count(journalled(project), gone) == 1; }));

  std::vector<string> told;
  for (const string& body : journalled(project))
    if (body != done_body && std::ranges::count(bodies, body) > 0) told.push_back(body);
  EXPECT_EQ(told, (std::vector<string>{empty, busy, empty, gone}))
      << "only what has changed, also to what was before";
  EXPECT_EQ(std::ranges::count(journalled(project), done_body), 1);
  open_gate(cluster());
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(differences(gated_units(2), finished.report), "");
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
}

/// The message of the first worker that has left, if one has.
string journalled_goodbye(const Project& project) {
  for (const string& body : journalled(project)) {
    const auto message = protocol::decode(body);
    if (message && std::holds_alternative<protocol::WorkerDone>(*message)) return body;
  }
  return {};
}

/// The broker gives out again what it has no acknowledgement of: also a sign of life of a worker
/// whose goodbye came after it.
TEST_F(ResumeTest, WorkerThatHasSaidGoodbyeIsNotBroughtBack) {
  cluster().start_listener();
  const Project project = cluster().add_slow_project(2, 0.1);
  const Project own(cluster().folder());
  const string folder = own.folder().string();
  cluster().configure(project, R"("job": {"callbacks": {"after_complete": "mkdir )" + folder +
                                   "/$GORGON_WORKER_ID; test $GORGON_WORKER_ID = 1 && exit; until "
                                   "test -e " +
                                   folder + R"(/gate; do sleep 0.05; done"}})");
  Program& run = cluster().start_run(project);
  string goodbye;
  ASSERT_TRUE(eventually(60s, [&] {
    goodbye = journalled_goodbye(project);
    return own.has("2") && !goodbye.empty();
  })) << cluster().logs();
  const string job = Cluster::so_far(run).job;
  run.signal(SIGSTOP);
  publish(
      broker::to_queue(protocol::reply_queue(job)),
      {protocol::encode(protocol::WorkerAlive{.job = job, .host = "one", .worker = "1"}), goodbye});
  ASSERT_TRUE(shared_rabbit().rabbitmqctl({"close_all_connections", "a test"}));
  run.signal(SIGCONT);
  own.write("gate", "");
  const FinishedRun finished = cluster().finish(run, 120s);
  EXPECT_EQ(finished.report.notice_text().find("no goodbye"), string::npos)
      << finished.report.notice_text();
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
}

/// As two minutes after the originator's death.
class ForgottenJobTest : public ResumeTest {
 protected:
  void start_and_forget() {
    cluster().start_two_listeners();
    project_ = add_gated_project(cluster(), 6, 2);
    cluster().configure(project_);
    Program& run = cluster().start_run(project_);
    ASSERT_TRUE(has_verdicts(run, 2)) << cluster().logs();
    kill(run);
    for (const string& queue : cluster().job_queues())
      ASSERT_TRUE(shared_rabbit().rabbitmqctl({"delete_queue", queue}));
    open_gate(cluster());
  }
  /// Where all runs of the test's user have their trees.
  [[nodiscard]] std::filesystem::path stages() {
    return cluster().folder() / "home/.cache/gorgon/stages";
  }
  Project project_{""};
};

TEST_F(ForgottenJobTest, TheRestIsPublishedAgainWithTheSameTree) {
  start_and_forget();
  project_.write("spec/06_spec.rb", "raise 'an edit after the start'\n");
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project_));
  EXPECT_EQ(differences(gated_units(6), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
  for (const char* file : {"1", "2"}) EXPECT_EQ(runs_of(cluster()).at(file), 1) << file;
}

TEST_F(ForgottenJobTest, OtherRunsLeaveTheTreeUntilItsRunHasEnded) {
  start_and_forget();
  const Project other = cluster().add_slow_project(1, 0);
  cluster().configure(other);
  EXPECT_EQ(cluster().run(other).exit_code, 0);
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project_));
  EXPECT_EQ(differences(gated_units(6), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
  // But for what the runs have put by.
  for (const auto& stage : std::filesystem::directory_iterator(stages()))
    EXPECT_TRUE(stage.path().filename().string().starts_with("kept-")) << stage.path();
}

TEST_F(ForgottenJobTest, ATryThatFailsLeavesTheTreeToTheNext) {
  start_and_forget();
  const auto may_declare = [](const string& queues) {
    return shared_rabbit().rabbitmqctl({"set_permissions", "guest", queues, ".*", ".*"});
  };
  ASSERT_TRUE(may_declare("^(?!gorgon\\.v1\\.files).*"));
  const FinishedRun failed = cluster().finish(start_resume(cluster(), project_));
  ASSERT_TRUE(may_declare(".*"));
  EXPECT_EQ(failed.exit_code, 3) << failed.report.reason;
  EXPECT_NE(failed.report.notice_text().find("can be tried again"), string::npos);
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project_));
  EXPECT_EQ(differences(gated_units(6), resumed.report), "");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.report.reason << resumed.report.notice_text();
}

TEST_F(ForgottenJobTest, WithoutTheTreeTheRestIsLost) {
  start_and_forget();
  std::filesystem::remove_all(stages());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project_));
  EXPECT_EQ(resumed.exit_code, 6);
  EXPECT_NE(resumed.report.reason.find("the tree went with"), string::npos)
      << resumed.report.reason;
  EXPECT_EQ(resumed.report.units.size(), 6U);
  EXPECT_EQ(resumed.report.unit("spec/01_spec.rb")->verdict, "passed");
  EXPECT_EQ(resumed.report.unit("spec/06_spec.rb")->verdict, "lost");
  EXPECT_TRUE(journals_of(project_).empty());
}

/// An rsync whose pulls wait for a gate; `began` is there once one waits.
std::filesystem::path add_gated_rsync(const Cluster& cluster) {
  const Project programs(cluster.folder() / "programs");
  const string folder = cluster.folder().string();
  programs.write("rsync", fmt::format("#!/bin/sh\ntouch {0}/began\n"
                                      "until [ -e {0}/gate ]; do sleep 0.02; done\n"
                                      "exec /usr/bin/rsync \"$@\"\n",
                                      folder));
  std::filesystem::permissions(programs.folder() / "rsync", std::filesystem::perms::owner_all);
  return programs.folder();
}

TEST_F(ResumeTest, AMachineThatPullsMeanwhileGetsTheTree) {
  const string path = std::getenv("PATH");
  cluster().set_environment("PATH", add_gated_rsync(cluster()).string() + ":" + path);
  cluster().start_listener({.name = "one"});
  cluster().set_environment("PATH", path);
  const Project project = add_gated_project(cluster(), 3, 3);
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] {
    return std::filesystem::exists(cluster().folder() / "began");
  })) << cluster().logs();
  kill(run);
  Program& resumed = start_resume(cluster(), project);
  ASSERT_TRUE(eventually(60s, [&] {
    return Cluster::so_far(resumed).notice_text().find("taken up") != string::npos;
  }));
  open_gate(cluster());  // To where nobody serves it any more.
  const FinishedRun finished = cluster().finish(resumed);
  EXPECT_EQ(differences(gated_units(3), finished.report), "");
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
}

TEST_F(ResumeTest, AMachineThatComesLaterGetsTheTree) {
  RunningListener& only = cluster().start_listener({.name = "one"});
  const Project project = add_gated_project(cluster(), 6, 1);
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  kill(run);
  only.kill();
  Program& resumed = start_resume(cluster(), project);
  ASSERT_TRUE(eventually(60s, [&] {
    return Cluster::so_far(resumed).notice_text().find("taken up") != string::npos;
  }));
  cluster().start_listener({.name = "two"});
  open_gate(cluster());
  const FinishedRun finished = cluster().finish(resumed);
  EXPECT_EQ(differences(gated_units(6), finished.report), "");
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
  cluster().start_listener({.name = "one"});  // Clears what the killed one left.
}

TEST_F(ResumeTest, CrashesOfBeforeStayCrashes) {
  cluster().start_listener();
  const Project project = add_gated_project(cluster(), 3, 0);
  project.write("spec/00_spec.rb",
                "RSpec.describe('x') { it('dies') { Process.kill(:KILL, Process.pid) } }\n");
  cluster().configure(project);
  Program& run = cluster().start_run(project, {"-j", "2"});
  ASSERT_TRUE(has_verdicts(run, 1)) << cluster().logs();
  kill(run);
  open_gate(cluster());
  const FinishedRun resumed = cluster().finish(start_resume(cluster(), project));
  EXPECT_EQ(resumed.exit_code, 1);
  ASSERT_EQ(resumed.report.units.size(), 4U);
  EXPECT_EQ(resumed.report.unit("spec/00_spec.rb")->verdict, "crashed");
}

}  // namespace
}  // namespace gorgon::test
