// Runs on the embedded broker, in place: verdicts, exit codes, what is written, callbacks, poison.
#include <sys/types.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// Waits until the run has started `count` units.
bool has_started(const Program& run, std::size_t count) {
  return eventually(60s, [&] { return Cluster::so_far(run).starts.size() >= count; });
}

TEST_F(LocalTest, MixedSuiteHasTheVerdictsOfItsTable) {
  const Project project = cluster().add_project("mixed");
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(differences(expected_units("mixed"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
}

TEST_F(LocalTest, OutputBelongsToItsCase) {
  const Project project = cluster().add_project("mixed");
  const FinishedRun run = cluster().run(project, {"spec/output_spec.rb"});
  ASSERT_EQ(run.report.cases.size(), 2U);
  EXPECT_EQ(run.report.cases[0].output, "from ruby\nfrom a child\nfrom standard error\n");
  EXPECT_EQ(run.report.cases[1].output, "from the second case\n");
}

TEST_F(LocalTest, PassingSelectionExitsWithZero) {
  const Project project = cluster().add_project("mixed");
  const FinishedRun run =
      cluster().run(project, {"spec/stack_spec.rb", "test/mini_spec_style_test.rb"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.report.units.size(), 2U);
}

TEST_F(LocalTest, FailedFilesAndRuntimesAreWritten) {
  const Project project = cluster().add_project("mixed");
  cluster().configure(project,
                      R"("failed_files": "tmp/failed.json", "runtime_file": "tmp/runtimes.json")");
  project.write("tmp/runtimes.json", R"({"spec/stack_spec.rb": 50, "spec/gone_spec.rb": 3})");
  EXPECT_EQ(cluster().run(project).exit_code, 1);
  for (const char* failed :
       {"spec/statuses_spec.rb", "test/mini_stack_test.rb", "test/unit/unit_stack_test.rb"})
    EXPECT_NE(project.read("tmp/failed.json").find(failed), string::npos);
  EXPECT_EQ(project.read("tmp/failed.json").find("stack_spec.rb"), string::npos);
  const Json runtimes = parse_json(project.read("tmp/runtimes.json")).value();
  EXPECT_TRUE(runtimes.contains("test/unit/unit_stack_test.rb"));
  EXPECT_FALSE(runtimes.contains("spec/gone_spec.rb")) << "files that are gone are dropped";
  EXPECT_LT(runtimes.at("spec/stack_spec.rb").get<double>(), 50) << "the newest runtime counts";

  EXPECT_EQ(cluster().run(project, {"spec/stack_spec.rb"}).exit_code, 0);
  EXPECT_NE(project.read("tmp/runtimes.json").find("test/unit/unit_stack_test.rb"), string::npos)
      << "a partial run keeps what it did not run";
  EXPECT_EQ(project.read("tmp/failed.json").find("_spec.rb"), string::npos);
}

TEST_F(LocalTest, SlotsAreAsManyAsAskedFor) {
  const Project project = cluster().add_project("mixed");
  const auto workers = [&](const string& jobs) {
    std::set<string> names;
    for (const auto& [file, unit] : cluster().run(project, {"-j", jobs}).report.units)
      names.insert(unit.worker);
    return names;
  };
  EXPECT_EQ(workers("1"), std::set<string>{"1"});
  for (const string& name : workers("3")) EXPECT_TRUE(name >= "1" && name <= "3") << name;
}

TEST_F(LocalTest, TwoRunsAtOnceInOneProject) {
  const Project project = cluster().add_project("mixed");
  Program& first = cluster().start_run(project);
  Program& second = cluster().start_run(project);
  EXPECT_EQ(differences(expected_units("mixed"), cluster().finish(first).report), "");
  EXPECT_EQ(differences(expected_units("mixed"), cluster().finish(second).report), "");
}

TEST_F(LocalTest, PoisonHurtsItselfAlone) {
  const Project project = cluster().add_project("poison");
  const FinishedRun run = cluster().run(project, {"-j", "2", "--timeout", "12"}, 240s);
  EXPECT_EQ(differences(expected_units("poison"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_LT(run.output.size(), 1024U * 1024U) << "100 MB of output stay out of the report";
}

TEST_F(LocalTest, PoisonHurtsItselfAloneInOneSlot) {
  const Project project = cluster().add_project("poison");
  const FinishedRun run = cluster().run(project, {"-j", "1", "--timeout", "12"}, 240s);
  EXPECT_EQ(differences(expected_units("poison"), run.report), "");
  EXPECT_EQ(run.exit_code, 1);
}

// ---- signals ----

constexpr const char* kHangingSpec =
    "RSpec.describe('hanging') { it('hangs') { system('sleep 300'); sleep } }\n";

class SignalTest : public LocalTest {
 protected:
  /// Two files that hang and four that do not, two slots; gives the run once both hang.
  Program& start_hanging_run() {
    const Project project = cluster().add_project("");
    project.write("spec/a_spec.rb", kHangingSpec);
    project.write("spec/b_spec.rb", kHangingSpec);
    for (const char* name : {"c", "d", "e", "f"})
      project.write("spec/" + string(name) + "_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
    project.write(".gorgon/runtimes.json", R"({"spec/a_spec.rb": 9, "spec/b_spec.rb": 9})");
    Program& run = cluster().start_run(project, {"-j", "2"});
    EXPECT_TRUE(has_started(run, 2));
    return run;
  }
};

TEST_F(SignalTest, InterruptCancelsAndNamesEveryUnit) {
  Program& program = start_hanging_run();
  Cluster::interrupt(program);
  const FinishedRun run = cluster().finish(program, 20s);
  EXPECT_EQ(run.exit_code, 130);
  ASSERT_EQ(run.report.units.size(), 6U);
  for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "cancelled") << file;
}

TEST_F(SignalTest, TerminationCancels) {
  Program& program = start_hanging_run();
  program.signal(SIGTERM);
  EXPECT_EQ(cluster().finish(program, 20s).exit_code, 143);
}

TEST_F(SignalTest, TimeLimitOfTheRunCancelsAndNamesEveryUnit) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", kHangingSpec);
  project.write("spec/b_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
  cluster().configure(project, R"("failed_files": "failed.json", "timeouts": {"run": 3600})");
  const FinishedRun run = cluster().run(project, {"-j", "1", "--global-timeout", "5"}, 60s);
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_EQ(run.report.reason, "the run's time limit of 5.00 s was reached");
  ASSERT_EQ(run.report.units.size(), 2U);
  for (const auto& [file, unit] : run.report.units) {
    if (unit.errors.find("it was running when") == string::npos) continue;
    EXPECT_EQ(unit.verdict, "cancelled") << file;
    EXPECT_EQ(unit.host.empty(), false);
  }
  EXPECT_EQ(run.report.unit("spec/a_spec.rb")->verdict, "cancelled");
  EXPECT_NE(project.read("failed.json").find("a_spec.rb"), string::npos);
}

TEST_F(SignalTest, InterruptDuringTheGoodbyesDoesNotWait) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", kHangingSpec);
  cluster().configure(project, R"("job": {"callbacks": {"after_job_finishes": "sleep 300"}})");
  Program& program = cluster().start_run(project);
  ASSERT_TRUE(has_started(program, 1));
  Cluster::interrupt(program);
  ASSERT_TRUE(eventually(20s, [&] { return Cluster::so_far(program).units.size() == 1; }));
  program.signal(SIGINT);
  EXPECT_EQ(program.exit_code(5s), 130);
}

bool is_pending(pid_t pid, int signal) {
  const string status = read_file("/proc/" + std::to_string(pid) + "/status").value_or("");
  const auto at = status.find("ShdPnd:\t");
  if (at == string::npos) return false;
  return (std::stoull(status.substr(at + 8), nullptr, 16) >> (signal - 1) & 1) != 0;
}

TEST_F(SignalTest, ThirdInterruptLeavesNothingButWhatARerunNeeds) {
  Program& program = start_hanging_run();
  // The second waits for it to say goodbye.
  for (const pid_t listener : children_matching(program.pid(), " local-listener"))
    ::kill(listener, SIGSTOP);
  Cluster::interrupt(program);
  // Of two that are pending, the kernel makes one.
  ASSERT_TRUE(eventually(5s, [&] { return !is_pending(program.pid(), SIGINT); }));
  program.signal(SIGINT);
  const FinishedRun run = cluster().finish(program, 5s);
  EXPECT_EQ(run.exit_code, 130);
  ASSERT_EQ(run.report.units.size(), 6U);
  for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "cancelled") << file;
  const auto project = cluster().folder() / "project";
  EXPECT_NE(cluster().gorgon({"runs"}, project).output.find("exit 130"), string::npos);
  EXPECT_NE(
      cluster().gorgon({"start", "--rerun", "1", "--dry-run"}, project).output.find("6 files"),
      string::npos);
}

TEST_F(SignalTest, RerunOfARunWithoutEndAndJournalDoesNotSendToResume) {
  Program& program = start_hanging_run();
  program.signal(SIGKILL);
  EXPECT_EQ(program.exit_code(5s), 137);
  const auto project = cluster().folder() / "project";
  EXPECT_NE(cluster().gorgon({"rerun"}, project).errors.find("gorgon resume "), string::npos);
  std::filesystem::remove_all(project / ".gorgon/jobs");
  const FinishedRun rerun = cluster().gorgon({"rerun"}, project);
  EXPECT_EQ(rerun.exit_code, 64);
  EXPECT_NE(rerun.errors.find("run the suite anew"), string::npos) << rerun.errors;
}

/// A closed terminal.
TEST_F(SignalTest, HangUpCancels) {
  Program& program = start_hanging_run();
  program.signal(SIGHUP);
  const FinishedRun run = cluster().finish(program, 20s);
  EXPECT_EQ(run.exit_code, 129);
  EXPECT_EQ(run.report.units.size(), 6U);
}

TEST_F(SignalTest, KilledOriginatorLeavesNothing) {
  Program& program = start_hanging_run();
  program.signal(SIGKILL);
  EXPECT_EQ(program.exit_code(5s), 137);
  const auto tmp = cluster().folder() / "tmp";
  EXPECT_TRUE(eventually(20s, [&] { return std::filesystem::is_empty(tmp); }));
}

TEST_F(SignalTest, InterruptDoesNotWaitForCallbacks) {
  for (const char* name : {"before_originate", "after_sync", "before_creating_workers",
                           "before_start", "after_job_finishes"}) {
    SCOPED_TRACE(name);
    const Project project = cluster().add_project("");
    project.write("spec/a_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
    const auto mark = project.folder() / "has_begun";
    cluster().configure(project, string(R"("job": {"callbacks": {")") + name + R"(": "touch ')" +
                                     mark.string() + R"('; sleep 300"}})");
    Program& program = cluster().start_run(project);
    ASSERT_TRUE(eventually(20s, [&] { return std::filesystem::exists(mark); }));
    program.signal(SIGINT);
    EXPECT_EQ(cluster().finish(program, 10s).exit_code, 130);
  }
}

TEST_F(LocalTest, PreloadThatFailsIsToldOnceWithAllThatItSays) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("job": {"preload": ["./boot"]})");
  project.write("boot.rb",
                "puts 'booting'\ndef deep = raise(\"no database\\nset DATABASE_URL\")\ndeep\n");
  project.write("spec/a_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
  const FinishedRun run = cluster().gorgon({"start"}, project.folder());
  EXPECT_EQ(run.exit_code, 8) << run.output;
  for (const char* words : {"preload failed: RuntimeError: no database", "set DATABASE_URL",
                            "boot.rb:2:in ", "boot.rb:3:in ", "booting"}) {
    const auto at = run.output.find(words);
    EXPECT_NE(at, string::npos) << words << "\n" << run.output;
    EXPECT_EQ(run.output.find(words, at + 1), string::npos) << words << "\n" << run.output;
  }
}

// ---- poison on the machine itself ----

TEST_F(LocalTest, KilledRunnerHostIsStartedAgain) {
  const Project project = cluster().add_project("");
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    project.write("spec/" + string(name) + "_spec.rb",
                  "RSpec.describe('x') { it('y') { sleep 0.5 } }\n");
  Program& program = cluster().start_run(project, {"-j", "2"});
  ASSERT_TRUE(has_started(program, 2));
  const auto hosts = children_matching(program.pid(), "gorgon host:");
  ASSERT_FALSE(hosts.empty());
  for (const pid_t host : hosts) ::kill(host, SIGKILL);
  const FinishedRun run = cluster().finish(program, 60s);
  EXPECT_EQ(run.exit_code, 0) << run.report.reason << run.report.notice_text();
  EXPECT_EQ(run.report.units.size(), 6U);
}

/// Ruby code that kills the worker beside which a test runs: its parent is the runner host, whose
/// parent, the listener, has started the worker, too.
constexpr const char* kKillWorker =
    "  listener = File.read(\"/proc/#{Process.ppid}/stat\")[/\\) \\S (\\d+)/, 1]\n"
    "  Dir.glob('/proc/[0-9]*/stat').each do |stat|\n"
    "    text = File.read(stat) rescue next\n"
    "    next unless text[/\\) \\S (\\d+)/, 1] == listener\n"
    "    line = File.read(\"/proc/#{text.to_i}/cmdline\") rescue next\n"
    "    Process.kill(:KILL, text.to_i) if line.end_with?(\"worker\\0\")\n"
    "  end\n"
    "  sleep\n";

TEST_F(LocalTest, WorkersThatDieAgainAndAgainEndTheRun) {
  const Project project = cluster().add_project("");
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    project.write("spec/" + string(name) + "_spec.rb",
                  string("RSpec.describe('x') { it('y') {\n") + kKillWorker + "} }\n");
  const FinishedRun run = cluster().run(project, {"-j", "1"}, 120s);
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_NE(run.report.reason.find("10 workers died"), string::npos) << run.report.reason;
  EXPECT_EQ(run.report.units.size(), 6U);
}

TEST_F(LocalTest, FileThatKillsItsHostHurtsItselfAlone) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb",
                "RSpec.describe('x') { it('y') { Process.kill(:KILL, Process.ppid); sleep } }\n");
  for (const char* name : {"b", "c", "d"})
    project.write("spec/" + string(name) + "_spec.rb",
                  "RSpec.describe('x') { it('y') { sleep 0.3 } }\n");
  const FinishedRun run = cluster().run(project, {"-j", "2"}, 60s);
  EXPECT_EQ(run.exit_code, 1) << run.report.reason;
  for (const auto& [file, unit] : run.report.units)
    EXPECT_EQ(unit.verdict, file == "spec/a_spec.rb" ? "crashed" : "passed") << file << unit.errors;
  EXPECT_EQ(run.report.units.size(), 4U);
}

/// The example of the documentation, with what it does not show: a failure, a crash, no cases.
TEST_F(LocalTest, RunnerCommandBringsAnotherLanguage) {
  const Project project = cluster().add_project("");
  std::filesystem::copy(
      std::filesystem::path(GORGON_EXAMPLES) / "runner_host", project.folder(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  project.write("checks/fails.check", "echo said\nexit 3\n:\n");
  project.write("checks/crashes.check", ":\nkill -KILL $PPID; sleep 60\n");
  project.write("checks/empty.check", "");
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  EXPECT_EQ(run.exit_code, 1) << run.report.reason;
  const auto verdict = [&](const string& file) { return run.report.units.at(file).verdict; };
  EXPECT_EQ(verdict("checks/arithmetic.check"), "passed");
  EXPECT_EQ(verdict("checks/text.check"), "passed");
  EXPECT_EQ(verdict("checks/fails.check"), "failed");
  EXPECT_EQ(verdict("checks/crashes.check"), "crashed");
  EXPECT_EQ(verdict("checks/empty.check"), "passed");
  const auto said = std::ranges::find(run.report.cases, "echo said", &ReportedCase::name);
  ASSERT_NE(said, run.report.cases.end());
  EXPECT_EQ(said->output, "said\n");
  const auto failed = std::ranges::find(run.report.cases, "exit 3", &ReportedCase::name);
  ASSERT_NE(failed, run.report.cases.end());
  EXPECT_EQ(failed->message, "exit code 3");
}

TEST_F(LocalTest, RunnerCommandThatCannotBeStartedIsNamed) {
  const Project project = cluster().add_project("");
  project.write("checks/a.check", ":\n");
  cluster().configure(project, R"("files": ["checks/*"], "runner_command": ["./missing.py"])");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_NE(run.report.reason.find("missing.py"), string::npos) << run.report.reason;
}

/// A test that calls exit has its runner replaced.
TEST_F(LocalTest, ReplacedRunnerEndsWithItsSuiteHooks) {
  const Project project = cluster().add_project("");
  project.write("spec/spec_helper.rb",
                "RSpec.configure { |c| c.after(:suite) { raise 'too late' } }\n");
  project.write("spec/a_spec.rb",
                "require_relative 'spec_helper'\nRSpec.describe('x') { it('y') { exit } }\n");
  project.write("spec/b_spec.rb",
                "require_relative 'spec_helper'\nRSpec.describe('x') { it('y') {} }\n");
  const FinishedRun run = cluster().run(project, {"-j", "1"}, 60s);
  EXPECT_EQ(run.exit_code, 1);
  const auto count = std::ranges::count_if(run.report.notices, [](const string& notice) {
    return notice.find("too late") != string::npos;
  });
  EXPECT_EQ(count, 2) << run.report.notice_text();
}

TEST_F(LocalTest, RunnerThatEndsBadlyAfterItsTestsFailsTheRun) {
  const std::vector<std::pair<string, string>> endings = {
      {"RSpec.configure { |c| c.after(:suite) { warn 'bye'; exit!(4) } }", "exit code 4"},
      {"RSpec.configure { |c| c.after(:suite) { Process.kill(:KILL, $$) } }", "SIGKILL"},
      {"at_exit { exit 3 }", "exit code 3"},
      {"at_exit { raise 'too late' }", "too late"}};
  for (const auto& [hook, words] : endings) {
    const Project project = cluster().add_project("");
    project.write("spec/a_spec.rb", hook + "\nRSpec.describe('a') { it('b') {} }\n");
    const FinishedRun run = cluster().run(project);
    EXPECT_EQ(run.exit_code, 1) << hook;
    EXPECT_NE(run.report.notice_text().find(words), string::npos) << hook << "\n"
                                                                  << run.report.notice_text();
  }
}

TEST_F(LocalTest, SuspendedRunGoesOnWhereItWas) {
  const Project project = cluster().add_project("");
  const auto gate = cluster().folder() / "gate";
  for (const char* name : {"a", "b", "c"}) {
    project.write("spec/" + string(name) + "_spec.rb",
                  "RSpec.describe('x') { it('y') { sleep 0.02 until File.exist?('" + gate.string() +
                      "') } }\n");
  }
  Program& run = cluster().start_run(project, {"-j", "2"});
  ASSERT_TRUE(has_started(run, 2));
  ::kill(run.pid(), SIGSTOP);
  Project(cluster().folder()).write("gate", "");
  // Longer than a broker may take for an answer (10 s) and than a worker may be silent (30 s): what
  // is under test is this very time.
  std::this_thread::sleep_for(32s);
  ::kill(run.pid(), SIGCONT);
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  EXPECT_EQ(finished.report.units.size(), 3U);
  EXPECT_EQ(finished.report.notice_text(), "");
}

TEST_F(LocalTest, KilledWorkerLosesNothing) {
  const Project project = cluster().add_project("");
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    project.write("spec/" + string(name) + "_spec.rb",
                  "RSpec.describe('x') { it('y') { sleep 0.5 } }\n");
  Program& program = cluster().start_run(project, {"-j", "2"});
  ASSERT_TRUE(has_started(program, 2));
  const auto workers = children_matching(program.pid(), " worker");
  ASSERT_FALSE(workers.empty());
  ::kill(workers.front(), SIGKILL);
  const FinishedRun run = cluster().finish(program, 60s);
  EXPECT_EQ(run.exit_code, 0) << run.report.reason << run.report.notice_text();
  EXPECT_EQ(run.report.units.size(), 6U);
}

// ---- callbacks ----

class CallbackTest : public LocalTest {
 protected:
  [[nodiscard]] std::filesystem::path log() { return cluster().folder() / "callbacks.log"; }
  /// The callbacks as the configuration has them, and one that fails.
  Project project_with(const string& callbacks, const string& failing = {}) {
    const Project project = cluster().add_project("callbacks");
    string environment = R"({"CALLBACK_LOG": ")" + log().string() + "\"";
    if (!failing.empty()) environment += R"(, "FAILING_CALLBACK": ")" + failing + "\"";
    cluster().configure(
        project, R"("job": {"callbacks": )" + callbacks + R"(, "env": )" + environment + "}}");
    return project;
  }
  static string class_file() {
    return R"({"callbacks_class_file": "spec/gorgon_callbacks/gorgon_callbacks.rb"})";
  }
  /// Names in the order they were called.
  std::vector<string> called() {
    std::vector<string> names;
    std::istringstream lines(Project(cluster().folder()).read("callbacks.log"));
    for (string line; std::getline(lines, line);) names.push_back(line.substr(0, line.find(' ')));
    return names;
  }
  /// One worker must not be through with all files before the other is there.
  static void wait_for_both_workers(const Project& project) {
    project.write("spec/both_spec.rb",
                  "RSpec.describe('both') { it('are there') { sleep 0.02 until "
                  "File.read(ENV['CALLBACK_LOG']).scan('before_start').size == 2 } }\n");
  }
  void expect_all_seven_were_called() {
    const std::vector<string> names = called();
    std::map<string, int> counts;
    for (const string& name : names) ++counts[name];
    EXPECT_EQ(names.front(), "before_originate");
    EXPECT_EQ(names.back(), "after_job_finishes");
    for (const char* once : {"before_originate", "after_sync", "before_creating_workers",
                             "after_creating_workers", "after_job_finishes"})
      EXPECT_EQ(counts[once], 1) << once;
    EXPECT_EQ(counts["before_start"], 2) << "once for each of two workers";
    EXPECT_EQ(counts["after_complete"], 2);
    EXPECT_EQ(counts.size(), 7U);
  }
};

TEST_F(CallbackTest, AWorkerThatIsReadyWhenTheJobIsOverIsNoNews) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('works') {} }\n");
  // The second worker asks for its runner when the first, the parent of its callback, has gone.
  project.write("before_start.sh",
                "if [ \"$GORGON_WORKER_ID\" = 1 ]; then echo $PPID > first; exit; fi\n"
                "until [ -s first ] && ! kill -0 \"$(cat first)\" 2> /dev/null; do sleep 0.01; "
                "done\n");
  cluster().configure(project,
                      R"("job": {"callbacks": {"before_start": "exec sh ./before_start.sh"}})");
  const FinishedRun run = cluster().gorgon({"-j", "2"}, project.folder(), 60s);
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(run.errors, "");
}

TEST_F(CallbackTest, RubyClassIsCalledAtAllSevenPlaces) {
  const Project project = project_with(class_file());
  wait_for_both_workers(project);
  EXPECT_EQ(cluster().run(project, {"-j", "2"}).exit_code, 0);
  expect_all_seven_were_called();
}

TEST_F(CallbackTest, ShellCommandsAreCalledAtAllSevenPlaces) {
  string commands;
  for (const char* name :
       {"before_originate", "after_sync", "before_creating_workers", "before_start",
        "after_complete", "after_creating_workers", "after_job_finishes"})
    commands += (commands.empty() ? "" : ", ") + string("\"") + name + "\": \"echo " + name +
                " >> $CALLBACK_LOG\"";
  const Project project = project_with("{" + commands + "}");
  wait_for_both_workers(project);
  EXPECT_EQ(cluster().run(project, {"-j", "2"}).exit_code, 0);
  expect_all_seven_were_called();
}

TEST_F(CallbackTest, FailureBeforeTheTestsIsExitCodeEight) {
  for (const char* name :
       {"before_originate", "after_sync", "before_creating_workers", "before_start"}) {
    SCOPED_TRACE(name);
    const FinishedRun run = cluster().run(project_with(class_file(), name), {"-j", "2"});
    EXPECT_EQ(run.exit_code, 8) << run.report.reason;
    EXPECT_NE((run.report.notice_text() + run.report.reason).find(string(name) + " fails"),
              string::npos)
        << run.report.notice_text() << run.report.reason;
    for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "lost") << file;
    EXPECT_EQ(run.report.units.size(), 4U);
  }
}

TEST_F(CallbackTest, FailingCommandIsExitCodeEightAndShowsItsOutput) {
  for (const char* name :
       {"before_originate", "after_sync", "before_creating_workers", "before_start"}) {
    SCOPED_TRACE(name);
    const Project project =
        project_with(string("{\"") + name + "\": \"echo said by " + name + "; exit 3\"}");
    const FinishedRun run = cluster().run(project, {"-j", "2"});
    EXPECT_EQ(run.exit_code, 8) << run.report.reason;
    EXPECT_NE((run.report.notice_text() + run.report.reason).find(string("said by ") + name),
              string::npos)
        << run.report.notice_text() << run.report.reason;
    EXPECT_EQ(run.errors.find(string("said by ") + name), string::npos)
        << "the listener says once more what is told: " << run.errors;
  }
}

TEST_F(CallbackTest, CallbackThatTakesTooLongFails) {
  const Project project = cluster().add_project("callbacks");
  cluster().configure(project, R"("timeouts": {"callback": 0.2},
    "job": {"callbacks": {"before_originate": "sleep 300"}})");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 8) << run.report.reason;
  EXPECT_NE(run.report.reason.find("\"sleep 300\" did not end within"), string::npos)
      << run.report.reason;
}

TEST_F(CallbackTest, TimeoutOfZeroIsNone) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
  cluster().configure(project, R"("timeouts": {"callback": 0},
    "job": {"callbacks": {"before_originate": "true", "after_sync": "true", "before_start": "true",
                          "after_complete": "true", "after_job_finishes": "true"}})");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
}

/// Neither what a command prints nor a configured cluster sends a local run to other machines.
TEST_F(CallbackTest, LocalRunHasNoCluster) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('x') { it('y') {} }\n");
  cluster().configure(project, R"("cluster": "farm", "job": {"callbacks":
    {"before_originate": "echo compiling assets; echo cluster=gpu"}})");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
}

TEST_F(CallbackTest, FailureAfterTheTestsKeepsTheVerdictsButNotExitCodeZero) {
  for (const char* name : {"after_complete", "after_creating_workers", "after_job_finishes"}) {
    SCOPED_TRACE(name);
    const FinishedRun run = cluster().run(project_with(class_file(), name), {"-j", "2"});
    EXPECT_NE(run.exit_code, 0);
    EXPECT_NE(run.report.notice_text().find(string(name) + " fails"), string::npos)
        << run.report.notice_text();
    for (const auto& [file, unit] : run.report.units) EXPECT_EQ(unit.verdict, "passed") << file;
  }
}

TEST_F(LocalTest, BundleIsRespectedOffline) {
  const Project project = cluster().add_project("mixed");
  project.write("Gemfile",
                "source 'https://rubygems.org'\ngem 'rspec'\ngem 'minitest'\n"
                "gem 'test-unit'\n");
  project.write("spec/bundle_spec.rb",
                "RSpec.describe('bundle') { it('is set up') { expect(defined?(Bundler)).to "
                "eq('constant')\n  expect(ENV['BUNDLE_GEMFILE']).to end_with('/Gemfile') } }\n");
  const FinishedRun installed =
      cluster().other_program({"bundle", "install", "--local"}, project.folder());
  ASSERT_EQ(installed.exit_code, 0) << installed.output << installed.errors;
  ExpectedUnits expected = expected_units("mixed");
  expected["spec/bundle_spec.rb"] = {.verdict = "passed",
                                     .alternatives = {},
                                     .cases = {{"bundle is set up", "passed"}},
                                     .error = {},
                                     .case_message = {}};
  EXPECT_EQ(differences(expected, cluster().run(project, {"-j", "2"}).report), "");
}

}  // namespace
}  // namespace gorgon::test
