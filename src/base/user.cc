#include "base/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>  // setenv is not in <cstdlib>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace gorgon {

namespace {

std::unexpected<Error> not_there(const std::string& what, const std::string& name,
                                 const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const auto near = nearest(name, views);
  return fail(ErrorKind::kNotFound, "this machine has no " + what + " \"" + name + "\"" +
                                        (near ? ": did you mean \"" + *near + "\"?" : ""));
}

std::vector<std::string> user_names() {
  std::vector<std::string> names;
  ::setpwent();
  while (const passwd* entry = ::getpwent()) names.emplace_back(entry->pw_name);
  ::endpwent();
  return names;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names;
  ::setgrent();
  while (const group* entry = ::getgrent()) names.emplace_back(entry->gr_name);
  ::endgrent();
  return names;
}

/// No group is left of whoever started this process.
bool has_no_other_groups(const User& user) {
  int count = ::getgroups(0, nullptr);
  std::vector<gid_t> ours(static_cast<std::size_t>(std::max(count, 0)));
  count = ::getgroups(count, ours.data());
  // The kernel's limit.
  std::vector<gid_t> allowed(65536);
  int allowed_count = static_cast<int>(allowed.size());
  if (count < 0 || ::getgrouplist(user.name.c_str(), user.gid, allowed.data(), &allowed_count) < 0)
    return false;
  allowed.resize(static_cast<std::size_t>(allowed_count));
  return std::ranges::all_of(
      ours, [&](gid_t group) { return std::ranges::find(allowed, group) != allowed.end(); });
}

/// All three of each kind, and no way back.
bool is_for_good(const User& user) {
  uid_t real = 0, effective = 0, saved = 0;
  gid_t real_group = 0, effective_group = 0, saved_group = 0;
  if (::getresuid(&real, &effective, &saved) != 0 ||
      ::getresgid(&real_group, &effective_group, &saved_group) != 0)
    return false;
  return real == user.uid && effective == user.uid && saved == user.uid && real_group == user.gid &&
         effective_group == user.gid && saved_group == user.gid &&
         (user.uid == 0 || ::setuid(0) != 0);
}

}  // namespace

Result<User> find_user(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string name(text.substr(0, colon));
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return not_there("user", name, user_names());
  User user{.name = name, .uid = entry->pw_uid, .gid = entry->pw_gid, .home = entry->pw_dir};
  if (colon == std::string_view::npos) return user;
  const std::string group_name(text.substr(colon + 1));
  const group* group_entry = ::getgrnam(group_name.c_str());
  if (group_entry == nullptr) return not_there("group", group_name, group_names());
  user.gid = group_entry->gr_gid;
  return user;
}

Result<void> become(const User& user) {
  const bool is_already = ::geteuid() == user.uid && ::getuid() == user.uid &&
                          ::getegid() == user.gid && ::getgid() == user.gid;
  if (is_already && has_no_other_groups(user)) return {};
  if (::geteuid() != 0)
    return fail(ErrorKind::kUsage,
                "only root can become " + user.name + ", with the groups of that user alone");
  // In this order: without root's user id the groups can no longer be changed.
  if (::initgroups(user.name.c_str(), user.gid) != 0 ||
      ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0)
    return fail_errno("cannot become " + user.name, errno);
  if (!is_for_good(user) || !has_no_other_groups(user))
    return fail(ErrorKind::kIo, "cannot become " + user.name + " for good");
  ::setenv("HOME", user.home.c_str(), 1);
  ::setenv("USER", user.name.c_str(), 1);
  ::setenv("LOGNAME", user.name.c_str(), 1);
  // One of root's own, as PAM makes them.
  const char* temporary = ::getenv("TMPDIR");
  if (temporary != nullptr && ::access(temporary, W_OK | X_OK) != 0) ::unsetenv("TMPDIR");
  for (const char* name :
       {"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"})
    ::unsetenv(name);
  return {};
}

}  // namespace gorgon
