// Runs through RabbitMQ: two listeners, every transport, several originators at once, and the
// commands that speak to listeners.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {
namespace {

using std::string;

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

std::set<string> hosts_of(const Report& report) {
  std::set<string> hosts;
  for (const auto& [file, unit] : report.units) hosts.insert(unit.host);
  return hosts;
}

using AmqpTest = RabbitTest;

// ---- a whole run ----

TEST_F(AmqpTest, TwoListenersGiveTheVerdictsOfTheTable) {
  cluster().start_two_listeners();
  const Project project = cluster().add_project("mixed");
  cluster().configure(project, R"("failed_files": "failed.json")");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(differences(expected_units("mixed"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_TRUE(says(project.read("failed.json"), "spec/statuses_spec.rb"));
  EXPECT_TRUE(project.has(".gorgon/runtimes.json"));
}

TEST_F(AmqpTest, WorkIsSharedByAllSlots) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(12, 0.4);
  cluster().configure(project);
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(differences(Cluster::slow_units(12), run.report), "");
  EXPECT_EQ(run.exit_code, 0);
  std::set<string> workers;
  for (const auto& [file, unit] : run.report.units) workers.insert(unit.host + ":" + unit.worker);
  EXPECT_EQ(workers, (std::set<string>{"one:1", "one:2", "two:1", "two:2"}));
}

TEST_F(AmqpTest, ListAsksTheMachinesHowManySlotsThereAre) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(8, 0.2);
  cluster().configure(project);
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  const FinishedRun list = cluster().gorgon({"list"}, project.folder());
  EXPECT_TRUE(says(list.output, " on 4 slots\n")) << list.output;
  const FinishedRun events =
      cluster().gorgon({"list", "--message-format", "json"}, project.folder());
  EXPECT_TRUE(says(events.output, R"("slots":4,"makespan_seconds":0.)")) << events.output;
}

TEST_F(AmqpTest, TimingsTellOfEachMachineAndLeaveTheEventsAlone) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(8, 0.2);
  cluster().configure(project);
  const FinishedRun run = cluster().run(project, {"--timings"});
  EXPECT_EQ(differences(Cluster::slow_units(8), run.report), "");
  for (const char* name : {"plan", "send", "prepare", "run", "tail", "connect", "stage", "publish"})
    EXPECT_TRUE(says(run.errors, string("    ") + name + " ")) << run.errors;
  for (const char* step : {"pull", "boot"}) {
    for (const char* host : {"one", "two"}) {
      const bool is_told = std::regex_search(
          run.errors, std::regex(string(step) + " +[0-9.]+ s +[0-9]+ %  " + host + "\n"));
      EXPECT_TRUE(is_told) << step << " of " << host << "\n" << run.errors;
    }
  }
}

TEST_F(AmqpTest, JobsOptionCapsTheWorkersOfAllMachines) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(5, 0.1);
  cluster().configure(project);
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 0);
  std::set<string> workers;
  for (const auto& [file, unit] : run.report.units) workers.insert(unit.host + ":" + unit.worker);
  EXPECT_EQ(workers.size(), 1U);
}

TEST_F(AmqpTest, PoisonHurtsItselfAlone) {
  cluster().start_two_listeners();
  const Project project = cluster().add_project("poison");
  cluster().configure(project);
  const FinishedRun run = cluster().run(project, {"--timeout", "2"}, 90s);
  EXPECT_EQ(differences(expected_units("poison"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
}

TEST_F(AmqpTest, CallbacksOfTheRubyGorgonAreCalled) {
  cluster().start_two_listeners();
  const Project project = cluster().add_project("callbacks");
  const string log = (cluster().folder() / "callbacks.log").string();
  cluster().configure(
      project,
      R"("job": {"callbacks": {"callbacks_class_file": "spec/gorgon_callbacks/gorgon_callbacks.rb"},)"
      R"( "env": {"CALLBACK_LOG": ")" +
          log + "\"}}");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  const string called = Project(cluster().folder()).read("callbacks.log");
  for (const char* name :
       {"before_originate", "after_sync", "before_creating_workers", "before_start",
        "after_complete", "after_creating_workers", "after_job_finishes"})
    EXPECT_TRUE(says(called, name)) << name << "\n" << called;
}

TEST_F(AmqpTest, FailingCallbackTakesOneMachineOutOfTheJob) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(6, 0.2);
  cluster().configure(project,
                      R"("job": {"callbacks": {"after_sync": "test $GORGON_HOST = two"}})");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(differences(Cluster::slow_units(6), run.report), "");
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(hosts_of(run.report), std::set<string>{"two"});
  EXPECT_TRUE(says(run.report.notice_text(), "one: after_sync: ")) << run.report.notice_text();
}

TEST_F(AmqpTest, BeforeOriginateNamesTheCluster) {
  cluster().start_listener();
  const Project project = cluster().add_slow_project(2, 0.1);
  project.write("gorgon.json", "{" + cluster().connection_key() +
                                   R"(, "job": {"callbacks": {"before_originate": "echo cluster=)" +
                                   cluster().name() + "\"}}}");
  EXPECT_EQ(cluster().run(project, {"--start-timeout", "20"}).exit_code, 0);
}

