// The ledger on disk: what a run needs to be taken up when its originator has died, in
// PROJECT/.gorgon/jobs/JOB.journal, for its owner alone. Written as results arrive, each before the
// broker is told that it has been taken; gone when the run has ended in good order. It is there for
// a process that dies, not for a machine that loses power: nothing waits for the disk.
//
// Beside it, while a run has a broker of its own, JOB.broker links to that one's socket.
//
// A file of lines, each a JSON object with one member: "head", then a "unit" for each unit in
// planned order, then what happened: "queues", "reply", "returned", "republished". docs/messages.md
// has the form of units and replies. Of a line that was being written when the process died,
// nothing counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::originator {

/// What was decided before the first message of a job.
struct JobHead {
  std::string job;
  std::int64_t started_at = 0;         ///< Unix seconds.
  std::vector<std::string> arguments;  ///< Of `gorgon start`, as they were given.
  /// Where that was called, absolute: its relative paths begin there. Empty: not known; an older
  /// gorgon has begun the job.
  std::filesystem::path folder;
  std::string cluster;
  std::filesystem::path stage;  ///< Where the tree that we serve stands; empty: we serve none.
  std::string tree_digest;      ///< JobDefinition::tree_digest
  std::chrono::seconds sign_interval{10};  ///< JobDefinition::sign_interval
  friend bool operator==(const JobHead&, const JobHead&) = default;
};

/// The queues of this epoch are in use; with everything in them, once it says so.
struct QueueRecord {
  std::uint32_t epoch = 0;
  bool is_published = false;
  friend bool operator==(const QueueRecord&, const QueueRecord&) = default;
};
/// The broker has given up on a unit.
struct ReturnRecord {
  std::string unit;
  friend bool operator==(const ReturnRecord&, const ReturnRecord&) = default;
};
/// The broker has a unit that had come back once more.
struct RepublishRecord {
  std::string unit;
  friend bool operator==(const RepublishRecord&, const RepublishRecord&) = default;
};
/// Which source tree is tested, where it was not known when the job began.
struct TreeRecord {
  std::string digest;  ///< As sync::checkout_digest() gives it.
  friend bool operator==(const TreeRecord&, const TreeRecord&) = default;
};
/// A message to the originator.
struct ReplyRecord {
  protocol::Message message;
  std::string body;  ///< As it was given to add_reply(), in one line.
};
using JournalRecord =
    std::variant<QueueRecord, ReturnRecord, RepublishRecord, TreeRecord, ReplyRecord>;

/// Whether one who takes a job up must know of this message to its originator. The others come
/// again by themselves, or are no news then.
[[nodiscard]] bool is_journalled(const protocol::Message& message);
/// One line behind the units, without its end. kProtocol: it is none that add() writes.
[[nodiscard]] Result<JournalRecord> parse_record(std::string_view line);
/// The first line, without its end and the units, and their number. kProtocol.
[[nodiscard]] Result<std::pair<JobHead, std::size_t>> parse_head(std::string_view line);

class Journal {
 public:
  /// Of a new job. Nobody sees it before it holds its head and is locked. kIo: it cannot be
  /// written.
  [[nodiscard]] static Result<Journal> create(const std::filesystem::path& project, JobHead head,
                                              std::span<const results::Unit> units);
  /// Of a job whose originator has died. kNotFound: there is none. kRefused: that run goes on. kIo.
  /// kProtocol, with file and line.
  [[nodiscard]] static Result<Journal> open(const std::filesystem::path& project,
                                            const std::string& job);

  [[nodiscard]] const JobHead& head() const { return head_; }
  /// Of an opened journal, in planned order. Once.
  [[nodiscard]] std::vector<results::Unit> take_units() { return std::move(units_); }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  /// Calls `take` for what stands in an opened journal behind the head, in order, and makes the
  /// journal ready for add(). Once. kIo; kProtocol, with file and line.
  [[nodiscard]] Result<void> replay(const std::function<void(JournalRecord)>& take);

  // After an error, part of a line may be in: there is only remove() then.

  /// A message to the originator, as it came. kIo. kProtocol: it is none.
  [[nodiscard]] Result<void> add_reply(std::string_view body);
  /// kIo.
  [[nodiscard]] Result<void> add(const QueueRecord& record);
  /// kIo.
  [[nodiscard]] Result<void> add(const ReturnRecord& record);
  [[nodiscard]] Result<void> add(const RepublishRecord& record);
  [[nodiscard]] Result<void> add(const TreeRecord& record);
  /// Lets live_brokers() find the broker that this run has for itself. In place of the one that an
  /// earlier originator of the job had. kIo.
  [[nodiscard]] Result<void> link_broker(const std::filesystem::path& socket);
  /// The run has ended: there is nothing to take up.
  void remove();

 private:
  Journal(std::filesystem::path file, UniqueFd fd) : file_(std::move(file)), fd_(std::move(fd)) {}
  [[nodiscard]] Result<void> write_head(std::span<const results::Unit> units);
  [[nodiscard]] Result<void> read_head();
  [[nodiscard]] Result<void> append(std::string_view lines);
  [[nodiscard]] Result<std::optional<std::string>> next_line();
  [[nodiscard]] Error at_line(Error error) const;

  std::filesystem::path file_;
  UniqueFd fd_;  ///< Holds the lock that says that the run goes on.
  JobHead head_;
  std::vector<results::Unit> units_;
  std::string buffer_;      ///< Read from the file.
  std::size_t taken_ = 0;   ///< Of it, what next_line() has given out.
  std::int64_t whole_ = 0;  ///< Bytes of whole lines that were read.
  std::size_t line_ = 0;    ///< Number of the last that was read.
};

/// Whether it is there, be its originator alive or not.
[[nodiscard]] bool has_journal(const std::filesystem::path& project, const std::string& job);

/// Whether the originator of this job of the project is alive: it holds its journal. False also for
/// one that cannot write there. Leaves no trace that somebody who watches the folder would see.
[[nodiscard]] bool is_running(const std::filesystem::path& project, const std::string& job);

/// The sockets of the brokers that runs of this project have for themselves now.
[[nodiscard]] std::vector<std::filesystem::path> live_brokers(const std::filesystem::path& project);

/// A job of this project whose originator has died.
struct CutOffJob {
  std::string job;
  std::chrono::seconds age{0};  ///< Since it last wrote something.
};
/// The last one first. What cannot be read is left out. Removes journals that nobody has asked for
/// in a week, all but the last five, for each may keep a copy of the tree, and what is left of
/// those whose process died while it wrote the head.
[[nodiscard]] std::vector<CutOffJob> cut_off_jobs(const std::filesystem::path& project);

}  // namespace gorgon::originator
