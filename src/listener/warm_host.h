// A runner host that has outlived its job: the next job of the project forks from it at once, if
// nothing that its boot has read is another now. Whether that is so is never taken on trust: the
// system has seen what was opened, and says what has been touched.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "config/runner_settings.h"
#include "runner/opened_files.h"
#include "runner/runner_host.h"
#include "sync/tree_marks.h"

namespace gorgon::listener {

/// One that nobody has used for longer is not used again.
inline constexpr std::chrono::minutes kWarmFor{10};

class WarmHost {
 public:
  /// What the boot of `host` in `tree`, which `began` then (sync::clock_of_marks()), has come to;
  /// right after it, with all that it has opened. A host without `inputs` is not kept, nor one that
  /// has more than itself to lose between two jobs: threads, processes, connections, open files.
  /// Null: so it is. Waits for some milliseconds, so that whatever tests change is told apart.
  [[nodiscard]] static Task<std::unique_ptr<WarmHost>> after_boot(const runner::RunnerHost& host,
                                                                  config::RunnerSettings settings,
                                                                  fs::path tree,
                                                                  runner::OpenedFiles opened,
                                                                  std::int64_t began);

  /// The job is over: the host waits for the next one. Ends what its tests have left running.
  void put_by(std::unique_ptr<runner::RunnerHost> host);
  [[nodiscard]] std::unique_ptr<runner::RunnerHost> take() { return std::move(host_); }

  /// Why a job with these settings may not have it, as far as its tree does not matter; empty: it
  /// may.
  [[nodiscard]] std::string unsuited_for(const config::RunnerSettings& settings) const;
  /// Why it would not become the same again in the tree that is about to be made of `present`,
  /// which was `pulled` before the boot, by pulling `changed`; empty: it would, as long as that are
  /// no files that come or go. Takes logs back to what the boot has written to them, and `present`
  /// with them.
  [[nodiscard]] std::string spoiled_by(const sync::Marks& pulled,
                                       const std::set<std::string>& changed, sync::Marks& present);
  /// Whether it is the same with `path` or without.
  [[nodiscard]] bool may_come_or_go(const std::string& path, bool is_folder) const;

  /// The tree, with what the boot has made in it.
  [[nodiscard]] const sync::Marks& booted() const { return booted_; }
  /// `path` is another now, as `pulled` says: or gone.
  void update(const std::string& path, const sync::Marks& pulled);

 private:
  [[nodiscard]] bool take_back_log(const std::string& path, sync::Marks& present);
  std::unique_ptr<runner::RunnerHost> host_;  ///< Null while a job has it.
  config::RunnerSettings settings_;
  fs::path tree_;
  sync::Marks booted_;
  std::set<std::string> opened_;  ///< Relative to the tree.
  /// Of files and folders elsewhere, times of change; 0: there was nothing.
  std::map<std::string, std::int64_t> outside_;
  std::chrono::steady_clock::time_point put_by_at_;
};

}  // namespace gorgon::listener
