// A report file that is complete or not there at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::report {

/// Text that is written while a run goes on, into a file without a name, and gets head and name at
/// the end: what stands in the head, such as totals, is known only then. Whoever reads the file
/// sees the report of the run before until that; a run that dies leaves nothing.
class SpooledFile {
 public:
  /// Makes missing folders. kUsage: `file` is a device, pipe or the like, or in a folder of the
  /// system's own (/dev, /proc, /sys): to take the place of that would break it. kIo: no file can
  /// be made there.
  [[nodiscard]] static Result<SpooledFile> make(std::filesystem::path file);

  /// Writes to disk now and then. An error is told by finish().
  void add(std::string_view text);
  /// Gives it its name, in place of what had it, as head, all that was added, and tail. Once. kIo.
  [[nodiscard]] Result<void> finish(std::string_view head, std::string_view tail);
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  SpooledFile(std::filesystem::path file, UniqueFd spool)
      : file_(std::move(file)), spool_(std::move(spool)) {}
  void write_out();

  std::filesystem::path file_;
  UniqueFd spool_;
  std::string pending_;
  int error_ = 0;  ///< errno.
};

/// finish() of a reporter's file: an error is told on standard error, and given as an errno; 0: the
/// file is there.
[[nodiscard]] int finish_report(SpooledFile& file, std::string_view head, std::string_view tail);

}  // namespace gorgon::report
