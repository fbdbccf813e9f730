#include "originator/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/own_folder.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "results/verdict.h"
#include "sync/scratch.h"

namespace gorgon::originator {

namespace {

/// Before 2 no line said "tree".
constexpr int kJournalVersion = 2;
constexpr std::string_view kSuffix = ".journal";
constexpr std::string_view kLinkSuffix = ".broker";
/// Of one whose head is being written.
constexpr std::string_view kNewSuffix = ".new";
/// Far longer than a head takes.
constexpr std::chrono::minutes kNewFor{10};
constexpr std::size_t kMostKept = 5;
constexpr std::size_t kReadBytes = std::size_t{1024} * 1024;
constexpr std::size_t kWriteBytes = std::size_t{256} * 1024;
/// More than the largest message the broker takes, and less than hurts.
constexpr std::size_t kMaxLineBytes = std::size_t{256} * 1024 * 1024;

std::filesystem::path folder_of(const std::filesystem::path& project) {
  return project / config::kOwnFolder / "jobs";
}

std::filesystem::path file_of(const std::filesystem::path& project, const std::string& job) {
  return folder_of(project) / (job + std::string(kSuffix));
}

std::string line(std::string_view key, std::string_view value) {
  return fmt::format("{{\"{}\":{}}}\n", key, value);
}

/// The parts of what line() gave. Empty key: it is no such line.
std::pair<std::string_view, std::string_view> parts_of(std::string_view line) {
  const auto end = line.find("\":");
  if (!line.starts_with("{\"") || !line.ends_with('}') || end == std::string_view::npos) return {};
  return {line.substr(2, end - 2), line.substr(end + 2, line.size() - end - 3)};
}

std::string head_line(const JobHead& head, std::size_t units) {
  const Json value = {{"v", kJournalVersion},
                      {"job", head.job},
                      {"started_at", head.started_at},
                      {"arguments", head.arguments},
                      {"folder", head.folder.string()},
                      {"cluster", head.cluster},
                      {"stage", head.stage.string()},
                      {"tree_digest", head.tree_digest},
                      {"sign_interval", head.sign_interval.count()},
                      {"units", units}};
  return line("head", dump_json(value));
}

Result<QueueRecord> parse_queues(std::string_view value) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(value));
  ObjectReader reader(json, "queues");
  const auto epoch = reader.integer("epoch", {.least = 0, .most = 1'000'000});
  const QueueRecord record{.epoch = static_cast<std::uint32_t>(epoch),
                           .is_published = reader.boolean_or("published", false)};
  GORGON_TRY(reader.status());
  return record;
}

Result<results::Unit> parse_unit(std::string_view line) {
  const auto [key, value] = parts_of(line);
  if (key != "unit") return fail(ErrorKind::kProtocol, "expected a unit");
  GORGON_TRY_ASSIGN(auto message, protocol::decode(value));
  auto* unit = std::get_if<protocol::UnitMessage>(&message);
  if (unit == nullptr) return fail(ErrorKind::kProtocol, "expected a unit");
  return std::move(unit->unit);
}

/// Opens and locks it. The system lets go of the lock however the process ends. kNotFound: it is
/// not there, or was removed just now. kRefused: it is locked. kIo.
Result<UniqueFd> locked(const std::filesystem::path& file, int flags) {
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (!fd && errno == ENOENT) return fail(ErrorKind::kNotFound, "there is no " + file.string());
  if (!fd) return fail_errno("cannot open " + file.string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorKind::kRefused, "the run goes on: it still writes " + file.string());
  // Whoever held the lock may have removed the file between our two calls: then we hold nothing.
  struct stat held{};
  struct stat named{};
  if (::fstat(fd.get(), &held) != 0 || ::lstat(file.c_str(), &named) != 0 ||
      held.st_dev != named.st_dev || held.st_ino != named.st_ino)
    return fail(ErrorKind::kNotFound, "there is no " + file.string() + " any more");
  return fd;
}

