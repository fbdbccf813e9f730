// Whose jobs a machine runs: who is refused by a listener with trusted keys, with which words, and
// who is not. Forged messages come from here, as from anybody who can publish on the broker.
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/text.h"
#include "broker/broker.h"
#include "config/project_config.h"
#include "harness.h"
#include "program.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {
namespace {

using std::string;
using Time = std::chrono::system_clock::time_point;

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Somebody with an account on the broker: reads what goes to the listeners of a cluster and to a
/// reply queue of its own, and publishes what it likes.
class Intruder {
 public:
  explicit Intruder(const string& cluster)
      : cluster_(cluster), replies_("intruder-" + random_id(8)) {
    run(start());
    reader_ = std::thread([this] { io_.run(); });
  }
  Intruder(const Intruder&) = delete;
  Intruder& operator=(const Intruder&) = delete;
  ~Intruder() {
    io_.stop();
    reader_.join();
    asio::io_context io;
    (void)run_to_completion(io, delete_replies());
  }

  [[nodiscard]] const string& replies() const { return replies_; }
  /// All message bodies seen so far.
  [[nodiscard]] std::vector<string> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  /// To all listeners.
  void broadcast(const string& body) {
    publish(broker::to_topic(protocol::jobs_topic(cluster_)), {body});
  }
  void control(const string& body) {
    publish(broker::to_topic(protocol::control_topic(cluster_)), {body});
  }
  /// The first message of the type that satisfies `wanted`, within a generous limit.
  template <class M>
  std::optional<M> wait_for(const std::function<bool(const M&)>& wanted) {
    std::optional<M> found;
    (void)eventually(60s, [&] {
      for (const string& body : seen()) {
        const auto message = protocol::decode(body);
        const M* candidate = message ? std::get_if<M>(&*message) : nullptr;
        if (candidate != nullptr && wanted(*candidate)) found = *candidate;
      }
      return found.has_value();
    });
    return found;
  }
  /// What a listener answers to a job of this id.
  string refusal_of(const string& job) {
    const auto state = wait_for<protocol::HostState>([&](const auto& m) { return m.job == job; });
    if (!state) return "no answer";
    return state->state == protocol::HostState::State::kRefused ? state->message : "not refused";
  }
  /// The last envelope of a job that went to all listeners.
  std::optional<string> signed_job() {
    std::optional<string> found;
    (void)eventually(60s, [&] {
      for (const string& body : seen()) {
        const auto envelope = protocol::open_envelope(body);
        if (!envelope || !*envelope) continue;
        const auto message = protocol::decode((*envelope)->message);
        if (message && std::holds_alternative<protocol::JobDefinition>(*message)) found = body;
      }
      return found.has_value();
    });
    return found;
  }

 private:
  static Task<Result<std::shared_ptr<broker::Connection>>> connect() {
    broker::Address address = shared_rabbit().connection();
    string name = "intruder";
    auto connected = co_await broker::connect(std::move(address), std::move(name));
    if (!connected) co_return std::unexpected(connected.error());
    std::shared_ptr<broker::Connection> connection = std::move(*connected);
    co_return connection;
  }
  void run(Task<Result<void>> task) { must(run_to_completion(io_, std::move(task))); }
  Task<Result<void>> start() {
    GORGON_CO_TRY_ASSIGN(connection_, co_await connect());
    std::vector<string> topics;
    topics.push_back(protocol::jobs_topic(cluster_));
    topics.push_back(protocol::control_topic(cluster_));
    for (const string& topic : topics) GORGON_CO_TRY(co_await connection_->declare_topic(topic));
    GORGON_CO_TRY_ASSIGN(const string own, co_await connection_->declare_own_queue(topics));
    broker::ReplyQueue queue{.name = replies_};
    GORGON_CO_TRY(co_await connection_->declare_reply_queue(std::move(queue)));
    GORGON_CO_TRY(co_await connection_->consume(own, 100));
    GORGON_CO_TRY(co_await connection_->consume(replies_, 100));
    spawn(io_.get_executor(), read(this));
    co_return Result<void>();
  }
  static Task<void> read(Intruder* self) {
    for (;;) {
      auto event = co_await self->connection_->next_event();
      if (!event) co_return;
      const auto* delivery = std::get_if<broker::Delivery>(&*event);
      if (delivery == nullptr) continue;
      (void)self->connection_->ack(delivery->tag);
      const std::lock_guard lock(self->mutex_);
      self->seen_.push_back(delivery->body);
    }
  }
  Task<Result<void>> delete_replies() {
    GORGON_CO_TRY_ASSIGN(const auto connection, co_await connect());
    GORGON_CO_TRY(co_await connection->delete_queue(replies_));
    co_await connection->close();
    co_return Result<void>();
  }

