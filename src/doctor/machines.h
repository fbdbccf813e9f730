// What machines have said of themselves, judged one by one. Asks nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "doctor/environment.h"
#include "doctor/finding.h"
#include "protocol/messages.h"

namespace gorgon::doctor {

/// One listener that has answered a ping.
struct Machine {
  protocol::Pong pong;
  std::optional<protocol::ListenerStatus> status = {};  ///< Nullopt: it did not answer in time.
  std::int64_t answered_at = 0;                         ///< By the clock here, unix seconds.
};

/// What holds here, and what machines are compared with.
struct Expected {
  std::string version;     ///< Of this gorgon.
  std::string cluster;     ///< The one that was asked.
  std::string broker;      ///< As broker::describe() has it.
  std::string public_key;  ///< That signs jobs from here; empty: none does.
  Environment environment;
  bool needs_rsync = false;  ///< Machines pull the tree.
};

/// Each machine's own line first, then what is wrong with it. Without machines: that.
[[nodiscard]] Findings judge_machines(const std::vector<Machine>& machines, const Expected& here);

}  // namespace gorgon::doctor
