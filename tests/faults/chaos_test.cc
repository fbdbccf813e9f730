// Chaos: job after job, with random faults in each, and the oracle's questions after it. A seed
// gives the same plan every time: script/chaos MINUTES [--seed N].
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "harness.h"
#include "lab.h"
#include "lab_fixture.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using Clock = std::chrono::steady_clock;

enum class Kind {
  kKillWorker,
  kKillRunnerHost,
  kKillListener,
  kStopListener,
  kPauseWorker,
  kPauseListener,
  kPauseOriginator,
  kKillOriginator,
  kPauseBroker,
  kKillBroker,
  kStopBroker,
  kMemoryAlarm,
  kCut,
  kReset,
  kRefuse,
  kLoss,
  kSlowLink,
};
constexpr std::array kNames = {
    std::pair{Kind::kKillWorker, "kill -9 of a worker"},
    std::pair{Kind::kKillRunnerHost, "kill -9 of a runner host"},
    std::pair{Kind::kKillListener, "kill -9 of a listener, and a new one"},
    std::pair{Kind::kStopListener, "SIGTERM of a listener, and a new one"},
    std::pair{Kind::kPauseWorker, "SIGSTOP, SIGCONT of a worker"},
    std::pair{Kind::kPauseListener, "SIGSTOP, SIGCONT of a listener"},
    std::pair{Kind::kPauseOriginator, "SIGSTOP, SIGCONT of the originator"},
    std::pair{Kind::kKillOriginator, "kill -9 of the originator, and gorgon resume"},
    std::pair{Kind::kPauseBroker, "SIGSTOP, SIGCONT of the broker"},
    std::pair{Kind::kKillBroker, "kill -9 of the broker, and restart"},
    std::pair{Kind::kStopBroker, "SIGTERM of the broker, and restart"},
    std::pair{Kind::kMemoryAlarm, "memory alarm"},
    std::pair{Kind::kCut, "partition of a host"},
    std::pair{Kind::kReset, "reset of a host's connections"},
    std::pair{Kind::kRefuse, "connections of a host refused"},
    std::pair{Kind::kLoss, "30 % of a host's packets lost"},
    std::pair{Kind::kSlowLink, "slow link of a host"},
};

const char* name_of(Kind kind) {
  return std::ranges::find(kNames, kind, [](const auto& row) { return row.first; })->second;
}

struct Fault {
  Kind kind = Kind::kReset;
  std::string host;          ///< Any of the net's for faults of the network, else a listener's.
  std::size_t at_start = 0;  ///< When so many units have started.
  std::chrono::milliseconds lasts{0};
};

std::string describe(const Fault& fault) {
  return fmt::format("{} ({}), after {} starts, for {} ms", name_of(fault.kind), fault.host,
                     fault.at_start, fault.lasts.count());
}

/// Does not depend on how long anything took. std::uniform_int_distribution would differ between
/// libraries.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t job) {
    std::seed_seq sequence{seed, job};
    random_.seed(sequence);
  }
  std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  std::mt19937_64 random_;
};

bool is_of_network(Kind kind) { return kind >= Kind::kCut; }

