// What dies in the middle of a job: workers, runner hosts, listeners, RabbitMQ. The job completes,
// every unit has one verdict, and the exit code is right.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "broker/broker.h"
#include "harness.h"
#include "program.h"
#include "protocol/names.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {
namespace {

class FaultTest : public RabbitTest {
 protected:
  /// A run of `files` slow files on the cluster, once it is in full swing.
  Program& start_slow_run(std::size_t files, double seconds, std::size_t started = 4) {
    files_ = files;
    const Project project = cluster().add_slow_project(files, seconds);
    cluster().configure(project);
    Program& run = cluster().start_run(project);
    EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() >= started; }))
        << cluster().logs();
    return run;
  }
  /// All passed, in spite of everything.
  FinishedRun expect_complete(Program& program, std::chrono::seconds limit = 90s) {
    FinishedRun run = cluster().finish(program, limit);
    EXPECT_EQ(differences(Cluster::slow_units(files_), run.report), "");
    EXPECT_EQ(run.exit_code, 0) << run.report.reason << "\n" << run.report.notice_text();
    return run;
  }

  /// Eight files that wait for the gate, four of them on their way; on two listeners.
  Program& start_gated_run() {
    cluster().start_two_listeners();
    const Project project = cluster().add_project("");
    const std::string gate = (cluster().folder() / "gate").string();
    for (int i = 1; i <= 8; ++i) {
      project.write(
          "spec/" + std::to_string(i) + "_spec.rb",
          "RSpec.describe('x') { it('y') { sleep 0.02 until File.exist?('" + gate + "') } }\n");
    }
    cluster().configure(project);
    Program& run = cluster().start_run(project);
    EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() == 4; }));
    return run;
  }
  void open_gate() { Project(cluster().folder()).write("gate", ""); }
  void expect_eight_passed(Program& run) {
    const FinishedRun finished = cluster().finish(run, 180s);
    EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
    EXPECT_EQ(finished.report.units.size(), 8U);
  }
  /// From now on the file queue of the job answers nobody, though its broker does.
  void suspend_file_queue() {
    const auto queues = cluster().job_queues();
    const auto files = std::ranges::find_if(
        queues, [](const std::string& name) { return name.find("files") != std::string::npos; });
    ASSERT_NE(files, queues.end());
    file_queue_ = *files;
    tell_leader("suspend");
    ASSERT_TRUE(shared_rabbit().rabbitmqctl({"close_all_connections", "a test"}));
  }
  void resume_file_queue() { tell_leader("resume"); }

  std::size_t files_ = 0;  ///< Of the project that runs.
  std::string file_queue_;

 private:
  void tell_leader(const std::string& what) {
    ASSERT_TRUE(shared_rabbit().rabbitmqctl(
        {"eval", "{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"" +
                     file_queue_ + "\">>)), sys:" + what + "(element(1, amqqueue:get_pid(Q)))."}));
  }
};

TEST_F(FaultTest, KilledWorkerIsReplaced) {
  RunningListener& listener = cluster().start_listener();
  Program& run = start_slow_run(10, 0.5, 3);
  const auto workers = listener.workers();
  ASSERT_FALSE(workers.empty());
  ::kill(workers.front(), SIGKILL);
  expect_complete(run);
}

TEST_F(FaultTest, WorkerThatSomebodyTerminatesIsReplaced) {
  RunningListener& listener = cluster().start_listener();
  Program& run = start_slow_run(10, 0.5, 3);
  const auto workers = listener.workers();
  ASSERT_EQ(workers.size(), 2U);
  for (const pid_t worker : workers) ::kill(worker, SIGTERM);
  expect_complete(run);
}

/// Nobody knows what its hooks would have said: that is told, and fails nothing.
TEST_F(FaultTest, WorkerThatIsStoppedInItsHooksFailsNothing) {
  RunningListener& listener = cluster().start_listener();
  files_ = 2;
  const Project project = cluster().add_slow_project(files_, 0.1);
  const Project own(cluster().folder());
  cluster().configure(project, R"("job": {"callbacks": {"after_complete": "mkdir )" +
                                   own.folder().string() +
                                   R"(/$GORGON_WORKER_ID; exec sleep 600"}})");
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return own.has("1") && own.has("2"); })) << cluster().logs();
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).units.size() == 2; }));
  listener.program->signal(SIGTERM);
  const FinishedRun finished = expect_complete(run);
  for (const char* worker : {"worker 1", "worker 2"})
    EXPECT_NE(finished.report.notice_text().find(std::string(worker) +
                                                 " on one was stopped before its suite hooks"),
              std::string::npos)
        << finished.report.notice_text();
}

