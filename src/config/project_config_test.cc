#include "config/project_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // setenv is not in <cstdlib>
#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "config/connection.h"

namespace gorgon::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class ProjectConfigTest : public ::testing::Test {
 protected:
  void write(std::string_view name, std::string_view text, mode_t mode = 0600) {
    ASSERT_TRUE(write_file(folder_.path() / name, text, mode));
  }
  [[nodiscard]] Result<ProjectConfig> load() const {
    return load_project_config(folder_.path() / "gorgon.json", true);
  }
  ProjectConfig load_good(std::string_view text) {
    write("gorgon.json", text);
    auto loaded = load();
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded.value_or(ProjectConfig{});
  }
  Connection connection_of(std::string_view text) {
    const ProjectConfig config = load_good(text);
    EXPECT_TRUE(config.connection);
    return config.connection.value_or(Connection{});
  }
  /// The message, without the folder.
  std::string error_of(std::string_view text) {
    write("gorgon.json", text);
    return error();
  }
  [[nodiscard]] std::string error() const {
    const auto loaded = load();
    if (loaded) return "no error";
    EXPECT_EQ(loaded.error().kind, ErrorKind::kUsage);
    std::string message = loaded.error().message;
    const std::string prefix = folder_.path().string() + "/";
    for (std::size_t at = 0; (at = message.find(prefix)) != std::string::npos;) {
      message.erase(at, prefix.size());
    }
    return message;
  }

  TempDir folder_ = *TempDir::make("gorgon-config-test-");
};

// Every key that the Ruby Gorgon knew, as its own sample file has them.
TEST_F(ProjectConfigTest, RubyGorgonsFileIsUnderstood) {
  write("app_callbacks.rb", "");
  write("gorgon_secret.json", R"({"connection": {"password": "hush"}})");
  const ProjectConfig config = load_good(R"({
  "connection": {
    "host": "broker.local",
    "port": 5673,
    "user": "gorgon",
    "pass": "visible",
    "vhost": "/suite"  // ours
  },
  "file_server": {"host": "files.local"},
  "job": {
    "sync": {
      "exclude": [".git", ".rvmrc", "doc", "log", "tmp"],
      "rsync_transport": "anonymous"
    },
    "callbacks": {"callbacks_class_file": "app_callbacks.rb"},
  },
  "files": ["test/unit/**/*_test.rb", "test/functional/**/*_test.rb"],
  "failed_files": "tmp/gorgon-failed-files.json",
  "runtime_file": "tmp/gorgon-runtime.json",
  "originator_log_file": "log/gorgon-originator.log"
})");
  EXPECT_EQ(config.connection, (Connection{.host = "broker.local",
                                           .port = 5673,
                                           .user = "gorgon",
                                           .password = "hush",
                                           .virtual_host = "/suite",
                                           .tls = {}}));
  EXPECT_EQ(config.file_server.host, "files.local");
  EXPECT_EQ(config.job.sync.transport, Transport::kAnonymous);
  EXPECT_THAT(config.job.sync.exclude,
              ElementsAre(".git", ".rvmrc", "doc", "log", "tmp", "/gorgon_secret.json"));
  EXPECT_EQ(config.job.callbacks.class_file, "app_callbacks.rb");
  EXPECT_THAT(config.files, ElementsAre("test/unit/**/*_test.rb", "test/functional/**/*_test.rb"));
  EXPECT_EQ(config.failed_files, "tmp/gorgon-failed-files.json");
  EXPECT_EQ(config.runtime_file, "tmp/gorgon-runtime.json");
  EXPECT_EQ(config.originator_log_file, "log/gorgon-originator.log");
}