std::vector<Fault> plan_of(std::uint64_t seed, std::uint64_t job, std::size_t units) {
  Dice dice(seed, job);
  std::vector<std::string> hosts(kListenerHosts.begin(), kListenerHosts.end());
  hosts.emplace_back(kOriginatorHost);
  hosts.emplace_back(kBrokerHost);
  std::vector<Fault> faults(1 + dice.below(3));
  bool kills_host = false;
  for (Fault& fault : faults) {
    fault.kind = kNames.at(dice.below(kNames.size())).first;
    fault.host = hosts[dice.below(is_of_network(fault.kind) ? hosts.size() : 3)];
    fault.at_start = dice.below(units * 3 / 4);
    // A unit that takes its host down twice is a crash, and rightly so.
    if (fault.kind == Kind::kKillRunnerHost && std::exchange(kills_host, true))
      fault.kind = Kind::kKillWorker;
    // Up to twice as long as heartbeats last.
    fault.lasts = std::chrono::milliseconds(100 + dice.below(12'000));
  }
  std::ranges::sort(faults, {}, &Fault::at_start);
  return faults;
}

std::size_t number_from(const char* variable, std::size_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

class ChaosTest : public LabTest {
 protected:
  void run_job(std::uint64_t seed, std::uint64_t job);
  /// Gives the run that goes on.
  Program& inject(Program& run, const Sample& sample, const Fault& fault);
  void inject_into_process(Program& run, const Fault& fault);
  Program& kill_and_resume(Program& run, const Sample& sample, const Fault& fault);
  void inject_into_broker(const Fault& fault);
  void inject_into_network(const Fault& fault);
  /// The fault itself is what takes this time.
  static void leave_it_so(const Fault& fault) { std::this_thread::sleep_for(fault.lasts); }
  void pause(pid_t pid, const Fault& fault);
  void start_again(const std::string& host);
  void revive_listeners();
  void measure_recovery(Program& run, const Sample& sample);

  std::size_t jobs_ = 0;
  std::size_t units_ = 0;
  std::size_t second_starts_ = 0;
  std::size_t repeated_results_ = 0;
  double longest_recovery_ = 0;
  std::map<Kind, std::size_t> injected_;
};

void ChaosTest::pause(pid_t pid, const Fault& fault) {
  if (pid <= 0) return;
  ::kill(pid, SIGSTOP);
  leave_it_so(fault);
  ::kill(pid, SIGCONT);
}

void ChaosTest::start_again(const std::string& host) {
  cluster().start_listener({.name = host, .wait_until_ready = false});
}

/// One that comes back while the broker cannot be reached says so and ends. A service manager
/// starts it again, and so do we.
void ChaosTest::revive_listeners() {
  for (const char* host : kListenerHosts) {
    RunningListener& found = listener(host);
    if (found.program->is_running()) continue;
    found.may_be_gone = true;
    EXPECT_EQ(found.program->exit_code(10s), 3) << found.log();
    cluster().start_listener({.name = host});
  }
}

void ChaosTest::inject_into_process(Program& run, const Fault& fault) {
  RunningListener& target = listener(fault.host);
  if (!target.program->is_running()) return;
  // None when the machine has no part in the job at this moment: then nothing is done.
  const auto workers = target.workers();
  const auto host = runner_host_on(fault.host);
  switch (fault.kind) {
    case Kind::kKillWorker:
      if (!workers.empty()) ::kill(workers.front(), SIGKILL);
      break;
    case Kind::kKillRunnerHost:
      if (host) ::kill(*host, SIGKILL);
      break;
    case Kind::kKillListener:
      target.kill();
      start_again(fault.host);
      break;
    case Kind::kStopListener:
      target.program->signal(SIGTERM);
      EXPECT_EQ(target.program->exit_code(60s), 0);
      start_again(fault.host);
      break;
    case Kind::kPauseWorker:
      if (!workers.empty()) pause(workers.front(), fault);
      break;
    case Kind::kPauseListener:
      pause(target.program->pid(), fault);
      break;
    case Kind::kPauseOriginator:
      run.signal(SIGSTOP);
      leave_it_so(fault);
      run.signal(SIGCONT);
      break;
    default:
      ADD_FAILURE() << "not of a process: " << describe(fault);
  }
}

void ChaosTest::inject_into_broker(const Fault& fault) {
  switch (fault.kind) {
    case Kind::kPauseBroker:
      rabbit().pause();
      leave_it_so(fault);
      rabbit().resume();
      break;
    case Kind::kKillBroker:
      rabbit().kill();
      EXPECT_TRUE(rabbit().restart());
      break;
    case Kind::kStopBroker:
      rabbit().stop();
      EXPECT_TRUE(rabbit().restart());
      break;
    case Kind::kMemoryAlarm:
      EXPECT_TRUE(rabbit().raise_alarm("memory"));
      leave_it_so(fault);
      EXPECT_TRUE(rabbit().clear_alarm("memory"));
      break;
    default:
      ADD_FAILURE() << "not of the broker: " << describe(fault);
  }
}

void ChaosTest::inject_into_network(const Fault& fault) {
  switch (fault.kind) {
    case Kind::kCut:
      net().cut(fault.host);
      break;
    case Kind::kReset:
      return net().reset(fault.host);
    case Kind::kRefuse:
      net().refuse(fault.host);
      break;
    case Kind::kLoss:
      net().lose(fault.host, 30);
      break;
    case Kind::kSlowLink:
      net().slow(fault.host, 256);
      break;
    default:
      ADD_FAILURE() << "not of the network: " << describe(fault);
  }
  leave_it_so(fault);
  net().heal(fault.host);
}

/// Meanwhile results wait for whoever comes, and machines go on.
Program& ChaosTest::kill_and_resume(Program& run, const Sample& sample, const Fault& fault) {
  run.signal(SIGSTOP);
  EXPECT_TRUE(eventually(10s, [&] { return stands_still(run.pid()); }));
  if (Cluster::so_far(run).exit_code) {  // It has said its last word, and may end.
    run.signal(SIGCONT);
    return run;
  }
  run.signal(SIGKILL);
  EXPECT_TRUE(run.wait(10s));
  leave_it_so(fault);
  Program& resumed =
      cluster().start_gorgon({"resume", "--message-format", "json"}, sample.project.folder());
  // What it tells before is what has been.
  EXPECT_TRUE(eventually(120s, [&] {
    return !resumed.is_running() || Cluster::so_far(resumed).notice_text().contains("is taken up");
  }));
  return resumed;
}

Program& ChaosTest::inject(Program& run, const Sample& sample, const Fault& fault) {
  // Not before a machine has heard of it: a broker that cannot be reached at the start is an error.
  const bool has_begun = eventually(120s, [&] {
    const Report report = Cluster::so_far(run);
    return (!report.hosts.empty() && report.starts.size() >= fault.at_start) || !run.is_running();
  });
  EXPECT_TRUE(has_begun) << "the run stands still before: " << describe(fault);
  if (!run.is_running()) return run;
  ++injected_[fault.kind];
  if (fault.kind == Kind::kKillOriginator) {
    Program& resumed = kill_and_resume(run, sample, fault);
    measure_recovery(resumed, sample);
    return resumed;
  }
  if (is_of_network(fault.kind)) {
    inject_into_network(fault);
  } else if (fault.kind >= Kind::kPauseBroker) {
    inject_into_broker(fault);
  } else {
    inject_into_process(run, fault);
  }
  measure_recovery(run, sample);
  return run;
}

/// From the end of a fault to the next verdict.
void ChaosTest::measure_recovery(Program& run, const Sample& sample) {
  const auto ended = Clock::now();
  const std::size_t before = Cluster::so_far(run).units.size();
  if (before == sample.expected.size()) return;  // There is none to come.
  EXPECT_TRUE(eventually(120s, [&] {
    return !run.is_running() || Cluster::so_far(run).units.size() > before;
  })) << "no verdict since the fault has ended";
  const std::chrono::duration<double> took = Clock::now() - ended;
  if (took > kNoticeLimit)
    std::printf("  no verdict for %.1f s after it, the %lu.\n", took.count(), before + 1);
  longest_recovery_ = std::max(longest_recovery_, took.count());
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

void ChaosTest::run_job(std::uint64_t seed, std::uint64_t job) {
  revive_listeners();
  const Sample sample = add_sample(cluster());
  const std::vector<Fault> faults = plan_of(seed, job, sample.expected.size());
  Program* run = &start_run(sample, 0);
  for (const Fault& fault : faults) {
    std::printf("job %lu: %s\n", static_cast<unsigned long>(job), describe(fault).c_str());
    std::fflush(stdout);
    run = &inject(*run, sample, fault);
    if (HasFailure()) return;
  }
  const FinishedRun finished = expect_complete(*run, sample);
  ++jobs_;
  units_ += finished.report.units.size();
  for (const auto& [unit, starts] : finished.report.starts)
    second_starts_ += static_cast<std::size_t>(starts - 1);
  repeated_results_ +=
      occurrences(sample.project.read("originator.log"), "a repeated result was left aside");
}

TEST_F(ChaosTest, RandomFaultsBreakNoPromise) {
  const std::uint64_t seed = number_from("GORGON_CHAOS_SEED", 7);
  const std::chrono::seconds time(number_from("GORGON_CHAOS_SECONDS", 60));
  start_listeners();
  const auto began = Clock::now();
  for (std::uint64_t job = 1; Clock::now() < began + time && !HasFailure(); ++job) {
    run_job(seed, job);
    if (HasFailure())
      std::printf("VIOLATION in job %lu of seed %lu\n", static_cast<unsigned long>(job),
                  static_cast<unsigned long>(seed));
  }
  std::printf("seed %lu, %s: %s, %s, %s started again, %s left aside; longest recovery %.1f s\n",
              static_cast<unsigned long>(seed), human_duration(Clock::now() - began).c_str(),
              count_of(jobs_, "job").c_str(), count_of(units_, "unit").c_str(),
              count_of(second_starts_, "unit").c_str(),
              count_of(repeated_results_, "repeated result").c_str(), longest_recovery_);
  for (const auto& [kind, count] : injected_) std::printf("  %3zu  %s\n", count, name_of(kind));
}

}  // namespace
}  // namespace gorgon::test