  string cluster_;
  string replies_;
  asio::io_context io_{1};
  std::shared_ptr<broker::Connection> connection_;
  std::mutex mutex_;  ///< Guards seen_, which the thread below fills.
  std::vector<string> seen_;
  std::thread reader_;
};

class TrustTest : public RabbitTest {
 protected:
  fs::path home(const string& person) {
    fs::path home = cluster().folder() / "people" / person;
    fs::create_directories(home);
    return home;
  }
  /// `gorgon keygen` in a home of its own; gives the public key.
  string keygen(const string& person) {
    const FinishedRun made = cluster().gorgon({"keygen"}, cluster().folder(), 60s, home(person));
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    return made.output.substr(0, made.output.find('\n'));
  }
  PrivateKey private_key(const string& person) {
    return must(PrivateKey::load(home(person) / ".config/gorgon/key"));
  }
  /// `gorgon trust` on the machine of a listener, started or not.
  void trust(const string& listener, const string& key, const string& rights = "run") {
    const fs::path home = cluster().folder() / "listeners" / listener;
    fs::create_directories(home);
    const FinishedRun done =
        cluster().gorgon({"trust", key, "--rights", rights, "--name", "somebody"}, home, 60s, home);
    EXPECT_EQ(done.exit_code, 0) << done.errors;
  }
  /// `gorgon start`, by somebody who has a key or not.
  Program& start_as(const string& person, const Project& project,
                    std::vector<string> arguments = {}) {
    arguments.insert(arguments.begin(), {"start", "--message-format", "json"});
    return cluster().start_gorgon(arguments, project.folder(), home(person));
  }
  FinishedRun run_as(const string& person, const Project& project,
                     std::vector<string> arguments = {}) {
    return cluster().finish(start_as(person, project, std::move(arguments)));
  }
  Project quick_project() {
    const Project project = cluster().add_slow_project(4, 0.1);
    cluster().configure(project);
    return project;
  }
  protocol::JobDefinition job_of(const Intruder& intruder) {
    return {.id = random_id(12),
            .project = "evil",
            .originator = "mallory",
            .cluster = cluster().name(),
            .file_queue = "none",
            .reply_queue = intruder.replies(),
            .source = {.transport = config::Transport::kNone, .source = "/nowhere"}};
  }
  string sealed(const protocol::Message& message, const string& person,
                Time signed_at = std::chrono::system_clock::now()) {
    return protocol::seal(message, private_key(person), {.cluster = cluster().name()}, signed_at);
  }
};

// ---- who is let in ----

TEST_F(TrustTest, ATrustedKeyRunsOnEveryMachineThatTrustsIt) {
  const string ann = keygen("ann");
  trust("one", ann);
  trust("two", ann);
  cluster().start_two_listeners();
  const FinishedRun run = run_as("ann", quick_project());
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(differences(Cluster::slow_units(4), run.report), "");
}

TEST_F(TrustTest, OnlyATrustedKeyLearnsWhatAMachineRuns) {
  trust("one", keygen("ann"));
  cluster().start_listener();
  const Project project = cluster().add_slow_project(2, 20);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() == 2; }));
  const auto status = [&](const string& person) {
    return cluster().gorgon({"status", "--wait", "0.5"}, project.folder(), 60s, home(person));
  };
  const FinishedRun anns = status("ann");
  EXPECT_TRUE(says(anns.output, "slow_01_spec.rb")) << anns.output;
  keygen("mallory");
  for (const char* stranger : {"mallory", "nobody"}) {
    const FinishedRun strangers = status(stranger);
    EXPECT_EQ(strangers.exit_code, 0);
    EXPECT_FALSE(says(strangers.output, "_spec.rb")) << strangers.output;
    EXPECT_TRUE(says(strangers.output, "2 slots, 0 free")) << strangers.output;
    EXPECT_TRUE(says(strangers.output, "says only to trusted keys")) << strangers.output;
  }
  Cluster::interrupt(run);
  EXPECT_EQ(cluster().finish(run).exit_code, 130);
}

