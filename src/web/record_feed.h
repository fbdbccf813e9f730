// The record of a project's runs, read again whenever somebody has written to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "history/store.h"
#include "web/run_view.h"

namespace gorgon::web {

class RecordFeed {
 public:
  explicit RecordFeed(std::filesystem::path project) : project_(std::move(project)) {}

  /// Reads what is new of the list of runs, and of the runs that somebody looks at while they go
  /// on. False: nothing has been committed since the last call. Blocks for about a second at most,
  /// while another process writes.
  bool refresh();

  /// A JSON array, the newest run first; docs/web.md has its members.
  [[nodiscard]] const std::string& runs_json() const { return runs_json_; }
  /// Grows when runs_json() or problem() changes.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// Why the runs are not, or not all, shown; empty when they are.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// A run by its number, as it is now; it is kept up to date for as long as somebody holds it.
  /// kNotFound: it is not recorded. kIo, kTimeout.
  [[nodiscard]] Result<std::shared_ptr<RunView>> view(const std::string& number);

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<bool> read();
  [[nodiscard]] Result<void> read_runs();
  [[nodiscard]] std::string refresh_views();
  void publish(std::string problem);

  std::filesystem::path project_;
  std::optional<history::Store> store_;
  std::uint64_t inode_ = 0;  ///< Of the file that is open: somebody may put another in its place.
  std::int64_t commit_ = -1;
  std::vector<history::RunSummary> runs_;
  std::map<std::int64_t, std::weak_ptr<RunView>> views_;
  std::shared_ptr<RunView> last_;  ///< A page opens its stream a moment later.
  std::string runs_json_ = "[]";
  std::string problem_;
  std::uint64_t version_ = 1;
};

}  // namespace gorgon::web
