#include "doctor/machines.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "doctor/finding.h"
#include "protocol/messages.h"

namespace gorgon::doctor {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;
constexpr std::uint64_t kPlenty = 50'000'000'000;

Expected here() {
  return {.version = "1.2.0",
          .cluster = "ci",
          .broker = "mq:5672",
          .public_key = {},
          .environment = {.versions = {{"ruby", "3.1.2"}}, .chooser = {}}};
}

/// One that nothing is wrong with.
Machine machine(const std::string& host) {
  Machine machine{.pong = {.host = host, .version = "1.2.0", .slots = 2, .free_slots = 2},
                  .answered_at = kNow};
  machine.status = protocol::ListenerStatus{
      .host = host,
      .version = "1.2.0",
      .clock = kNow + 1,
      .machine = protocol::MachineFacts{.free_bytes = kPlenty, .programs = {{"ruby", "3.1.2"}}}};
  return machine;
}

/// What is found of one machine besides its own line.
Findings judge(const Machine& machine, const Expected& expected = here()) {
  Findings findings = judge_machines({machine}, expected);
  EXPECT_EQ(findings.at(0).level(), Level::kOk);
  findings.erase(findings.begin());
  return findings;
}

TEST(MachinesTest, AHealthyMachineHasOneLineWithAllThatItSaid) {
  const Findings findings = judge_machines({machine("a"), machine("b")}, here());
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[1].subject(), "b");
  EXPECT_EQ(findings[0].what(),
            "gorgon 1.2.0, 2 slots, 2 free, 50.0 GB free for workspaces, takes jobs of everybody, "
            "ruby 3.1.2");
}

TEST(MachinesTest, NobodyIsAProblemWithTheClusterInItsRemedy) {
  const Findings findings = judge_machines({}, here());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].level(), Level::kProblem);
  EXPECT_NE(findings[0].remedy().find("\"cluster_id\": \"ci\""), std::string::npos);
}

TEST(MachinesTest, ClocksMayBeSomewhatApart) {
  Machine late = machine("a");
  const auto level = [&](std::int64_t skew) {
    late.status->clock = kNow + skew;
    const Findings findings = judge(late);
    return findings.empty() ? Level::kOk : findings.at(0).level();
  };
  EXPECT_EQ(level(0), Level::kOk);
  EXPECT_EQ(level(30), Level::kOk);
  EXPECT_EQ(level(-31), Level::kNote);
  EXPECT_EQ(level(300), Level::kNote);
  EXPECT_EQ(level(301), Level::kProblem);
  EXPECT_EQ(level(-3600), Level::kProblem);
  EXPECT_NE(judge(late).at(0).what().find("behind"), std::string::npos);
}

TEST(MachinesTest, AMachineThatRefusesSaysWhyAndWhichKeyToTrust) {
  Machine closed = machine("a");
  closed.status->machine.reset();
  closed.status->is_reserved = true;
  closed.status->refusal = "it is not signed";
  EXPECT_NE(judge(closed).at(0).remedy().find("gorgon keygen"), std::string::npos);
  Expected with_key = here();
  with_key.public_key = "ed25519:abc";
  const Findings findings = judge(closed, with_key);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].level(), Level::kProblem);
  EXPECT_EQ(findings[0].what(), "refuses your jobs: it is not signed");
  EXPECT_NE(findings[0].remedy().find("gorgon trust ed25519:abc"), std::string::npos);
}

TEST(MachinesTest, AnOlderListenerDoesNotSayAndThatIsNoProblem) {
  Machine old = machine("a");
  old.pong.version = "1.0.0";
  old.status->clock.reset();
  old.status->machine.reset();
  const Findings findings = judge(old);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_FALSE(has_problem(findings));
  EXPECT_NE(findings[0].what().find("1.0.0"), std::string::npos);
  EXPECT_NE(findings[1].what().find("does not say"), std::string::npos);
}

TEST(MachinesTest, ASilentMachineAFullDiskAndAnotherRubyAreFound) {
  Machine silent = machine("a");
  silent.status.reset();
  EXPECT_EQ(judge(silent).at(0).level(), Level::kNote);
  Machine full = machine("a");
  full.status->machine->free_bytes = 50'000'000;
  EXPECT_TRUE(has_problem(judge(full)));
  Machine other = machine("a");
  other.status->machine->programs["ruby"] = "2.7.8";
  EXPECT_TRUE(has_problem(judge(other)));
}

TEST(MachinesTest, RsyncIsNeededWhereMachinesPull) {
  Expected pulls = here();
  pulls.needs_rsync = true;
  Machine one = machine("a");
  EXPECT_TRUE(judge(one).empty());
  EXPECT_NE(judge(one, pulls).at(0).what().find("no rsync"), std::string::npos);
  one.status->machine->programs["rsync"] = "3.1.3";
  EXPECT_NE(judge(one, pulls).at(0).what().find("too old"), std::string::npos);
  one.status->machine->programs["rsync"] = "3.2.7";
  EXPECT_TRUE(judge(one, pulls).empty());
}

TEST(MachinesTest, TwoOfOneNameAreAProblem) {
  EXPECT_TRUE(has_problem(judge_machines({machine("a"), machine("a")}, here())));
}

}  // namespace
}  // namespace gorgon::doctor
