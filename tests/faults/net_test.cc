// What goes wrong between machines, and to the processes on them, in the middle of a job. The job
// completes, with the verdicts of a run in which nothing goes wrong.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "lab.h"
#include "lab_fixture.h"
#include "oracle.h"
#include "program.h"
#include "run_report.h"
#include "support/tree.h"

namespace gorgon::test {
namespace {

/// How long a fault lasts that nobody is to notice.
constexpr auto kMoment = kHeartbeat / 2;
/// How long something may take that takes seconds on an idle machine.
constexpr auto kPatience = 90s;

class NetFaultTest : public LabTest {
 protected:
  /// The fault itself is what takes this time.
  static void leave_it_so(std::chrono::steady_clock::duration time) {
    std::this_thread::sleep_for(time);
  }
  void wait_until_connection_is_lost(Program& run) {
    EXPECT_TRUE(eventually(kPatience, [&] {
      for (const std::string& reason : Cluster::so_far(run).waiting) {
        if (reason.find("connection was lost") != std::string::npos) return true;
      }
      return false;
    })) << cluster().logs();
  }
  /// Until both workers of `host` are in the middle of files that take their time: one that has
  /// none has nothing to lose.
  void wait_until_busy(Program& run, const std::string& host) {
    EXPECT_TRUE(eventually(kPatience, [&] {
      std::set<std::string> running;
      std::istringstream lines(run.output());
      for (std::string line; std::getline(lines, line);) {
        const std::size_t name = line.find("spec/slow_");
        if (name == std::string::npos || line.find(R"("host":")" + host) == std::string::npos)
          continue;
        const std::string file = line.substr(name, line.find('"', name) - name);
        if (line.find(R"("event":"unit_started")") != std::string::npos) running.insert(file);
        if (line.find(R"("event":"unit_finished")") != std::string::npos) running.erase(file);
      }
      return running.size() == 2;
    })) << cluster().logs();
  }
  /// Until it is given up by the broker, and its units have gone to others.
  void wait_for_second_try(Program& run) {
    EXPECT_TRUE(eventually(kPatience, [&] {
      for (const auto& [unit, starts] : Cluster::so_far(run).starts) {
        if (starts > 1) return true;
      }
      return false;
    })) << cluster().logs();
  }
};

/// Takes what is free there.
bool fill_disk(const std::filesystem::path& ballast) {
  std::ofstream file(ballast, std::ios::binary);
  const std::string piece(4096, 'x');
  while (file.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
  }
  return std::filesystem::space(ballast.parent_path()).available < piece.size();
}

TEST_F(NetFaultTest, RunWithoutFaultsGivesTheTable) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  expect_complete(start_run(sample), sample);
}

// ---- the originator ----

TEST_F(NetFaultTest, AKilledOriginatorIsResumedWhileAMachineIsCutOff) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_held_run(sample);
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
  net().cut("two");
  sample.open_gate();
  Program& resumed =
      cluster().start_gorgon({"resume", "--message-format", "json"}, sample.project.folder());
  wait_for_second_try(resumed);
  net().heal("two");
  expect_complete(resumed, sample);
}

TEST_F(NetFaultTest, AnOriginatorThatNobodyResumesLeavesNothingOnTheMachines) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  const std::string job = Cluster::so_far(run).job;
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
  // As when the two minutes are over that it lives without a consumer.
  ASSERT_TRUE(rabbit().rabbitmqctl({"delete_queue", "gorgon.v1.replies." + job}));
  for (const char* host : kListenerHosts) {
    EXPECT_TRUE(eventually(kPatience, [&] {
      return listener(host).workers().empty() && listener(host).runner_hosts().empty();
    })) << cluster().logs();
  }
  const FinishedRun resumed = cluster().finish(
      cluster().start_gorgon({"resume", "--message-format", "json"}, sample.project.folder()));
  expect_right_verdicts(sample, resumed);
}

// ---- clocks ----