TEST_F(ProjectConfigTest, OurOwnKeysAreRead) {
  const ProjectConfig config = load_good(R"({
  "cluster": "big", "runner": "minitest", "runner_arguments": ["--verbose"],
  "file_server": {"host": "h", "port": 99},
  "timeouts": {"unit": "15m", "start": 7.5, "callback": "1h30m"},
  "job": {
    "sync": {"rsync_transport": "daemon", "gitignore": false, "compress": true,
             "ssh": {"strict": false}, "bind_address": "10.0.0.1", "source_tree_path": "/srv/x",
             "user": "u", "password": "p"},
    "callbacks": {"after_sync": "bundle install", "before_originate": "echo big"},
    "env": {"RAILS_ENV": "test"},
    "preload": ["config/environment"]
  }
})");
  EXPECT_FALSE(config.connection);
  EXPECT_EQ(config.cluster, "big");
  EXPECT_EQ(config.runner, "minitest");
  EXPECT_THAT(config.runner_arguments, ElementsAre("--verbose"));
  EXPECT_EQ(config.file_server.port, 99);
  EXPECT_EQ(config.timeouts.unit, seconds(900));
  EXPECT_EQ(config.timeouts.start, milliseconds(7500));
  EXPECT_EQ(config.timeouts.callback, seconds(5400));
  const Sync& sync = config.job.sync;
  EXPECT_EQ(sync.transport, Transport::kAnonymous);
  EXPECT_FALSE(sync.gitignore);
  EXPECT_TRUE(sync.compress);
  EXPECT_FALSE(sync.strict_host_keys);
  EXPECT_EQ(sync.bind_address, "10.0.0.1");
  EXPECT_EQ(sync.source_tree_path, "/srv/x");
  EXPECT_EQ(sync.user + sync.password, "up");
  EXPECT_THAT(config.job.callbacks.commands,
              UnorderedElementsAre(Pair(Callback::kAfterSync, "bundle install"),
                                   Pair(Callback::kBeforeOriginate, "echo big")));
  EXPECT_THAT(config.job.env, ElementsAre(Pair("RAILS_ENV", "test")));
  EXPECT_THAT(config.job.preload, ElementsAre("config/environment"));
}

TEST_F(ProjectConfigTest, MissingFileGivesTheDefaultsUnlessItWasNamed) {
  const auto defaults = load_project_config(folder_.path() / "gorgon.json", false);
  ASSERT_TRUE(defaults);
  EXPECT_FALSE(defaults->connection);
  EXPECT_EQ(defaults->job.sync.transport, Transport::kNone);
  const auto required = load();
  ASSERT_FALSE(required);
  EXPECT_EQ(required.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(required.error().message, HasSubstr("gorgon.json does not exist"));
}

TEST_F(ProjectConfigTest, TransportFollowsFromWhatThereIs) {
  const auto transport = [&](std::string_view text) { return load_good(text).job.sync.transport; };
  EXPECT_EQ(transport("{}"), Transport::kNone);
  EXPECT_EQ(transport(R"({"connection": {}})"), Transport::kDirect);
  EXPECT_EQ(transport(R"({"connection": {}, "file_server": {"host": "h"}})"), Transport::kSsh);
  EXPECT_EQ(transport(R"({"connection": {}, "file_server": {"host": "h"},
                          "job": {"sync": {"rsync_transport": "direct"}}})"),
            Transport::kDirect);
}

TEST_F(ProjectConfigTest, EveryMistakeOfAFileIsReportedAtOnce) {
  EXPECT_EQ(error_of(R"({
  "conection": {},
  "files": "spec/**/*_spec.rb",
  "timeouts": {"unit": "5 minutes", "start": -1},
  "runner": "rspecs",
  "connection": {"port": "5672", "user": 7, "vhots": "/"},
  "job": {
    "sync": {"exclude": 3, "exclud": [], "compress": "yes", "rsync_transport": "shh"},
    "env": {"A": 1}, "preload": ["a", 2, ""],
    "callbacks": {"after_sync": " "}
  }
})"),
            R"(gorgon.json:2: unknown key "conection": did you mean "connection"?
gorgon.json:3: files: expected an array of strings, found a string: put it in brackets, ["…"]
gorgon.json:4: timeouts.unit: expected a duration of at most 24 h (seconds as a number, or "90s", "15m", "1h30m"), found "5 minutes"
gorgon.json:4: timeouts.start: expected a duration of at most 24 h (seconds as a number, or "90s", "15m", "1h30m"), found "-1"
gorgon.json:5: runner: expected one of "rspec", "minitest", "test_unit", "pytest", "node", "googletest", "ctest", "command", found "rspecs": did you mean "rspec"?
gorgon.json:6: connection.port: expected an integer from 1 to 65535, found a string: write it without quotes
gorgon.json:6: connection.user: expected a string, found a number: put it in double quotes
gorgon.json:6: connection: unknown key "vhots": did you mean "vhost"?
gorgon.json:8: job.sync.rsync_transport: expected one of "direct", "ssh", "anonymous", "daemon", "none", found "shh": did you mean "ssh"?
gorgon.json:8: job.sync.exclude: expected an array of strings, found a number
gorgon.json:8: job.sync.compress: expected true or false, found a string: write it without quotes
gorgon.json:8: job.sync: unknown key "exclud": did you mean "exclude"?
gorgon.json:9: job.env.A: expected a string, found a number: put it in double quotes
gorgon.json:9: job.preload[1]: expected a string, found a number: put it in double quotes
gorgon.json:9: job.preload[2]: expected a string that is not empty: remove it
gorgon.json:10: job.callbacks.after_sync: expected a shell command, found an empty string: remove the key)");
}

