#include "sync/git_files.h"

#include <bits/ranges_algo.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <expected>
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
#include "base/digest.h"
#include "base/log.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"

namespace gorgon::sync {

namespace {

using asio::experimental::awaitable_operators::operator&&;

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

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The top of the checkout that `directory` is in; nullopt: none.
std::optional<fs::path> top_of_checkout(fs::path directory) {
  for (;; directory = directory.parent_path()) {
    std::error_code ignored;
    if (fs::exists(directory / ".git", ignored)) return directory;
    if (!directory.has_relative_path()) return std::nullopt;
  }
}

Task<bool> is_ignored(fs::path directory) {
  const std::vector<std::string> question = {"check-ignore", "-q", "."};
  const auto answered = co_await run_git(directory, question, std::string());
  co_return answered && answered->status.is_success();
}

/// Whether git, asked in `directory`, says that it belongs to a checkout and is not ignored by it.
Task<Result<bool>> belongs_to_checkout(fs::path directory) {
  if (!top_of_checkout(directory)) co_return false;
  const std::vector<std::string> question = {"rev-parse", "--is-inside-work-tree"};
  auto asking = run_git(directory, question, std::string());
  auto asking_more = is_ignored(directory);
  auto [inside, ignored] = co_await (std::move(asking) && std::move(asking_more));
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
  co_return !ignored;
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
  const std::vector<std::string> others = {"ls-files", "--others", "--exclude-standard", "-z"};
  const std::vector<std::string> folders = {"ls-files", "--others", "--exclude-standard",
                                            "--directory", "-z"};
  auto listing_tracked = git_output(directory, tracked);
  auto listing_others = git_output(directory, others);
  auto listing_folders = git_output(directory, folders);
  const auto [tracked_output, others_output, folders_output] = co_await (
      std::move(listing_tracked) && std::move(listing_others) && std::move(listing_folders));
  for (const auto* output : {&tracked_output, &others_output, &folders_output}) {
    if (!*output) co_return std::unexpected(output->error());
  }
  read_tracked(*tracked_output, listing);
  read_untracked(*others_output, listing);
  for (const std::string_view path : split_at_nul(*folders_output)) {
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

/// Of a git that is asked what has changed.
Task<Result<std::string>> answer(fs::path directory, std::vector<std::string> arguments) {
  auto output = co_await run_git(directory, std::move(arguments), std::string());
  if (output && output->status.is_success()) co_return std::move(output->output);
  co_return fail(ErrorKind::kUsage,
                 "git cannot say what has changed in " + directory.string() + ": " +
                     (output ? valid_utf8(last_lines(output->errors, 3)) : output.error().message));
}

/// Outside of a checkout git answers with its usage, or that it knows no revision.
Task<Result<void>> require_checkout(fs::path directory) {
  const std::vector<std::string> question = {"rev-parse", "--is-inside-work-tree"};
  const auto inside = co_await run_git(directory, question, std::string());
  if (inside && inside->errors.contains("not a git repository")) {
    co_return fail(ErrorKind::kUsage, directory.string() +
                                          " is not a git checkout, which says what has changed: "
                                          "leave --changed out, or name files");
  }
  co_return Result<void>{};
}

/// The commit that `revision` stands for, or a tree without files. Never an option of git's.
Task<Result<std::string>> base_of(fs::path directory, std::string revision) {
  const auto commit = [&](const std::string& name) {
    return std::vector<std::string>{"rev-parse", "--quiet", "--verify", "--end-of-options",
                                    name + "^{commit}"};
  };
  const std::vector<std::string> head_question = commit("HEAD");
  const auto head = co_await run_git(directory, head_question, std::string());
  const bool has_head = head && head->status.is_success();
  if (revision == "HEAD") {
    if (has_head) co_return first_line_of(head->output);
    const std::vector<std::string> nothing = {"hash-object", "-t", "tree", "/dev/null"};
    GORGON_CO_TRY_ASSIGN(const std::string tree, co_await answer(directory, nothing));
    co_return first_line_of(tree);
  }
  const std::vector<std::string> question = commit(revision);
  const auto named = co_await run_git(directory, question, std::string());
  if (!named) co_return std::unexpected(named.error());
  if (!named->status.is_success())
    co_return fail(ErrorKind::kUsage, "git knows no revision \"" + revision + "\" here");
  const std::string base = first_line_of(named->output);
  if (!has_head) co_return base;
  const std::vector<std::string> parting = {"merge-base", base, first_line_of(head->output)};
  const auto common = co_await run_git(directory, parting, std::string());
  co_return common && common->status.is_success() ? first_line_of(common->output) : base;
}

/// What `git status --porcelain=v2 --branch -z` prints (git-status(1)).
struct CheckoutStatus {
  std::string commit;              ///< Empty: there is none yet.
  std::vector<std::string> files;  ///< That differ from it; relative to the top of the checkout.
};

CheckoutStatus read_status(std::string_view output) {
  constexpr std::string_view kCommit = "# branch.oid ";
  CheckoutStatus status;
  for (const std::string_view entry : split_at_nul(output)) {
    if (entry.starts_with(kCommit) && !entry.ends_with("(initial)"))
      status.commit = entry.substr(kCommit.size());
    // So many fields stand in front of the path.
    std::size_t fields = entry.starts_with("? ") ? 1 : 0;
    if (entry.starts_with("1 ")) fields = 8;
    if (entry.starts_with("u ")) fields = 10;
    if (fields == 0) continue;
    std::size_t path = 0;
    for (; fields > 0 && path != entry.npos; --fields) path = entry.find(' ', path) + 1;
    status.files.emplace_back(entry.substr(path));
  }
  std::ranges::sort(status.files);
  return status;
}

/// Lets the event loop run in between.
Task<std::string> digest_without_reading(fs::path top, std::vector<std::string> files) {
  constexpr std::size_t kFilesInATurn = 1000;
  const auto executor = co_await asio::this_coro::executor;
  Digest digest;
  for (std::size_t i = 0; i < files.size(); ++i) {
    struct stat info{};
    if (::lstat((top / files[i]).c_str(), &info) != 0) info = {};  // It is gone: a difference, too.
    digest.add(fmt::format("{:o} {} {}.{} {}:{} ", info.st_mode, info.st_size, info.st_mtim.tv_sec,
                           info.st_mtim.tv_nsec, files[i].size(), files[i]));
    if (i % kFilesInATurn == kFilesInATurn - 1) co_await asio::post(executor, asio::use_awaitable);
  }
  constexpr std::size_t kDigits = 16;
  const std::string all = digest.finish();
  co_return all.substr(all.find(':') + 1, kDigits);
}

}  // namespace

Task<Result<std::optional<std::string>>> checkout_digest(fs::path directory) {
  using Text = std::optional<std::string>;
  const auto top = top_of_checkout(directory);
  if (!top || co_await is_ignored(directory)) co_return Text();
  const std::vector<std::string> question = {
      "status", "--porcelain=v2", "--branch", "--untracked-files=all", "--no-renames", "-z", "--",
      "."};
  const auto answered = co_await run_git(directory, question, std::string());
  if (!answered && answered.error().kind == ErrorKind::kNotFound) co_return Text();
  if (!answered || !answered->status.is_success()) {
    co_return fail(
        ErrorKind::kSync,
        "git cannot say what has changed in " + directory.string() + ": " +
            (answered ? valid_utf8(last_lines(answered->errors, 3)) : answered.error().message));
  }
  CheckoutStatus status = read_status(answered->output);
  if (status.commit.empty()) co_return Text();
  std::string text = "git:" + status.commit;
  if (status.files.empty()) co_return Text(std::move(text));
  text += '+' + co_await digest_without_reading(*top, std::move(status.files));
  co_return Text(std::move(text));
}

Task<Result<std::vector<std::string>>> changed_git_files(fs::path directory, std::string revision) {
  GORGON_CO_TRY(co_await require_checkout(directory));
  GORGON_CO_TRY_ASSIGN(const std::string base, co_await base_of(directory, revision));
  const std::vector<std::string> diff = {"diff",         "--name-only",   "-z", "--relative",
                                         "--no-renames", "--no-ext-diff", base, "--"};
  GORGON_CO_TRY_ASSIGN(const std::string changed, co_await answer(directory, diff));
  const std::vector<std::string> others = {"ls-files", "--others", "--exclude-standard", "-z"};
  GORGON_CO_TRY_ASSIGN(const std::string untracked, co_await answer(directory, others));
  std::vector<std::string> files;
  for (const std::string& list : {changed, untracked}) {
    for (const std::string_view path : split_at_nul(list)) files.emplace_back(path);
  }
  std::ranges::sort(files);
  const auto [first, last] = std::ranges::unique(files);
  files.erase(first, last);
  co_return files;
}

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
