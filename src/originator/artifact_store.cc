#include "originator/artifact_store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/artifacts.h"
#include "plan/glob.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::originator {

namespace {

/// Says of a folder that it is a run's, and ours to remove.
constexpr const char* kOnTheirWay = ".gorgon-artifacts";
/// More than anybody looks at, and few enough for any disk.
constexpr std::size_t kMaxFiles = 100'000;
constexpr std::size_t kMaxDepth = 64;
/// Systems take 255.
constexpr std::size_t kMaxNameBytes = 200;

/// One name of a path, as another machine gives it: neither control characters nor, at its front
/// when it is a host's, a dot.
std::string safe_name(std::string_view text, bool is_top) {
  std::string name = valid_utf8(text.substr(0, kMaxNameBytes));
  const auto is_odd = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/';
  };
  std::ranges::replace_if(name, is_odd, '_');
  if (name.empty() || name == "." || name == ".." || (is_top && name.front() == '.'))
    name = "_" + name;
  return name;
}

/// Adds the names of a path that is_path_below(), without "." and doubled slashes.
void add_names(std::vector<std::string>& place, const std::string& path) {
  for (const fs::path& part : fs::path(path)) {
    if (!part.empty() && part != ".") place.push_back(safe_name(part.string(), false));
  }
}

std::vector<std::string> names_in(const std::string& safe_path) {
  std::vector<std::string> names;
  for (const fs::path& part : fs::path(safe_path)) names.push_back(part.string());
  return names;
}

/// The folder below `top`, each made if it is missing, no link followed. kIo.
Result<UniqueFd> open_folder(int top, std::span<const std::string> names) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd folder(::openat(top, ".", kFlags));
  for (const std::string& name : names) {
    if (::mkdirat(folder.get(), name.c_str(), 0777) != 0 && errno != EEXIST)
      return fail_errno("cannot make the folder " + name, errno);
    UniqueFd inner(::openat(folder.get(), name.c_str(), kFlags));
    if (!inner) return fail_errno("cannot open the folder " + name, errno);
    folder = std::move(inner);
  }
  return folder;
}

void point_latest_to(const fs::path& folder, const std::string& job) {
  const fs::path made = folder / (".latest-" + job);
  std::error_code error;
  fs::create_directory_symlink(job, made, error);
  if (!error) fs::rename(made, folder / "latest", error);
  if (!error) return;
  log::warning("{} does not lead to this run: {}", (folder / "latest").string(), error.message());
  fs::remove(made, error);
}

/// All but the newest `keep`.
void remove_old_runs(const fs::path& folder, std::size_t keep) {
  std::vector<std::pair<fs::file_time_type, fs::path>> runs;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const fs::path mark = entry->path() / kOnTheirWay;
    const bool is_run = is_id(entry->path().filename().string()) && !entry->is_symlink(ignored) &&
                        fs::is_directory(mark, ignored);
    if (is_run) runs.emplace_back(fs::last_write_time(entry->path(), ignored), entry->path());
  }
  std::ranges::sort(runs, std::greater<>());
  for (std::size_t i = keep; i < runs.size(); ++i) remove_tree(runs[i].second);
}

}  // namespace

Result<protocol::ArtifactRules> artifact_rules(const config::Artifacts& artifacts) {
  const auto expand =
      [](const std::vector<std::string>& globs) -> Result<std::vector<std::string>> {
    std::vector<std::string> all;
    for (const std::string& glob : globs) {
      GORGON_TRY_ASSIGN(auto some, plan::expand_braces(glob));
      std::ranges::move(some, std::back_inserter(all));
    }
    return all;
  };
  protocol::ArtifactRules rules{.max_unit_bytes = artifacts.max_unit_bytes,
                                .max_run_bytes = artifacts.max_run_bytes};
  GORGON_TRY_ASSIGN(rules.always, expand(artifacts.always));
  GORGON_TRY_ASSIGN(rules.on_failure, expand(artifacts.on_failure));
  if (artifacts.folder.is_relative()) {
    rules.folder = artifacts.folder.lexically_normal().generic_string();
    while (rules.folder.ends_with('/')) rules.folder.pop_back();
  }
  return rules;
}

ArtifactStore::ArtifactStore(const config::Artifacts& artifacts, const std::string& job,
                             std::span<const results::Unit> units)
    : shown_((artifacts.folder / job).lexically_normal()), bytes_left_(artifacts.max_run_bytes) {
  std::map<std::string_view, std::size_t> units_of_file;
  for (const results::Unit& unit : units) ++units_of_file[unit.file];
  for (const results::Unit& unit : units) {
    std::vector<std::string> names;
    add_names(names, unit.file);
    std::string folder = fmt::format("{}", fmt::join(names, "/"));
    if (units_of_file[unit.file] > 1) folder += ".unit-" + unit.id;
    units_.emplace(folder, unit.id);
    folders_.emplace(unit.id, std::move(folder));
  }
}

Result<ArtifactStore> ArtifactStore::open(const fs::path& project,
                                          const config::Artifacts& artifacts,
                                          const std::string& job,
                                          std::span<const results::Unit> units) {
  ArtifactStore store(artifacts, job, units);
  const fs::path folder = project / artifacts.folder;
  const fs::path run = folder / job;
  std::error_code error;
  fs::create_directories(run / kOnTheirWay, error);
  if (error) return fail(ErrorKind::kIo, "cannot make " + run.string() + ": " + error.message());
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  store.run_ = UniqueFd(::open(run.c_str(), kFlags));
  store.on_their_way_ = UniqueFd(::openat(store.run_.get(), kOnTheirWay, kFlags | O_NOFOLLOW));
  if (!store.on_their_way_) return fail_errno("cannot open " + run.string(), errno);
  store.path_ = run;
  store.read_folder();
  point_latest_to(folder, job);
  remove_old_runs(folder, artifacts.keep_runs);
  return store;
}

