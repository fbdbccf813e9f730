#include "config/load.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "config/document.h"
#include "config/key_row.h"
#include "config/keys.h"

namespace gorgon::config {

namespace {

using Kind = Value::Kind;

/// Far above any configuration written by hand; below what would be slow to complain about.
constexpr std::size_t kMaxFileBytes = std::size_t{1024} * 1024;

Result<Value> load_file(const fs::path& file, Problems& problems) {
  auto text = read_file(file, kMaxFileBytes);
  if (!text) {
    if (text.error().kind == ErrorKind::kNotFound) return std::unexpected(text.error());
    return fail(ErrorKind::kUsage, text.error().message);
  }
  const std::size_t before = problems.count();
  Value value = parse_document(*text, problems.add_file(file.string()), problems);
  if (!value.is(Kind::kObject) && problems.count() == before) {
    Place{.problems = problems, .folder = {}}.reject_type(value, "an object, { … }");
  }
  return value;
}

/// As ssh does with private keys: whatever stands in it, it is meant for one user.
Result<void> check_secrecy(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0 || (status.st_mode & 077U) == 0) return {};
  return fail(ErrorKind::kUsage,
              fmt::format("{0} is for secrets, and other users may read it (mode {1:04o}): "
                          "chmod 600 {0}",
                          file.string(), status.st_mode & 07777U));
}

/// A connection URL as {"url": …}, so that a password in the secret file joins it instead of
/// replacing it.
void open_url(Value& root) {
  for (Member& member : root.members) {
    if (member.name != "connection" || !member.value.is(Kind::kString)) continue;
    Value object;
    object.kind = Kind::kObject;
    object.file = member.value.file;
    object.line = member.value.line;
    object.members.push_back(
        {.name = "url", .line = object.line, .value = std::move(member.value)});
    member.value = std::move(object);
  }
}

bool has_row(const std::vector<KeyRow>& rows, const std::string& path) {
  return std::ranges::find(rows, path, &KeyRow::path) != rows.end();
}

}  // namespace

Result<Value> load_with_secret(const fs::path& file, const std::vector<KeyRow>& own,
                               const std::vector<KeyRow>& other, Problems& problems) {
  GORGON_TRY_ASSIGN(Value value, load_file(file, problems));
  const fs::path secret_file = file.parent_path() / "gorgon_secret.json";
  GORGON_TRY(check_secrecy(secret_file));
  auto secret = load_file(secret_file, problems);
  if (!secret && secret.error().kind != ErrorKind::kNotFound) {
    return std::unexpected(std::move(secret).error());
  }
  const bool is_readable = value.is(Kind::kObject) && (!secret || secret->is(Kind::kObject));
  if (!is_readable) return std::unexpected(problems.error());
  if (!secret) return value;
  std::erase_if(secret->members, [&](const Member& member) {
    return has_row(other, member.name) && !has_row(own, member.name);
  });
  const Value* connection = secret->find("connection");
  if (connection != nullptr && connection->is(Kind::kObject)) open_url(value);
  return merge(std::move(value), *std::move(secret));
}

}  // namespace gorgon::config
