#include "lab_fixture.h"

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/process_tree.h"
#include "harness.h"
#include "lab.h"
#include "oracle.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {

namespace {

constexpr auto kRunLimit = 300s;

std::unique_ptr<Lab>& instance() {
  static std::unique_ptr<Lab> lab;
  return lab;
}

class EndSharedLab : public ::testing::Environment {
 public:
  void TearDown() override { instance().reset(); }
};

[[maybe_unused]] const ::testing::Environment* const end_shared_lab =
    ::testing::AddGlobalTestEnvironment(new EndSharedLab);

}  // namespace

Lab& shared_lab() {
  if (!instance()) {
    auto made = Lab::make();
    if (!made) {
      std::fprintf(stderr, "cannot run tests: %s\n", made.error().message.c_str());
      std::exit(1);
    }
    instance() = *std::move(made);
  }
  return *instance();
}

void LabTest::SetUp() {
  cluster_ = std::make_unique<Cluster>(TestBroker::kRabbitMq, shared_lab().site());
}

void LabTest::TearDown() {
  shared_lab().heal();
  cluster_->check_nothing_is_left();
  if (HasFailure()) {
    cluster_->keep_folder();
    std::cout << cluster_->logs() << "kept: " << cluster_->folder() << "\n";
  }
  cluster_.reset();
}

void LabTest::start_listeners() {
  for (const char* name : kListenerHosts)
    cluster_->start_listener({.name = name, .wait_until_ready = false});
  for (const char* name : kListenerHosts) {
    EXPECT_TRUE(eventually(30s, [&] {
      return listener(name).log().find("listening on") != std::string::npos;
    })) << cluster_->logs();
  }
}

RunningListener& LabTest::listener(const std::string& name) {
  RunningListener* found = nullptr;  // The last of that name: it may have been started again.
  for (RunningListener& listener : cluster_->listeners()) {
    if (listener.setup.name == name) found = &listener;
  }
  if (found == nullptr) {
    std::fprintf(stderr, "no listener %s\n", name.c_str());
    std::abort();
  }
  return *found;
}

pid_t LabTest::process_on(const std::string& host, const std::string& text) {
  const pid_t owner = listener(host).program->pid();
  std::vector<pid_t> found;
  EXPECT_TRUE(eventually(60s, [&] { return !(found = children_matching(owner, text)).empty(); }))
      << "no process \"" << text << "\" on " << host << "\n"
      << cluster_->logs();
  // A signal to nobody does nothing; the test has failed.
  return found.empty() ? std::numeric_limits<pid_t>::max() : found.front();
}

std::optional<pid_t> LabTest::runner_host_on(const std::string& host) {
  const std::vector<pid_t> alike = listener(host).runner_hosts();
  std::vector<pid_t> hosts = alike;
  for (const pid_t parent : alike) {
    for (const pid_t child : descendants_of(parent)) std::erase(hosts, child);
  }
  if (hosts.empty()) return std::nullopt;
  return hosts.front();
}

Program& LabTest::start_held_run(const Sample& sample, std::size_t started) {
  sample.close_gate();
  Program& run = cluster_->start_run(sample.project);
  EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() >= started; }))
      << cluster_->logs();
  return run;
}

Program& LabTest::start_run(const Sample& sample, std::size_t started) {
  Program& run = start_held_run(sample, started);
  sample.open_gate();
  return run;
}

FinishedRun LabTest::expect_complete(Program& run, const Sample& sample) {
  sample.open_gate();
  FinishedRun finished = cluster_->finish(run, kRunLimit);
  expect_right_verdicts(sample, finished);
  expect_no_traces(*cluster_);
  return finished;
}

}  // namespace gorgon::test
