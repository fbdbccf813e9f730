// Which files a unit, or a runner on its way out, has written that are to come back; and their
// bytes, part by part. Knows nothing of brokers.
//
// Workers of one machine share a workspace: a file that changed there while a unit ran is taken for
// that unit's, whoever wrote it. The worker's own folder (GORGON_ARTIFACTS in the environment of
// its tests) is nobody else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "protocol/messages.h"

namespace gorgon::worker {

/// A file to be sent.
struct FoundFile {
  std::filesystem::path file;  ///< Absolute.
  std::string path;            ///< Relative, to the workspace or to the worker's own folder.
  std::uint64_t bytes = 0;
};
struct Harvest {
  std::vector<FoundFile> files;  ///< By path.
  std::size_t left_out = 0;      ///< How many more there were.
  std::string reason;            ///< Why.
};

class ArtifactWatch {
 public:
  /// Makes `own_folder`, empty: what is in it is of a worker that has died.
  ArtifactWatch(protocol::ArtifactRules rules, std::filesystem::path workspace,
                std::filesystem::path own_folder);

  [[nodiscard]] const std::filesystem::path& own_folder() const { return own_folder_; }
  /// From here on, files that change are of what runs now.
  void begin();
  /// All files of the own folder, and those in the workspace that have changed since begin(). Of
  /// links, pipes and the like there are none.
  [[nodiscard]] Harvest end(bool has_failed);
  /// Empties the own folder, for the next unit.
  void clear();

 private:
  /// What changes when a file is written.
  struct Mark {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed = 0;   ///< Nanoseconds.
    std::int64_t modified = 0;  ///< The same.
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  using Marks = std::map<std::string, Mark>;

  [[nodiscard]] static std::optional<Mark> mark_of(const std::filesystem::path& file);
  [[nodiscard]] Marks marks_of(const std::vector<std::string>& globs) const;
  [[nodiscard]] Marks own_marks() const;
  [[nodiscard]] bool is_kept_by_originator(const std::string& path) const;

  protocol::ArtifactRules rules_;
  std::filesystem::path workspace_;
  std::filesystem::path own_folder_;
  Marks before_;
  std::uint64_t bytes_taken_ = 0;  ///< Of all harvests.
};

/// One file, read in parts. It may change meanwhile: what counts is its size when it was opened.
class ArtifactFile {
 public:
  /// kIo: it is gone, or is no file any more.
  [[nodiscard]] static Result<ArtifactFile> open(const std::filesystem::path& file);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// False when next() has given all of it; an empty file has one part.
  [[nodiscard]] bool has_more() const { return !is_begun_ || offset_ < size_; }
  /// kIo: it cannot be read, or has become shorter.
  [[nodiscard]] Result<std::string> next();

 private:
  ArtifactFile(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
  bool is_begun_ = false;
};

}  // namespace gorgon::worker