TEST_F(TrustTest, ASignedJobRunsWhereNobodyAsksForSignatures) {
  keygen("ann");
  cluster().start_listener();
  const FinishedRun run = run_as("ann", quick_project());
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.report.tree.starts_with("blake2b:"))
      << "it is at hand, so that the record has it";
}

/// What the boot of an application makes in its tree, nobody has signed.
TEST_F(TrustTest, TheNextSignedJobGetsTheTreeThatWasKept) {
  trust("one", keygen("ann"));
  const RunningListener& listener = cluster().start_listener();
  const Project project = quick_project();
  project.write("boot.rb", "File.write('made.txt', 'by the boot')\n");
  cluster().configure(project, R"("job": {"preload": ["boot"]})");
  for (int run = 0; run < 3; ++run) {
    const FinishedRun finished = run_as("ann", project);
    EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << listener.log();
  }
  EXPECT_TRUE(says(listener.log(), "the job is signed")) << listener.log();
}

TEST_F(TrustTest, AMachineThatComesLateTakesTheJob) {
  const string ann = keygen("ann");
  trust("one", ann);
  trust("two", ann);
  cluster().start_listener({.name = "one", .slots = 1});
  const Project project = cluster().add_slow_project(20, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  RunningListener& two = cluster().start_listener({.name = "two"});
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  EXPECT_TRUE(finished.report.hosts.contains("two")) << two.log();
  EXPECT_FALSE(says(two.log(), "refused")) << two.log();
}

TEST_F(TrustTest, AMachineThatComesBackTakesTheJobAgain) {
  const string ann = keygen("ann");
  trust("one", ann);
  RunningListener& first = cluster().start_listener();
  const Project project = cluster().add_slow_project(8, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  first.kill();
  RunningListener& second = cluster().start_listener();
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  EXPECT_EQ(differences(Cluster::slow_units(8), finished.report), "");
  EXPECT_FALSE(says(second.log(), "refused")) << second.log();
}

TEST_F(TrustTest, ABrokerThatRestartsInTheMiddleRefusesNobody) {
  const string ann = keygen("ann");
  trust("one", ann);
  RunningListener& listener = cluster().start_listener();
  const Project project = cluster().add_slow_project(12, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  shared_rabbit().stop();
  must(shared_rabbit().restart());
  const FinishedRun finished = cluster().finish(run, 180s);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  EXPECT_EQ(differences(Cluster::slow_units(12), finished.report), "");
  EXPECT_FALSE(says(listener.log(), "refused")) << listener.log();
}

// ---- who is not ----

TEST_F(TrustTest, AnUnsignedRunIsRefusedByNameAndReason) {
  trust("one", keygen("ann"));
  RunningListener& listener = cluster().start_listener();
  const FinishedRun run = run_as("nobody", quick_project(), {"--start-timeout", "1"});
  EXPECT_EQ(run.exit_code, 9);
  EXPECT_TRUE(says(run.report.reason, "one: refused: it is not signed")) << run.report.reason;
  EXPECT_TRUE(says(listener.log(), "is refused: it is not signed")) << listener.log();
}

TEST_F(TrustTest, ARunWithAStrangersKeyIsRefusedUntilItIsTrusted) {
  trust("one", keygen("ann"));
  cluster().start_listener();
  const string ben = keygen("ben");
  const FinishedRun run = run_as("ben", quick_project(), {"--start-timeout", "1"});
  EXPECT_EQ(run.exit_code, 9);
  EXPECT_TRUE(says(run.report.reason, "gorgon trust " + ben)) << run.report.reason;
  trust("one", ben);
  EXPECT_EQ(run_as("ben", quick_project()).exit_code, 0);
}

TEST_F(TrustTest, OneMachineThatRefusesDoesNotEndTheRun) {
  trust("one", keygen("ann"));
  cluster().start_two_listeners();
  const FinishedRun run = run_as("nobody", quick_project());
  EXPECT_EQ(run.exit_code, 0) << run.report.reason;
  EXPECT_EQ(differences(Cluster::slow_units(4), run.report), "");
}

TEST_F(TrustTest, ForgedJobsAreRefusedEachForItsReason) {
  trust("one", keygen("ann"));
  trust("one", keygen("boss"), "cancel,exec");
  keygen("mallory");
  RunningListener& listener = cluster().start_listener();
  Intruder intruder(cluster().name());
  const Time now = std::chrono::system_clock::now();
  const auto refusal = [&](const protocol::JobDefinition& job, const string& body) {
    intruder.broadcast(body);
    return intruder.refusal_of(job.id);
  };
  auto job = job_of(intruder);
  EXPECT_TRUE(says(refusal(job, protocol::encode(job)), "it is not signed"));
  job = job_of(intruder);
  EXPECT_TRUE(says(refusal(job, sealed(job, "mallory")), "does not trust"));
  job = job_of(intruder);
  EXPECT_TRUE(says(refusal(job, sealed(job, "ann", now - 2h)), "it expired"));
  job = job_of(intruder);
  EXPECT_TRUE(says(refusal(job, sealed(job, "ann", now + 2h)), "in the future"));
  job = job_of(intruder);
  EXPECT_TRUE(says(refusal(job, sealed(job, "boss")), "no right to \"run\""));
  job = job_of(intruder);
  string altered = sealed(job, "ann");
  altered.replace(altered.find("/nowhere"), 8, "/etc/evi");
  EXPECT_TRUE(says(refusal(job, altered), "it was altered"));
  job = job_of(intruder);
  const string elsewhere = protocol::seal(job, private_key("ann"), {.cluster = "other"},
                                          std::chrono::system_clock::now());
  EXPECT_TRUE(says(refusal(job, elsewhere), "for the cluster \"other\""));
  EXPECT_FALSE(says(listener.log(), "(evil)")) << "a forged job was started: " << listener.log();
}

TEST_F(TrustTest, AnOldJobThatIsSentAgainIsRefusedAlsoAfterARestart) {
  const string ann = keygen("ann");
  trust("one", ann);
  RunningListener& first = cluster().start_listener();
  Intruder intruder(cluster().name());
  EXPECT_EQ(run_as("ann", quick_project()).exit_code, 0);
  const auto body = intruder.signed_job();
  ASSERT_TRUE(body);
  EXPECT_TRUE(eventually(60s, [&] { return says(first.log(), "has ended here"); })) << first.log();
  intruder.broadcast(*body);
  EXPECT_TRUE(eventually(60s, [&] { return says(first.log(), "old message, sent again"); }))
      << first.log();
  first.kill();
  RunningListener& second = cluster().start_listener();
  intruder.broadcast(*body);
  EXPECT_TRUE(eventually(60s, [&] { return says(second.log(), "old message, sent again"); }))
      << second.log();
  EXPECT_FALSE(says(second.log(), "has ended here")) << second.log();
}

TEST_F(TrustTest, AJobIsCancelledByWhoeverMayAndNobodyElse) {
  trust("one", keygen("ann"));
  trust("one", keygen("ben"), "run");
  trust("one", keygen("boss"), "cancel");
  cluster().start_listener();
  const Project project = cluster().add_slow_project(200, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project, {"--start-timeout", "1"});
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  Intruder intruder(cluster().name());
  const protocol::CancelJob cancel{.job = Cluster::so_far(run).job};
  const auto notices = [&] { return Cluster::so_far(run).notice_text(); };
  intruder.control(protocol::encode(cancel));
  EXPECT_TRUE(eventually(60s, [&] { return says(notices(), "it is not signed"); })) << notices();
  intruder.control(sealed(cancel, "ben"));
  EXPECT_TRUE(eventually(60s, [&] { return says(notices(), "no right to \"cancel\""); }))
      << notices();
  EXPECT_NE(Cluster::so_far(run).hosts["one"], "left");
  intruder.control(sealed(cancel, "boss"));
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.report.hosts.at("one"), "left");
  EXPECT_EQ(finished.exit_code, 6) << finished.report.reason;
}

TEST_F(TrustTest, NobodyEndsAJobByOneOfTheSameName) {
  trust("one", keygen("ann"));
  trust("one", keygen("ben"), "run");
  RunningListener& listener = cluster().start_listener();
  const Project project = cluster().add_slow_project(20, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  Intruder intruder(cluster().name());
  protocol::JobDefinition job = job_of(intruder);
  job.id = Cluster::so_far(run).job;
  job.epoch = 7;
  intruder.broadcast(sealed(job, "ben"));
  EXPECT_TRUE(eventually(60s, [&] { return says(listener.log(), "one of another key runs here"); }))
      << listener.log();
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  EXPECT_EQ(differences(Cluster::slow_units(20), finished.report), "");
}

TEST_F(TrustTest, CtrlCEndsASignedJobOnItsMachines) {
  trust("one", keygen("ann"));
  RunningListener& listener = cluster().start_listener();
  const Project project = cluster().add_slow_project(200, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  run.signal(SIGINT);
  EXPECT_EQ(cluster().finish(run).exit_code, 130);
  EXPECT_TRUE(eventually(60s, [&] { return says(listener.log(), "has ended here"); }))
      << listener.log();
  EXPECT_FALSE(says(listener.log(), "refused")) << listener.log();
}

TEST_F(TrustTest, GemCommandsNeedARightOfTheirOwn) {
  trust("one", keygen("ann"), "run");
  trust("one", keygen("boss"), "exec");
  cluster().start_listener({.keys = R"("allow_gem_command": true, "bin_gem_path": "/bin/echo")"});
  const Project project = quick_project();
  const auto gem = [&](const string& person) {
    return cluster().gorgon({"gem", "install", "rake"}, project.folder(), 60s, home(person)).output;
  };
  EXPECT_TRUE(says(gem("nobody"), "one: refused: it is not signed"));
  EXPECT_TRUE(says(gem("ann"), "no right to \"exec\""));
  EXPECT_TRUE(says(gem("boss"), "one: install rake"));
}

// ---- what runs ----

TEST_F(TrustTest, ATreeThatWasAlteredOnItsWayIsRefusedBeforeAnythingInItRuns) {
  trust("one", keygen("ann"));
  const fs::path server = cluster().folder() / "server";
  fs::create_directories(server / "files");
  const string port = std::to_string(free_port());
  ASSERT_EQ(
      cluster().gorgon({"start_rsync", "files", "--port", port}, server, 20s, server).exit_code, 0);
  const Project project = cluster().add_slow_project(2, 0.1);
  const fs::path mark = cluster().folder() / "evil was here";
  cluster().configure(project, R"("job": {"sync": {"rsync_transport": "anonymous"},)"
                               R"( "callbacks": {"after_sync": "touch ')" +
                                   mark.string() +
                                   R"('"}}, "file_server": {"host": "127.0.0.1", "port": )" + port +
                                   "}");
  Intruder intruder(cluster().name());
  Program& run = start_as("ann", project, {"--start-timeout", "20"});
  // Published, so the whole tree is on the file server; nobody has pulled it.
  ASSERT_TRUE(intruder.signed_job());
  std::size_t altered = 0;
  for (const auto& tree : fs::directory_iterator(server / "files")) {
    const fs::path spec = tree.path() / "spec/slow_01_spec.rb";
    if (!fs::exists(spec)) continue;
    EXPECT_TRUE(write_file(spec, *read_file(spec) + "# evil\n"));
    ++altered;
  }
  EXPECT_EQ(altered, 1U);
  RunningListener& listener = cluster().start_listener();
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 9);
  EXPECT_TRUE(says(finished.report.reason, "one: tree: the tree that came is not the one"))
      << finished.report.reason;
  EXPECT_TRUE(says(listener.log(), "is not the one that was signed")) << listener.log();
  EXPECT_FALSE(fs::exists(mark));
  EXPECT_EQ(run_as("ann", project).exit_code, 0) << "an honest tree, by the same way";
  EXPECT_TRUE(fs::exists(mark));
  EXPECT_EQ(cluster().gorgon({"stop_rsync"}, server, 20s, server).exit_code, 0);
}

TEST_F(TrustTest, FilesThatTheOwnerDidNotSignAreNotRun) {
  trust("one", keygen("ann"));
  trust("one", keygen("ben"));
  RunningListener& listener = cluster().start_listener();
  // One file keeps the run going until what was forged has been seen.
  const Project project = cluster().add_slow_project(4, 0.1);
  const fs::path release = cluster().folder() / "release";
  project.write("spec/waits_spec.rb",
                "RSpec.describe('waits') { it('for us') { sleep 0.05 until File.exist?('" +
                    release.string() + "') } }\n");
  // In the tree, as it may well be, but nothing that was to be run.
  const fs::path mark = cluster().folder() / "evil was here";
  project.write("tasks/evil.rb", "File.write('" + mark.string() + "', '')\n");
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).units.empty(); }));
  const protocol::UnitMessage unit{.unit = {.id = "evil", .file = "tasks/evil.rb"}};
  const string queue = protocol::file_queue(Cluster::so_far(run).job, 0);
  const auto now = std::chrono::system_clock::now();
  publish(broker::to_queue(queue),
          {protocol::encode(unit),
           protocol::seal(unit, private_key("ben"), {.cluster = "", .queue = queue}, now),
           sealed(unit, "ann")});
  const auto notices = [&] { return Cluster::so_far(run).notice_text(); };
  EXPECT_TRUE(eventually(60s, [&] { return says(notices(), "no file of this run"); }))
      << notices() << listener.log();
  EXPECT_TRUE(write_file(release, ""));
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  ExpectedUnits expected = Cluster::slow_units(4);
  expected["spec/waits_spec.rb"].verdict = "passed";
  expected["spec/waits_spec.rb"].cases["waits for us"] = "passed";
  EXPECT_EQ(differences(expected, finished.report), "");
  EXPECT_FALSE(fs::exists(mark));
  EXPECT_TRUE(says(listener.log(), "it is not signed by the owner of the job")) << listener.log();
}

