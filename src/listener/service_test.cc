#include "listener/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace gorgon::listener {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RenderUnitTest, UserUnitStartsTheListener) {
  EXPECT_EQ(
      render_unit({.scope = ServiceScope::kUser,
                   .binary = "/usr/bin/gorgon",
                   .config_file = "/home/someone/.gorgon/gorgon_listener.json",
                   .run_as = {},
                   .search_path = {}}),
      R"(# Written by `gorgon install_listener`; `gorgon install_listener --uninstall` removes it.
[Unit]
Description=Gorgon listener: runs the tests of others on this machine

[Service]
ExecStart="/usr/bin/gorgon" listen --foreground --config "/home/someone/.gorgon/gorgon_listener.json"
WorkingDirectory=~
Restart=on-failure
RestartSec=5
Delegate=yes
KillMode=mixed
TimeoutStopSec=30
# Tests shall not slow down who works at this machine.
Nice=5

[Install]
WantedBy=default.target
)");
}

TEST(RenderUnitTest, SystemUnitRunsAsItsUserAfterTheNetwork) {
  const std::string text = render_unit({.scope = ServiceScope::kSystem,
                                        .binary = "/usr/bin/gorgon",
                                        .config_file = "/etc/gorgon_listener.json",
                                        .run_as = "ci",
                                        .search_path = "/opt/ruby/bin:/usr/bin"});
  EXPECT_THAT(text, AllOf(HasSubstr("User=ci\n"), HasSubstr("After=network-online.target\n"),
                          HasSubstr("Environment=\"PATH=/opt/ruby/bin:/usr/bin\"\n"),
                          HasSubstr("WantedBy=multi-user.target\n")));
}

TEST(RenderUnitTest, PathsAreEscaped) {
  const std::string text = render_unit({.scope = ServiceScope::kUser,
                                        .binary = "/opt/my tools/100%/gorgon",
                                        .config_file = "/home/a \"b\"/$c\\d.json",
                                        .run_as = {},
                                        .search_path = "/a b:/$x/%h"});
  EXPECT_THAT(text, HasSubstr("ExecStart=\"/opt/my tools/100%%/gorgon\" listen --foreground "
                              "--config \"/home/a \\\"b\\\"/$$c\\\\d.json\"\n"));
  EXPECT_THAT(text, HasSubstr("Environment=\"PATH=/a b:/$x/%%h\"\n"));
}

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_file(folder_.path() / "gorgon_listener.json", "{}"));
    write_systemctl("exit 0");
  }
  /// A systemctl that notes its arguments and then does `what`.
  void write_systemctl(const std::string& what) {
    ASSERT_TRUE(write_file(
        folder_.path() / "systemctl",
        "#!/bin/sh\necho \"$@\" >> '" + (folder_.path() / "calls").string() + "'\n" + what + "\n",
        0755));
  }
  [[nodiscard]] ServiceManager manager(bool is_running,
                                       ServiceScope scope = ServiceScope::kUser) const {
    return {.scope = scope,
            .unit_folder = folder_.path() / "units",
            .systemctl = (folder_.path() / "systemctl").string(),
            .is_running = is_running};
  }
  [[nodiscard]] ServiceUnit unit() const {
    return {.binary = "/usr/bin/gorgon",
            .config_file = folder_.path() / "gorgon_listener.json",
            .run_as = {},
            .search_path = {}};
  }
  Result<std::string> install(ServiceManager where, ServiceUnit what) {
    asio::io_context io;
    return run_to_completion(io, install_service(std::move(where), std::move(what)));
  }
  Result<std::string> uninstall(ServiceManager where) {
    asio::io_context io;
    return run_to_completion(io, uninstall_service(std::move(where)));
  }
  [[nodiscard]] std::string calls() const {
    return read_file(folder_.path() / "calls").value_or("");
  }
  [[nodiscard]] fs::path unit_file() const { return folder_.path() / "units" / kUnitName; }

  TempDir folder_ = *TempDir::make("gorgon-service-test-");
};

