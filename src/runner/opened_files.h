// Which files and folders of a tree somebody opens: what a runner host has read while it booted,
// by whatever means, as the system saw it.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"

namespace gorgon::runner {

class OpenedFiles {
 public:
  /// Watches `tree` and `folders`, which are relative to it, from the running event loop. kIo: the
  /// system allows no more watches.
  [[nodiscard]] static Result<OpenedFiles> watch(const asio::any_io_executor& executor,
                                                 const fs::path& tree,
                                                 const std::vector<std::string>& folders);
  OpenedFiles(OpenedFiles&&) noexcept;
  OpenedFiles& operator=(OpenedFiles&&) noexcept;
  ~OpenedFiles();

  /// Relative paths of what has been opened by now, "" for the tree itself. Nullopt: there was more
  /// than could be seen. The last call.
  [[nodiscard]] std::optional<std::set<std::string>> finish();

 private:
  struct State;
  explicit OpenedFiles(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  ///< Shared with the coroutine that reads.
};

}  // namespace gorgon::runner
