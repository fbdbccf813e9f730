// Glob patterns over paths with "/", with the meaning of Ruby's Dir.glob. Knows no test files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

/// True when `text` has a character that means something in a pattern; then it is not a plain path.
[[nodiscard]] bool is_glob(std::string_view text);

/// "a{b,c{d,e}}" -> "ab", "acd", "ace", in this order. Braces without a partner are themselves.
/// kUsage: more than 4096 patterns would come out.
[[nodiscard]] Result<std::vector<std::string>> expand_braces(std::string_view pattern);

/// Whether one path component matches: `*` any characters, `?` one, `[a-z]` and `[^a-z]` (or
/// `[!a-z]`) sets, `\` takes the meaning from the next. A leading dot is matched by a written dot
/// only. Characters are those of UTF-8; a byte that is none stands for itself.
[[nodiscard]] bool matches_component(std::string_view pattern, std::string_view name);

/// Whether the relative path `path` matches `pattern` (without braces) as a whole. `**/` is any
/// number of folders without a leading dot, also none.
[[nodiscard]] bool matches_path(std::string_view pattern, std::string_view path);

/// The regular files (and links to such) below `root` that match `pattern` (relative, without
/// braces), relative to `root`, sorted bytewise, each once. `**/` does not go into linked folders,
/// so that a loop of links cannot trap it; a written or wildcard component does, as in Ruby.
/// Folders that cannot be read count as empty.
[[nodiscard]] std::vector<std::string> find_files(const std::filesystem::path& root,
                                                  std::string_view pattern);

}  // namespace gorgon::plan
