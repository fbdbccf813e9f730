#include "base/user.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/result.h"

namespace gorgon {
namespace {

using ::testing::HasSubstr;

TEST(UserTest, AnAccountIsFoundByName) {
  const auto root = find_user("root");
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(root->gid, 0U);
  EXPECT_EQ(root->home, "/root");
  const auto other = find_user("nobody:daemon");
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_NE(other->gid, find_user("nobody")->gid);
}

TEST(UserTest, AMisspeltNameIsToldTheNearest) {
  const auto user = find_user("nobdoy");
  ASSERT_FALSE(user);
  EXPECT_EQ(user.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(user.error().message, HasSubstr("no user \"nobdoy\": did you mean \"nobody\"?"));
  EXPECT_THAT(find_user("root:daemom").error().message,
              HasSubstr("no group \"daemom\": did you mean \"daemon\"?"));
  EXPECT_THAT(find_user("").error().message, HasSubstr("no user \"\""));
}

/// Exit code of `body` in a process of its own.
template <class Body>
int in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(UserTest, RootBecomesAnotherUserForGoodAndNobodyElseDoes) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const auto user = find_user("nobody");
  ASSERT_TRUE(user);
  EXPECT_EQ(in_child([&] {
              if (!become(*user)) return 1;
              if (::getuid() != user->uid || ::getegid() != user->gid) return 2;
              if (::setuid(0) == 0 || ::setgid(0) == 0) return 3;
              gid_t groups[64];
              const int count = ::getgroups(64, groups);
              for (int i = 0; i < count; ++i)
                if (groups[i] == 0) return 4;
              if (std::string(std::getenv("USER")) != "nobody") return 5;
              if (std::getenv("HOME") != user->home) return 6;
              if (::access("/etc/shadow", R_OK) == 0) return 7;
              if (!become(*user)) return 8;  // It is that user already.
              const auto back = become({.name = "root"});
              return back || back.error().kind != ErrorKind::kUsage ? 9 : 0;
            }),
            0);
}

TEST(UserTest, TheUserWithGroupsOfAnotherIsNotThatUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has groups to give";
  const auto user = find_user("nobody");
  ASSERT_TRUE(user);
  EXPECT_EQ(in_child([&] {
              const gid_t roots = 0;
              if (::setgroups(1, &roots) != 0 ||
                  ::setresgid(user->gid, user->gid, user->gid) != 0 ||
                  ::setresuid(user->uid, user->uid, user->uid) != 0)
                return 1;
              const auto became = become(*user);
              return became || became.error().kind != ErrorKind::kUsage ? 2 : 0;
            }),
            0);
}

TEST(UserTest, AFolderForTemporaryFilesThatIsClosedToTheUserIsLeft) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const auto user = find_user("nobody");
  ASSERT_TRUE(user);
  EXPECT_EQ(in_child([&] {
              ::setenv("TMPDIR", "/root", 1);
              if (!become(*user)) return 1;
              return std::getenv("TMPDIR") == nullptr ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace gorgon