TEST_F(ProjectConfigTest, ATestCommandMustBeAbleToTellItsResults) {
  const auto error = [&](const std::string& command) {
    return error_of(R"({"runner": "command", "test_command": )" + command + "}");
  };
  EXPECT_EQ(error(R"({"run": ["prove", "{file}"], "results": "tap"})"), "no error");
  EXPECT_THAT(error("{}"), HasSubstr("needs test_command.run"));
  EXPECT_THAT(error(R"({"run": ["prove"]})"), HasSubstr("has no \"{file}\""));
  EXPECT_THAT(error(R"({"run": ["a", "{file}"], "results": "junit"})"),
              HasSubstr("has no \"{output}\""));
  EXPECT_THAT(error(R"({"run": ["a", "{file}"]}, "runner_command": ["b"])"),
              HasSubstr("is another way"));
  EXPECT_THAT(error(R"({"run": ["a", "{file}"]}, "job": {"preload": ["b"]})"),
              HasSubstr("loads for itself"));
  EXPECT_THAT(error_of(R"({"test_command": {"run": ["a", "{file}"]}})"),
              HasSubstr("needs \"runner\": \"command\""));
}

TEST_F(ProjectConfigTest, UnknownKeyNearNothingListsTheKnownOnes) {
  EXPECT_EQ(error_of(R"({"file_server": {"directory": "x"}})"),
            "gorgon.json:1: file_server: unknown key \"directory\": known here: host, port");
}

TEST_F(ProjectConfigTest, WrongTypesOfWholeObjectsAreNamed) {
  EXPECT_EQ(error_of("[]"), "gorgon.json:1: expected an object, { … }, found an array");
  EXPECT_EQ(error_of("{\"job\": []}"), "gorgon.json:1: job: expected an object, found an array");
  EXPECT_EQ(error_of("{\"connection\": 5}"),
            "gorgon.json:1: connection: expected an object or an amqp:// URL, found a number");
  EXPECT_EQ(error_of(""), "gorgon.json:1:1: the file is empty: write at least {}");
}

TEST_F(ProjectConfigTest, MistakesInTheSecretFileNameThatFile) {
  write("gorgon_secret.json", "{\n\"connection\": {\"pasword\": \"hush\"},\n\"files\": 1}");
  EXPECT_EQ(
      error_of("{}"),
      "gorgon_secret.json:2: connection: unknown key \"pasword\": did you mean \"password\"?\n"
      "gorgon_secret.json:3: files: expected an array of strings, found a number");
  write("gorgon_secret.json", "{");
  EXPECT_EQ(error_of("{,}"),
            "gorgon.json:1:2: expected a key in double quotes, found \",\"\n"
            "gorgon_secret.json:1:2: expected a key in double quotes, found the end of the file");
}

TEST_F(ProjectConfigTest, NoMessageShowsAPassword) {
  write("gorgon_secret.json", R"({"connection": {"password": 5551234, "pass": ["5551234"]},
    "job": {"sync": {"password": 5551234}}})");
  EXPECT_THAT(error_of(R"({"connection": {"url": "amqp://u:5551234/x@h"}})"),
              Not(HasSubstr("5551234")));
}

TEST_F(ProjectConfigTest, TwoNamesOfOneKeyAreAMistakeInOneFileAndAnOverrideAcrossFiles) {
  EXPECT_EQ(error_of("{\"connection\": {\"pass\": \"a\",\n\"password\": \"b\"}}"),
            "gorgon.json:2: connection.password: is another name of \"pass\", which is there too: "
            "keep one");
  write("gorgon_secret.json", R"({"connection": {"pass": "b"}})");
  EXPECT_EQ(connection_of(R"({"connection": {"password": "a"}})").password, "b");
}

TEST_F(ProjectConfigTest, NullCountsAsAbsent) {
  const ProjectConfig config = load_good(R"({"connection": null, "files": null, "job": null})");
  EXPECT_FALSE(config.connection);
}

