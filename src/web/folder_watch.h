// Tells when other processes have written to what a project has of its runs, by inotify.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <utility>

#include "base/asio.h"
#include "base/result.h"

namespace gorgon::web {

struct FolderEvent;

class FolderWatch {
 public:
  /// `project` exists; .gorgon in it may come, and go, later. kIo: the system has no more watches.
  [[nodiscard]] static Result<FolderWatch> make(const asio::any_io_executor& executor,
                                                std::filesystem::path project);

  /// Waits until the record or a journal of a run may say something else than before: written to,
  /// made, removed, or closed by who wrote it. Several changes may come as one; each is told after
  /// it was made. What is only read is no change. kIo.
  [[nodiscard]] Task<Result<void>> next();

 private:
  FolderWatch(std::filesystem::path project, asio::posix::stream_descriptor inotify)
      : project_(std::move(project)), inotify_(std::move(inotify)) {}
  void add_watches();
  [[nodiscard]] bool tells_of_runs(const FolderEvent& event) const;

  std::filesystem::path project_;
  asio::posix::stream_descriptor inotify_;
  int project_watch_ = -1;
  int own_watch_ = -1;   ///< .gorgon
  int jobs_watch_ = -1;  ///< .gorgon/jobs
};

}  // namespace gorgon::web
