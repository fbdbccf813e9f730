// A test on a cluster of its own, on the lab of its program.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "harness.h"
#include "lab.h"

namespace gorgon::test {

/// The lab of this program, started by the first call and ended with it. A failure ends the
/// program.
[[nodiscard]] Lab& shared_lab();

class LabTest : public ::testing::Test {
 protected:
  void SetUp() override;
  /// Ends all faults, and checks that nothing is left.
  void TearDown() override;

  [[nodiscard]] Cluster& cluster() { return *cluster_; }
  [[nodiscard]] static Net& net() { return shared_lab().net(); }
  [[nodiscard]] static PrivateRabbit& rabbit() { return shared_lab().rabbit(); }

  /// All three, and waits until they are connected.
  void start_listeners();
  [[nodiscard]] RunningListener& listener(const std::string& name);
  /// A process of the job there, by a part of its command line, as soon as there is one.
  [[nodiscard]] pid_t process_on(const std::string& host, const std::string& text);
  /// That of the job there, if any; not a runner that it has just forked, which looks the same.
  [[nodiscard]] std::optional<pid_t> runner_host_on(const std::string& host);
  /// Starts a run of the sample, and waits until `started` of its units have begun: one on each
  /// worker, since the gate is closed.
  Program& start_held_run(const Sample& sample, std::size_t started = 6);
  /// And opens the gate.
  Program& start_run(const Sample& sample, std::size_t started = 6);
  /// Opens the gate, waits for the run's end and asks the oracle.
  FinishedRun expect_complete(Program& run, const Sample& sample);

 private:
  std::unique_ptr<Cluster> cluster_;
};

}  // namespace gorgon::test
