// Where the broker's password may come from, and where it must not go.
#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {
namespace {

using std::string;

/// On a broker account of its own, whose password is like no other text.
class SecretsTest : public RabbitTest {
 protected:
  void SetUp() override {
    RabbitTest::SetUp();
    must_run({"add_user", user_, password_});
    must_run({"set_permissions", user_, ".*", ".*", ".*"});
  }
  void TearDown() override {
    expect_secret_in_no_file();
    // Its end closes the connections that the jobs still end over.
    RabbitTest::TearDown();
    must_run({"delete_user", user_});
  }
  static void must_run(const std::vector<string>& arguments) {
    const auto done = shared_rabbit().rabbitmqctl(arguments);
    ASSERT_TRUE(done) << done.error().message;
  }
  /// A connection without its password; `keys`: further members.
  [[nodiscard]] string connection(const string& keys) {
    string key = cluster().connection_key();
    return key.insert(key.rfind('}'), ", \"user\": \"" + user_ + "\"" + keys);
  }
  [[nodiscard]] Project add_project(const string& keys) {
    const Project project = cluster().add_project("");
    project.write("gorgon.json", "{" + connection(keys) + ", \"cluster\": \"" + cluster().name() +
                                     "\", \"job\": {\"callbacks\": {\"after_sync\": \"env\", " +
                                     "\"before_originate\": \"env\"}}}");
    project.write("spec/a_spec.rb",
                  "RSpec.describe('x') { it('y') { puts ENV.to_a.inspect, `ps axeww`; sleep 0.02 "
                  "until File.exist?('" +
                      (cluster().folder() / "gate").string() + "') } }\n");
    return project;
  }
  void start_listener() {
    // Laid over the connection of the harness.
    const auto home = cluster().folder() / "listeners" / "one";
    std::filesystem::create_directories(home);
    ASSERT_TRUE(write_file(
        home / "gorgon_secret.json",
        "{\"connection\": {\"user\": \"" + user_ + "\", \"password_command\": \"cat secret\"}}",
        0600));
    ASSERT_TRUE(write_file(home / "secret", password_ + "\nnot this\n", 0600));
    cluster().start_listener();
    std::filesystem::remove(home / "secret");
  }
  /// While the test runs: nobody shows it, whose environment and arguments can be read.
  void expect_secret_in_no_process() {
    std::error_code ignored;
    std::size_t seen = 0;
    for (const pid_t pid : cluster().processes()) {
      for (const char* file : {"cmdline", "environ"}) {
        std::ifstream stream("/proc/" + std::to_string(pid) + "/" + file);
        const string text{std::istreambuf_iterator<char>(stream), {}};
        seen += text.empty() ? 0 : 1;
        EXPECT_EQ(text.find(password_), string::npos) << file << " of " << describe_process(pid);
      }
    }
    EXPECT_GT(seen, 4U) << "nothing was looked at";
  }
  void expect_secret_in_no_file() {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().folder())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream stream(entry.path());
      const string text{std::istreambuf_iterator<char>(stream), {}};
      EXPECT_EQ(text.find(password_), string::npos) << entry.path();
    }
  }
  /// Runs the project to its end, with a look at all processes on the way.
  FinishedRun run(const Project& project) {
    Program& program = cluster().start_run(project);
    EXPECT_TRUE(eventually(60s, [&] { return !Cluster::so_far(program).starts.empty(); }))
        << cluster().logs();
    expect_secret_in_no_process();
    Project(cluster().folder()).write("gate", "");
    return cluster().finish(program);
  }

  string user_ = "team" + random_id(6);
  string password_ = "hidden" + random_id(16);
};

TEST_F(SecretsTest, APasswordFromTheEnvironmentGoesNowhere) {
  start_listener();
  const Project project = add_project("");
  cluster().set_environment("GORGON_PASSWORD", password_);
  const FinishedRun finished = run(project);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason << finished.report.notice_text();
  ASSERT_EQ(finished.report.cases.size(), 1U);
  EXPECT_NE(finished.report.cases[0].output.find("GORGON_JOB_ID"), string::npos);
  EXPECT_EQ(cluster().gorgon({"ping", "--wait", "5"}, project.folder()).exit_code, 0);
}

