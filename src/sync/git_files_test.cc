#include "sync/git_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "support/tree.h"

namespace gorgon::sync {
namespace {

using testing::MatchesRegex;

class CheckoutDigestTest : public testing::Test {
 protected:
  CheckoutDigestTest() {
    // The tests' git must not depend on the machine's settings.
    test::write(folder_.path() / "gitconfig", "[user]\nname=t\nemail=t@example.com\n");
    fs::create_directories(top_ / "project");
    write("project/a b.rb", "one");
    write("project/sub/c.rb", "one");
    write("other/d.rb", "one");
    write(".gitignore", "*.log\n");
  }
  void write(const std::string& name, std::string_view text) { test::write(top_ / name, text); }
  void git(const std::string& words) { test::shell(top_, "git " + words); }
  void commit() {
    git("init -q");
    git("add -A");
    git("commit -qm all");
  }
  /// Of the folder `project`; "": none.
  std::string digest() {
    const auto digest = run_to_completion(io_, checkout_digest(top_ / "project"));
    EXPECT_TRUE(digest) << digest.error().message;
    return digest && *digest ? **digest : "";
  }

  asio::io_context io_{1};
  TempDir folder_ = TempDir::make("gorgon-checkout-test-").value();
  fs::path top_ = folder_.path() / "top";
  test::ScopedVariable config_{"GIT_CONFIG_GLOBAL", (folder_.path() / "gitconfig").string()};
};

TEST_F(CheckoutDigestTest, WithoutChangesItIsTheCommit) {
  commit();
  const std::string clean = digest();
  EXPECT_THAT(clean, MatchesRegex("git:[0-9a-f]+"));
  write("other/d.rb", "changed");
  write("project/test.log", "ignored");
  EXPECT_EQ(digest(), clean) << "nothing of the project is another";
}

TEST_F(CheckoutDigestTest, AnyFileThatDiffersShows) {
  commit();
  const std::string clean = digest();
  std::string before = clean;
  const std::function<void()> changes[] = {
      [&] { write("project/a b.rb", "longer"); },
      [&] { write("project/a b.rb", "other again"); },
      [&] { write("project/new.rb", ""); },
      [&] { fs::permissions(top_ / "project/new.rb", fs::perms::owner_all); },
      [&] { fs::rename(top_ / "project/new.rb", top_ / "project/renamed.rb"); },
      [&] { fs::remove(top_ / "project/sub/c.rb"); },
      [&] {
        // Of the same size.
        const auto time = fs::last_write_time(top_ / "project/a b.rb");
        write("project/a b.rb", "Other again");
        fs::last_write_time(top_ / "project/a b.rb", time + std::chrono::milliseconds(1));
      }};
  for (const auto& change : changes) {
    change();
    const std::string after = digest();
    EXPECT_NE(after, before) << "change " << &change - changes;
    EXPECT_THAT(after, MatchesRegex(clean + "\\+[0-9a-f]{16}"));
    before = after;
  }
  git("add -A");
  EXPECT_EQ(digest(), before) << "to stage changes no file";
  git("commit -qm changed");
  EXPECT_THAT(digest(), MatchesRegex("git:[0-9a-f]+"));
  EXPECT_NE(digest(), clean);
}

TEST_F(CheckoutDigestTest, WhatGitDoesNotKnowHasNone) {
  EXPECT_EQ(digest(), "") << "no checkout";
  git("init -q");
  EXPECT_EQ(digest(), "") << "no commit";
  write(".gitignore", "project\n");
  commit();
  EXPECT_EQ(digest(), "") << "the project is ignored";
}

}  // namespace
}  // namespace gorgon::sync
