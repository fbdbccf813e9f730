// What machines and originators have said of themselves, and its JSON form. Asks nobody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/messages.h"

namespace gorgon::web {

/// The answers: each job once, as its originator has answered.
struct ClusterStatus {
  std::vector<protocol::JobStatus> jobs;
  std::vector<protocol::ListenerStatus> machines;
};

/// Jobs that machines run, and whose originator has not answered; each once.
[[nodiscard]] std::vector<protocol::HostedJob> silent_jobs(const ClusterStatus& status);
/// Of all machines: `slots` or `free_slots`.
[[nodiscard]] std::uint64_t sum(const std::vector<protocol::ListenerStatus>& machines,
                                std::uint32_t protocol::ListenerStatus::* count);
/// One JSON object, on one line without its end; docs/status.md has its members.
[[nodiscard]] std::string status_json(const ClusterStatus& status);

}  // namespace gorgon::web
