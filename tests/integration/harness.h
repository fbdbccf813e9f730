// The built gorgon with everything around it, for one test: projects, listeners, runs, and the
// check afterwards that nothing of them is left.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "program.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {

using namespace std::chrono_literals;

/// Where this process's cgroups of version 2 are; empty when there are none.
[[nodiscard]] std::filesystem::path own_cgroup();

/// A copy of a project, for the test to change.
class Project {
 public:
  explicit Project(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  void write(const std::string& file, const std::string& text) const;
  /// Empty when there is no such file.
  [[nodiscard]] std::string read(const std::string& file) const;
  [[nodiscard]] bool has(const std::string& file) const;

 private:
  std::filesystem::path folder_;
};

/// Of its runs that have not come to their ends.
[[nodiscard]] std::vector<std::filesystem::path> journals_of(const Project& project);
/// The messages to the originator that stand in them, in order.
[[nodiscard]] std::vector<std::string> journalled(const Project& project);

struct ListenerSetup {
  std::string name = "one";    ///< What its folders are called.
  std::string host_name = {};  ///< Empty: `name`.
  std::size_t slots = 2;
  std::string keys = {};  ///< Further members of gorgon_listener.json: `"allow_gem_command": true`.
  std::vector<std::string> arguments = {"--foreground"};
  std::string clock_offset = {};  ///< As libfaketime takes it ("+1h"); empty: the right time.
  bool wait_until_ready = true;   ///< Until it is connected.
};

struct RunningListener {
  ListenerSetup setup;
  std::filesystem::path home;  ///< Its own HOME, working directory and workspaces.
  std::unique_ptr<Program> program;
  bool may_be_gone = false;  ///< The test has killed it.

  [[nodiscard]] std::filesystem::path workspaces() const { return home / "workspaces"; }
  [[nodiscard]] std::string log() const { return program->errors(); }
  /// Pids of its children.
  [[nodiscard]] std::vector<pid_t> workers() const {
    return children_matching(program->pid(), " worker");
  }
  [[nodiscard]] std::vector<pid_t> runner_hosts() const {
    return children_matching(program->pid(), "gorgon host: job");
  }
  void kill();
};

/// How a run ended.
struct FinishedRun {
  int exit_code = -1;  ///< -1: it did not end in time, and was killed.
  double seconds = 0;
  Report report;
  std::string output;
  std::string errors;
};

/// Its cases' statuses by name.
[[nodiscard]] std::map<std::string, std::string> names(const FinishedRun& run);
/// Name and status of each, as often as there are cases of that name.
[[nodiscard]] std::vector<CaseRow> rows(const FinishedRun& run);

enum class TestBroker { kEmbedded, kRabbitMq };

/// Where the programs of a cluster run, and their RabbitMQ. By itself: here, with the shared one.
struct Site {
  PrivateRabbit* rabbit = nullptr;
  std::string broker_address = "127.0.0.1";
  std::chrono::seconds heartbeat = 5s;
  /// The arguments that start `argv` on a host: a listener's name, or "originator". Null: as they
  /// are.
  std::function<std::vector<std::string>(const std::string& host, std::vector<std::string> argv)>
      place = nullptr;
};

class Cluster {
 public:
  explicit Cluster(TestBroker broker, Site site = {});
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  /// A folder of this test, removed with it unless it failed.
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// For each program: HOME, TMPDIR and a mark of this test's own, and nothing that changes what
  /// Ruby does.
  [[nodiscard]] Environment environment(const std::filesystem::path& home) const;

  /// For all programs started from now on.
  void set_environment(const std::string& name, const std::string& value) {
    extra_environment_.emplace_back(name, value);
  }

  /// Copies tests/fixtures/FIXTURE (nothing, when empty) to a new folder called `name`, or `name`-2
  /// and so on.
  Project add_project(const std::string& fixture, const std::string& name = "project");
  /// A package of npm that ships its tests, with all others that script/test installs in its
  /// node_modules.
  Project add_npm_package(const std::string& name);
  /// A project of `files` spec files, each of one case that takes `seconds`; and its table.
  Project add_slow_project(std::size_t files, double seconds);
  [[nodiscard]] static ExpectedUnits slow_units(std::size_t files);
  /// Writes its gorgon.json: the connection to this cluster (with RabbitMQ), and `keys`, members of
  /// the object as JSON text.
  void configure(const Project& project, const std::string& keys = {}) const;
  /// `"connection": {…}` of this cluster.
  [[nodiscard]] std::string connection_key() const;
  /// What its listeners have as cluster_id.
  [[nodiscard]] const std::string& name() const { return id_; }

