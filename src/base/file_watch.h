// Waits until something happens to a file, or to one in a folder, without looking again and again.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/asio.h"
#include "base/result.h"

namespace gorgon {

class FileWatch {
 public:
  enum class For : std::uint8_t {
    kWrites,  ///< Something is written to it, or cut off it.
    kCloses,  ///< Somebody who could write to it closes it.
  };

  /// Of a file, or of all files in a folder, that exists. kIo: the system has no more watches to
  /// give, say.
  [[nodiscard]] static Result<FileWatch> open(const asio::any_io_executor& executor,
                                              const std::filesystem::path& path, For what);
  /// Waits, without limit, until it has happened since the last call. May be cancelled. False:
  /// there is nothing left to watch.
  [[nodiscard]] Task<bool> changed();

 private:
  FileWatch(const asio::any_io_executor& executor, int fd) : events_(executor, fd) {}
  asio::posix::stream_descriptor events_;
};

}  // namespace gorgon
