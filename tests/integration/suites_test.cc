// Suites that nobody wrote for us, from Debian packages: names and statuses of all cases are those
// of the framework's own run, on every transport. A missing package is a failure.
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"
#include "support/sshd.h"

namespace gorgon::test {
namespace {

using std::string;

constexpr const char* kProgram = GORGON_INTEGRATION "/real_suite.rb";

/// One suite's own verdicts, found out once for all tests of this program.
const std::vector<CaseRow>& own_verdicts(Cluster& cluster, const string& suite,
                                         const Project& project) {
  static std::map<string, std::vector<CaseRow>> known;
  if (!known.contains(suite)) {
    const FinishedRun alone = cluster.other_program(
        {"ruby", kProgram, "alone", suite, project.folder().string()}, cluster.folder(), 200s);
    EXPECT_EQ(alone.exit_code, 0) << alone.errors;
    known[suite] = read_rows(alone.output);
  }
  return known[suite];
}

template <class Base>
class SuiteTest : public Base {
 protected:
  Project prepare(const string& suite) {
    const Project project = this->cluster().add_project("", suite);
    const FinishedRun prepared = this->cluster().other_program(
        {"ruby", kProgram, "prepare", suite, project.folder().string()}, this->cluster().folder());
    EXPECT_EQ(prepared.exit_code, 0) << prepared.errors;
    // What the suites themselves ask for.
    this->cluster().set_environment("SEED", "7");
    this->cluster().set_environment("MT_CPU", "2");
    return project;
  }
  /// Runs it with this transport, and these further keys of its configuration, and compares.
  void expect_own_verdicts(const string& suite, const Project& project,
                           const string& transport = {}, const string& keys = {}) {
    const std::vector<CaseRow>& own = own_verdicts(this->cluster(), suite, project);
    EXPECT_GE(own.size(), least_cases(suite));
    this->cluster().configure(project, keys_of(suite, transport) + keys);
    Program& program = this->cluster().start_run(project, {"-j", "4"});
    const FinishedRun run = this->cluster().finish(program, 300s);
    const FinishedRun ours = this->cluster().other_program(
        {"ruby", kProgram, "ours", suite, program.options().output.string()},
        this->cluster().folder());
    EXPECT_EQ(differences(own, read_rows(ours.output)), "");
    EXPECT_EQ(run.report.notice_text(), "");
  }

 private:
  static string keys_of(const string& suite, const string& transport) {
    string files = "test/test_*.rb";
    string job = transport.empty() ? "" : R"("sync": {"rsync_transport": ")" + transport + "\"}";
    if (suite == "minitest") files = "test/minitest/test_*.rb";
    if (suite == "haproxy") {
      files = "spec/{classes,defines,unit}/**/*_spec.rb";
      job +=
          (job.empty() ? "" : ", ") +
          string(
              R"("callbacks": {"after_sync": "ln -sfn \"$PWD\" spec/fixtures/modules/haproxy"})");
    }
    return R"("files": [")" + files + R"("], "job": {)" + job + "}";
  }
  static std::size_t least_cases(const string& suite) {
    return suite == "haproxy" ? 446 : suite == "minitest" ? 200 : 300;
  }
};

using LocalSuiteTest = SuiteTest<LocalTest>;
using RabbitSuiteTest = SuiteTest<RabbitTest>;

TEST_F(LocalSuiteTest, HaproxyOnTheEmbeddedBroker) {
  const Project project = prepare("haproxy");
  expect_own_verdicts("haproxy", project, {}, R"(, "reports": {"junit": "junit.xml"})");
  const FinishedRun junit = cluster().other_program(
      {"ruby", kProgram, "junit", (project.folder() / "junit.xml").string()}, cluster().folder());
  std::vector<CaseRow> own;
  for (const CaseRow& row : own_verdicts(cluster(), "haproxy", project))
    own.push_back({row.at(1), row.at(2)});
  EXPECT_EQ(differences(own, read_rows(junit.output)), "");
}

TEST_F(LocalSuiteTest, MinitestsOwnTestsOnTheEmbeddedBroker) {
  expect_own_verdicts("minitest", prepare("minitest"));
}

TEST_F(LocalSuiteTest, RssOnTheEmbeddedBroker) { expect_own_verdicts("rss", prepare("rss")); }

TEST_F(RabbitSuiteTest, HaproxyDirect) {
  cluster().start_two_listeners();
  expect_own_verdicts("haproxy", prepare("haproxy"), "direct");
}

TEST_F(RabbitSuiteTest, MinitestsOwnTestsDirect) {
  cluster().start_two_listeners();
  expect_own_verdicts("minitest", prepare("minitest"));
}

TEST_F(RabbitSuiteTest, RssDirect) {
  cluster().start_two_listeners();
  expect_own_verdicts("rss", prepare("rss"));
}

TEST_F(RabbitSuiteTest, HaproxyThroughAFileServer) {
  cluster().start_two_listeners();
  const auto server = cluster().folder() / "server";
  std::filesystem::create_directories(server / "files");
  const string port = std::to_string(free_port());
  ASSERT_EQ(
      cluster().gorgon({"start_rsync", "files", "--port", port}, server, 20s, server).exit_code, 0);
  expect_own_verdicts("haproxy", prepare("haproxy"), "anonymous",
                      R"(, "file_server": {"host": "127.0.0.1", "port": )" + port + "}");
  EXPECT_EQ(cluster().gorgon({"stop_rsync"}, server, 20s, server).exit_code, 0);
}

TEST_F(RabbitSuiteTest, HaproxyOverSsh) {
  const auto sshd = Sshd::start();
  ASSERT_TRUE(sshd) << sshd.error().message;
  ASSERT_TRUE(write_file(sshd->known_hosts(), sshd->known_hosts_line()));
  cluster().set_environment("RSYNC_RSH", sshd->client_command());
  cluster().start_two_listeners();
  expect_own_verdicts(
      "haproxy", prepare("haproxy"), "ssh",
      R"(, "file_server": {"host": "127.0.0.1", "port": )" + std::to_string(sshd->port()) + "}");
}

}  // namespace
}  // namespace gorgon::test
