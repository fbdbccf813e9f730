#include "runner/installed_programs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"

namespace gorgon::runner {
namespace {

TEST(InstalledProgramsTest, TheVersionIsFoundInWhatProgramsSay) {
  EXPECT_EQ(version_in("rsync  version 3.2.7  protocol version 31"), "3.2.7");
  EXPECT_EQ(version_in("v18.13.0\n"), "18.13.0");
  EXPECT_EQ(version_in("ruby 3.4.0.dev"), "3.4.0.dev");
  EXPECT_EQ(version_in("no number, or 7 alone"), "");
  EXPECT_EQ(version_in(""), "");
  EXPECT_EQ(version_in("1." + std::string(100'000, '1')).size(), 64U);
}

class AskedTest : public ::testing::Test {
 protected:
  /// A program of the shell with this text.
  std::string program(const std::string& name, const std::string& text) {
    const fs::path file = folder_.path() / name;
    EXPECT_TRUE(write_file(file, "#!/bin/sh\n" + text));
    fs::permissions(file, fs::perms::owner_all);
    return file.string();
  }
  Result<Versions> ask_ruby(const std::string& command) {
    asio::io_context io(1);
    const std::vector<std::string> argv = {command};
    return run_to_completion(io, ruby_versions(folder_.path(), argv));
  }
  TempDir folder_ = *TempDir::make("gorgon-programs-test-");
};

TEST_F(AskedTest, TheRubyOfThisMachineSaysWhatItHas) {
  const auto versions = ask_ruby("ruby");
  ASSERT_TRUE(versions) << versions.error().message;
  EXPECT_TRUE(versions->contains("ruby"));
  EXPECT_TRUE(versions->contains("rspec"));
}

TEST_F(AskedTest, WhatAProgramWritesBesidesIsLeftAside) {
  const auto versions =
      ask_ruby(program("ruby", "echo 'a warning of 1.2 kinds'; echo 'ruby 2.7.8'; echo 'rspec x'"));
  ASSERT_TRUE(versions) << versions.error().message;
  EXPECT_EQ(*versions, (Versions{{"ruby", "2.7.8"}}));
}

TEST_F(AskedTest, AProgramThatFailsIsQuoted) {
  const auto versions = ask_ruby(program("ruby", "echo 'no bundle here' >&2; exit 7"));
  ASSERT_FALSE(versions);
  EXPECT_NE(versions.error().message.find("exit code 7"), std::string::npos);
  EXPECT_NE(versions.error().message.find("no bundle here"), std::string::npos);
}

TEST_F(AskedTest, AProgramThatIsNotThereIsNotFound) {
  const auto versions = ask_ruby("/nowhere/ruby");
  ASSERT_FALSE(versions);
  EXPECT_EQ(versions.error().kind, ErrorKind::kNotFound);
}

TEST_F(AskedTest, WhatIsNotInstalledIsLeftOutOfAll) {
  asio::io_context io(1);
  const Versions all = run_to_completion(io, installed_programs(folder_.path()));
  EXPECT_TRUE(all.contains("ruby"));
  EXPECT_TRUE(all.contains("rsync"));
  EXPECT_FALSE(all.contains("git"));
}

}  // namespace
}  // namespace gorgon::runner
