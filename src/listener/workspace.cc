#include "listener/workspace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "config/project_config.h"
#include "config/runner_settings.h"
#include "config/source_location.h"
#include "config/tree_generation.h"
#include "listener/warm_host.h"
#include "protocol/messages.h"
#include "runner/opened_files.h"
#include "runner/runner_host.h"
#include "sync/rsync.h"
#include "sync/scratch.h"
#include "sync/source_tree.h"
#include "sync/tree_marks.h"

namespace gorgon::listener {

namespace {

/// "~/app" is how people name a folder that is at the same place below each machine's home.
fs::path with_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !path.starts_with("~/")) return path;
  return fs::path(home) / path.substr(2);
}

Result<fs::path> own_copy(const std::string& source) {
  fs::path path = with_home(source);
  std::error_code error;
  if (path.is_absolute() && fs::is_directory(path, error)) return path;
  return fail(ErrorKind::kNotFound, "this machine has no folder \"" + path.string() +
                                        "\" (job.sync.source_tree_path, an absolute path)");
}

fs::path marks_in(const fs::path& directory) { return directory / "marks"; }

Result<void> make_folder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return fail_errno("cannot make " + path.string(), errno);
  return {};
}

/// Adds what has changed in `tree` since the generation `held`. False: nobody knows.
bool add_changes(const config::TreeGeneration& tree, const std::string& held,
                 std::set<std::string>& paths) {
  if (tree.id == held) return true;
  for (const config::TreeChange& change : tree.changes) {
    paths.insert(change.paths.begin(), change.paths.end());
    if (change.from == held) return true;
  }
  return false;
}

/// Folders only when they are empty: what is in them is in `paths` itself, or stays.
Result<void> remove_entries(const fs::path& tree, const sync::Marks& present,
                            const std::set<std::string>& paths) {
  for (const std::string& path : std::views::reverse(paths)) {
    // What is not in the tree may be behind a link that is.
    const auto found = present.find(path);
    if (found == present.end()) continue;
    const bool is_folder = S_ISDIR(found->second.mode);
    const int failed = ::unlinkat(AT_FDCWD, (tree / path).c_str(), is_folder ? AT_REMOVEDIR : 0);
    if (failed != 0 && !(is_folder && (errno == ENOTEMPTY || errno == EEXIST)))
      return fail_errno("cannot remove " + (tree / path).string(), errno);
  }
  return {};
}

}  // namespace

Task<Result<void>> Workspace::pull(config::SourceLocation source, config::TreeGeneration tree) {
  if (source.transport == config::Transport::kNone) co_return Result<void>();
  if (!holds_.empty()) {
    is_reused_ = true;
    const auto pulled = co_await pull_changes(source, tree);
    if (pulled) co_return Result<void>();
    log::info("the tree that was kept cannot be used: {}", pulled.error().message);
    co_return co_await pull_anew(std::move(source), std::move(tree));
  }
  co_return co_await pull_all(std::move(source), std::move(tree));
}

Task<Result<void>> Workspace::pull_anew(config::SourceLocation source,
                                        config::TreeGeneration tree) {
  is_reused_ = false;
  holds_.clear();
  warm_.reset();
  // What cannot be removed, somebody else's files, say, need not be out of the way.
  const fs::path spoilt = directory_ / ("spoilt-" + random_id(8));
  std::error_code error;
  fs::rename(path_, spoilt, error);
  if (error) co_return fail(ErrorKind::kSync, "cannot put aside the tree: " + error.message());
  GORGON_CO_TRY(make_folder(path_));
  (void)co_await sync::remove_tree_aside(spoilt);
  co_return co_await pull_all(std::move(source), std::move(tree));
}

Task<Result<void>> Workspace::pull_all(config::SourceLocation source, config::TreeGeneration tree) {
  GORGON_CO_TRY(co_await sync::pull(std::move(source), path_));
  if (!is_keepable_ || tree.id.empty()) co_return Result<void>();
  const auto marks = sync::marks_of(path_);
  if (!marks || marks->size() != tree.entries ||
      !write_file(marks_in(directory_), sync::marks_text(*marks), 0600)) {
    log::info("the tree will not be kept: {}",
              marks ? fmt::format("{} of {} entries are there", marks->size(), tree.entries)
                    : marks.error().message);
    co_return Result<void>();
  }
  co_await sync::wait_for_later_marks(*marks);
  holds_ = tree.id;
  co_return Result<void>();
}

