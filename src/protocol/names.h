// Exchange and queue names. They carry a version, so that they never collide with an older Gorgon's
// on a shared broker, and the cluster.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gorgon::protocol {

/// Jobs, pings and commands, to every listener of a cluster.
[[nodiscard]] std::string jobs_topic(std::string_view cluster);
/// Announcements of listeners, to every originator of a cluster that is running a job.
[[nodiscard]] std::string originators_topic(std::string_view cluster);
/// `gorgon status`, to every listener and originator of a cluster.
[[nodiscard]] std::string status_topic(std::string_view cluster);
/// Cancellations and ends of jobs, to every listener of a cluster.
[[nodiscard]] std::string control_topic(std::string_view cluster);

/// Units of a job. `epoch` grows when the queue had to be made anew because the broker lost it.
[[nodiscard]] std::string file_queue(std::string_view job, std::uint32_t epoch);
/// Results of a job, or answers to a question or command.
[[nodiscard]] std::string reply_queue(std::string_view job);
/// One message per worker that the job may have at once; only made when the job limits them.
[[nodiscard]] std::string slot_queue(std::string_view job, std::uint32_t epoch);

}  // namespace gorgon::protocol