// ---- the tree ----

TEST_F(AmqpTest, TransportNoneUsesTheMachinesOwnCopy) {
  cluster().start_two_listeners();
  const Project copy = cluster().add_project("mixed", "copy");
  const Project project = cluster().add_project("mixed");
  cluster().configure(project,
                      R"("job": {"sync": {"rsync_transport": "none", "source_tree_path": ")" +
                          copy.folder().string() + "\"}}");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(differences(expected_units("mixed"), run.report), "");
  EXPECT_TRUE(copy.has("spec/stack_spec.rb")) << "the machine's own copy is never removed";
}

TEST_F(AmqpTest, FileServerCarriesTheTree) {
  cluster().start_two_listeners();
  const auto server = cluster().folder() / "server";
  std::filesystem::create_directories(server / "files");
  const string port = std::to_string(free_port());
  ASSERT_EQ(
      cluster().gorgon({"start_rsync", "files", "--port", port}, server, 20s, server).exit_code, 0);
  const Project project = cluster().add_project("mixed");
  cluster().configure(project, R"("job": {"sync": {"rsync_transport": "anonymous"}},)"
                               R"( "file_server": {"host": "127.0.0.1", "port": )" +
                                   port + "}");
  EXPECT_EQ(differences(expected_units("mixed"), cluster().run(project).report), "");
  std::filesystem::remove(project.folder() / "spec/output_spec.rb");
  ExpectedUnits expected = expected_units("mixed");
  expected.erase("spec/output_spec.rb");
  EXPECT_EQ(differences(expected, cluster().run(project).report), "");
  EXPECT_EQ(cluster().gorgon({"stop_rsync"}, server, 20s, server).exit_code, 0);

  const FinishedRun run = cluster().run(project, {}, 60s);
  EXPECT_EQ(run.exit_code, 2) << "a dead file server";
  EXPECT_TRUE(says(run.report.reason, port)) << run.report.reason;
}

TEST_F(AmqpTest, ExcludedAndIgnoredFilesAreNotCopied) {
  cluster().start_listener();
  const Project project = cluster().add_project("");
  project.write("secret/key", "x");
  project.write("log/big", "x");
  project.write("kept/a file", "x");
  project.write("kept/\xc3\xa4\n.txt", "x");
  project.write("gorgon_secret.json", "{}");
  std::filesystem::permissions(project.folder() / "gorgon_secret.json",
                               std::filesystem::perms(0600));
  project.write(".gitignore", "log\n");
  project.write(
      "spec/files_spec.rb",
      "RSpec.describe('files') { it('are right') {\n"
      "  expect(Dir.glob('**/*').select { |f| File.file?(f) }.sort).to eq("
      "['gorgon.json', 'kept/a file', \"kept/\\u00e4\\n.txt\", 'spec/files_spec.rb']) } }\n");
  cluster().configure(project, R"("job": {"sync": {"exclude": ["secret"]}})");
  ASSERT_EQ(cluster().other_program({"git", "init", "-q"}, project.folder()).exit_code, 0);
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0) << (run.report.cases.empty() ? "" : run.report.cases[0].message);
}