Task<Result<void>> Workspace::pull_changes(config::SourceLocation source,
                                           config::TreeGeneration tree) {
  GORGON_CO_TRY_ASSIGN(const std::string text, read_file(marks_in(directory_)));
  GORGON_CO_TRY_ASSIGN(const sync::Marks before, sync::read_marks(text));
  GORGON_CO_TRY_ASSIGN(sync::Marks present, sync::marks_of(path_));
  std::set<std::string> changed;
  if (!add_changes(tree, std::exchange(holds_, {}), changed))
    co_return fail(ErrorKind::kSync, "what has changed since is not known");
  if (warm_ && is_digested_ && warm_->booted() != before)
    cool_down("the job is signed, and what it has made in the tree is not");
  if (warm_) cool_down(warm_->spoiled_by(before, changed, present));
  std::set<std::string> stale = changed;
  for (std::string& path : sync::differences(warm_ ? warm_->booted() : before, present))
    stale.insert(std::move(path));
  sync::Marks marks = before;
  if (!stale.empty()) {
    GORGON_CO_TRY(remove_entries(path_, present, stale));
    GORGON_CO_TRY(co_await pull_listed(source, &stale, &marks));
  }
  if (marks.size() != tree.entries)
    co_return fail(ErrorKind::kSync, fmt::format("it would have {} entries in place of {}",
                                                 marks.size(), tree.entries));
  holds_ = tree.id;
  if (warm_ && !cool_down(spoiled_by_coming_or_going(before, marks, changed)))
    co_return co_await pull_changes(std::move(source), std::move(tree));
  co_return Result<void>();
}

/// `paths` and `marks`, which follow, are the caller's, and outlive the call.
Task<Result<void>> Workspace::pull_listed(config::SourceLocation source,
                                          const std::set<std::string>* paths, sync::Marks* marks) {
  const fs::path list = scratch_ / "changed";
  GORGON_CO_TRY(write_file(list, sync::rsync_list({paths->begin(), paths->end()}), 0600));
  sync::PullOptions options{.list_file = list};
  GORGON_CO_TRY(co_await sync::pull(std::move(source), path_, std::move(options)));
  for (const std::string& path : *paths) {
    marks->erase(path);
    if (const auto mark = sync::mark_of(path_ / path)) marks->insert_or_assign(path, *mark);
    if (warm_) warm_->update(path, *marks);
  }
  GORGON_CO_TRY(write_file(marks_in(directory_), sync::marks_text(*marks), 0600));
  co_await sync::wait_for_later_marks(*marks);
  co_return Result<void>();
}

/// Ends the host for a reason, if there is one: what it has made in the tree is anybody's then.
/// False: so it was.
bool Workspace::cool_down(const std::string& reason) {
  if (reason.empty()) return true;
  log::info("the runner host of an earlier job is not used: {}", reason);
  warm_.reset();
  return false;
}

std::string Workspace::spoiled_by_coming_or_going(const sync::Marks& before,
                                                  const sync::Marks& after,
                                                  const std::set<std::string>& changed) const {
  const auto type_in = [](const sync::Marks& marks, const std::string& path) -> mode_t {
    const auto mark = marks.find(path);
    return mark == marks.end() ? 0 : mark->second.mode & S_IFMT;
  };
  for (const std::string& path : changed) {
    const mode_t old_type = type_in(before, path);
    const mode_t type = type_in(after, path);
    if (type != old_type && !warm_->may_come_or_go(path, (type | old_type) == S_IFDIR))
      return path + (type == 0 ? " is gone" : " is new");
  }
  return {};
}

fs::path Workspace::new_host_folder() const {
  fs::path folder = directory_ / "host";
  remove_tree(folder);
  if (const auto made = make_folder(folder); !made) log::warning("{}", made.error().message);
  return folder;
}

std::unique_ptr<runner::RunnerHost> Workspace::take_host(const protocol::JobDefinition& job) {
  // Time has passed since it was chosen.
  if (!warm_ || !cool_down(warm_->unsuited_for(job.runner))) return nullptr;
  auto host = warm_->take();
  if (host && !host->begin(job.id)) host.reset();
  if (!host) warm_.reset();
  return host;
}

std::optional<runner::OpenedFiles> Workspace::watch_boot(const asio::any_io_executor& executor) {
  boot_began_ = sync::clock_of_marks();
  if (holds_.empty()) return std::nullopt;
  const auto text = read_file(marks_in(directory_));
  const auto marks = text ? sync::read_marks(*text) : std::unexpected(text.error());
  if (!marks) return std::nullopt;
  std::vector<std::string> folders;
  for (const auto& [path, mark] : *marks) {
    if (S_ISDIR(mark.mode)) folders.push_back(path);
  }
  auto opened = runner::OpenedFiles::watch(executor, path_, folders);
  if (opened) return *std::move(opened);
  log::info("the runner host will not be kept: {}", opened.error().message);
  return std::nullopt;
}