TEST_F(TrustTest, AFileThatIsRunAgainIsSignedAsItsNextAttempt) {
  trust("one", keygen("ann"));
  RunningListener& listener = cluster().start_listener();
  const Project project = cluster().add_slow_project(6, 0.5);
  cluster().configure(project);
  Program& run = start_as("ann", project);
  EXPECT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).starts.size() >= 2; }));
  for (const pid_t worker : listener.workers()) ::kill(worker, SIGKILL);
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
  EXPECT_EQ(differences(Cluster::slow_units(6), finished.report), "");
  EXPECT_TRUE(says(finished.report.notice_text(), "is run again on one"))
      << finished.report.notice_text();
}

TEST_F(TrustTest, OnlyATreeThatTravelsHasADigest) {
  trust("one", keygen("ann"));
  cluster().start_listener();
  const auto digest_of_run = [&](const Project& project) -> string {
    Intruder intruder(cluster().name());
    EXPECT_EQ(run_as("ann", project).exit_code, 0);
    const auto body = intruder.signed_job();
    if (!body) return "no job";
    return std::get<protocol::JobDefinition>(
               must(protocol::decode(must(protocol::open_envelope(*body))->message)))
        .tree_digest;
  };
  const Project project = quick_project();
  EXPECT_TRUE(digest_of_run(project).starts_with("blake2b:"));
  cluster().configure(project,
                      R"("job": {"sync": {"rsync_transport": "none", "source_tree_path": ")" +
                          project.folder().string() + "\"}}");
  EXPECT_EQ(digest_of_run(project), "");
}