TEST_F(FaultTest, LongAlarmOfTheBrokerLosesNobody) {
  cluster().start_listener();
  files_ = 8;
  const Project project = cluster().add_slow_project(files_, 0.5);
  cluster().configure(project, R"("timeouts": {"start": 2})");
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() >= 2; }));
  ASSERT_TRUE(shared_rabbit().raise_alarm("memory"));
  // Workers that are silent for so long would be given up: what is under test is this very time.
  std::this_thread::sleep_for(40s);
  ASSERT_TRUE(shared_rabbit().clear_alarm("memory"));
  expect_complete(run);
}

TEST_F(FaultTest, UnitThatKillsEveryWorkerIsACrashAndHurtsNoOther) {
  cluster().start_two_listeners();
  const Project project = cluster().add_slow_project(6, 0.2);
  // Its parent is the runner host; the worker is the process that the listener started beside it.
  project.write("spec/killer_spec.rb",
                "RSpec.describe('killer') { it('kills the workers') {\n"
                "  host = Process.ppid\n"
                "  listener = File.read(\"/proc/#{host}/stat\")[/\\) \\S (\\d+)/, 1]\n"
                "  Dir.glob('/proc/[0-9]*/stat').each do |stat|\n"
                "    text = File.read(stat) rescue next\n"
                "    next unless text[/\\) \\S (\\d+)/, 1] == listener\n"
                "    pid = text.to_i\n"
                "    line = File.read(\"/proc/#{pid}/cmdline\") rescue next\n"
                "    Process.kill(:KILL, pid) if line.end_with?(\"worker\\0\")\n"
                "  end\n"
                "  sleep } }\n");
  project.write("spec/killer_spec.rb", "puts 'last words'\n" + project.read("spec/killer_spec.rb"));
  cluster().configure(project);
  const FinishedRun run = cluster().run(project, {}, 120s);
  ExpectedUnits expected = Cluster::slow_units(6);
  expected["spec/killer_spec.rb"].verdict = "crashed";
  EXPECT_EQ(differences(expected, run.report), "");
  EXPECT_EQ(run.exit_code, 1);
  const ReportedUnit* killer = run.report.unit("spec/killer_spec.rb");
  ASSERT_NE(killer, nullptr);
  EXPECT_EQ(killer->attempt, 2);
  EXPECT_EQ(run.report.starts.at("spec/killer_spec.rb"), 2);
  EXPECT_NE(killer->errors.find("ended with signal 9 (SIGKILL), worker"), std::string::npos)
      << killer->errors;
  EXPECT_NE(killer->output.find("last words"), std::string::npos) << killer->output;
}

TEST_F(FaultTest, UnitThatLosesItsMachineTwiceIsInnocent) {
  const Project project = cluster().add_project("");
  const auto gate = cluster().folder() / "gate";
  project.write("spec/long_spec.rb",
                "RSpec.describe('x') { it('y') { sleep 0.02 until File.exist?('" + gate.string() +
                    "') } }\n");
  cluster().configure(project);
  RunningListener* listener = &cluster().start_listener({.name = "host0"});
  Program& run = cluster().start_run(project);
  const auto is_started = [&](int times) {
    return eventually(120s, [&] {
      const auto starts = Cluster::so_far(run).starts;
      const auto found = starts.find("spec/long_spec.rb");
      return found != starts.end() && found->second == times;
    });
  };
  for (int lost = 1; lost <= 2; ++lost) {
    ASSERT_TRUE(is_started(lost)) << cluster().logs();
    // Nobody there can say a word any more.
    listener->program->signal(SIGSTOP);
    for (const pid_t worker : listener->workers()) ::kill(worker, SIGKILL);
    listener->kill();
    listener = &cluster().start_listener({.name = "host" + std::to_string(lost)});
  }
  ASSERT_TRUE(is_started(3)) << cluster().logs();
  Project(cluster().folder()).write("gate", "");
  const FinishedRun finished = cluster().finish(run, 60s);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
  EXPECT_EQ(finished.report.unit("spec/long_spec.rb")->attempt, 3);
  for (int i = 0; i < 2; ++i)  // Clear what the killed ones left.
    cluster().start_listener({.name = "host" + std::to_string(i)});
}