TEST_F(AmqpTest, EditsDuringARunChangeNothing) {
  cluster().start_listener({.slots = 1});
  const Project project = cluster().add_slow_project(4, 1);
  cluster().configure(project);
  Program& program = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(program).starts.size() == 1; }));
  for (int i = 1; i <= 4; ++i)
    project.write("spec/slow_0" + std::to_string(i) + "_spec.rb", "raise 'edited'\n");
  // A machine that comes now takes what the run began with, too.
  cluster().start_listener({.name = "late", .slots = 1});
  const FinishedRun run = cluster().finish(program);
  EXPECT_EQ(differences(Cluster::slow_units(4), run.report), "");
  EXPECT_EQ(run.exit_code, 0);
}

// ---- who is there ----

TEST_F(AmqpTest, LateListenerJoinsARunningJob) {
  const Project project = cluster().add_slow_project(4, 0.1);
  const Project own(cluster().folder());
  project.write("spec/a_gate_spec.rb",
                "RSpec.describe('gate') { it('waits') { sleep 0.02 until File.exist?('" +
                    own.folder().string() + "/gate') } }\n");
  cluster().configure(project);
  Program& program = cluster().start_run(project);
  ASSERT_TRUE(eventually(30s, [&] { return !Cluster::so_far(program).waiting.empty(); }))
      << "it says that it waits for listeners";
  cluster().start_listener({.name = "first", .slots = 1});
  ASSERT_TRUE(eventually(60s, [&] { return !Cluster::so_far(program).starts.empty(); }));
  cluster().start_listener({.name = "second", .slots = 1});
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(program).units.size() == 4; }));
  own.write("gate", "");
  const FinishedRun run = cluster().finish(program);
  ExpectedUnits expected = Cluster::slow_units(4);
  expected["spec/a_gate_spec.rb"] = {.verdict = "passed", .cases = {{"gate waits", "passed"}}};
  EXPECT_EQ(differences(expected, run.report), "");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(hosts_of(run.report), (std::set<string>{"first", "second"}));
}

TEST_F(AmqpTest, NoListenerInTimeIsExitCodeSix) {
  const Project project = cluster().add_slow_project(2, 0.1);
  cluster().configure(project);
  const FinishedRun run = cluster().run(project, {"--start-timeout", "2"}, 20s);
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_TRUE(says(run.report.reason, "listeners")) << run.report.reason;
  for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "lost") << file;
  EXPECT_EQ(run.report.units.size(), 2U);
}

TEST_F(AmqpTest, ListenersHaveTheirTimeAfterASlowBeforeOriginate) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(2, 0.1);
  cluster().configure(project, R"("job": {"callbacks": {"before_originate": "sleep 4"}})");
  const FinishedRun run = cluster().run(project, {"--start-timeout", "3"}, 60s);
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
}

TEST_F(AmqpTest, AlarmIsShownAndCanBeInterrupted) {
  const Project project = cluster().add_slow_project(2, 0.1);
  cluster().configure(project);
  ASSERT_TRUE(shared_rabbit().raise_alarm("memory"));
  Program& program = cluster().start_run(project);
  const bool is_shown = eventually(30s, [&] {
    const auto waiting = Cluster::so_far(program).waiting;
    return std::ranges::any_of(
        waiting, [](const string& reason) { return says(reason, "takes no messages now"); });
  });
  program.signal(SIGINT);
  const FinishedRun run = cluster().finish(program, 60s);
  EXPECT_TRUE(shared_rabbit().clear_alarm("memory"));
  // The broker did not hear that they are to be deleted; they would expire after two minutes.
  for (const string& queue : cluster().job_queues())
    EXPECT_TRUE(shared_rabbit().rabbitmqctl({"delete_queue", queue}));
  EXPECT_TRUE(is_shown);
  EXPECT_EQ(run.exit_code, 130);
}

TEST_F(AmqpTest, DeadBrokerIsExitCodeThreeAtOnce) {
  const Project project = cluster().add_slow_project(1, 0.1);
  const string port = std::to_string(free_port());
  project.write("gorgon.json", R"({"connection": {"host": "127.0.0.1", "port": )" + port + "}}");
  const FinishedRun run = cluster().run(project, {}, 20s);
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_LT(run.seconds, 10);
  EXPECT_TRUE(says(run.report.reason + run.errors, "127.0.0.1:" + port)) << run.report.reason;
}