  RunningListener& start_listener(ListenerSetup setup = {});
  /// Listeners of the usual size of these tests: "one" and "two", two slots each.
  void start_two_listeners();

  /// Starts any gorgon command; its output goes into this test's logs.
  Program& start_gorgon(const std::vector<std::string>& arguments,
                        const std::filesystem::path& directory,
                        const std::filesystem::path& home = {});
  /// Runs one to its end; a run that takes longer than `limit` fails the test.
  FinishedRun gorgon(const std::vector<std::string>& arguments,
                     const std::filesystem::path& directory,
                     std::chrono::steady_clock::duration limit = 60s,
                     const std::filesystem::path& home = {});
  /// `gorgon start --message-format json ARGUMENTS` in the project.
  Program& start_run(const Project& project, std::vector<std::string> arguments = {});
  /// Waits for its end and reads its events. Fails the test when it takes longer than `limit`, or
  /// when its events contradict themselves or its exit code.
  FinishedRun finish(Program& run, std::chrono::steady_clock::duration limit = 120s);
  FinishedRun run(const Project& project, std::vector<std::string> arguments = {},
                  std::chrono::steady_clock::duration limit = 120s);
  /// Presses Ctrl-C twice: tests that run are not waited for.
  static void interrupt(Program& run);
  /// The events of a run in progress so far.
  [[nodiscard]] static Report so_far(const Program& run) { return read_report(run.output()); }

  /// Starts any other program, in this test's environment.
  Program& start_program(std::vector<std::string> argv, const std::filesystem::path& directory);
  /// Runs one to its end.
  FinishedRun other_program(std::vector<std::string> argv, const std::filesystem::path& directory,
                            std::chrono::steady_clock::duration limit = 120s);

  [[nodiscard]] PrivateRabbit& rabbit() const;
  /// Ids of all jobs of this test.
  [[nodiscard]] std::set<std::string> jobs() const;
  [[nodiscard]] std::list<RunningListener>& listeners() { return listeners_; }

  /// All that run now and were started by this test, at whatever remove.
  [[nodiscard]] std::vector<pid_t> processes() const;
  /// Names of this broker's queues that belong to jobs of this test.
  [[nodiscard]] std::vector<std::string> job_queues() const;
  /// Fails the test for what its jobs have left while their listeners run on: queues, processes.
  void check_jobs_are_gone();
  void check_cgroups_are_gone() const;
  /// Stops what runs, and fails the test for everything that is left: queues, processes, folders,
  /// cgroups, and what a sanitizer has reported.
  void check_nothing_is_left();
  /// All logs of this test.
  [[nodiscard]] std::string logs() const;
  void keep_folder() { is_kept_ = true; }

 private:
  [[nodiscard]] Program& start(std::vector<std::string> argv,
                               const std::filesystem::path& directory,
                               const std::filesystem::path& home, const std::string& name);
  void stop_listeners();
  void check_processes_are_gone() const;
  void check_folders_are_empty() const;
  void check_sanitizers_are_silent() const;

  TestBroker broker_;
  Site site_;
  std::string id_;  ///< Marks this test's processes; with RabbitMQ the name of its cluster, too.
  std::filesystem::path folder_;
  std::list<RunningListener> listeners_;
  std::list<Program> programs_;
  Environment extra_environment_;
  bool is_kept_ = false;
};

/// Publishes on the shared RabbitMQ, in order, as anybody with an account may. Fails the test when
/// the broker does not take all.
void publish(const broker::Destination& to, const std::vector<std::string>& bodies);

/// A test on a cluster of its own.
class ClusterTest : public ::testing::Test {
 protected:
  explicit ClusterTest(TestBroker broker) : broker_(broker) {}
  void SetUp() override { cluster_ = std::make_unique<Cluster>(broker_); }
  void TearDown() override;
  [[nodiscard]] Cluster& cluster() { return *cluster_; }

 private:
  TestBroker broker_;
  std::unique_ptr<Cluster> cluster_;
};

class LocalTest : public ClusterTest {
 protected:
  LocalTest() : ClusterTest(TestBroker::kEmbedded) {}
};

class RabbitTest : public ClusterTest {
 protected:
  RabbitTest() : ClusterTest(TestBroker::kRabbitMq) {}
};

}  // namespace gorgon::test