std::chrono::seconds age_of(const std::filesystem::path& file) {
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0) return {};
  const auto written = std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
  const auto age = std::chrono::system_clock::now() - written;
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(age), std::chrono::seconds(0));
}

/// What a process left that died while it wrote the head. A young one may not be locked yet.
void remove_if_left(const std::filesystem::path& new_file) {
  if (age_of(new_file) < kNewFor) return;
  if (const auto fd = locked(new_file, 0)) ::unlink(new_file.c_str());
}

std::filesystem::path link_beside(std::filesystem::path journal) {
  return journal.replace_extension(kLinkSuffix);
}

/// The lock goes with the journal, so the link goes first.
void remove_files(const std::filesystem::path& journal) {
  ::unlink(link_beside(journal).c_str());
  ::unlink(journal.c_str());
}

}  // namespace

bool is_journalled(const protocol::Message& message) {
  return std::visit(
      []<class T>(const T&) {
        return std::is_same_v<T, protocol::UnitStarted> ||
               std::is_same_v<T, protocol::UnitReturned> ||
               std::is_same_v<T, protocol::UnitCases> ||
               std::is_same_v<T, protocol::UnitFinished> ||
               std::is_same_v<T, protocol::HostState> || std::is_same_v<T, protocol::WorkerDone> ||
               std::is_same_v<T, protocol::WorkerDied>;
      },
      message);
}

Result<JournalRecord> parse_record(std::string_view line) {
  const auto [key, value] = parts_of(line);
  if (key == "reply") {
    GORGON_TRY_ASSIGN(auto message, protocol::decode(value));
    if (!is_journalled(message)) return fail(ErrorKind::kProtocol, "no message to an originator");
    return ReplyRecord{.message = std::move(message), .body = std::string(value)};
  }
  if (key == "queues") {
    GORGON_TRY_ASSIGN(const QueueRecord record, parse_queues(value));
    return record;
  }
  if (key == "returned" || key == "republished" || key == "tree") {
    GORGON_TRY_ASSIGN(const Json json, parse_json(value));
    if (!json.is_string()) return fail(ErrorKind::kProtocol, fmt::format("{}: no text", key));
    auto text = json.get<std::string>();
    if (key == "tree") return TreeRecord{.digest = std::move(text)};
    if (key == "returned") return ReturnRecord{.unit = std::move(text)};
    return RepublishRecord{.unit = std::move(text)};
  }
  return fail(ErrorKind::kProtocol, "not a line of a journal");
}

Result<std::pair<JobHead, std::size_t>> parse_head(std::string_view line) {
  const auto [key, value] = parts_of(line);
  if (key != "head") return fail(ErrorKind::kProtocol, "not the first line of a journal");
  GORGON_TRY_ASSIGN(const Json json, parse_json(value));
  ObjectReader reader(json, "head");
  const auto version = reader.integer("v");
  if ((version < 1 || version > kJournalVersion) && !reader.error())
    return fail(ErrorKind::kProtocol, "another version of gorgon has written it");
  JobHead head{.job = reader.text("job"),
               .started_at = reader.integer(
                   "started_at", {.least = 0, .most = static_cast<std::int64_t>(kMaxSeconds) * 10}),
               .arguments = reader.texts("arguments"),
               .folder = reader.text_or("folder", ""),
               .cluster = reader.text("cluster"),
               .stage = reader.text("stage"),
               .tree_digest = reader.text("tree_digest"),
               .sign_interval = std::chrono::seconds(
                   reader.integer_or("sign_interval", 10, {.least = 1, .most = 10}))};
  const auto units =
      reader.integer("units", {.least = 0, .most = std::numeric_limits<std::int32_t>::max()});
  GORGON_TRY(reader.status());
  if (!is_id(head.job)) return fail(ErrorKind::kProtocol, "head.job: not the id of a job");
  return std::pair(std::move(head), static_cast<std::size_t>(units));
}

