#include "originator/host_board.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "protocol/messages.h"
#include "results/exit_code.h"

namespace gorgon::originator {

namespace {

using State = protocol::HostState::State;

bool is_at_work(State state) { return state == State::kPreparing || state == State::kReady; }

bool is_callback(std::string_view stage) {
  static constexpr std::array<std::string_view, 3> kStages = {
      "after_sync", "before_creating_workers", "before_start"};
  return std::ranges::find(kStages, stage) != kStages.end();
}

}  // namespace

bool HostBoard::update(const protocol::HostState& message, TimePoint now) {
  const bool is_new = !hosts_.contains(message.host);
  Host& host = hosts_[message.host];
  host.last_seen = now;
  const bool changed = is_new || host.state != message.state;
  host.state = message.state;
  host.stage = message.stage;
  host.message = message.message;
  return changed;
}

void HostBoard::seen(const std::string& host, TimePoint now) {
  const auto known = hosts_.find(host);
  if (known == hosts_.end()) {
    hosts_[host] = Host{.state = State::kReady, .last_seen = now};
  } else {
    known->second.last_seen = now;
  }
}

void HostBoard::all_seen(TimePoint now) {
  for (auto& [name, host] : hosts_) host.last_seen = now;
}

std::vector<std::string> HostBoard::names() const {
  std::vector<std::string> names;
  names.reserve(hosts_.size());
  for (const auto& [name, host] : hosts_) names.push_back(name);
  return names;
}

std::vector<std::string> HostBoard::drop_silent(TimePoint limit) {
  std::vector<std::string> dropped;
  for (auto& [name, host] : hosts_) {
    if (!is_at_work(host.state) || host.last_seen >= limit) continue;
    host.state = State::kLeft;
    host.stage = "lost";
    host.message = "it stopped answering";
    dropped.push_back(name);
  }
  return dropped;
}

std::size_t HostBoard::at_work() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      hosts_, [](const auto& host) { return is_at_work(host.second.state); }));
}

bool HostBoard::any_ready() const {
  return std::ranges::any_of(hosts_,
                             [](const auto& host) { return host.second.state == State::kReady; });
}

bool HostBoard::all_failed() const {
  return !hosts_.empty() && std::ranges::all_of(hosts_, [](const auto& host) {
    return host.second.state == State::kFailed || host.second.state == State::kRefused;
  });
}

std::string HostBoard::reasons() const {
  std::string text;
  for (const auto& [name, host] : hosts_) {
    if (is_at_work(host.state) || host.message.empty()) continue;
    if (!text.empty()) text += "\n";
    text += name + ": " + (host.stage.empty() ? "" : host.stage + ": ") + host.message;
  }
  return text;
}

results::ExitCode HostBoard::exit_code() const {
  const auto all = [&](const auto& holds) {
    return !hosts_.empty() &&
           std::ranges::all_of(hosts_, [&](const auto& host) { return holds(host.second); });
  };
  if (all([](const Host& host) { return host.state == State::kRefused; }))
    return results::kRefusedByListeners;
  if (all([](const Host& host) { return host.state == State::kFailed && is_callback(host.stage); }))
    return results::kCallbackFailed;
  return results::kIncomplete;
}

}  // namespace gorgon::originator