// ---- keys ----

TEST_F(TrustTest, AKeyIsMadeOnceAndKeptPrivate) {
  const string key = keygen("ann");
  const fs::path file = home("ann") / ".config/gorgon/key";
  EXPECT_EQ(fs::status(file).permissions(), fs::perms(0600));
  const FinishedRun again = cluster().gorgon({"keygen"}, cluster().folder(), 60s, home("ann"));
  EXPECT_EQ(again.exit_code, 64);
  EXPECT_TRUE(says(again.errors, "its public key is " + key)) << again.errors;
  const FinishedRun forced =
      cluster().gorgon({"keygen", "--force"}, cluster().folder(), 60s, home("ann"));
  EXPECT_EQ(forced.exit_code, 0);
  EXPECT_NE(forced.output, key + "\n");
  fs::permissions(file, fs::perms(0644));
  cluster().start_listener();
  const FinishedRun run = cluster().gorgon({"start"}, quick_project().folder(), 60s, home("ann"));
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_TRUE(says(run.errors, "chmod 600")) << run.errors;
}

TEST_F(TrustTest, AKeyInTheProjectIsRefused) {
  const Project project = cluster().add_slow_project(1, 0.1);
  cluster().configure(project, R"("signing_key": "keys/mine")");
  const FinishedRun none = cluster().gorgon({"start"}, project.folder());
  EXPECT_EQ(none.exit_code, 64);
  EXPECT_TRUE(says(none.errors, "signing_key: ")) << none.errors;
  EXPECT_EQ(cluster().gorgon({"keygen", "--output", "keys/mine"}, project.folder()).exit_code, 0);
  const FinishedRun run = cluster().gorgon({"start"}, project.folder());
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_TRUE(says(run.errors, "is in the project")) << run.errors;
}

