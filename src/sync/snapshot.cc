#include "sync/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "config/project_config.h"
#include "sync/git_files.h"
#include "sync/kept_stage.h"
#include "sync/rsync.h"
#include "sync/scratch.h"
#include "sync/tree_marks.h"

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

/// One copy of `project` to a stage.
struct Copy {
  fs::path project;
  fs::path tree;
  config::Sync sync;
  std::chrono::seconds limit;
};

bool is_of_same_time(const struct stat& one, const struct stat& other) {
  return one.st_mtim.tv_sec == other.st_mtim.tv_sec && one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

/// Whether one is a copy of the other, as rsync makes them. Reads both.
bool is_copy(const fs::path& one, const fs::path& other) {
  struct stat a{};
  struct stat b{};
  if (::lstat(one.c_str(), &a) != 0 || ::lstat(other.c_str(), &b) != 0) return false;
  if (a.st_mode != b.st_mode || a.st_size != b.st_size) return false;
  if (S_ISLNK(a.st_mode)) {
    // rsync rounds the times of links.
    std::error_code error;
    return fs::read_symlink(one, error) == fs::read_symlink(other, error) && !error;
  }
  if (!S_ISREG(a.st_mode) || !is_of_same_time(a, b)) return false;
  const auto text = read_file(one);
  const auto copied = read_file(other);
  return text && copied && *text == *copied;
}

/// Removes from `tree` what is not in the project any more as it was when it was copied, or is not
/// itself as it was then. A folder stays while it is one. False: something cannot be removed.
bool remove_touched(const Copy& copy, const StageRecord& record) {
  for (auto entry = record.tree.rbegin(); entry != record.tree.rend(); ++entry) {
    const auto& [path, staged] = *entry;
    const auto now = mark_of(copy.project / path);
    const auto known = record.project.find(path);
    const bool is_known = now && known != record.project.end() && known->second == *now &&
                          mark_of(copy.tree / path) == staged;
    const bool is_same = S_ISDIR(staged.mode)
                             ? now && S_ISDIR(now->mode)
                             : is_known || is_copy(copy.project / path, copy.tree / path);
    // What is in a folder comes before it here, and has gone with it unless it was ignored.
    if (!is_same && !remove_tree(copy.tree / path)) return false;
  }
  return true;
}

/// The folders above `path`, from the top.
std::vector<std::string> folders_above(std::string_view path) {
  std::vector<std::string> folders;
  for (std::size_t slash = path.find('/'); slash < path.size() - 1;
       slash = path.find('/', slash + 1))
    folders.emplace_back(path.substr(0, slash));
  return folders;
}

/// Removes from `tree` what a list does not name, and gives what is in the list and not there, or a
/// folder with other permissions.
Result<std::vector<std::string>> prune(const Copy& copy, const std::vector<std::string>& files) {
  std::set<std::string, std::less<>> wanted;
  for (const std::string& file : files) {
    for (std::string& folder : folders_above(file)) wanted.insert(std::move(folder));
    wanted.insert(file.ends_with('/') ? file.substr(0, file.size() - 1) : file);
  }
  GORGON_TRY_ASSIGN(const Marks staged, marks_of(copy.tree));
  for (auto entry = staged.rbegin(); entry != staged.rend(); ++entry) {
    if (wanted.contains(entry->first) || remove_tree(copy.tree / entry->first)) continue;
    return fail(ErrorKind::kSync, "cannot remove " + (copy.tree / entry->first).string());
  }
  std::vector<std::string> missing;
  for (const std::string& path : wanted) {
    const auto found = staged.find(path);
    const bool is_there = found != staged.end() && (!S_ISDIR(found->second.mode) ||
                                                    found->second == mark_of(copy.project / path));
    if (!is_there) missing.push_back(path);
  }
  return missing;
}

/// Copies a small file as rsync would, without starting it. False: not done.
bool copy_here(const fs::path& from, const fs::path& to) {
  constexpr off_t kSmall = off_t{1} << 20;
  struct stat info{};
  if (::lstat(from.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > kSmall)
    return false;
  const auto before = mark_of(from);
  const auto text = read_file(from);
  const std::array times = {info.st_atim, info.st_mtim};
  // One that is being written is rsync's, which looks again.
  const bool is_copied = text && before && mark_of(from) == before && write_file(to, *text, 0600) &&
                         ::chmod(to.c_str(), info.st_mode & 07777U) == 0 &&
                         ::utimensat(AT_FDCWD, to.c_str(), times.data(), 0) == 0;
  if (!is_copied) ::unlink(to.c_str());
  return is_copied;
}

/// `record`, the caller's, outlives the call.
Task<Result<void>> copy_tree(Copy copy, const StageRecord* record) {
  RsyncRun run{.source = copy.project.string() + "/",
               .destination = copy.tree.string() + "/",
               .allow_vanished = true,
               .attempts = kMaxAttempts,
               .limit = copy.limit};
  if (copy.sync.gitignore) {
    GORGON_CO_TRY_ASSIGN(auto files, co_await list_git_files(copy.project));
    if (files) {
      std::erase_if(*files, [](const std::string& file) { return file.starts_with(".gorgon/"); });
      GORGON_CO_TRY_ASSIGN(auto missing, prune(copy, *files));
      // What has been there before, no pattern keeps out.
      std::erase_if(missing, [&](const std::string& path) {
        return record->tree.contains(path) && copy_here(copy.project / path, copy.tree / path);
      });
      if (missing.empty()) co_return Result<void>();
      run.file_list = rsync_list(missing);
    }
  }
  // What a list names may vanish before rsync looks, or since an earlier attempt.
  run.options = {run.file_list ? "--ignore-missing-args" : "--delete"};
  const auto patterns =
      patterns_of(copy.sync, copy.project, fs::canonical(copy.tree.parent_path()));
  const auto excludes = exclude_options(patterns, run.file_list.has_value());
  run.options.insert(run.options.end(), excludes.begin(), excludes.end());
  co_return co_await run_rsync(std::move(run));
}

/// Marks of the project's entries that are sure to be those of what was copied: nothing has touched
/// them since a while before `start`, a time of clock_of_marks(). File servers have clocks and
/// steps of their own.
Marks sure_marks(const Copy& copy, const Marks& tree, std::int64_t start) {
  constexpr std::int64_t kWhile = 1'000'000'000;
  Marks sure;
  for (const auto& [path, staged] : tree) {
    auto mark = mark_of(copy.project / path);
    const bool is_equal = mark && mark->mode == staged.mode && mark->size == staged.size;
    if (is_equal && mark->changed < start - kWhile) sure.emplace_hint(sure.end(), path, *mark);
  }
  return sure;
}

/// Brings the tree in `directory` up to date, and writes down which it is.
Task<Result<void>> update_stage(Copy copy, fs::path directory, StageRecord record) {
  const std::int64_t start = clock_of_marks();
  Result<void> copied = fail(ErrorKind::kSync, "the stage is in the way");
  if (remove_touched(copy, record)) copied = co_await copy_tree(copy, &record);
  if (!copied && !record.generation.id.empty()) {
    log::info("the tree is copied anew: {}", copied.error().message);
    record = {};
    std::error_code error;
    fs::rename(copy.tree, directory / "spoilt", error);
    if (!error) fs::create_directory(copy.tree, error);
    if (!error) fs::permissions(copy.tree, fs::perms::owner_all, error);
    if (error) co_return fail(ErrorKind::kSync, "cannot put aside a stage: " + error.message());
    copied = co_await copy_tree(copy, &record);
  }
  GORGON_CO_TRY(std::move(copied));
  GORGON_CO_TRY_ASSIGN(Marks tree, marks_of(copy.tree));
  record.generation = next_generation(record, tree);
  record.project = sure_marks(copy, tree, start);
  record.tree = std::move(tree);
  co_return write_stage_record(directory, record);
}

}  // namespace

Stage::Stage(Scratch scratch, fs::path kept)
    : scratch_(std::move(scratch)),
      tree_(scratch_.path() / "tree"),
      kept_(std::move(kept)),
      generation_(read_stage_generation(scratch_.path())) {}

Task<void> Stage::put_by() {
  if (!kept_.empty()) keep_stage(directory(), kept_);
  co_await scratch_.remove();
}

Task<Result<Stage>> take_snapshot(fs::path project, config::Sync sync, SnapshotOptions options) {
  std::error_code error;
  const fs::path real = fs::canonical(project, error);
  if (error || !fs::is_directory(real, error))
    co_return fail(ErrorKind::kSync, project.string() + " is not a directory");
  fs::path root = options.stage_root.empty() ? default_stage_root() : options.stage_root;
  root = fs::absolute(root, error);
  auto scratch = Scratch::make(root);
  if (!scratch) co_return fail(ErrorKind::kSync, std::move(scratch.error().message));
  fs::path kept = kept_stage(root, real, sync);
  auto record = take_kept_stage(kept, scratch->path());
  if (!record) co_return fail(ErrorKind::kSync, std::move(record.error().message));
  Copy copy{.project = real,
            .tree = scratch->path() / "tree",
            .sync = std::move(sync),
            .limit = options.limit};
  auto updated = co_await update_stage(std::move(copy), scratch->path(), *std::move(record));
  if (!updated) {
    co_await scratch->remove();
    co_return with_context("take a snapshot of " + project.string(), std::move(updated.error()));
  }
  co_return Stage(std::move(*scratch), std::move(kept));
}

Task<Result<Stage>> take_snapshot(fs::path project, config::Sync sync) {
  return take_snapshot(std::move(project), std::move(sync), SnapshotOptions{});
}

}  // namespace gorgon::sync
