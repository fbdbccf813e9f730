// What `gorgon status` has learnt, as text for people and as JSON. Asks nobody.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "report/look.h"

namespace gorgon::cli {

/// The answers: each job once, as its originator has answered.
struct ClusterStatus {
  std::vector<protocol::JobStatus> jobs;
  std::vector<protocol::ListenerStatus> machines;
};

/// Lines of at most `columns` columns. Names of others are made safe for a terminal.
[[nodiscard]] std::string status_text(const ClusterStatus& status, const report::Look& look,
                                      std::size_t columns);
/// One JSON object, on one line without its end; docs/status.md has its members.
[[nodiscard]] std::string status_json(const ClusterStatus& status);

}  // namespace gorgon::cli
