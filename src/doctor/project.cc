#include "doctor/project.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/text.h"
#include "config/own_folder.h"
#include "config/project_config.h"
#include "config/quarantine_file.h"
#include "doctor/disk.h"
#include "doctor/finding.h"
#include "doctor/versions.h"
#include "history/database.h"
#include "history/store.h"
#include "runner/installed_programs.h"
#include "sync/git_files.h"

namespace gorgon::doctor {

namespace {

constexpr const char* kSecretFile = "gorgon_secret.json";

/// By trying, as a run would: permissions do not tell of read-only disks.
Finding check_own_folder(const fs::path& project) {
  std::error_code ignored;
  const fs::path own = project / config::kOwnFolder;
  const fs::path& tried = fs::is_directory(own, ignored) ? own : project;
  const auto made = TempDir::make("gorgon-doctor-", tried);
  if (made) return Finding::ok(Area::kProject, "folder", own.string() + " can be written");
  return Finding::problem(
      Area::kProject, "folder", made.error().message,
      Remedy(fmt::format("let this user write it (runs keep their record, journal and times in "
                         "{0}): chown -R {1} {0}",
                         own.string(), static_cast<unsigned>(::geteuid()))));
}

Finding check_disk(const fs::path& project) {
  std::error_code error;
  const fs::space_info disk = fs::space(project, error);
  if (!error) return judge_disk(Area::kProject, "disk", project.string(), disk.available);
  return Finding::note(Area::kProject, "disk",
                       fmt::format("{}: {}", project.string(), error.message()),
                       Remedy("see with `df` what disk the project is on"));
}

Result<std::string> quick_check(history::Store& store) {
  GORGON_TRY_ASSIGN(history::Statement check, store.database().prepare("PRAGMA quick_check(1)"));
  GORGON_TRY_ASSIGN(const bool has_row, check.step());
  return has_row ? check.text(0) : std::string("it gives no answer");
}

Finding check_history(const Project& project) {
  if (project.config.history_runs == 0)
    return Finding::ok(Area::kProject, "history", "no runs are recorded (history_runs is 0)");
  const fs::path file = project.folder / config::kOwnFolder / "history.db";
  const Remedy remedy(fmt::format("move {} aside: the next run begins a new one", file.string()));
  auto store = history::Store::open(project.folder, false);
  if (!store && store.error().kind == ErrorKind::kNotFound)
    return Finding::ok(Area::kProject, "history", "nothing is recorded yet");
  if (!store) return Finding::problem(Area::kProject, "history", store.error().message, remedy);
  const auto checked = quick_check(*store);
  if (!checked) return Finding::problem(Area::kProject, "history", checked.error().message, remedy);
  if (*checked != "ok")
    return Finding::problem(Area::kProject, "history",
                            fmt::format("{} is damaged: {}", file.string(), *checked), remedy);
  return Finding::ok(Area::kProject, "history", file.string() + " is whole");
}

Finding check_quarantine(const fs::path& project) {
  const auto entries = config::load_quarantine(project);
  if (!entries)
    return Finding::problem(Area::kProject, "quarantine", entries.error().message,
                            Remedy("mend the file: docs/quarantine.md has its keys"));
  const auto today = config::local_date();
  std::string expired;
  for (const config::QuarantineEntry& entry : *entries) {
    if (config::is_expired(entry, today))
      expired += fmt::format("\n{}:{}: {} expired on {} ({})", config::kQuarantineFile, entry.line,
                             config::title_of(entry), config::text_of(entry.expires), entry.owner);
  }
  if (expired.empty())
    return Finding::ok(Area::kProject, "quarantine",
                       entries->empty() ? "no test is in it"
                                        : count_of(entries->size(), "entry") + ", none expired");
  return Finding::problem(Area::kProject, "quarantine", "its failures decide runs again:" + expired,
                          Remedy("mend these tests and take their entries out, or give them a new "
                                 "\"expires\""));
}

Finding check_cgroup() {
  // Removed with this process at the latest, by the next listener here.
  const auto probe = Cgroup::make("gorgon-probe-" + std::to_string(::getpid()) + "-0");
  if (probe)
    return Finding::ok(Area::kProject, "cgroups", "each worker of a run here gets one of its own");
  return Finding::note(
      Area::kProject, "cgroups",
      "none can be made here: what tests leave running is found by walking the process tree",
      Remedy("for runs here: systemd-run --user --scope -p Delegate=yes gorgon start; "
             "a listener has them as a service: gorgon install_listener"));
}

Finding check_git(const std::optional<std::vector<std::string>>& files, const Project& project) {
  if (!files)
    return Finding::ok(Area::kProject, "git", "not a checkout: all files go to other machines");
  const bool has_secret = std::ranges::find(*files, kSecretFile) != files->end();
  if (!has_secret)
    return Finding::ok(Area::kProject, "git",
                       project.config.job.sync.gitignore
                           ? count_of(files->size(), "file") + ", and what git ignores stays here"
                           : "what it ignores goes to other machines, too (job.sync.gitignore)");
  return Finding::note(Area::kProject, "git",
                       fmt::format("{} is not ignored: it may be committed", kSecretFile),
                       Remedy(fmt::format("echo {0} >> .gitignore; if it was committed: git rm "
                                          "--cached {0}, and change what stands in it",
                                          kSecretFile)));
}

Finding no_git() {
  return Finding::problem(Area::kProject, "git",
                          "this is a checkout, and there is no git to say what it ignores",
                          Remedy("install git, or set job.sync.gitignore to false: without it, "
                                 "ignored files go to other machines"));
}

bool is_in_checkout(const fs::path& folder) {
  std::error_code ignored;
  for (fs::path at = folder;; at = at.parent_path()) {
    if (fs::exists(at / ".git", ignored)) return true;
    if (at == at.parent_path()) return false;
  }
}

Finding judge_rsync(const Result<std::string>& version) {
  const Remedy remedy(fmt::format("install rsync {} or later here", kOldestRsync));
  if (!version) return Finding::problem(Area::kProject, "rsync", version.error().message, remedy);
  if (is_older(*version, kOldestRsync))
    return Finding::problem(Area::kProject, "rsync", *version + " is too old", remedy);
  return Finding::ok(Area::kProject, "rsync", *version);
}

}  // namespace

Findings check_secret_file(const fs::path& folder) {
  const fs::path file = folder / kSecretFile;
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  if ((status.st_mode & 077U) == 0)
    return {Finding::ok(Area::kProject, "secrets", file.string() + " is closed to others")};
  return {Finding::problem(
      Area::kProject, "secrets",
      fmt::format("other users may use {} (mode {:04o})", file.string(), status.st_mode & 07777U),
      Remedy("chmod 600 " + file.string()))};
}

Findings check_places(const Project& project) {
  return {check_own_folder(project.folder), check_disk(project.folder), check_history(project),
          check_quarantine(project.folder), check_cgroup()};
}

Task<Findings> check_tools(Project project) {
  Findings findings;
  if (project.config.job.sync.transport == config::Transport::kNone) co_return findings;
  findings.push_back(
      judge_rsync(co_await runner::program_version(project.folder, std::string("rsync"))));
  const auto git = co_await runner::program_version(project.folder, std::string("git"));
  if (!git && project.config.job.sync.gitignore && is_in_checkout(project.folder)) {
    findings.push_back(no_git());
    co_return findings;
  }
  const auto files = co_await sync::list_git_files(project.folder);
  if (files) {
    findings.push_back(check_git(*files, project));
  } else {
    findings.push_back(Finding::problem(Area::kProject, "git", files.error().message,
                                        Remedy("see what `git status` says in the project")));
  }
  co_return findings;
}

}  // namespace gorgon::doctor
