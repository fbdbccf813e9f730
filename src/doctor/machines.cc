#include "doctor/machines.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "doctor/disk.h"
#include "doctor/environment.h"
#include "doctor/finding.h"
#include "doctor/versions.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"

namespace gorgon::doctor {

namespace {

/// Less may be the way there and back, or a machine that is busy.
constexpr std::int64_t kNotableSkewSeconds = 30;

void append(Findings& all, Findings some) { std::ranges::move(some, std::back_inserter(all)); }

Finding nobody(const Expected& here) {
  const std::string cluster = here.cluster.empty() ? "the default cluster" : here.cluster;
  return Finding::problem(
      Area::kMachines, "listeners", fmt::format("none answers on {}, in {}", here.broker, cluster),
      Remedy(fmt::format(
          "start `gorgon listen` on each machine, with {} as the connection{} in its "
          "gorgon_listener.json; its log says what keeps it from the broker",
          here.broker,
          here.cluster.empty() ? " and no \"cluster_id\""
                               : fmt::format(" and \"cluster_id\": \"{}\"", here.cluster))));
}

/// Everything that it said, in one line.
std::string summary(const Machine& machine) {
  std::string text = fmt::format("gorgon {}, {}, {} free", machine.pong.version,
                                 count_of(machine.pong.slots, "slot"), machine.pong.free_slots);
  if (!machine.status) return text;
  const auto& facts = machine.status->machine;
  if (!facts) return text;
  text += fmt::format(", {} free for workspaces, takes {}", size_text(facts->free_bytes),
                      facts->demands_signature ? "jobs with your signature" : "jobs of everybody");
  for (const auto& [name, version] : facts->programs) text += fmt::format(", {} {}", name, version);
  return text;
}

Findings judge_clock(const Machine& machine) {
  if (!machine.status || !machine.status->clock) return {};
  const std::int64_t skew = *machine.status->clock - machine.answered_at;
  const std::int64_t apart = std::abs(skew);
  if (apart <= kNotableSkewSeconds) return {};
  const std::string what =
      fmt::format("its clock is {} {}", human_duration(std::chrono::seconds(apart)),
                  skew > 0 ? "ahead" : "behind");
  const Remedy remedy("set both clocks by NTP (timedatectl set-ntp true): jobs expire by them");
  const std::string& host = machine.pong.host;
  const bool is_refused = std::chrono::seconds(apart) > protocol::kClockTolerance;
  return {is_refused ? Finding::problem(Area::kMachines, host, what, remedy)
                     : Finding::note(Area::kMachines, host, what, remedy)};
}

Findings judge_trust(const Machine& machine, const Expected& here) {
  if (!machine.status || !machine.status->is_reserved) return {};
  const std::string reason = machine.status->refusal.value_or("it does not say why");
  const std::string remedy =
      here.public_key.empty()
          ? "run `gorgon keygen` here, and there `gorgon trust` with the key that it shows"
          : fmt::format("run there: gorgon trust {} (unless the reason says something else)",
                        here.public_key);
  return {Finding::problem(Area::kMachines, machine.pong.host, "refuses your jobs: " + reason,
                           Remedy(remedy))};
}

Findings judge_answer(const Machine& machine) {
  const std::string& host = machine.pong.host;
  if (!machine.status) {
    return {Finding::note(Area::kMachines, host, "did not say in time what its machine is like",
                          Remedy("ask again with a longer --wait; its log may say more"))};
  }
  if (machine.status->clock) return {};
  return {Finding::note(Area::kMachines, host,
                        "does not say what its machine is like: its gorgon is too old for that",
                        Remedy("update gorgon there, to check its programs and its clock"))};
}

Findings judge_version(const Machine& machine, const Expected& here) {
  if (machine.pong.version == here.version) return {};
  return {
      Finding::note(Area::kMachines, machine.pong.host,
                    fmt::format("has gorgon {}; here is {}", machine.pong.version, here.version),
                    Remedy("install the same gorgon everywhere: what the older one does not "
                           "know is left out of runs"))};
}

Findings judge_rsync(const std::string& host, const protocol::MachineFacts& facts) {
  const auto rsync = facts.programs.find("rsync");
  if (rsync != facts.programs.end() && !is_older(rsync->second, kOldestRsync)) return {};
  const std::string what = rsync == facts.programs.end()
                               ? "has no rsync, and cannot pull the project's files"
                               : fmt::format("has rsync {}, which is too old", rsync->second);
  return {Finding::problem(Area::kMachines, host, what,
                           Remedy(fmt::format("install rsync {} or later there", kOldestRsync)))};
}

Findings judge_facts(const Machine& machine, const Expected& here) {
  if (!machine.status || !machine.status->machine) return {};
  const protocol::MachineFacts& facts = *machine.status->machine;
  Findings findings = judge_parity(here.environment, machine.pong.host, facts.programs);
  if (here.needs_rsync) append(findings, judge_rsync(machine.pong.host, facts));
  Finding disk =
      judge_disk(Area::kMachines, machine.pong.host, "workspaces there", facts.free_bytes);
  if (disk.level() != Level::kOk) findings.push_back(std::move(disk));
  return findings;
}

}  // namespace

Findings judge_machines(const std::vector<Machine>& machines, const Expected& here) {
  if (machines.empty()) return {nobody(here)};
  Findings findings;
  std::set<std::string> hosts;
  for (const Machine& machine : machines) {
    findings.push_back(Finding::ok(Area::kMachines, machine.pong.host, summary(machine)));
    if (!hosts.insert(machine.pong.host).second) {
      findings.push_back(Finding::problem(
          Area::kMachines, machine.pong.host, "another machine has the same name",
          Remedy("give one of them a \"host_name\" in its gorgon_listener.json: runs tell machines "
                 "apart by their names")));
    }
    append(findings, judge_version(machine, here));
    append(findings, judge_answer(machine));
    append(findings, judge_trust(machine, here));
    append(findings, judge_clock(machine));
    append(findings, judge_facts(machine, here));
  }
  return findings;
}

}  // namespace gorgon::doctor