Task<void> Workspace::note_boot(const runner::RunnerHost& host, config::RunnerSettings settings,
                                std::optional<runner::OpenedFiles> opened) {
  warm_.reset();
  if (!opened) co_return;
  warm_ = co_await WarmHost::after_boot(host, std::move(settings), path_, *std::move(opened),
                                        boot_began_);
}

bool Workspace::keep_host(std::unique_ptr<runner::RunnerHost>& host) {
  if (!warm_ || holds_.empty() || !host->is_alive()) return false;
  warm_->put_by(std::move(host));
  return true;
}

Result<Workspaces> Workspaces::open(const fs::path& root, std::size_t most_kept) {
  std::error_code error;
  // Without links: paths in it are compared with those that processes see.
  fs::path absolute = fs::weakly_canonical(fs::absolute(root, error), error).lexically_normal();
  // "a/b/" normalizes to a path whose last part is empty.
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  auto scratch = sync::Scratch::make(absolute);
  if (!scratch) return with_context("workspace_dir", std::move(scratch.error()));
  return Workspaces(std::move(*scratch), most_kept);
}

std::list<Workspaces::KeptTree>::iterator Workspaces::find_kept(
    const config::TreeGeneration& tree) {
  return std::ranges::find_if(kept_, [&](const KeptTree& kept) {
    return kept.generation == tree.id ||
           std::ranges::find(tree.changes, kept.generation, &config::TreeChange::from) !=
               tree.changes.end();
  });
}

Result<Workspace> Workspaces::create(const protocol::JobDefinition& job) {
  if (!is_id(job.id)) return fail(ErrorKind::kProtocol, "not a job id: \"" + job.id + "\"");
  const bool travels = job.source.transport != config::Transport::kNone;
  const auto kept = travels ? find_kept(job.tree) : kept_.end();
  if (kept != kept_.end() && make_folder(kept->directory / "scratch")) {
    Workspace workspace(kept->directory, kept->directory / "tree");
    workspace.holds_ = kept->generation;
    workspace.is_keepable_ = true;
    workspace.is_digested_ = !job.tree_digest.empty();
    workspace.warm_ = std::move(kept->warm);
    if (workspace.warm_) workspace.cool_down(workspace.warm_->unsuited_for(job.runner));
    kept_.erase(kept);
    return workspace;
  }
  // Random letters, as a job may come again while its first workspace is still being removed.
  const fs::path directory = scratch_.path() / ("job-" + job.id + "-" + random_id(4));
  const fs::path tree = directory / "tree";
  fs::path path = tree;
  if (!travels) {
    GORGON_TRY_ASSIGN(path, own_copy(job.source.source));
  }
  Workspace workspace(directory, std::move(path));
  workspace.is_keepable_ = most_kept_ > 0;
  for (const fs::path& part : {directory, workspace.scratch_, tree}) GORGON_TRY(make_folder(part));
  return workspace;
}

Task<void> Workspaces::take_back(Workspace workspace, const protocol::JobDefinition& job) {
  // The next job may be there before all of it is removed.
  std::vector<fs::path> spare = {scratch_.path() / ("scratch-" + random_id(8))};
  std::error_code error;
  fs::rename(workspace.scratch_, spare.front(), error);
  if (workspace.holds_.empty() || error) {
    spare.push_back(std::move(workspace.directory_));
  } else {
    keep(std::move(workspace), job, spare);
  }
  for (const fs::path& directory : spare) co_await sync::remove_tree_aside(directory);
}

/// What has to go for it is added to `spare`.
void Workspaces::keep(Workspace workspace, const protocol::JobDefinition& job,
                      std::vector<fs::path>& spare) {
  std::string project = job.originator + " " + job.project;
  const auto earlier = std::ranges::find(kept_, project, &KeptTree::project);
  if (earlier != kept_.end()) {
    spare.push_back(std::move(earlier->directory));
    kept_.erase(earlier);
  }
  kept_.push_front({.generation = std::move(workspace.holds_),
                    .project = std::move(project),
                    .directory = std::move(workspace.directory_),
                    .warm = std::move(workspace.warm_)});
  for (; kept_.size() > most_kept_; kept_.pop_back())
    spare.push_back(std::move(kept_.back().directory));
}

}  // namespace gorgon::listener