TEST_F(FaultTest, KilledRunnerHostIsStartedAgain) {
  RunningListener& listener = cluster().start_listener();
  Program& run = start_slow_run(10, 0.5, 3);
  const auto hosts = listener.runner_hosts();
  ASSERT_EQ(hosts.size(), 1U);
  ::kill(hosts.front(), SIGKILL);
  expect_complete(run);
}

TEST_F(FaultTest, KilledListenerLeavesItsWorkToTheOther) {
  RunningListener& one = cluster().start_listener({.name = "one"});
  cluster().start_listener({.name = "two"});
  Program& run = start_slow_run(12, 0.5);
  one.kill();
  const FinishedRun finished = expect_complete(run);
  EXPECT_LT(finished.seconds, 60);
  cluster().start_listener({.name = "one"});  // Clears what the killed one left.
}

TEST_F(FaultTest, ListenerThatComesLaterFinishesForTheKilledOne) {
  RunningListener& only = cluster().start_listener({.name = "one"});
  Program& run = start_slow_run(6, 0.5, 2);
  only.kill();
  cluster().start_listener({.name = "two"});
  expect_complete(run);
  cluster().start_listener({.name = "one"});
}

TEST_F(FaultTest, BrokerRestartInTheMiddleOfAJob) {
  cluster().start_two_listeners();
  Program& run = start_slow_run(24, 0.5, 6);
  shared_rabbit().kill();
  const auto restarted = shared_rabbit().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  expect_complete(run, 120s);
}

TEST_F(FaultTest, BrokerStopsInGoodOrderAndComesBack) {
  cluster().start_two_listeners();
  Program& run = start_slow_run(16, 0.5, 5);
  shared_rabbit().stop();
  const auto restarted = shared_rabbit().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  expect_complete(run, 120s);
}

TEST_F(FaultTest, BrokerThatLosesEverythingGetsItAgain) {
  cluster().start_two_listeners();
  files_ = 16;
  const Project project = cluster().add_slow_project(files_, 0.5);
  cluster().configure(project);
  Program& run = cluster().start_run(project, {"-j", "3"});
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() >= 4; }));
  for (const char* command : {"stop_app", "force_reset", "start_app"})
    ASSERT_TRUE(shared_rabbit().rabbitmqctl({command})) << command;
  expect_complete(run, 120s);
}

/// After a restart under load RabbitMQ takes logins seconds before its quorum queues answer.
TEST_F(FaultTest, QueueThatAnswersLateLosesNobody) {
  Program& run = start_gated_run();
  suspend_file_queue();
  open_gate();
  const bool is_noticed = eventually(
      60s, [&] { return cluster().logs().find("cannot take units") != std::string::npos; });
  resume_file_queue();
  EXPECT_TRUE(is_noticed) << cluster().logs();
  expect_eight_passed(run);
}

/// After a kill -9 RabbitMQ 3.10 now and then has a queue that answers nobody until it is deleted.
TEST_F(FaultTest, QueueThatNeverAnswersAgainIsReplaced) {
  Program& run = start_gated_run();
  suspend_file_queue();
  open_gate();
  expect_eight_passed(run);  // RabbitMQ removes a queue that does not even answer its removal.
}

/// A shell command that says that it runs, waits for the gate, and fails.
std::string failing_behind_gate(const std::string& folder) {
  return "touch " + folder + "/begun; until test -e " + folder +
         "/gate; do sleep 0.05; done; echo on purpose; exit 3";
}

/// All verdicts are in, and the broker goes away before the goodbyes have been said.
class LostGoodbyeTest : public FaultTest {
 protected:
  /// Runs two files with this callback failing while the broker is away.
  void run_with(const std::string& callback) {
    cluster().start_listener();
    const Project project = cluster().add_slow_project(2, 0.1);
    const Project own(cluster().folder());
    cluster().configure(project, R"("job": {"callbacks": {")" + callback + R"(": ")" +
                                     failing_behind_gate(own.folder().string()) + "\"}}");
    Program& run = cluster().start_run(project);
    EXPECT_TRUE(eventually(60s, [&] { return own.has("begun"); })) << cluster().logs();
    shared_rabbit().kill();
    own.write("gate", "");
    const auto restarted = shared_rabbit().restart();
    EXPECT_TRUE(restarted) << restarted.error().message;
    const FinishedRun finished = cluster().finish(run, 120s);
    EXPECT_EQ(finished.exit_code, 1) << "the hook's failure was missed";
    EXPECT_NE(finished.report.notice_text().find("on purpose"), std::string::npos);
    EXPECT_EQ(finished.report.notice_text().find("no goodbye"), std::string::npos)
        << finished.report.notice_text();
    EXPECT_EQ(differences(Cluster::slow_units(2), finished.report), "");
  }
};

