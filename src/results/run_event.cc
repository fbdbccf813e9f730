#include "results/run_event.h"

#include <optional>
#include <string_view>

namespace gorgon::results {

std::string_view name_of(HostChanged::State state) {
  switch (state) {
    case HostChanged::State::kPreparing:
      return "preparing";
    case HostChanged::State::kReady:
      return "ready";
    case HostChanged::State::kFailed:
      return "failed";
    case HostChanged::State::kLeft:
      return "left";
  }
  return "left";
}

std::string_view name_of(Notice::Level level) {
  switch (level) {
    case Notice::Level::kInfo:
      return "info";
    case Notice::Level::kWarning:
      return "warning";
    case Notice::Level::kError:
      return "error";
  }
  return "error";
}

std::optional<HostChanged::State> host_state_named(std::string_view name) {
  using enum HostChanged::State;
  for (const auto state : {kPreparing, kReady, kFailed, kLeft}) {
    if (name_of(state) == name) return state;
  }
  return std::nullopt;
}

std::optional<Notice::Level> notice_level_named(std::string_view name) {
  using enum Notice::Level;
  for (const auto level : {kInfo, kWarning, kError}) {
    if (name_of(level) == name) return level;
  }
  return std::nullopt;
}

}  // namespace gorgon::results