TEST_F(AmqpTest, WrongPasswordIsExitCodeThreeAtOnce) {
  const Project project = cluster().add_slow_project(1, 0.1);
  const string port = std::to_string(shared_rabbit().connection().port);
  project.write("gorgon.json", R"({"connection": "amqp://guest:wrong@127.0.0.1:)" + port + "\"}");
  const FinishedRun run = cluster().run(project, {}, 20s);
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_FALSE(says(run.output + run.errors, "guest:wrong"));
}

// ---- several originators ----

TEST_F(AmqpTest, InterruptingOneRunLeavesTheOtherAlone) {
  cluster().start_two_listeners();
  const Project mine = cluster().add_slow_project(10, 0.4);
  const Project theirs = cluster().add_project("");
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    theirs.write("spec/" + string(name) + "_spec.rb",
                 "RSpec.describe('hanging') { it('hangs') { system('sleep 300'); sleep } }\n");
  cluster().configure(mine);
  cluster().configure(theirs);
  Program& second = cluster().start_run(theirs);
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(second).starts.size() >= 2; }));
  // All slots hang in the other job: this one gets slots only when that is cancelled.
  Program& first = cluster().start_run(mine);
  ASSERT_TRUE(eventually(30s, [&] {
    const auto hosts = Cluster::so_far(first).hosts;
    return hosts.contains("one") && hosts.contains("two");
  })) << "both machines have taken the second job, too";
  Cluster::interrupt(second);
  EXPECT_EQ(cluster().finish(second, 30s).exit_code, 130);
  const FinishedRun run = cluster().finish(first);
  EXPECT_EQ(differences(Cluster::slow_units(10), run.report), "");
  EXPECT_EQ(run.exit_code, 0);
}

TEST_F(AmqpTest, TwoRunsShareTheSlots) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(8, 0.3);
  cluster().configure(project);
  Program& first = cluster().start_run(project);
  Program& second = cluster().start_run(project);
  const FinishedRun one = cluster().finish(first);
  const FinishedRun two = cluster().finish(second);
  EXPECT_EQ(differences(Cluster::slow_units(8), one.report), "");
  EXPECT_EQ(differences(Cluster::slow_units(8), two.report), "");
  EXPECT_EQ(one.exit_code + two.exit_code, 0);
}

TEST_F(AmqpTest, TerminatedRunLeavesNothingOnTheMachines) {
  RunningListener& listener = cluster().start_listener();
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb",
                "RSpec.describe('hanging') { it('hangs') { system('sleep 300'); sleep } }\n");
  cluster().configure(project);
  Program& program = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(program).starts.size() == 1; }));
  program.signal(SIGTERM);
  EXPECT_EQ(program.exit_code(20s), 143);
  EXPECT_TRUE(eventually(20s, [&] { return listener.workers().empty(); }));
}

TEST_F(AmqpTest, TimeLimitOfTheRunCancelsItEverywhere) {
  RunningListener& listener = cluster().start_listener();
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb",
                "RSpec.describe('hanging') { it('hangs') { system('sleep 300'); sleep } }\n");
  cluster().configure(project, R"("timeouts": {"run": "6s"})");
  const FinishedRun run = cluster().run(project, {}, 60s);
  EXPECT_EQ(run.exit_code, 7) << run.report.reason;
  ASSERT_EQ(run.report.units.size(), 1U);
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->verdict, "cancelled");
  EXPECT_TRUE(eventually(20s, [&] { return listener.workers().empty(); }));
}

TEST_F(AmqpTest, JobThatNobodyCanRunEndsWithTheReasonsByHost) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(2, 0.1);
  cluster().configure(project,
                      R"("timeouts": {"start": 600}, "job": {"preload": ["not_installed"]})");
  const FinishedRun run = cluster().run(project, {}, 120s);
  EXPECT_EQ(run.exit_code, 8) << run.report.reason;
  for (const char* host : {"one: ", "two: "})
    EXPECT_TRUE(says(run.report.reason, host)) << run.report.reason;
  EXPECT_TRUE(says(run.report.reason, "cannot load such file -- not_installed"));
  for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "lost") << file;
}

// ---- commands ----

