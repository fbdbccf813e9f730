// Where a machine gets the source tree of one job from: made by the originator, carried by the job,
// used by the listener.
#pragma once

#include <string>

#include "config/project_config.h"

namespace gorgon::config {

struct SourceLocation {
  Transport transport = Transport::kNone;
  std::string source;  ///< rsync's source argument, or for kNone the folder that is the workspace.
  std::string user;    ///< Of the rsync module.
  std::string password;  ///< Of the rsync module: a one-time secret with kDirect. Never logged.
  bool compress = false;
  bool strict_host_keys = true;  ///< ssh only.
  friend bool operator==(const SourceLocation&, const SourceLocation&) = default;
};

}  // namespace gorgon::config
