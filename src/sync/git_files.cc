#include "sync/git_files.h"

#include <bits/ranges_algo.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"

namespace gorgon::sync {

namespace {

constexpr std::size_t kMaxListBytes = std::size_t{1} << 30;
/// Repositories inside repositories inside …: a guard against loops of mounts, not a wish.
constexpr int kMaxDepth = 32;

Task<Result<RunOutput>> run_git(fs::path directory, std::vector<std::string> arguments,
                                std::string input) {
  arguments.insert(arguments.begin(), {"git", "-C", directory.string()});
  RunOptions options{.spawn = {.argv = std::move(arguments)},
                     .input = std::move(input),
                     .timeout = std::chrono::minutes(5),
                     .max_output_bytes = kMaxListBytes};
  // A git hook that runs us has these set, and they would name its repository for every directory
  // (git rev-parse --local-env-vars).
  for (const char* name :
       {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY", "GIT_INTERNAL_SUPER_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_LITERAL_PATHSPECS"})
    options.spawn.environment.emplace_back(name, std::nullopt);
  options.spawn.environment.emplace_back("GIT_OPTIONAL_LOCKS", "0");
  options.spawn.environment.emplace_back("LC_ALL", "C");
  co_return co_await gorgon::run(std::move(options));
}

/// Standard output of a git that must succeed.
Task<Result<std::string>> git_output(fs::path directory, std::vector<std::string> arguments) {
  auto output = co_await run_git(directory, std::move(arguments), std::string());
  if (output && output->status.is_success()) co_return std::move(output->output);
  co_return fail(ErrorKind::kSync,
                 "git cannot list the files of " + directory.string() + ": " +
                     (output ? valid_utf8(last_lines(output->errors, 3)) : output.error().message) +
                     " (to send all files instead, set job.sync.gitignore to false)");
}

std::vector<std::string_view> split_at_nul(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

bool has_git_above(fs::path directory) {
  for (;; directory = directory.parent_path()) {
    std::error_code ignored;
    if (fs::exists(directory / ".git", ignored)) return true;
    if (!directory.has_relative_path()) return false;
  }
}

/// Whether git, asked in `directory`, says that it belongs to a checkout and is not ignored by it.
Task<Result<bool>> belongs_to_checkout(fs::path directory) {
  if (!has_git_above(directory)) co_return false;
  const std::vector<std::string> question = {"rev-parse", "--is-inside-work-tree"};
  auto inside = co_await run_git(directory, question, std::string());
  if (!inside && inside.error().kind == ErrorKind::kNotFound) {
    log::warning("git is not installed: {} is sent without regard to .gitignore",
                 directory.string());
    co_return false;
  }
  if (inside && !inside->status.is_success() && inside->errors.contains("not a git repository"))
    co_return false;
  if (!inside || !inside->status.is_success()) {
    GORGON_CO_TRY(co_await git_output(directory, question));  // Says why.
  } else if (!inside->output.starts_with("true")) {
    co_return false;
  }
  const std::vector<std::string> ignored = {"check-ignore", "-q", "."};
  const auto is_ignored = co_await run_git(directory, ignored, std::string());
  co_return !is_ignored || !is_ignored->status.is_success();
}

/// What one repository says, before the ones inside it are asked.
struct Listing {
  std::vector<std::string> files;
  std::vector<std::string> repositories;  ///< Submodules and repositories inside, without "/".
  std::vector<std::string> folders;       ///< Untracked, not ignored; with "/".
};

/// Adds what `git ls-files --stage -z` prints: "MODE OBJECT STAGE\tPATH\0" (git-ls-files(1)).
void read_tracked(std::string_view output, Listing& listing) {
  constexpr std::string_view kSubmodule = "160000 ";
  for (const std::string_view entry : split_at_nul(output)) {
    const std::size_t tab = entry.find('\t');
    if (tab == std::string_view::npos) continue;
    auto& into = entry.starts_with(kSubmodule) ? listing.repositories : listing.files;
    into.emplace_back(entry.substr(tab + 1));
  }
}

void read_untracked(std::string_view output, Listing& listing) {
  for (std::string_view path : split_at_nul(output)) {
    if (path.ends_with('/')) {
      path.remove_suffix(1);
      listing.repositories.emplace_back(path);
    } else {
      listing.files.emplace_back(path);
    }
  }
}

Task<Result<Listing>> list_one_repository(fs::path directory) {
  Listing listing;
  const std::vector<std::string> tracked = {"ls-files", "--stage", "-z"};
  GORGON_CO_TRY_ASSIGN(const std::string tracked_output, co_await git_output(directory, tracked));
  read_tracked(tracked_output, listing);
  const std::vector<std::string> others = {"ls-files", "--others", "--exclude-standard", "-z"};
  GORGON_CO_TRY_ASSIGN(const std::string others_output, co_await git_output(directory, others));
  read_untracked(others_output, listing);
  const std::vector<std::string> folders = {"ls-files", "--others", "--exclude-standard",
                                            "--directory", "-z"};
  GORGON_CO_TRY_ASSIGN(const std::string folders_output, co_await git_output(directory, folders));
  for (const std::string_view path : split_at_nul(folders_output)) {
    // "./" is `directory` itself, when the checkout above it tracks nothing in it.
    if (path.ends_with('/')) listing.folders.emplace_back(path == "./" ? "" : path);
  }
  std::ranges::sort(listing.repositories);
  const auto [first, last] = std::ranges::unique(listing.repositories);
  listing.repositories.erase(first, last);
  co_return listing;
}

/// Empty folders below `folder` ("a/b/"), relative to `directory` like it. Not in other
/// repositories.
void find_empty_folders(const fs::path& directory, const std::string& folder,
                        std::vector<std::string>& found) {
  std::error_code error;
  fs::directory_iterator entries(directory / folder, error);
  if (error || (!folder.empty() && fs::exists(directory / folder / ".git", error))) return;
  if (entries == fs::directory_iterator() && !folder.empty()) found.push_back(folder);
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (entries->symlink_status(error).type() != fs::file_type::directory) continue;
    find_empty_folders(directory, folder + entries->path().filename().string() + "/", found);
  }
}

/// Adds the empty folders inside untracked ones, which git does not list, unless it ignores them.
Task<Result<void>> add_empty_folders(fs::path directory, std::vector<std::string>& folders) {
  std::vector<std::string> empty;
  for (const std::string& folder : folders) find_empty_folders(directory, folder, empty);
  std::erase(folders, "");
  std::erase_if(empty, [&](const std::string& folder) {
    return std::ranges::find(folders, folder) != folders.end();
  });
  if (empty.empty()) co_return Result<void>{};
  std::string input;
  for (const std::string& folder : empty) input.append(folder).push_back('\0');
  const std::vector<std::string> question = {"check-ignore", "-z", "--stdin"};
  const auto ignored = co_await run_git(directory, question, std::move(input));
  if (!ignored || ignored->status.code.value_or(128) > 1)
    co_return fail(ErrorKind::kSync, "git check-ignore failed in " + directory.string());
  std::vector<std::string_view> ignored_names = split_at_nul(ignored->output);
  std::ranges::sort(ignored_names);
  for (std::string& folder : empty) {
    if (!std::ranges::binary_search(ignored_names, std::string_view(folder)))
      folders.push_back(std::move(folder));
  }
  co_return Result<void>{};
}

/// All that is in `directory/folder`, for a repository that git cannot read.
void list_everything(const fs::path& directory, const std::string& folder,
                     std::vector<std::string>& files) {
  std::error_code error;
  for (auto it = fs::directory_iterator(directory / folder, error); it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == ".git") continue;
    if (it->symlink_status(error).type() == fs::file_type::directory) {
      files.push_back(folder + name + "/");
      list_everything(directory, folder + name + "/", files);
    } else {
      files.push_back(folder + name);
    }
  }
}

/// Knows of paths whether they can be reached without passing a symbolic link. A tracked file
/// behind one is another file than git means, perhaps outside the project.
class RealFolders {
 public:
  explicit RealFolders(const fs::path& directory) : prefix_(directory.string() + "/") {}

  bool holds(const std::string& path) {
    const bool wants_folder = path.ends_with('/');
    const std::string name = wants_folder ? path.substr(0, path.size() - 1) : path;
    const std::size_t slash = name.rfind('/');
    if (slash != std::string::npos && !is_real(name.substr(0, slash))) return false;
    struct stat info{};
    return ::lstat((prefix_ + name).c_str(), &info) == 0 && S_ISDIR(info.st_mode) == wants_folder;
  }

 private:
  bool is_real(const std::string& folder) {
    if (const auto known = known_.find(folder); known != known_.end()) return known->second;
    const std::size_t slash = folder.rfind('/');
    struct stat info{};
    const bool is = (slash == std::string::npos || is_real(folder.substr(0, slash))) &&
                    ::lstat((prefix_ + folder).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    return known_[folder] = is;
  }
  std::string prefix_;
  std::unordered_map<std::string, bool> known_;
};

Task<Result<std::vector<std::string>>> list_repository(fs::path directory, int depth) {
  GORGON_CO_TRY_ASSIGN(Listing listing, co_await list_one_repository(directory));
  GORGON_CO_TRY(co_await add_empty_folders(directory, listing.folders));
  std::vector<std::string> files = std::move(listing.files);
  std::ranges::move(listing.folders, std::back_inserter(files));
  RealFolders real(directory);
  for (const std::string& inner : listing.repositories) {
    if (!real.holds(inner + "/")) continue;
    files.push_back(inner + "/");
    const fs::path path = directory / inner;
    std::error_code ignored;
    if (!fs::exists(path / ".git", ignored)) continue;  // A submodule that is not checked out.
    bool is_repository = false;
    GORGON_CO_TRY_ASSIGN(is_repository, co_await belongs_to_checkout(path));
    if (!is_repository || depth >= kMaxDepth) {
      list_everything(directory, inner + "/", files);
      continue;
    }
    GORGON_CO_TRY_ASSIGN(const std::vector<std::string> inside,
                         co_await list_repository(path, depth + 1));
    for (const std::string& file : inside) files.emplace_back(inner).append("/").append(file);
  }
  std::erase_if(files, [&](const std::string& file) { return !real.holds(file); });
  co_return files;
}

}  // namespace

Task<Result<std::optional<std::vector<std::string>>>> list_git_files(fs::path directory) {
  using Files = std::optional<std::vector<std::string>>;
  std::error_code error;
  directory = fs::canonical(directory, error);
  if (error) co_return fail(ErrorKind::kSync, "cannot enter the project: " + error.message());
  bool belongs = false;
  GORGON_CO_TRY_ASSIGN(belongs, co_await belongs_to_checkout(directory));
  if (!belongs) co_return Files(std::nullopt);
  GORGON_CO_TRY_ASSIGN(std::vector<std::string> files, co_await list_repository(directory, 0));
  std::ranges::sort(files);
  const auto [first, last] = std::ranges::unique(files);
  files.erase(first, last);
  co_return Files(std::move(files));
}

}  // namespace gorgon::sync
