// What a listener gives a worker it starts, over the control socket between them: who it is, where
// its job is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/signature.h"
#include "broker/broker.h"
#include "protocol/messages.h"

namespace gorgon::worker {

struct Settings {
  protocol::JobDefinition job;
  std::optional<PublicKey> owner;  ///< Has signed the job, and every unit of it; nullopt: nobody.
  broker::Address address;
  std::string host;          ///< This machine's name.
  std::uint32_t worker = 1;  ///< 1…n on this machine; no two workers have the same at one time.
  std::string listener_queue;
  std::filesystem::path scratch;    ///< A private directory of the job on this machine.
  std::filesystem::path workspace;  ///< Where the tests run, and the callbacks.
  std::filesystem::path
      cgroup;  ///< Its runner and all that starts from it live there; empty: none.
  std::filesystem::path log_file;  ///< Empty: standard error.
};

/// One datagram; the listener sends it first. Holds the broker's password: it only ever travels
/// over a private socket.
[[nodiscard]] std::string encode_settings(const Settings& settings);
[[nodiscard]] Result<Settings> decode_settings(std::string_view bytes);

/// What a listener says to a worker later: finish the unit in hand and leave the job.
[[nodiscard]] std::string leave_datagram();
[[nodiscard]] bool is_leave_datagram(std::string_view bytes);

/// What a listener asks a worker when it is asked itself: what do you do now?
[[nodiscard]] std::string report_datagram();
[[nodiscard]] bool is_report_datagram(std::string_view bytes);

/// What a listener passes on to a worker: its originator wants to be shown the unit in hand. The
/// worker answers that itself.
[[nodiscard]] std::string show_datagram();
[[nodiscard]] bool is_show_datagram(std::string_view bytes);

/// The answer to report_datagram(), which travels the other way.
struct Activity {
  std::string file = {};          ///< Of the unit in hand; empty: none.
  double seconds = 0;             ///< Since that was started.
  std::string running_case = {};  ///< The one that has run for longest; empty: none.
  double case_seconds = 0;
  friend bool operator==(const Activity&, const Activity&) = default;
};
/// Long names are cut: it fits in a datagram, and those of all workers in a message.
[[nodiscard]] std::string activity_datagram(const Activity& activity);
/// Nullopt: it is something else.
[[nodiscard]] std::optional<Activity> parse_activity(std::string_view bytes);

/// How a worker process ends, so that the listener knows what to do with its slot.
enum ExitCode : int {
  kJobComplete = 0,  ///< The job is over, or the listener asked it to leave.
  kSlotUnusable =
      10,  ///< No runner can be started here (before_start fails): do not try again for this job.
  kOriginatorGone = 11,  ///< Nobody takes results any more: abort the job.
  kBrokerGone = 12,      ///< The broker stayed away too long.
  kStopped = 13,         ///< By SIGTERM, or because the listener is gone: says nothing of the job.
};

}  // namespace gorgon::worker