TEST_F(NetFaultTest, ClocksThatAreAnHourOff) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer wants to be loaded before libfaketime";
#endif
  const auto with_clock = [&](const char* host, const std::string& offset) {
    cluster().start_listener({.name = host, .clock_offset = offset, .wait_until_ready = false});
  };
  with_clock("one", "+1h");
  with_clock("two", "-1h");
  for (const char* host : {"one", "two"}) {
    ASSERT_TRUE(eventually(kPatience, [&] {
      return listener(host).log().find("listening on") != std::string::npos;
    })) << cluster().logs();
  }
  // The log has the time in front: that the clocks are off, it must show itself.
  EXPECT_NE(listener("one").log().substr(0, 13), listener("two").log().substr(0, 13));
  const Sample sample = add_sample(cluster());
  const FinishedRun finished = expect_complete(start_run(sample, 4), sample);
  std::set<std::string> hosts;
  for (const auto& [file, unit] : finished.report.units) hosts.insert(unit.host);
  EXPECT_EQ(hosts, (std::set<std::string>{"one", "two"}));
}

// ---- killed ----

TEST_F(NetFaultTest, WorkerRunnerHostAndListenerAreKilledInOneJob) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  ::kill(process_on("one", " worker"), SIGKILL);
  const auto host = runner_host_on("two");
  ASSERT_TRUE(host);
  ::kill(*host, SIGKILL);
  listener("three").kill();
  expect_complete(run, sample);
  cluster().start_listener({.name = "three"});  // Clears what the killed one left.
}

TEST_F(NetFaultTest, KilledRunnerCostsItsOwnFileAlone) {
  start_listeners();
  Sample sample = add_sample(cluster());
  const Project own(cluster().folder());
  sample.project.write("spec/victim_spec.rb",
                       "RSpec.describe('victim') { it('waits for its end') {\n"
                       "  File.write('" +
                           own.folder().string() +
                           "/pid', Process.pid.to_s)\n"
                           "  sleep } }\n");
  sample.expected["spec/victim_spec.rb"].verdict = "crashed";
  Program& run = start_run(sample);
  ASSERT_TRUE(eventually(kPatience, [&] { return !own.read("pid").empty(); }));
  ::kill(std::stoi(own.read("pid")), SIGKILL);
  expect_complete(run, sample);
}

/// The pull starts again, and the machine takes part.
TEST_F(NetFaultTest, RsyncIsKilledDuringThePull) {
  net().slow("two", 2000);
  start_listeners();
  const Sample sample = add_sample(cluster(), {.ballast_bytes = 1'000'000});
  Program& run = start_held_run(sample, 0);
  ::kill(process_on("two", "rsync"), SIGKILL);
  net().heal("two");
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::so_far(run).starts.size() >= 6; }));
  const FinishedRun finished = expect_complete(run, sample);
  EXPECT_EQ(finished.report.hosts.at("two"), "left") << finished.report.notice_text();
}

// ---- stopped and continued ----

TEST_F(NetFaultTest, ProcessesThatStandStillGoOn) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_held_run(sample);
  const auto host = runner_host_on("three");
  ASSERT_TRUE(host);
  const std::vector stopped = {process_on("one", " worker"), listener("two").program->pid(), *host,
                               process_on("three", "_spec.rb")};
  for (const auto pid : stopped) ::kill(pid, SIGSTOP);
  sample.open_gate();
  // Who takes what the broker hands out again may be one that waits for these processes.
  leave_it_so(kNoticeLimit);
  for (const auto pid : stopped) ::kill(pid, SIGCONT);
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, OriginatorStandsStill) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  run.signal(SIGSTOP);
  leave_it_so(kNoticeLimit);
  run.signal(SIGCONT);
  expect_complete(run, sample);
}

// ---- the broker ----

