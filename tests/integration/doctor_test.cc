// `gorgon doctor`: what is wrong with a project, its broker, its transport and its machines is
// found, with a remedy each; and nothing where nothing is.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/signature.h"
#include "harness.h"
#include "program.h"
#include "support/rabbitmq.h"
#include "support/sshd.h"

namespace gorgon::test {
namespace {

using std::string;
namespace fs = std::filesystem;

struct Examined {
  int exit_code = -1;
  Json json;
};
Examined examine(Cluster& cluster, const Project& project, std::vector<string> arguments = {}) {
  arguments.insert(arguments.begin(), {"doctor", "--json"});
  const FinishedRun run = cluster.gorgon(arguments, project.folder(), 120s);
  auto json = parse_json(run.output);
  EXPECT_TRUE(json) << run.output << run.errors;
  return {run.exit_code, json.value_or(Json{{"findings", Json::array()}})};
}

/// The first of `level` with `part` in what it says of `subject`; null: there is none.
Json find(const Examined& examined, const string& level, const string& subject,
          const string& part) {
  for (const Json& finding : examined.json.at("findings")) {
    if (finding.at("level") == level && finding.at("subject") == subject &&
        finding.at("what").get<string>().contains(part))
      return finding;
  }
  return nullptr;
}

/// Fails the test when there is none; gives its remedy.
string remedy_for(const Examined& examined, const string& level, const string& subject,
                  const string& part) {
  const Json found = find(examined, level, subject, part);
  EXPECT_FALSE(found.is_null()) << level << " of " << subject << " with \"" << part << "\" in\n"
                                << examined.json.dump(1);
  return found.is_null() ? "" : found.at("remedy").get<string>();
}

bool says(const string& text, const string& part) { return text.contains(part); }

Project add_suite(Cluster& cluster, const string& keys = {}) {
  Project project = cluster.add_project("", "shop");
  project.write("spec/a_spec.rb", "RSpec.describe('a') { it('passes') {} }\n");
  cluster.configure(project, keys);
  return project;
}

using DoctorTest = LocalTest;
using DoctorRabbitTest = RabbitTest;

TEST_F(DoctorTest, AHealthyProjectHasNoProblem) {
  const Project project = add_suite(cluster());
  const FinishedRun run = cluster().run(project);
  ASSERT_EQ(run.exit_code, 0);
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 0) << examined.json.dump(1);
  EXPECT_EQ(examined.json.at("problems"), 0);
  EXPECT_FALSE(find(examined, "ok", "history", "is whole").is_null());
  EXPECT_FALSE(find(examined, "ok", "test files", "1 file").is_null());
  EXPECT_FALSE(find(examined, "ok", "ruby", "rspec").is_null());
  EXPECT_FALSE(find(examined, "ok", "connection", "this machine alone").is_null());
}

TEST_F(DoctorTest, ThePeoplesFormHasALineAFindingAndTheRemedyBelow) {
  const Project project = add_suite(cluster());
  project.write("gorgon_quarantine.json",
                R"({"quarantine": [{"file": "spec/a_spec.rb", "owner": "ann", "reason": "slow",
                    "expires": "2020-01-31"}]})");
  const FinishedRun run = cluster().gorgon({"doctor"}, project.folder());
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_TRUE(run.output.starts_with("project\n  ok       configuration")) << run.output;
  EXPECT_TRUE(says(run.output, "  problem  quarantine")) << run.output;
  EXPECT_TRUE(says(run.output, "spec/a_spec.rb expired on 2020-01-31 (ann)")) << run.output;
  EXPECT_TRUE(says(run.output, "  -> mend these tests")) << run.output;
  EXPECT_TRUE(says(run.output, "1 problem, ")) << run.output;
}

