// The file, one of these a line:
//   # comment
//   ed25519:KEY RIGHT[,RIGHT...] [NAME, to the end of the line]
#include "listener/trusted_keys.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace gorgon::listener {

namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) + 1 - start);
}

std::string_view next_word(std::string_view& text) {
  text = trimmed(text);
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text = trimmed(text.substr(word.size()));
  return word;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// Nullopt for a line that says nothing.
Result<std::optional<TrustedKey>> parse_line(std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line.starts_with('#')) return std::nullopt;
  TrustedKey trusted;
  GORGON_TRY_ASSIGN(trusted.key, PublicKey::parse(next_word(line)));
  GORGON_TRY_ASSIGN(trusted.rights, parse_rights(next_word(line)));
  trusted.name = line;
  return trusted;
}

std::string line_of(const TrustedKey& trusted) {
  std::string rights;
  for (const Right right : trusted.rights)
    rights += (rights.empty() ? "" : ",") + std::string(name_of(right));
  return trusted.key.text() + " " + rights + (trusted.name.empty() ? "" : " " + trusted.name);
}

/// kNotFound when there is none.
Result<std::string> read_checked(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 022U) != 0) {
    return fail(ErrorKind::kRefused,
                "others may write " + file.string() + ", and so add keys of their own: chmod 600");
  }
  return read_file(file);
}

}  // namespace

std::string_view name_of(Right right) {
  switch (right) {
    case Right::kRun:
      return "run";
    case Right::kCancel:
      return "cancel";
    case Right::kExec:
      return "exec";
  }
  return "";
}

Result<std::set<Right>> parse_rights(std::string_view text) {
  std::set<Right> rights;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    const auto known = std::ranges::find(kAllRights, word, [](Right r) { return name_of(r); });
    if (known == kAllRights.end()) {
      static const std::array names = {name_of(Right::kRun), name_of(Right::kCancel),
                                       name_of(Right::kExec)};
      const auto near = nearest(word, names);
      return fail(ErrorKind::kUsage,
                  "\"" + std::string(word) + "\" is no right" +
                      (near ? ": did you mean \"" + *near + "\"?"
                            : std::string(": expected run, cancel or exec, or several of them with "
                                          "commas between")));
    }
    rights.insert(*known);
    if (comma == std::string_view::npos) return rights;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<TrustedKey>> read_trusted_keys(const fs::path& file) {
  GORGON_TRY_ASSIGN(const std::string text, read_checked(file));
  std::vector<TrustedKey> keys;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    auto parsed = parse_line(line);
    if (!parsed)
      return with_context(file.string() + ":" + std::to_string(number), std::move(parsed.error()));
    if (*parsed) keys.push_back(**std::move(parsed));
  }
  return keys;
}

Result<bool> trust(const fs::path& file, const TrustedKey& key) {
  if (std::ranges::any_of(key.name, [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return fail(ErrorKind::kUsage, "a name is one line of text");
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  // Two at once must not lose each other's line.
  const UniqueFd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::flock(folder.get(), LOCK_EX) != 0)
    return fail_errno("cannot write " + file.string(), errno);
  auto keys = read_trusted_keys(file);
  if (!keys && keys.error().kind != ErrorKind::kNotFound)
    return std::unexpected(std::move(keys).error());
  std::string text =
      "# Whose jobs this machine runs: KEY RIGHTS NAME. `gorgon trust` adds lines.\n";
  if (keys) {
    GORGON_TRY_ASSIGN(text, read_file(file));
  }
  std::string changed;
  bool was_there = false;
  for (const std::string_view line : lines_of(text)) {
    const auto parsed = parse_line(line);
    const bool is_same = parsed && *parsed && (*parsed)->key == key.key;
    if (is_same && was_there) continue;
    changed += is_same ? line_of(key) : std::string(line);
    changed += '\n';
    was_there = was_there || is_same;
  }
  if (!was_there) changed += line_of(key) + '\n';
  GORGON_TRY(write_file(file, changed, 0600));
  return was_there;
}

}  // namespace gorgon::listener