/// What an earlier originator of the run has taken.
void ArtifactStore::read_folder() {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_regular_file(ignored) || entry->is_symlink(ignored)) continue;
    std::vector<std::string> place;
    add_names(place, entry->path().lexically_relative(path_).string());
    if (place.front() == kOnTheirWay) continue;
    bytes_left_ -= std::min(bytes_left_, std::uint64_t{entry->file_size(ignored)});
    std::string below;
    std::string_view unit;
    for (std::size_t i = 2; i + 1 < place.size() && unit.empty(); ++i) {
      below += (below.empty() ? "" : "/") + place[i];
      auto found = units_.find(below);
      if (found == units_.end()) found = units_.find(below.substr(0, below.rfind(".try-")));
      if (found != units_.end()) unit = found->second;
    }
    note(place, unit);
  }
}

void ArtifactStore::note(const std::vector<std::string>& place, std::string_view unit) {
  std::string path = (shown_ / fmt::format("{}", fmt::join(place, "/"))).string();
  if (!unit.empty()) by_unit_[std::string(unit)].insert(path);
  files_.insert(std::move(path));
}

std::vector<std::string> ArtifactStore::of_unit(std::string_view unit) const {
  const auto found = by_unit_.find(unit);
  if (found == by_unit_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<std::string> ArtifactStore::place_of(const protocol::Artifact& part) const {
  std::vector<std::string> place = {safe_name(part.host, true), safe_name(part.worker, false)};
  if (part.unit.empty()) {
    place.push_back("runner-" + safe_name(part.runner, false));
  } else {
    std::string folder = folders_.find(part.unit)->second;
    if (part.attempt > 1) folder += fmt::format(".try-{}", part.attempt);
    std::ranges::copy(names_in(folder), std::back_inserter(place));
  }
  add_names(place, part.path);
  return place;
}

/// A part goes where those before it end; that is seen from the file, and so also by one who takes
/// the run up.
Result<void> ArtifactStore::take(const protocol::Artifact& part) {
  if (settled_.contains(part.id) || is_end_of_whole(part)) return {};
  auto taken = part.offset == 0 ? begin(part) : Result<void>();
  if (taken) taken = write(part);
  if (taken && part.offset + part.bytes.size() == part.size) taken = complete(part);
  if (!taken) leave_out(part.id);
  return taken;
}

/// An earlier originator has taken all of it: those before came first, and went with it.
bool ArtifactStore::is_end_of_whole(const protocol::Artifact& part) const {
  return part.offset > 0 &&
         ::faccessat(on_their_way_.get(), part.id.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

Result<void> ArtifactStore::begin(const protocol::Artifact& part) {
  struct stat status{};
  // A repeat of the first part, with others behind it.
  if (::fstatat(on_their_way_.get(), part.id.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return {};
  if (!part.unit.empty() && !folders_.contains(part.unit))
    return fail(ErrorKind::kRefused, "it is of no file of this run");
  if (files_.size() >= kMaxFiles)
    return fail(ErrorKind::kRefused, fmt::format("there are {} files already", kMaxFiles));
  if (part.size > bytes_left_)
    return fail(ErrorKind::kRefused, "artifacts.max_run_bytes would be exceeded");
  bytes_left_ -= part.size;
  return {};
}

Result<void> ArtifactStore::write(const protocol::Artifact& part) {
  const int create = part.offset == 0 ? O_CREAT : 0;
  const UniqueFd file(::openat(on_their_way_.get(), part.id.c_str(),
                               O_WRONLY | O_NOFOLLOW | O_CLOEXEC | create, 0666));
  if (!file) return fail_errno("cannot write an artifact", errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail_errno("cannot write an artifact", errno);
  if (static_cast<std::uint64_t>(status.st_size) < part.offset)
    return fail(ErrorKind::kIo, "a part of it is missing");
  std::size_t written = 0;
  while (written < part.bytes.size()) {
    const ssize_t count =
        ::pwrite(file.get(), part.bytes.data() + written, part.bytes.size() - written,
                 static_cast<off_t>(part.offset + written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot write an artifact", errno);
    written += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> ArtifactStore::complete(const protocol::Artifact& part) {
  const std::vector<std::string> place = place_of(part);
  if (place.size() > kMaxDepth) return fail(ErrorKind::kRefused, "its path is too deep");
  const auto folders = std::span(place).first(place.size() - 1);
  GORGON_TRY_ASSIGN(const UniqueFd folder, open_folder(run_.get(), folders));
  if (::renameat(on_their_way_.get(), part.id.c_str(), folder.get(), place.back().c_str()) != 0)
    return fail_errno("cannot write " + place.back(), errno);
  settled_.insert(part.id);
  note(place, part.unit);
  return {};
}

void ArtifactStore::leave_out(const std::string& id) {
  settled_.insert(id);
  ++left_out_;
  ::unlinkat(on_their_way_.get(), id.c_str(), 0);
}

void ArtifactStore::finish() {
  std::error_code error;
  for (fs::directory_iterator entry(path_ / kOnTheirWay, error), end; !error && entry != end;
       entry.increment(error))
    ::unlinkat(on_their_way_.get(), entry->path().filename().c_str(), 0);
}

}  // namespace gorgon::originator