TEST_F(DoctorTest, AConfigurationThatCannotBeUsedIsAllThatIsSaid) {
  const Project project = add_suite(cluster());
  project.write("gorgon.json", R"({"conection": {"host": "mq"}})");
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 64);
  EXPECT_FALSE(remedy_for(examined, "problem", "configuration", "conection").empty());
  EXPECT_EQ(examined.json.at("findings").size(), 1U);
}

TEST_F(DoctorTest, ASecretFileThatOthersMayReadIsFoundWithItsMode) {
  const Project project = add_suite(cluster());
  project.write("gorgon_secret.json", "{}");
  fs::permissions(project.folder() / "gorgon_secret.json", fs::perms(0644));
  const Examined open = examine(cluster(), project);
  EXPECT_EQ(open.exit_code, 64);
  EXPECT_TRUE(says(remedy_for(open, "problem", "secrets", "0644"), "chmod 600"));
  fs::permissions(project.folder() / "gorgon_secret.json", fs::perms(0600));
  EXPECT_EQ(examine(cluster(), project).exit_code, 0);
}

TEST_F(DoctorTest, NoTestFileNoRubyAndADamagedHistoryAreProblems) {
  const Project project = add_suite(cluster(), R"("files": ["nothing/**/*_spec.rb"])");
  project.write(".gorgon/history.db", string(8192, 'x'));
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_FALSE(remedy_for(examined, "problem", "test files", "nothing/**").empty());
  EXPECT_TRUE(says(remedy_for(examined, "problem", "history", "history.db"), "move"));
  cluster().configure(project);
  const fs::path empty = cluster().folder() / "empty";
  fs::create_directory(empty);
  cluster().set_environment("PATH", empty.string());
  const Examined without = examine(cluster(), project);
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_TRUE(says(remedy_for(without, "problem", "ruby", "ruby"), "install Ruby"));
}

TEST_F(DoctorTest, ABundleThatIsNotInstalledIsAProblem) {
  const Project project = add_suite(cluster());
  project.write("Gemfile", "gem 'there-is-no-such-gem-here'\n");
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_TRUE(
      says(remedy_for(examined, "problem", "ruby", "there-is-no-such-gem-here"), "bundle install"));
}

