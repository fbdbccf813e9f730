#include "sync/kept_stage.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/files.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "config/project_config.h"
#include "config/tree_generation.h"
#include "sync/scratch.h"
#include "sync/tree_marks.h"

namespace gorgon::sync {

namespace {

constexpr std::string_view kKeptPrefix = "kept-";
constexpr std::size_t kKeyDigits = 32;
/// The job carries the changes: a machine that has missed more than this pulls the whole tree.
constexpr std::size_t kMostChanges = 8;
constexpr std::size_t kMostPaths = 1000;
constexpr std::size_t kMostPathBytes = std::size_t{64} * 1024;

fs::path tree_in(const fs::path& directory) { return directory / "tree"; }
fs::path generation_in(const fs::path& directory) { return directory / "generation"; }
fs::path project_marks_in(const fs::path& directory) { return directory / "project.marks"; }
fs::path tree_marks_in(const fs::path& directory) { return directory / "tree.marks"; }

/// Fields, each ended by a NUL: id, entries, and of each change from, how many paths, the paths.
std::string generation_text(const config::TreeGeneration& generation) {
  std::string text;
  const auto add = [&](std::string_view field) { text.append(field).push_back('\0'); };
  add(generation.id);
  add(std::to_string(generation.entries));
  for (const config::TreeChange& change : generation.changes) {
    add(change.from);
    add(std::to_string(change.paths.size()));
    for (const std::string& path : change.paths) add(path);
  }
  return text;
}

/// Takes fields off the front of a text that generation_text() made.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}
  [[nodiscard]] bool is_empty() const { return text_.empty(); }
  [[nodiscard]] bool is_good() const { return is_good_; }
  std::string text() {
    const std::size_t end = text_.find('\0');
    if (end == std::string_view::npos) is_good_ = false;
    if (!is_good_) return {};
    std::string field(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return field;
  }
  std::uint64_t number() {
    const std::string field = text();
    std::uint64_t number = 0;
    const char* end = field.data() + field.size();
    const auto [rest, error] = std::from_chars(field.data(), end, number);
    if (error != std::errc() || rest != end) is_good_ = false;
    return number;
  }

 private:
  std::string_view text_;
  bool is_good_ = true;
};

config::TreeGeneration generation_from(std::string_view text) {
  Fields fields(text);
  config::TreeGeneration generation{.id = fields.text(), .entries = fields.number()};
  while (fields.is_good() && !fields.is_empty()) {
    config::TreeChange change{.from = fields.text()};
    for (std::uint64_t paths = fields.number(); fields.is_good() && paths > 0; --paths)
      change.paths.push_back(fields.text());
    generation.changes.push_back(std::move(change));
  }
  return fields.is_good() ? generation : config::TreeGeneration();
}

std::optional<Marks> marks_in(const fs::path& file) {
  const auto text = read_file(file, std::size_t{1} << 30U);
  auto marks = text ? read_marks(*text) : Result<Marks>(std::unexpected(text.error()));
  return marks ? std::optional(*std::move(marks)) : std::nullopt;
}

std::optional<StageRecord> read_stage_record(const fs::path& directory) {
  StageRecord record{.generation = read_stage_generation(directory)};
  auto project = marks_in(project_marks_in(directory));
  auto tree = marks_in(tree_marks_in(directory));
  if (record.generation.id.empty() || !project || !tree) return std::nullopt;
  record.project = *std::move(project);
  record.tree = *std::move(tree);
  return record;
}

bool move_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  return !error;
}

/// To `directory`, in one step: a run that wants it now finds none.
void take_away_unused(const fs::path& root, const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> unused;
  for (fs::directory_iterator it(root, error); it != fs::directory_iterator();
       it.increment(error)) {
    struct stat info{};
    const bool is_kept = it->path().filename().string().starts_with(kKeptPrefix) &&
                         ::lstat(it->path().c_str(), &info) == 0;
    if (!is_kept) continue;
    const auto kept = std::chrono::system_clock::from_time_t(info.st_ctim.tv_sec);
    if (std::chrono::system_clock::now() - kept > kKeptFor) unused.push_back(it->path());
  }
  for (const fs::path& stage : unused) {
    log::info("removing {}, which no run has used for a while", stage.string());
    (void)move_to(stage, directory / ("unused-" + stage.filename().string()));
  }
}

/// Machines could not be told of it.
bool is_too_much(const std::vector<std::string>& paths) {
  std::size_t bytes = 0;
  for (const std::string& path : paths) {
    bytes += path.size();
    if (valid_utf8(path) != path) return true;
  }
  return paths.size() > kMostPaths || bytes > kMostPathBytes;
}

}  // namespace

fs::path kept_stage(const fs::path& root, const fs::path& project, const config::Sync& sync) {
  Digest digest;
  digest.add(fmt::format("{} {}", project.string(), sync.gitignore));
  for (const std::string& pattern : sync.exclude) digest.add(fmt::format("\n{}", pattern));
  const std::string all = digest.finish();
  return root / (std::string(kKeptPrefix) + all.substr(all.find(':') + 1, kKeyDigits));
}

Result<StageRecord> take_kept_stage(const fs::path& place, const fs::path& directory) {
  // In one step: another run that wants it finds none.
  const fs::path taken = directory / "taken";
  std::optional<StageRecord> record;
  if (move_to(place, taken)) record = read_stage_record(taken);
  const fs::path tree = tree_in(directory);
  if (record && move_to(tree_in(taken), tree)) {
    remove_tree(taken);
    return *std::move(record);
  }
  if (::mkdir(tree.c_str(), 0700) != 0) return fail_errno("cannot make " + tree.string(), errno);
  return StageRecord();
}

Result<void> write_stage_record(const fs::path& directory, const StageRecord& record) {
  GORGON_TRY(write_file(project_marks_in(directory), marks_text(record.project), 0600));
  GORGON_TRY(write_file(tree_marks_in(directory), marks_text(record.tree), 0600));
  return write_file(generation_in(directory), generation_text(record.generation), 0600);
}

config::TreeGeneration read_stage_generation(const fs::path& directory) {
  const auto text = read_file(generation_in(directory));
  return text ? generation_from(*text) : config::TreeGeneration();
}

void keep_stage(const fs::path& directory, const fs::path& place) {
  std::error_code ignored;
  if (!fs::exists(generation_in(directory), ignored)) return;
  const fs::path kept = directory / "kept";
  bool is_moved = ::mkdir(kept.c_str(), 0700) == 0;
  for (const auto& part : {tree_in, generation_in, project_marks_in, tree_marks_in})
    is_moved = is_moved && move_to(part(directory), part(kept));
  // Another run may have put its own by meanwhile.
  (void)move_to(place, directory / "earlier");
  if (!is_moved || !move_to(kept, place)) log::info("the stage cannot be kept");
  take_away_unused(place.parent_path(), directory);
}

config::TreeGeneration next_generation(const StageRecord& record, const Marks& tree) {
  config::TreeGeneration next{.id = random_id(16), .entries = tree.size()};
  const config::TreeGeneration& last = record.generation;
  if (last.id.empty()) return next;
  config::TreeChange change{.from = last.id, .paths = differences(record.tree, tree)};
  if (change.paths.empty()) return last;
  if (is_too_much(change.paths)) return next;
  std::size_t paths = change.paths.size();
  next.changes.push_back(std::move(change));
  for (const config::TreeChange& earlier : last.changes) {
    paths += earlier.paths.size();
    if (paths > kMostPaths || next.changes.size() == kMostChanges) break;
    next.changes.push_back(earlier);
  }
  return next;
}

}  // namespace gorgon::sync