TEST_F(ProjectConfigTest, ConnectionMayBeAUrlThatTheSecretCompletes) {
  write("gorgon_secret.json", R"({"connection": {"password": "hush"}})");
  const Connection connection = connection_of(R"({"connection": "amqp://me@broker:99/v"})");
  EXPECT_EQ(connection, (Connection{.host = "broker",
                                    .port = 99,
                                    .user = "me",
                                    .password = "hush",
                                    .virtual_host = "v",
                                    .tls = {}}));
  write("gorgon_secret.json", R"({"connection": "amqp://other"})");
  EXPECT_EQ(connection_of(R"({"connection": {"host": "broker"}})").host, "other");
}

TEST_F(ProjectConfigTest, TlsIsTrueOrAnObject) {
  write("ca.pem", "x");
  write("me.pem", "x");
  write("me.key", "x");
  const Connection full = connection_of(R"({"connection": {"ssl": {"cacertfile": "ca.pem",
      "cert": "me.pem", "key": "me.key", "verify": false}}})");
  EXPECT_EQ(full.port, 5671);
  EXPECT_EQ(full.tls, (Tls{.ca_file = folder_.path() / "ca.pem",
                           .certificate_file = folder_.path() / "me.pem",
                           .key_file = folder_.path() / "me.key",
                           .verify_host = false}));
  EXPECT_FALSE(connection_of(R"({"connection": {"tls": false}})").tls);
  EXPECT_EQ(connection_of(R"({"connection": {"port": 1, "tls": {"ca_file": "ca.pem"}}})").port, 1);
}

TEST_F(ProjectConfigTest, TlsUsesTheSystemsAuthoritiesUnlessToldOtherwise) {
  write("bundle.pem", "x");
  ::setenv("SSL_CERT_FILE", (folder_.path() / "bundle.pem").c_str(), 1);
  EXPECT_EQ(connection_of(R"({"connection": {"tls": true}})").tls.value_or(Tls{}).ca_file,
            folder_.path() / "bundle.pem");
  EXPECT_EQ(connection_of(R"({"connection": "amqps://h"})").tls.value_or(Tls{}).ca_file,
            folder_.path() / "bundle.pem");
  ::unsetenv("SSL_CERT_FILE");
}

TEST_F(ProjectConfigTest, TlsFilesMustBeThereAndGoTogether) {
  write("ca.pem", "x");
  EXPECT_EQ(error_of(R"({"connection": {"tls": {"ca_file": "nowhere.pem"}}})"),
            "gorgon.json:1: connection.tls.ca_file: cannot read the file nowhere.pem");
  EXPECT_THAT(error_of(R"({"connection": {"tls": {"ca_file": "ca.pem", "cert_file": "ca.pem"}}})"),
              HasSubstr("connection.tls: cert_file and key_file go together"));
}

TEST_F(ProjectConfigTest, HostsAreHosts) {
  const std::string expected = "connection.host: expected a host name or an IP address";
  EXPECT_THAT(error_of(R"({"connection": {"host": "broker:5672"}})"), HasSubstr(expected));
  EXPECT_THAT(error_of(R"({"connection": {"host": "amqp://broker"}})"), HasSubstr(expected));
  EXPECT_THAT(error_of(R"({"connection": {"host": ""}})"), HasSubstr(expected));
  EXPECT_EQ(connection_of(R"({"connection": {"host": "fe80::1"}})").host, "fe80::1");
}

TEST_F(ProjectConfigTest, HeartbeatIsWholeSeconds) {
  EXPECT_EQ(connection_of(R"({"connection": {"heartbeat": 5}})").heartbeat, seconds(5));
  EXPECT_EQ(connection_of(R"({"connection": {"heartbeat": "1m"}})").heartbeat, seconds(60));
  for (const std::string_view bad : {"0", "1.5", "601", "\"10m1s\"", "-1"}) {
    EXPECT_THAT(error_of("{\"connection\": {\"heartbeat\": " + std::string(bad) + "}}"),
                HasSubstr("connection.heartbeat: expected"))
        << bad;
  }
}

TEST_F(ProjectConfigTest, DurationsThatAreNoneAreRefused) {
  for (const std::string_view bad : {"\"\"", "\"5\"", "\"s\"", "\"1d\"", "\"-1s\"", "\"nans\"",
                                     "\"infs\"", "\"1e3s\"", "\"25h\"", "true", "[1]"}) {
    EXPECT_THAT(error_of("{\"timeouts\": {\"unit\": " + std::string(bad) + "}}"),
                HasSubstr("timeouts.unit: expected a duration"))
        << bad;
  }
  EXPECT_EQ(load_good(R"({"timeouts": {"unit": "250ms"}})").timeouts.unit, milliseconds(250));
}

TEST_F(ProjectConfigTest, SettingsThatContradictEachOtherAreRefused) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {R"({"job": {"sync": {"rsync_transport": "ssh"}}})",
       "gorgon.json:1: job.sync.rsync_transport: \"ssh\" needs a file server: set "
       "file_server.host"},
      {R"({"job": {"sync": {"rsync_transport": "daemon"}}})", "\"anonymous\" needs a file server"},
      {R"({"connection": {}, "job": {"sync": {"rsync_transport": "none"}}})",
       "needs job.sync.source_tree_path"},
      {R"({"connection": {}, "job": {"sync": {"password": "x"}}})",
       "job.sync.password: is for the transport \"anonymous\""},
      {R"({"file_server": {"host": "h"}, "job": {"sync": {"rsync_transport": "anonymous",
          "password": "x"}}})",
       "needs job.sync.user"},
      {R"({"job": {"callbacks": {"callbacks_class_file": "no.rb"}}})",
       "job.callbacks.callbacks_class_file: there is no file \"no.rb\""},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(error_of(text), HasSubstr(message)) << text;
}

