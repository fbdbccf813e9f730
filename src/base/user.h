// Accounts of this machine, and becoming one of them for good.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gorgon {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::filesystem::path home;
};

/// "user", with the group of that account, or "user:group". kNotFound: there is no such user, or
/// group, with the nearest that there is.
[[nodiscard]] Result<User> find_user(std::string_view text);

/// This process is `user`'s from now on, with the user's groups, and cannot go back; HOME, USER and
/// LOGNAME say so, and what XDG_… names for another user is gone, as is a TMPDIR that is closed to
/// this one. Does nothing when the process is that user's already. kUsage: it is neither that, nor
/// root's. After kIo do not go on: some of it may have been done. Call it while there is one
/// thread.
[[nodiscard]] Result<void> become(const User& user);

}  // namespace gorgon
