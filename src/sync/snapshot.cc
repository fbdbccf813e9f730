#include "sync/snapshot.h"

#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sync/git_files.h"
#include "sync/rsync.h"

namespace gorgon::sync {

namespace {

/// How often a tree that changes while it is copied is copied again.
constexpr int kMaxAttempts = 3;

std::string environment_or_empty(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

fs::path default_stage_root() {
  // The XDG base directory specification: a relative value is to be ignored.
  if (const fs::path cache = environment_or_empty("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "gorgon" / "stages";
  if (const fs::path home = environment_or_empty("HOME"); home.is_absolute())
    return home / ".cache" / "gorgon" / "stages";
  const fs::path temporary = environment_or_empty("TMPDIR");
  return (temporary.is_absolute() ? temporary : fs::path("/tmp")) /
         ("gorgon-stages-" + std::to_string(::geteuid()));
}

/// A pattern that matches exactly `path`, from the root of the tree. A backslash is special to
/// rsync only in a pattern that has a wildcard (rsync(1), PATTERN MATCHING RULES).
std::string literal_pattern(std::string_view path) {
  if (path.find_first_of("*?[") == std::string_view::npos) return "/" + std::string(path);
  std::string pattern = "/";
  for (const char c : path) {
    if (std::string_view("*?[\\").contains(c)) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// rsync does not look at the folders above a file that a list names, so a pattern that takes out a
/// folder (or with "+ " keeps one) must be told again for what is inside.
std::optional<std::string> pattern_for_contents(std::string_view pattern) {
  if (pattern == "!" || pattern.ends_with("***")) return std::nullopt;
  while (pattern.ends_with('/')) pattern.remove_suffix(1);
  return std::string(pattern) + "/**";
}

/// `patterns` as rsync options; from a list as from a walk they leave out the same files.
std::vector<std::string> exclude_options(const std::vector<std::string>& patterns, bool from_list) {
  std::vector<std::string> options;
  for (const std::string& pattern : patterns) {
    options.push_back("--exclude=" + pattern);
    const auto contents = from_list ? pattern_for_contents(pattern) : std::nullopt;
    if (contents) options.push_back("--exclude=" + *contents);
  }
  return options;
}

std::string joined_list(const std::vector<std::string>& files) {
  std::string list;
  for (std::string_view file : files) {
    // To rsync a slash at the end means "and all that is in it".
    if (file.ends_with('/')) file.remove_suffix(1);
    // "./" in front: no name can then look like a comment, an option or an absolute path.
    list.append("./").append(file).push_back('\0');
  }
  return list;
}

/// The stages must not become part of a stage, when they are below the project.
std::vector<std::string> patterns_of(const config::Sync& sync, const fs::path& project,
                                     const fs::path& stage) {
  std::vector<std::string> patterns;
  const fs::path inside = stage.parent_path().lexically_relative(project);
  if (!inside.empty() && *inside.begin() != "..") {
    if (inside == ".") {
      patterns.push_back(literal_pattern(stage.filename().string()));
    } else {
      patterns.push_back(literal_pattern(inside.string()));
    }
  }
  patterns.insert(patterns.end(), sync.exclude.begin(), sync.exclude.end());
  patterns.insert(patterns.end(), {".git", "/.gorgon"});
  return patterns;
}

Task<Result<void>> copy_tree(fs::path project, fs::path tree, config::Sync sync,
                             std::chrono::seconds limit) {
  RsyncRun run{.source = project.string() + "/",
               .destination = tree.string() + "/",
               .allow_vanished = true,
               .attempts = kMaxAttempts,
               .limit = limit};
  if (sync.gitignore) {
    GORGON_CO_TRY_ASSIGN(const auto files, co_await list_git_files(project));
    if (files) run.file_list = joined_list(*files);
  }
  // What a list names may vanish before rsync looks, or since an earlier attempt.
  run.options = {run.file_list ? "--ignore-missing-args" : "--delete"};
  const auto patterns = patterns_of(sync, project, fs::canonical(tree.parent_path()));
  const auto excludes = exclude_options(patterns, run.file_list.has_value());
  run.options.insert(run.options.end(), excludes.begin(), excludes.end());
  co_return co_await run_rsync(std::move(run));
}

}  // namespace

Task<Result<Stage>> take_snapshot(fs::path project, config::Sync sync, SnapshotOptions options) {
  std::error_code error;
  const fs::path real = fs::canonical(project, error);
  if (error || !fs::is_directory(real, error))
    co_return fail(ErrorKind::kSync, project.string() + " is not a directory");
  fs::path root = options.stage_root.empty() ? default_stage_root() : options.stage_root;
  root = fs::absolute(root, error);
  auto scratch = Scratch::make(root);
  if (!scratch) co_return fail(ErrorKind::kSync, std::move(scratch.error().message));
  const fs::path tree = scratch->path() / "tree";
  if (!fs::create_directory(tree, error))
    co_return fail(ErrorKind::kSync, "cannot make " + tree.string() + ": " + error.message());
  fs::permissions(tree, fs::perms::owner_all, error);
  auto copied = co_await copy_tree(real, tree, std::move(sync), options.limit);
  if (!copied) {
    co_await scratch->remove();
    co_return with_context("take a snapshot of " + project.string(), std::move(copied.error()));
  }
  co_return Stage(std::move(*scratch));
}

}  // namespace gorgon::sync