TEST_F(DoctorTest, OtherLanguagesAreAskedForTheirOwnPrograms) {
  const Project project = cluster().add_project("", "shop");
  project.write("tests/test_a.py", "def test_a():\n    pass\n");
  project.write("pyproject.toml", "[tool.pytest.ini_options]\n");
  project.write("checks/a.sh", "exit 0\n");
  // Debian's, which has pytest; another one may come first in PATH.
  cluster().configure(project, R"("runner_python": ["/usr/bin/python3"])");
  const Examined python = examine(cluster(), project);
  EXPECT_FALSE(find(python, "ok", "python", "pytest").is_null()) << python.json.dump(1);
  cluster().configure(project, R"("runner": "command", "files": ["checks/*.sh"],
               "test_command": {"run": ["no-such-shell", "{file}"], "results": "exit_code"})");
  const Examined examined = examine(cluster(), project);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "test_command", "no-such-shell"), "install"));
}

TEST_F(DoctorTest, AClosedPortIsAProblemOfTheBrokerAndOfNothingElse) {
  const Project project = add_suite(cluster());
  project.write("gorgon.json", R"({"connection": {"host": "127.0.0.1", "port": )" +
                                   std::to_string(free_port()) + "}}");
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 3);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "connection", "cannot connect"),
                   "start RabbitMQ on 127.0.0.1"));
  EXPECT_EQ(examined.json.at("problems"), 1) << examined.json.dump(1);
}

TEST_F(DoctorTest, AFileServerThatIsNotThereIsAProblemAlsoWithoutABroker) {
  const Project project = add_suite(cluster());
  const string port = std::to_string(free_port());
  project.write("gorgon.json", R"({"connection": {"host": "127.0.0.1", "port": )" + port +
                                   R"(}, "file_server": {"host": "127.0.0.1", "port": )" + port +
                                   R"(}, "job": {"sync": {"rsync_transport": "anonymous"}}})");
  const Examined examined = examine(cluster(), project);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "anonymous", "refused"), "start_rsync"));
}

/// The connection with some of its members replaced.
string connection(const Cluster& cluster, const string& members) {
  const string key = cluster.connection_key();
  return "{" + key.substr(0, key.rfind('}')) + ", " + members + "}}";
}

TEST_F(DoctorRabbitTest, EachReasonForWhichABrokerDoesNotLetUsInHasItsRemedy) {
  const Project project = add_suite(cluster());
  project.write("gorgon.json", connection(cluster(), R"("user": "ann", "password": "wrong")"));
  Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 3);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "connection", "refused user \"ann\""),
                   "change_password ann"));

  project.write("gorgon.json", connection(cluster(), R"("vhost": "not-there")"));
  examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 3);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "connection", "virtual host \"not-there\""),
                   "add_vhost not-there"));

  ASSERT_TRUE(cluster().rabbit().rabbitmqctl({"add_user", "eve", "eve"}));
  project.write("gorgon.json", connection(cluster(), R"("user": "eve", "password": "eve")"));
  examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 3);
  EXPECT_TRUE(
      says(remedy_for(examined, "problem", "connection", "virtual host"), "set_permissions eve"));

  ASSERT_TRUE(cluster().rabbit().rabbitmqctl({"set_permissions", "eve", "^$", ".*", ".*"}));
  examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 3);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "permissions", "cannot declare"),
                   "set_permissions eve"));
}

TEST_F(DoctorRabbitTest, AnAlarmIsToldAndNotWaitedFor) {
  struct Alarm {
    explicit Alarm(PrivateRabbit& of) : rabbit(of) { EXPECT_TRUE(rabbit.raise_alarm("memory")); }
    ~Alarm() { EXPECT_TRUE(rabbit.clear_alarm("memory")); }
    PrivateRabbit& rabbit;
  };
  const Project project = add_suite(cluster());
  const Alarm alarm(cluster().rabbit());
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 3);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "alarm", "memory"), "vm_memory_high_watermark"));
}

TEST_F(DoctorRabbitTest, WithoutListenersTheBrokerIsInOrderAndNobodyAnswers) {
  const Project project = add_suite(cluster());
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_FALSE(find(examined, "ok", "server", "RabbitMQ").is_null()) << examined.json.dump(1);
  EXPECT_FALSE(find(examined, "ok", "round trip", "ms").is_null());
  EXPECT_TRUE(says(remedy_for(examined, "problem", "listeners", "none answers"),
                   "\"cluster_id\": \"" + cluster().name() + "\""));
  EXPECT_EQ(examined.json.at("problems"), 1);
}

TEST_F(DoctorRabbitTest, AMachineWithAnotherRubyIsFoundAndTheOtherIsNot) {
  const Project project = add_suite(cluster());
  cluster().start_listener({.name = "same"});
  const fs::path bin = cluster().folder() / "bin";
  ASSERT_TRUE(write_file(bin / "ruby", "#!/bin/sh\necho 'ruby 2.7.8'\necho 'rspec 3.9.1'\n"));
  fs::permissions(bin / "ruby", fs::perms::owner_all);
  const string path = std::getenv("PATH");
  cluster().set_environment("PATH", bin.string() + ":" + path);
  cluster().start_listener({.name = "other"});
  cluster().set_environment("PATH", path);

  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_FALSE(find(examined, "ok", "same", "free for workspaces").is_null());
  EXPECT_TRUE(
      says(remedy_for(examined, "problem", "other", "has ruby 2.7.8; here is"), "install ruby"));
  EXPECT_FALSE(remedy_for(examined, "note", "other", "has rspec 3.9.1; here is").empty());
  for (const Json& finding : examined.json.at("findings")) {
    const bool is_of_same = finding.at("subject") == "same";
    EXPECT_TRUE(!is_of_same || finding.at("level") == "ok") << finding;
  }
}

TEST_F(DoctorRabbitTest, AMachineThatDoesNotTrustUsSaysWhy) {
  const Project project = add_suite(cluster());
  const fs::path home = cluster().folder() / "listeners" / "closed";
  ASSERT_TRUE(write_file(home / ".gorgon/trusted_keys",
                         PrivateKey::generate().public_key().text() + " run\n", 0600));
  cluster().start_listener({.name = "closed"});
  Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "closed", "it is not signed"), "gorgon keygen"));
  EXPECT_TRUE(find(examined, "ok", "closed", "ruby").is_null());  // Nobody's business.

  const PrivateKey key = PrivateKey::generate();
  const fs::path file = cluster().folder() / "key";
  ASSERT_TRUE(key.save(file, false));
  cluster().configure(project, R"("signing_key": ")" + file.string() + "\"");
  examined = examine(cluster(), project);
  const string command = "gorgon trust " + key.public_key().text();
  EXPECT_TRUE(says(remedy_for(examined, "problem", "closed", "does not trust"), command));
  ASSERT_TRUE(write_file(home / ".gorgon/trusted_keys", key.public_key().text() + " run\n", 0600));
  examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 0) << examined.json.dump(1);
  EXPECT_FALSE(find(examined, "ok", "closed", "jobs with your signature").is_null());
}

TEST_F(DoctorRabbitTest, AFileServerIsTriedThereAndBackAndNothingStaysThere) {
  const Project project = add_suite(cluster());
  const fs::path server = cluster().folder() / "server";
  fs::create_directories(server / "files");
  const string port = std::to_string(free_port());
  ASSERT_EQ(
      cluster().gorgon({"start_rsync", "files", "--port", port}, server, 20s, server).exit_code, 0);
  cluster().configure(project, R"("file_server": {"host": "127.0.0.1", "port": )" + port +
                                   R"(}, "job": {"sync": {"rsync_transport": "anonymous"}})");
  const Examined examined = examine(cluster(), project);
  EXPECT_FALSE(find(examined, "ok", "anonymous", "came back").is_null()) << examined.json.dump(1);
  EXPECT_TRUE(fs::is_empty(server / "files"));
  EXPECT_EQ(cluster().gorgon({"stop_rsync"}, server, 20s, server).exit_code, 0);
}

TEST_F(DoctorRabbitTest, SshIsTriedWithTheProjectsOwnServer) {
  const Project project = add_suite(cluster());
  auto sshd = Sshd::start();
  ASSERT_TRUE(sshd) << sshd.error().message;
  ASSERT_TRUE(write_file(sshd->known_hosts(), sshd->known_hosts_line()));
  cluster().set_environment("RSYNC_RSH", sshd->client_command());
  cluster().configure(project, R"("file_server": {"host": "127.0.0.1", "port": )" +
                                   std::to_string(sshd->port()) +
                                   R"(}, "job": {"sync": {"rsync_transport": "ssh"}})");
  const Examined healthy = examine(cluster(), project);
  EXPECT_FALSE(find(healthy, "ok", "ssh", "came back").is_null()) << healthy.json.dump(1);
  sshd->forget_client();
  const Examined refused = examine(cluster(), project);
  EXPECT_TRUE(says(remedy_for(refused, "problem", "ssh", ""), "ssh -o BatchMode=yes"));
}

TEST_F(DoctorRabbitTest, AClockThatGoesWrongIsFound) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer wants to be loaded before libfaketime";
#endif
  const Project project = add_suite(cluster());
  cluster().start_listener({.name = "late", .clock_offset = "-1h"});
  const Examined examined = examine(cluster(), project);
  EXPECT_EQ(examined.exit_code, 1);
  EXPECT_TRUE(says(remedy_for(examined, "problem", "late", "behind"), "NTP"));
}

}  // namespace
}  // namespace gorgon::test