TEST_F(LostGoodbyeTest, FailingAfterCompleteIsToldWhenTheBrokerIsBack) {
  run_with("after_complete");
}

TEST_F(LostGoodbyeTest, FailingAfterCreatingWorkersIsToldWhenTheBrokerIsBack) {
  run_with("after_creating_workers");
}

/// Takes messages out of a reply queue as a second consumer, and puts them back in threes: the last
/// one first, each of them twice, and the first half of each as well.
class Meddler {
 public:
  explicit Meddler(std::string queue) : queue_(std::move(queue)), timer_(io_) {
    spawn(io_.get_executor(), meddle(this));
    thread_ = std::thread([this] { io_.run(); });
  }
  Meddler(const Meddler&) = delete;
  Meddler& operator=(const Meddler&) = delete;
  ~Meddler() {
    io_.stop();
    thread_.join();
  }
  [[nodiscard]] std::size_t messages() const { return messages_; }

 private:
  static constexpr std::size_t kAtOnce = 3;
  /// Whoever keeps messages for longer stops the run, which is another fault.
  static constexpr auto kKept = 200ms;

  static Task<void> meddle(Meddler* self) {
    broker::Address address = shared_rabbit().connection();
    std::string name = "meddler";
    auto connected = co_await broker::connect(std::move(address), std::move(name));
    if (!connected) co_return;
    self->connection_ = std::move(*connected);
    std::string queue = self->queue_;
    const auto consuming = co_await self->connection_->consume(std::move(queue), kAtOnce);
    if (!consuming) co_return;
    for (;;) {
      auto event = co_await self->connection_->next_event();
      const auto* delivery = event ? std::get_if<broker::Delivery>(&*event) : nullptr;
      if (delivery == nullptr) co_return;  // The run is over.
      self->kept_.push_back(*delivery);
      if (self->kept_.size() == 1) {
        self->timer_.expires_after(kKept);
        self->timer_.async_wait([self](const boost::system::error_code&) {
          spawn(self->io_.get_executor(), put_back(self));
        });
      }
      // The timer's end comes at once then.
      if (self->kept_.size() == kAtOnce) self->timer_.cancel();
    }
  }

  static Task<void> put_back(Meddler* self) {
    const auto kept = std::exchange(self->kept_, {});
    std::vector<broker::Message> messages;
    const auto add = [&](const std::string& body) {
      messages.push_back({broker::to_queue(self->queue_), body});
    };
    for (auto delivery = kept.rbegin(); delivery != kept.rend(); ++delivery) {
      add(delivery->body.substr(0, delivery->body.size() / 2));
      add(delivery->body);
      add(delivery->body);
    }
    const auto published = co_await self->connection_->publish(std::move(messages));
    if (!published) co_return;
    self->messages_ += kept.size();
    for (const auto& delivery : kept) (void)self->connection_->ack(delivery.tag);
  }

  std::string queue_;
  asio::io_context io_{1};
  std::unique_ptr<broker::Connection> connection_;
  std::vector<broker::Delivery> kept_;
  asio::steady_timer timer_;
  std::atomic<std::size_t> messages_ = 0;
  std::thread thread_;
};

TEST_F(FaultTest, MessagesThatComeTwiceInHalvesAndOutOfOrder) {
  cluster().start_two_listeners();
  Program& run = start_slow_run(40, 0.2, 2);
  const Meddler meddler(protocol::reply_queue(Cluster::so_far(run).job));
  const FinishedRun finished = expect_complete(run);
  EXPECT_GT(meddler.messages(), 10U) << "nothing was meddled with";
  EXPECT_NE(finished.report.notice_text().find("a message was left aside"), std::string::npos);
}

TEST_F(FaultTest, IdleListenersComeBackToARestartedBroker) {
  cluster().start_two_listeners();
  shared_rabbit().kill();
  const auto restarted = shared_rabbit().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  Program& run = start_slow_run(8, 0.2, 1);
  expect_complete(run);
}

}  // namespace
}  // namespace gorgon::test