TEST_F(NetFaultTest, BrokerIsKilledAndComesBack) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  rabbit().kill();
  const auto restarted = rabbit().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, BrokerStopsInGoodOrderAndComesBack) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  rabbit().stop();
  const auto restarted = rabbit().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, BrokerStandsStillForLongerThanHeartbeatsLast) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  rabbit().pause();
  wait_until_connection_is_lost(run);
  rabbit().resume();
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, BrokerIsShortOfMemoryForAWhile) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  ASSERT_TRUE(rabbit().raise_alarm("memory"));
  leave_it_so(kNoticeLimit);
  ASSERT_TRUE(rabbit().clear_alarm("memory"));
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, BrokerIsShortOfDiskForAWhile) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  ASSERT_TRUE(rabbit().raise_alarm("disk"));
  const auto said = [&] {
    const auto& waiting = Cluster::so_far(run).waiting;
    return std::ranges::any_of(waiting, [](const auto& reason) {
      return reason.find("low on disk") != std::string::npos;
    });
  };
  EXPECT_TRUE(eventually(kPatience, said)) << cluster().logs();
  ASSERT_TRUE(rabbit().clear_alarm("disk"));
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, DiskOfTheBrokerIsFullAndItIsStartedAgain) {
  rabbit().stop();
  {
    const SmallDisk disk(rabbit().data_folder(), 200 * kMebibyte);
    ASSERT_TRUE(disk.is_mounted());
    ASSERT_TRUE(rabbit().restart());
    start_listeners();
    const Sample sample = add_sample(cluster(), {.slow = 36});
    Program& run = start_run(sample);
    const auto ballast = rabbit().data_folder() / "ballast";
    const std::size_t reasons_before = Cluster::so_far(run).waiting.size();
    EXPECT_TRUE(fill_disk(ballast));
    EXPECT_TRUE(eventually(kPatience, [&] {
      const auto waiting = Cluster::so_far(run).waiting;
      return std::any_of(
          waiting.begin() + static_cast<std::ptrdiff_t>(reasons_before), waiting.end(),
          [](const std::string& reason) { return reason.contains("for the broker"); });
    })) << cluster().logs();
    std::filesystem::remove(ballast);
    rabbit().kill();
    ASSERT_TRUE(rabbit().restart());
    expect_complete(run, sample);
    for (const char* host : kListenerHosts) listener(host).program->signal(SIGTERM);
    for (const char* host : kListenerHosts)
      EXPECT_EQ(listener(host).program->exit_code(kPatience), 0);
    rabbit().stop();
  }
  ASSERT_TRUE(rabbit().restart());
}

// ---- machines come and go ----

TEST_F(NetFaultTest, MachinesJoinAndLeaveInGoodOrder) {
  cluster().start_listener({.name = "one", .slots = 1});  // It leaves something to do for long.
  cluster().start_listener({.name = "two"});
  const Sample sample = add_sample(cluster(), {.slow = 36});
  Program& run = start_run(sample, 3);
  listener("two").program->signal(SIGTERM);
  EXPECT_EQ(listener("two").program->exit_code(kPatience), 0);
  listener("two").may_be_gone = true;
  sample.close_gate();
  cluster().start_listener({.name = "three"});
  wait_until_busy(run, "three");
  sample.open_gate();
  listener("one").program->signal(SIGTERM);
  EXPECT_EQ(listener("one").program->exit_code(kPatience), 0);
  listener("one").may_be_gone = true;
  expect_complete(run, sample);
}

// ---- the network ----

/// The broker gives the units in hand there to others; the host itself finds its way back.
TEST_F(NetFaultTest, ListenerIsCutOffForLongerThanHeartbeatsLast) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_held_run(sample);
  net().cut("two");
  sample.open_gate();
  wait_for_second_try(run);
  net().heal("two");
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, OriginatorIsCutOffForLongerThanHeartbeatsLast) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  net().cut(kOriginatorHost);
  wait_until_connection_is_lost(run);
  net().heal(kOriginatorHost);
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, WhatTheBrokerDeliversAgainDoesNotCountTwice) {
  start_listeners();
  Sample sample{.project = cluster().add_project("", "gated"),
                .expected = {},
                .exit_code = 0,
                .gate = cluster().folder() / "gate"};
  const auto gate = [&](bool is_first) {
    return cluster().folder() / (is_first ? "first_half" : "second_half");
  };
  for (int i = 1; i <= 12; ++i) {
    const std::string file = fmt::format("spec/gated_{:02}_spec.rb", i);
    sample.project.write(
        file, fmt::format("RSpec.describe('gated {:02}') {{ it('waits') {{ sleep 0.05 until "
                          "File.exist?('{}') }} }}",
                          i, gate(i <= 6).string()));
    ExpectedUnit& unit = sample.expected[file];
    unit.verdict = "passed";
    unit.cases[fmt::format("gated {:02} waits", i)] = "passed";
  }
  cluster().configure(sample.project, R"("failed_files": "failed.json")");
  Program& run = start_run(sample);
  // It learns of six further starts, and the broker does not learn that it has.
  net().mute(kOriginatorHost);
  write(gate(true), "");
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::so_far(run).starts.size() == 12; }));
  wait_until_connection_is_lost(run);
  net().heal(kOriginatorHost);
  EXPECT_TRUE(eventually(kPatience, [&] {
    return Cluster::so_far(run).notice_text().find("connected to the broker again") !=
           std::string::npos;
  }));
  write(gate(false), "");
  const FinishedRun finished = expect_complete(run, sample);
  for (const auto& [unit, starts] : finished.report.starts) EXPECT_EQ(starts, 1) << unit;
  for (const auto& [file, unit] : finished.report.units) EXPECT_EQ(unit.attempt, 1) << file;
}