TEST_F(SecretsTest, ACommandPrintsThePassword) {
  start_listener();
  const Project project =
      add_project(R"(, "password": "wrong", "password_command": "cat ../word")");
  ASSERT_TRUE(write_file(project.folder().parent_path() / "word", password_ + "\r\n", 0600));
  Program& program = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return !Cluster::so_far(program).starts.empty(); }));
  std::filesystem::remove(project.folder().parent_path() / "word");
  expect_secret_in_no_process();
  Project(cluster().folder()).write("gate", "");
  EXPECT_EQ(cluster().finish(program).exit_code, 0);
}

TEST_F(SecretsTest, ACommandThatFailsSaysWhy) {
  const Project project =
      add_project(R"(, "password_command": "echo the vault is closed >&2; exit 7")");
  const FinishedRun finished = cluster().gorgon({}, project.folder());
  EXPECT_EQ(finished.exit_code, 3);
  for (const char* part : {"connection.password_command", "exit code 7", "the vault is closed"})
    EXPECT_NE(finished.errors.find(part), string::npos) << finished.errors;
  const Project silent = add_project(R"(, "password_command": "true")");
  EXPECT_NE(cluster().gorgon({"ping"}, silent.folder()).errors.find("has printed no password"),
            string::npos);
}

TEST_F(SecretsTest, AWrongPasswordIsNotShown) {
  const Project project = add_project("");
  cluster().set_environment("GORGON_PASSWORD", password_ + "x");
  const FinishedRun finished = cluster().gorgon({}, project.folder());
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_EQ(finished.errors.find(password_), string::npos) << finished.errors;
}

/// Of a shell that may dump core: whether `program` has left a core when it was ended by SIGABRT.
bool leaves_core(Cluster& cluster, const std::filesystem::path& folder, const string& script,
                 const std::function<void(Program&)>& wait) {
  Program& program =
      cluster.start_program({"sh", "-c", "ulimit -c unlimited; exec " + script}, folder);
  wait(program);
  program.signal(SIGABRT);
  EXPECT_TRUE(program.wait(10s));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("core")) return true;
  }
  return false;
}

TEST_F(SecretsTest, OurProcessesLeaveNoCoreAndTestsDoAsBefore) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "LeakSanitizer needs processes that can be looked into";
#endif
  const auto control = cluster().folder() / "control";
  std::filesystem::create_directories(control);
  const auto until_it_sleeps = [](Program& program) {
    EXPECT_TRUE(eventually(10s, [&] {
      const string process = describe_process(program.pid());
      return process.find("sleep 60") != string::npos && process.find("ulimit") == string::npos;
    })) << describe_process(program.pid());
  };
  if (!leaves_core(cluster(), control, "sleep 60", until_it_sleeps))
    GTEST_SKIP() << "on this machine cores go elsewhere (kernel.core_pattern)";
  start_listener();
  const Project project = add_project("");
  project.write("spec/a_spec.rb",
                "RSpec.describe('x') { it('y') {\n"
                "  PR_GET_DUMPABLE = 3; prctl = 157\n"
                "  puts \"dumpable #{syscall(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0)}\" } }\n");
  cluster().set_environment("GORGON_PASSWORD", password_);
  const FinishedRun finished = cluster().run(project);
  EXPECT_EQ(finished.exit_code, 0) << finished.report.reason;
  ASSERT_EQ(finished.report.cases.size(), 1U);
  EXPECT_EQ(finished.report.cases[0].output, "dumpable 1\n");
  project.write("spec/a_spec.rb", "sleep\n");
  EXPECT_FALSE(leaves_core(cluster(), project.folder(),
                           string(GORGON_BINARY) + " --message-format json", [&](Program& program) {
                             EXPECT_TRUE(eventually(
                                 60s, [&] { return !Cluster::so_far(program).starts.empty(); }));
                           }));
  // Nobody ends that job but one who takes it up.
  Program& resumed = cluster().start_gorgon({"resume"}, project.folder());
  EXPECT_TRUE(eventually(60s, [&] { return resumed.output().find("taken up") != string::npos; }))
      << resumed.output() << resumed.errors();
  resumed.signal(SIGTERM);
  EXPECT_EQ(resumed.exit_code(60s), 143);
}

}  // namespace
}  // namespace gorgon::test