TEST_F(TrustTest, TrustTakesNoNonsense) {
  const fs::path machine = home("machine");
  const auto trust_error = [&](std::vector<string> arguments) {
    arguments.insert(arguments.begin(), "trust");
    const FinishedRun done = cluster().gorgon(arguments, machine, 60s, machine);
    EXPECT_EQ(done.exit_code, 64);
    return done.errors;
  };
  const string key = keygen("ann");
  EXPECT_TRUE(says(trust_error({"ed25519:hello"}), "is no public key"));
  EXPECT_TRUE(says(trust_error({key, "--rights", "rum"}), "did you mean \"run\"?"));
  EXPECT_TRUE(says(trust_error({key, "--name", "two\nlines"}), "one line"));
  EXPECT_FALSE(fs::exists(machine / ".gorgon/trusted_keys"));
}

TEST_F(TrustTest, AListenerWhoseKeysAreMissingDoesNotStart) {
  RunningListener& listener =
      cluster().start_listener({.keys = R"("trusted_keys": "friends")", .wait_until_ready = false});
  EXPECT_EQ(listener.program->exit_code(60s), 64);
  EXPECT_TRUE(says(listener.log(), "friends does not exist")) << listener.log();
  listener.may_be_gone = true;
}

}  // namespace
}  // namespace gorgon::test