TEST_F(ServiceTest, InstallingEnablesAndStarts) {
  const auto report = install(manager(true), unit());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(calls(),
            "--user daemon-reload\n--user enable gorgon-listener.service\n"
            "--user restart gorgon-listener.service\n");
  EXPECT_EQ(read_file(unit_file()), render_unit(unit()));
  EXPECT_THAT(*report, HasSubstr("enable-linger"));
}

TEST_F(ServiceTest, WithoutSystemdTheCommandsAreSaid) {
  const auto report =
      install(manager(false, ServiceScope::kSystem), {.binary = unit().binary,
                                                      .config_file = unit().config_file,
                                                      .run_as = "ci",
                                                      .search_path = {}});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(calls(), "");
  EXPECT_TRUE(fs::exists(unit_file()));
  EXPECT_THAT(*report, AllOf(HasSubstr("systemd is not running here"),
                             HasSubstr("systemctl enable gorgon-listener.service"),
                             Not(HasSubstr("--user"))));
}

TEST_F(ServiceTest, RefusalOfSystemctlIsShown) {
  write_systemctl("echo 'Failed to connect to bus' >&2; exit 1");
  const auto report = install(manager(true), unit());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kIo);
  EXPECT_THAT(report.error().message, AllOf(HasSubstr("Failed to connect to bus"),
                                            HasSubstr("exit code 1"), HasSubstr("daemon-reload")));
}

TEST_F(ServiceTest, WhatCannotWorkIsRefusedBeforeAnythingIsWritten) {
  ServiceUnit bad = unit();
  bad.binary = "gorgon";
  EXPECT_EQ(install(manager(true), bad).error().kind, ErrorKind::kUsage);
  bad = unit();
  bad.binary = "/a\nExecStartPre=/bin/evil";
  EXPECT_EQ(install(manager(true), bad).error().kind, ErrorKind::kUsage);
  bad = unit();
  bad.run_as = "ci\nExecStartPre=/bin/evil";
  EXPECT_EQ(install(manager(true), bad).error().kind, ErrorKind::kUsage);
  bad = unit();
  bad.config_file = folder_.path() / "none.json";
  EXPECT_EQ(install(manager(true), bad).error().kind, ErrorKind::kUsage);
  ASSERT_TRUE(write_file(folder_.path() / "gorgon_listener.json", "{\"worker_slot\": 1}"));
  EXPECT_THAT(install(manager(true), unit()).error().message, HasSubstr("worker_slots"));
  EXPECT_THAT(install(manager(true, ServiceScope::kSystem), unit()).error().message,
              HasSubstr("through sudo"));
  EXPECT_FALSE(fs::exists(unit_file()));
  EXPECT_EQ(calls(), "");
}

TEST_F(ServiceTest, UninstallingStopsAndRemoves) {
  ASSERT_TRUE(install(manager(false), unit()));
  const auto report = uninstall(manager(true));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(calls(), "--user disable --now gorgon-listener.service\n--user daemon-reload\n");
  EXPECT_FALSE(fs::exists(unit_file()));
  EXPECT_EQ(uninstall(manager(true)).error().kind, ErrorKind::kNotFound);
}

TEST_F(ServiceTest, SystemdAcceptsTheUnit) {
  // systemd-analyze checks that the program exists and may be run.
  ServiceUnit with_spaces = unit();
  with_spaces.binary = folder_.path() / "my tools 100%" / "gorgon";
  ASSERT_TRUE(write_file(with_spaces.binary, "#!/bin/sh\n", 0755));
  const fs::path file = folder_.path() / kUnitName;
  ASSERT_TRUE(write_file(file, render_unit(with_spaces)));
  asio::io_context io;
  RunOptions options{.spawn = {.argv = {"systemd-analyze", "--man=no", "verify", file.string()}},
                     .timeout = std::chrono::seconds(30)};
  const auto ran = run_to_completion(io, run(std::move(options)));
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_TRUE(ran->status.is_success()) << ran->errors;
  EXPECT_EQ(ran->errors, "");
}

}  // namespace
}  // namespace gorgon::listener