Result<Journal> Journal::create(const std::filesystem::path& project, JobHead head,
                                std::span<const results::Unit> units) {
  const std::filesystem::path folder = folder_of(project);
  const std::string job = head.job;
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("cannot make " + folder.string(), errno);
  GORGON_TRY(config::hide_own_folder(project));
  // Others look for journals meanwhile: it gets its name when it is whole and locked.
  const std::filesystem::path file = file_of(project, job);
  const std::filesystem::path new_file = folder / (job + std::string(kNewSuffix));
  GORGON_TRY_ASSIGN(UniqueFd fd, locked(new_file, O_CREAT | O_EXCL));
  Journal journal(new_file, std::move(fd));
  journal.head_ = std::move(head);
  auto written = journal.write_head(units);
  if (written && std::rename(new_file.c_str(), file.c_str()) != 0)
    written = fail_errno("cannot make " + file.string(), errno);
  if (!written) {
    journal.remove();
    return std::unexpected(std::move(written).error());
  }
  journal.file_ = file;
  return journal;
}

Result<Journal> Journal::open(const std::filesystem::path& project, const std::string& job) {
  if (!is_id(job))
    return fail(ErrorKind::kNotFound,
                "\"" + job + "\" is not the id of a job: 1 to 64 of a-z, 0-9");
  const std::filesystem::path file = file_of(project, job);
  auto fd = locked(file, 0);
  if (!fd && fd.error().kind == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound,
                fmt::format("no job {} was cut off here ({} is not there)", job, file.string()));
  if (!fd) return std::unexpected(std::move(fd).error());
  Journal journal(file, *std::move(fd));
  GORGON_TRY(journal.read_head());
  return journal;
}

Result<void> Journal::write_head(std::span<const results::Unit> units) {
  std::string text = head_line(head_, units.size());
  for (const results::Unit& unit : units) {
    text += line("unit", protocol::encode(protocol::UnitMessage{.unit = unit}));
    if (text.size() < kWriteBytes) continue;
    GORGON_TRY(append(text));
    text.clear();
  }
  return append(text);
}

Result<void> Journal::read_head() {
  const auto cut_short = [this] {
    return fail(ErrorKind::kProtocol, file_.string() + " ends before the last of its units");
  };
  GORGON_TRY_ASSIGN(const auto first, next_line());
  if (!first) return cut_short();
  auto head = parse_head(*first);
  if (!head) return std::unexpected(at_line(std::move(head).error()));
  std::size_t count = 0;
  std::tie(head_, count) = *std::move(head);
  while (units_.size() < count) {
    GORGON_TRY_ASSIGN(const auto next, next_line());
    if (!next) return cut_short();
    auto unit = parse_unit(*next);
    if (!unit) return std::unexpected(at_line(std::move(unit).error()));
    units_.push_back(*std::move(unit));
  }
  std::vector<std::string_view> ids;
  ids.reserve(units_.size());
  for (const results::Unit& unit : units_) ids.push_back(unit.id);
  std::ranges::sort(ids);
  if (std::ranges::adjacent_find(ids) != ids.end())
    return std::unexpected(at_line({ErrorKind::kProtocol, "two units have the same id"}));
  return {};
}

Result<void> Journal::replay(const std::function<void(JournalRecord)>& take) {
  for (;;) {
    GORGON_TRY_ASSIGN(const auto next, next_line());
    if (!next) break;
    auto record = parse_record(*next);
    if (!record) return std::unexpected(at_line(std::move(record).error()));
    take(*std::move(record));
  }
  buffer_ = {};
  if (::ftruncate(fd_.get(), whole_) != 0)
    return fail_errno("cannot write " + file_.string(), errno);
  return {};
}