TEST_F(NetFaultTest, BrokerIsCutOffForLongerThanHeartbeatsLast) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  net().cut(kBrokerHost);
  wait_until_connection_is_lost(run);
  net().heal(kBrokerHost);
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, ShortCutsOfEachHostAreNotNoticed) {
  start_listeners();
  const Sample sample = add_sample(cluster(), {.slow = 36});
  Program& run = start_run(sample);
  for (const char* host : {"one", kOriginatorHost, kBrokerHost}) {
    net().cut(host);
    leave_it_so(kMoment);
    net().heal(host);
  }
  const FinishedRun finished = expect_complete(run, sample);
  for (const std::string& notice : finished.report.notices)
    EXPECT_EQ(notice.find("stopped answering"), std::string::npos) << notice;
}

TEST_F(NetFaultTest, ConnectionsOfEachHostAreReset) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  for (const char* host : {"one", kOriginatorHost, "two", kBrokerHost}) net().reset(host);
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, HostIsRefusedForAWhile) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  net().refuse("three");
  leave_it_so(kMoment);
  net().heal("three");
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, EachThirdPacketOfAListenerIsLost) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  net().lose("one", 30);
  leave_it_so(kNoticeLimit);
  net().heal("one");
  expect_complete(run, sample);
}

TEST_F(NetFaultTest, SlowLinkOfAListenerDelaysOnlyIt) {
  net().slow("one", 256);
  start_listeners();
  const Sample sample = add_sample(cluster(), {.ballast_bytes = 60'000});
  expect_complete(start_run(sample, 4), sample);
}

// ---- disks ----

TEST_F(NetFaultTest, MachineWithAFullDiskLeavesTheJobAndSaysWhy) {
  const auto workspaces = cluster().folder() / "listeners" / "two" / "workspaces";
  std::filesystem::create_directories(workspaces);
  {
    const SmallDisk disk(workspaces, 1'000'000);
    ASSERT_TRUE(disk.is_mounted());
    start_listeners();
    const Sample sample = add_sample(cluster(), {.ballast_bytes = 3'000'000});
    Program& run = start_run(sample, 4);
    const FinishedRun finished = cluster().finish(run, kPatience);
    expect_right_verdicts(sample, finished);
    EXPECT_NE(finished.report.notice_text().find("no space left on the disk"), std::string::npos)
        << finished.report.notice_text();
    listener("two").program->signal(SIGTERM);
    EXPECT_EQ(listener("two").program->exit_code(kPatience), 0);
  }
}

TEST_F(NetFaultTest, FullDiskOfTheStageEndsTheRunAndSaysWhy) {
  start_listeners();
  const Sample sample = add_sample(cluster(), {.ballast_bytes = 3'000'000});
  const auto stages = stage_folder(cluster());
  std::filesystem::create_directories(stages);
  const SmallDisk disk(stages, 1'000'000);
  ASSERT_TRUE(disk.is_mounted());
  const FinishedRun finished = cluster().finish(cluster().start_run(sample.project), kPatience);
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.report.reason.find("o space left on"), std::string::npos)
      << finished.report.reason;
  EXPECT_TRUE(std::filesystem::is_empty(stages));
}

}  // namespace
}  // namespace gorgon::test
