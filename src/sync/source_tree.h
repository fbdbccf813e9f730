// The project's tree on its way between machines: up to a file server, down into a workspace, and
// back off the server. One value says where it is, the SourceLocation that the job carries.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/source_location.h"

namespace gorgon::sync {

/// Where the tree of `job` goes on the file server of `config` (kSsh or kAnonymous), and where
/// listeners find it:
///   anonymous: rsync://HOST:PORT/gorgon/[FOLDER/]gorgon-JOB/, the module of `gorgon start_rsync`.
///              A source_tree_path that is an rsync:// URL itself takes the place of all before
///              gorgon-JOB, for other people's daemons.
///   ssh:       ssh://HOST[:PORT]/FOLDER/gorgon-JOB/ with an absolute FOLDER, or /~/FOLDER with one
///              relative to the login's home; ".cache/gorgon/trees" unless configured.
/// Not checked: push() and pull() refuse a location that is malformed.
[[nodiscard]] config::SourceLocation file_server_location(const config::ProjectConfig& config,
                                                          const std::string& job);

/// Makes what is at `location` equal to `tree`. kSync: it could not be copied; the message names
/// the file server and ends with its own words. A failed push may leave a part of the tree there.
[[nodiscard]] Task<Result<void>> push(fs::path tree, config::SourceLocation location);

/// Removes what push() put there. kSync. Takes at most two minutes.
[[nodiscard]] Task<Result<void>> remove_pushed(config::SourceLocation location);

struct PullOptions {
  /// Of each try.
  std::chrono::seconds limit{3600};
  /// A file with what rsync_list() gives: these entries are pulled, as far as they are there, and
  /// nothing else is touched. Empty: all, and what is there besides is deleted.
  fs::path list_file = {};
};

/// Makes `workspace`, an existing folder, equal to the tree at `location`, or the part that is
/// listed. Does nothing for kNone. A connection that breaks is made again, three times at most.
/// Each try ends after its limit, or half a minute after the other side fell silent. kSync: with
/// what the other side said; also for a location that no originator of ours makes.
[[nodiscard]] Task<Result<void>> pull(config::SourceLocation location, fs::path workspace,
                                      PullOptions options);
/// All of it. No default argument, for GCC 12 destroys such a temporary twice when the call stands
/// in a co_await expression.
[[nodiscard]] Task<Result<void>> pull(config::SourceLocation location, fs::path workspace);

}  // namespace gorgon::sync