/// Nullopt: no further whole line.
Result<std::optional<std::string>> Journal::next_line() {
  std::size_t searched = taken_;
  for (;;) {
    const auto end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string text = buffer_.substr(taken_, end - taken_);
      whole_ += static_cast<std::int64_t>(text.size()) + 1;
      taken_ = end + 1;
      ++line_;
      return text;
    }
    buffer_.erase(0, std::exchange(taken_, 0));
    searched = buffer_.size();
    if (searched > kMaxLineBytes) {
      ++line_;
      return std::unexpected(at_line({ErrorKind::kProtocol, "too long for a line of a journal"}));
    }
    buffer_.resize(searched + kReadBytes);
    const auto got = ::pread(fd_.get(), buffer_.data() + searched, kReadBytes,
                             whole_ + static_cast<std::int64_t>(searched));
    buffer_.resize(searched + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return fail_errno("cannot read " + file_.string(), errno);
    if (got == 0) return std::nullopt;
  }
}

Error Journal::at_line(Error error) const {
  error.message = fmt::format("{}, line {}: {}", file_.string(), line_, error.message);
  return error;
}

Result<void> Journal::append(std::string_view lines) {
  while (!lines.empty()) {
    const auto written = ::write(fd_.get(), lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("cannot write " + file_.string(), errno);
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> Journal::add_reply(std::string_view body) {
  if (body.find('\n') == std::string_view::npos) return append(line("reply", body));
  // JSON that was set out for people: the same in one line.
  GORGON_TRY_ASSIGN(const Json json, parse_json(body));
  return append(line("reply", dump_json(json)));
}

Result<void> Journal::add(const QueueRecord& record) {
  const Json value = {{"epoch", record.epoch}, {"published", record.is_published}};
  return append(line("queues", dump_json(value)));
}

Result<void> Journal::add(const ReturnRecord& record) {
  return append(line("returned", dump_json(record.unit)));
}

Result<void> Journal::add(const RepublishRecord& record) {
  return append(line("republished", dump_json(record.unit)));
}

Result<void> Journal::add(const TreeRecord& record) {
  return append(line("tree", dump_json(record.digest)));
}

Result<void> Journal::link_broker(const std::filesystem::path& socket) {
  const std::filesystem::path link = link_beside(file_);
  ::unlink(link.c_str());
  if (::symlink(socket.c_str(), link.c_str()) != 0)
    return fail_errno("cannot make " + link.string(), errno);
  return {};
}

void Journal::remove() {
  remove_files(file_);
  fd_.reset();
}

bool is_running(const std::filesystem::path& project, const std::string& job) {
  if (!is_id(job)) return false;
  const UniqueFd fd(::open(file_of(project, job).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool has_journal(const std::filesystem::path& project, const std::string& job) {
  std::error_code ignored;
  return is_id(job) && std::filesystem::exists(file_of(project, job), ignored);
}

std::vector<std::filesystem::path> live_brokers(const std::filesystem::path& project) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder_of(project), error);
       it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (it->path().extension() != kSuffix) continue;
    const auto held = locked(it->path(), 0);
    if (held || held.error().kind != ErrorKind::kRefused) continue;
    std::error_code ignored;
    auto socket = std::filesystem::read_symlink(link_beside(it->path()), ignored);
    if (!socket.empty()) found.push_back(std::move(socket));
  }
  std::ranges::sort(found);
  return found;
}

std::vector<CutOffJob> cut_off_jobs(const std::filesystem::path& project) {
  std::vector<CutOffJob> found;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder_of(project), error);
       it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string job = it->path().stem().string();
    if (it->path().extension() == kNewSuffix && is_id(job)) remove_if_left(it->path());
    if (it->path().extension() != kSuffix || !is_id(job)) continue;
    if (!locked(it->path(), 0)) continue;
    found.push_back({.job = job, .age = age_of(it->path())});
  }
  std::ranges::sort(found, {}, &CutOffJob::age);
  while (!found.empty() && (found.size() > kMostKept || found.back().age > sync::kKeptFor)) {
    const std::filesystem::path file = file_of(project, found.back().job);
    if (const auto fd = locked(file, 0)) remove_files(file);
    found.pop_back();
  }
  return found;
}

}  // namespace gorgon::originator