TEST_F(ProjectConfigTest, SecretThatOthersMayReadIsRefused) {
  write("gorgon.json", "{}");
  write("gorgon_secret.json", R"({"connection": {"password": "hush"}})");
  for (const mode_t mode : {0644U, 0640U, 0604U, 0620U}) {
    ::chmod((folder_.path() / "gorgon_secret.json").c_str(), mode);
    const auto refused = load();
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(refused.error().message, HasSubstr("other users may read it"));
    EXPECT_THAT(refused.error().message, HasSubstr("chmod 600"));
    EXPECT_THAT(refused.error().message, Not(HasSubstr("hush")));
  }
  ::chmod((folder_.path() / "gorgon_secret.json").c_str(), 0600);
  EXPECT_TRUE(load());
}

TEST_F(ProjectConfigTest, ListenersKeysInTheSharedSecretFileAreLeftAlone) {
  write("gorgon_secret.json", R"({"worker_slots": 2})");
  EXPECT_EQ(error_of("{}"), "no error");
  EXPECT_THAT(error_of(R"({"worker_slots": 2})"), HasSubstr("unknown key"));
}

TEST_F(ProjectConfigTest, FolderOrHugeFileIsAnErrorAndNoCrash) {
  write("gorgon.json", "{ // " + std::string(2'000'000, 'x') + "\n}");
  EXPECT_THAT(error(), HasSubstr("is longer than"));
  std::filesystem::remove(folder_.path() / "gorgon.json");
  std::filesystem::create_directory(folder_.path() / "gorgon.json");
  EXPECT_THAT(error(), HasSubstr("gorgon.json"));
}

TEST_F(ProjectConfigTest, GroupsAndOverrides) {
  const ProjectConfig config = load_good(R"({
    "groups": {"db": {"per_host": 1, "total": 3}, "clock": {"alone": true}},
    "overrides": [{"files": ["spec/db"], "group": "db", "timeout": "2m", "case_timeout": 5}]
  })");
  EXPECT_EQ(config.groups.at("db"), (Group{.per_host = 1, .total = 3}));
  EXPECT_TRUE(config.groups.at("clock").alone);
  ASSERT_EQ(config.overrides.size(), 1U);
  EXPECT_EQ(config.overrides[0].group, "db");
  EXPECT_EQ(config.overrides[0].timeout, seconds(120));
  EXPECT_EQ(config.overrides[0].case_timeout, seconds(5));
}

TEST_F(ProjectConfigTest, GroupsThatMakeNoSense) {
  EXPECT_THAT(error_of(R"({"groups": {"../db": {}}})"), HasSubstr("a group is called by"));
  EXPECT_THAT(error_of(R"({"groups": {"db": {"per_host": 0}}})"), HasSubstr("groups.db.per_host"));
  EXPECT_THAT(error_of(R"({"groups": {"db": {"perhost": 1}}})"), HasSubstr("per_host"));
  EXPECT_THAT(error_of(R"({"groups": []})"), HasSubstr("expected an object of objects"));
  EXPECT_THAT(error_of(R"({"overrides": [{"group": "db"}]})"),
              HasSubstr("overrides[0].files: is missing"));
  EXPECT_THAT(error_of("{\n\"overrides\": [\n{\"files\": [\"a\"], \"group\": \"db\"}]}"),
              HasSubstr("gorgon.json:3: overrides[0].group: there is no group \"db\""));
}

}  // namespace
}  // namespace gorgon::config