TEST_F(AmqpTest, PingListsTheListeners) {
  cluster().start_two_listeners();
  const Project project = cluster().add_project("");
  cluster().configure(project);
  FinishedRun ping = cluster().gorgon({"ping"}, project.folder());
  EXPECT_EQ(ping.exit_code, 0);
  EXPECT_TRUE(says(ping.output, "one ") && says(ping.output, "two ")) << ping.output;
  EXPECT_TRUE(says(ping.output, "2 hosts, 4 slots, 4 free")) << ping.output;
  ping = cluster().gorgon({"ping", "--json"}, project.folder());
  EXPECT_EQ(ping.exit_code, 0);
  EXPECT_TRUE(says(ping.output, R"("host":"one")")) << ping.output;
  EXPECT_TRUE(says(ping.output, R"("free_slots":4)")) << ping.output;
  ping = cluster().gorgon({"ping", "--cluster", "nobody", "--wait", "0.5"}, project.folder());
  EXPECT_EQ(ping.exit_code, 6);
}

TEST_F(AmqpTest, ListenersOfOneNameAreToldApart) {
  cluster().start_listener({.name = "one"});
  cluster().start_listener({.name = "other", .host_name = "one"});
  const Project project = cluster().add_slow_project(8, 0.3);
  cluster().configure(project);
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(hosts_of(run.report), (std::set<string>{"one", "one-2"}));
}

TEST_F(AmqpTest, GemIsRefusedUnlessTheListenerAllowsIt) {
  cluster().start_listener({.name = "strict"});
  cluster().start_listener(
      {.name = "open", .keys = R"("allow_gem_command": true, "bin_gem_path": "/bin/echo")"});
  const Project project = cluster().add_project("");
  cluster().configure(project);
  const FinishedRun gem = cluster().gorgon({"gem", "install", "rake"}, project.folder());
  EXPECT_EQ(gem.exit_code, 1);
  EXPECT_TRUE(says(gem.output, "open: install rake")) << gem.output;
  EXPECT_TRUE(says(gem.output, "strict: refused")) << gem.output;
}

TEST_F(AmqpTest, OnceServesOneJob) {
  RunningListener& listener = cluster().start_listener({.arguments = {"--foreground", "--once"}});
  const Project project = cluster().add_slow_project(2, 0.1);
  cluster().configure(project);
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  EXPECT_EQ(listener.program->exit_code(20s), 0);
}

TEST_F(AmqpTest, BackgroundListenerHasAPidFileAndIsStopped) {
  const auto home = cluster().folder() / "daemon";
  const Project place(home);
  place.write("gorgon_listener.json",
              "{" + cluster().connection_key() + R"(, "cluster_id": ")" + cluster().name() +
                  R"(", "host_name": "daemon", "worker_slots": 1, "log_file": "listener.log",)"
                  R"( "pid_file": "listener.pid", "workspace_dir": "workspaces"})");
  FinishedRun listen = cluster().gorgon({"listen"}, home, 30s, home);
  ASSERT_EQ(listen.exit_code, 0) << listen.errors;
  const string pid = place.read("listener.pid");
  EXPECT_TRUE(says(listen.output, pid)) << listen.output;
  EXPECT_TRUE(is_alive(std::stoi(pid)));

  listen = cluster().gorgon({"listen"}, home, 30s, home);
  EXPECT_NE(listen.exit_code, 0) << "a second one is refused";
  EXPECT_TRUE(says(listen.errors, pid)) << listen.errors;

  const Project project = cluster().add_slow_project(2, 0.1);
  cluster().configure(project);
  EXPECT_EQ(cluster().run(project).exit_code, 0);

  EXPECT_EQ(cluster().gorgon({"listen", "--stop"}, home, 30s, home).exit_code, 0);
  // Its lock was free a moment before its end, which a sanitizer makes a long one.
  EXPECT_TRUE(eventually(10s, [&] { return !is_alive(std::stoi(pid)); }));
  EXPECT_FALSE(place.has("listener.pid"));
  EXPECT_TRUE(says(place.read("listener.log"), "listening on"));
  EXPECT_NE(cluster().gorgon({"listen", "--stop"}, home, 30s, home).exit_code, 0);
}

}  // namespace
}  // namespace gorgon::test
