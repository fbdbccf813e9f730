#include "config/listener_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // setenv is not in <cstdlib>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/limits.h"
#include "base/result.h"

namespace gorgon::config {
namespace {

using ::testing::HasSubstr;

class ListenerConfigTest : public ::testing::Test {
 protected:
  void write(std::string_view name, std::string_view text) {
    ASSERT_TRUE(write_file(folder_.path() / name, text, 0600));
  }
  Result<ListenerConfig> load(std::string_view text) {
    write("gorgon_listener.json", text);
    return load_listener_config(folder_.path() / "gorgon_listener.json");
  }
  std::string error_of(std::string_view text) {
    const auto loaded = load(text);
    return loaded ? "no error" : loaded.error().message;
  }

  TempDir folder_ = *TempDir::make("gorgon-config-test-");
};

TEST_F(ListenerConfigTest, RubyGorgonsFileIsUnderstood) {
  const auto config = load(R"({
    "connection": {"host": "broker.local", "pass": "x"},
    "worker_slots": 3,
    "log_file": "listener.log",
    "cluster_id": "fast",
    "bin_gem_path": "/usr/bin/gem"
  })");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->connection.host, "broker.local");
  EXPECT_EQ(config->worker_slots, 3U);
  EXPECT_EQ(config->log_file, folder_.path() / "listener.log");
  EXPECT_EQ(config->cluster_id, "fast");
  EXPECT_EQ(config->bin_gem_path, "/usr/bin/gem");
  EXPECT_FALSE(config->allow_gem_command);
}

TEST_F(ListenerConfigTest, OurOwnKeysAreRead) {
  ::setenv("HOME", "/home/someone", 1);
  const auto config = load(R"({"worker_slots": "auto", "pid_file": "/run/g.pid", "host_name": "m1",
    "workspace_dir": "~/ws", "allow_gem_command": true})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->worker_slots, 0U);
  EXPECT_EQ(config->pid_file, "/run/g.pid");
  EXPECT_EQ(config->host_name, "m1");
  EXPECT_EQ(config->workspace_dir, "/home/someone/ws");
  EXPECT_TRUE(config->allow_gem_command);
}

TEST_F(ListenerConfigTest, SlotsHaveLimits) {
  for (const std::string_view bad : {"0", "-1", "1025", "1.5", "\"many\"", "\"3\"", "true"}) {
    EXPECT_THAT(error_of("{\"worker_slots\": " + std::string(bad) + "}"),
                HasSubstr("worker_slots: expected an integer from 1 to 1024"))
        << bad;
  }
}

TEST_F(ListenerConfigTest, WorkersHaveLimits) {
  const auto config = load(
      R"({"worker_limits": {"memory": "3G", "processes": 200, "open_files": 1024, "cpus": 2}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->worker_limits,
            (ResourceLimits{
                .memory_bytes = 3ULL << 30, .processes = 200, .open_files = 1024, .cpus = 2}));
  for (const std::string_view bad :
       {"3", "3GB", "-3G", "G", "", "1048577T", "4294967296K", "3 G"}) {
    EXPECT_THAT(error_of(R"({"worker_limits": {"memory": ")" + std::string(bad) + "\"}}"),
                HasSubstr("worker_limits.memory: expected"))
        << bad;
  }
  EXPECT_THAT(error_of(R"({"worker_limits": {"memory": "63M"}})"), HasSubstr("less than 64M"));
  EXPECT_THAT(error_of(R"({"worker_limits": {"open_files": 1}})"),
              HasSubstr("worker_limits.open_files: expected an integer from 64 to 1000000"));
}

TEST_F(ListenerConfigTest, ProjectsKeysInTheSharedSecretFileAreLeftAlone) {
  write("gorgon_secret.json", R"({"connection": {"password": "hush"},
    "job": {"sync": {"password": "x"}}})");
  const auto config = load(R"({"connection": {"host": "b"}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->connection.password, "hush");
  EXPECT_THAT(error_of(R"({"job": {}})"), HasSubstr("unknown key \"job\""));
}

TEST_F(ListenerConfigTest, MissingFileIsAMistakeAsOfAProject) {
  const auto none = load_listener_config(folder_.path() / "none.json");
  EXPECT_EQ(none.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(none.error().message, HasSubstr("none.json does not exist"));
}

TEST_F(ListenerConfigTest, FoundHereFirstThenInTheHomeFolder) {
  const fs::path before = fs::current_path();
  fs::create_directories(folder_.path() / "home/.gorgon");
  fs::create_directories(folder_.path() / "here");
  fs::current_path(folder_.path() / "here");
  ::setenv("HOME", (folder_.path() / "home").c_str(), 1);

  const auto none = find_listener_config();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr(".gorgon/gorgon_listener.json"));
  write("home/.gorgon/gorgon_listener.json", "{}");
  EXPECT_EQ(find_listener_config(), folder_.path() / "home/.gorgon/gorgon_listener.json");
  write("here/gorgon_listener.json", "{}");
  EXPECT_EQ(find_listener_config(), "gorgon_listener.json");
  fs::current_path(before);
}

}  // namespace
}  // namespace gorgon::config
