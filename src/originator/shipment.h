// The source tree on its way to the machines: a consistent snapshot, pushed to a file server or
// served from here, taken back at the end.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "config/tree_generation.h"
#include "sync/direct_server.h"
#include "sync/snapshot.h"

namespace gorgon::originator {

struct ShipmentOptions {
  std::filesystem::path project;
  std::string job;
  config::ProjectConfig config;
  bool is_local = false;      ///< The embedded broker: tests run in place.
  bool needs_digest = false;  ///< Of the tree, unless it does not travel.
};

class Shipment {
 public:
  /// kSync: the tree could not be read, staged, pushed or served; with the server's message.
  [[nodiscard]] static Task<Result<Shipment>> send(ShipmentOptions options);
  /// What the send() of a process that has died left behind: `stage` as stage() said. kNotFound:
  /// the stage is gone. kSync.
  [[nodiscard]] static Task<Result<Shipment>> take_up(ShipmentOptions options,
                                                      std::filesystem::path stage,
                                                      std::string tree_digest);
  /// After a send() that failed or was cancelled: what had arrived at the file server by then.
  [[nodiscard]] static Task<void> remove_partial(ShipmentOptions options);
  /// Removes what was pushed, and leaves the stage to the next run. Failures are logged.
  [[nodiscard]] Task<void> take_back();
  /// When this process dies, the stage stays while `journal` does, sync::kKeptFor at most. kIo.
  [[nodiscard]] Result<void> keep_while(const std::filesystem::path& journal);
  /// Ends our part in it as if this process had died: another take_up() finds what this one did.
  void leave();
  [[nodiscard]] const config::SourceLocation& location() const { return location_; }
  /// The directory that must outlive us for take_up(); empty: none.
  [[nodiscard]] std::filesystem::path stage() const {
    return stage_ ? stage_->directory() : std::filesystem::path();
  }
  /// Without an id when the tree does not travel, or is one that another process pushed.
  [[nodiscard]] const config::TreeGeneration& generation() const { return generation_; }
  /// Empty: none was needed.
  [[nodiscard]] const std::string& tree_digest() const { return tree_digest_; }
  /// What send() took for a copy of the tree, and for bringing it to the file server; 0: neither.
  [[nodiscard]] std::chrono::steady_clock::duration staging_time() const { return staging_time_; }
  [[nodiscard]] std::chrono::steady_clock::duration push_time() const { return push_time_; }

 private:
  [[nodiscard]] Task<Result<void>> serve(ShipmentOptions options);
  config::SourceLocation location_;
  config::TreeGeneration generation_;
  std::string tree_digest_;
  std::unique_ptr<sync::Stage> stage_;  ///< Stands still while the server below refers to it.
  std::unique_ptr<sync::DirectServer> server_;
  bool is_pushed_ = false;
  std::chrono::steady_clock::duration staging_time_{}, push_time_{};
};

}  // namespace gorgon::originator
