#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/ask_listeners.h"
#include "cli/commands.h"
#include "cli/secrets.h"
#include "config/project_config.h"
#include "protocol/messages.h"
#include "report/display_text.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

void print_lines(const std::vector<protocol::Pong>& hosts) {
  std::size_t width = 4;
  for (const protocol::Pong& host : hosts)
    width = std::max(width, report::columns_of(report::safe_line(host.host)));
  std::uint32_t slots = 0;
  std::uint32_t free_slots = 0;
  for (const protocol::Pong& host : hosts) {
    const std::string name = report::pad_right(report::safe_line(host.host), width);
    const std::string version = report::safe_line(host.version);
    std::printf("%s  %-8s  %3u %-5s  %3u free\n", name.c_str(), version.c_str(), host.slots,
                host.slots == 1 ? "slot" : "slots", host.free_slots);
    slots += host.slots;
    free_slots += host.free_slots;
  }
  std::printf("%s, %s, %u free\n", count_of(hosts.size(), "host").c_str(),
              count_of(slots, "slot").c_str(), free_slots);
}

void print_json(const std::vector<protocol::Pong>& hosts) {
  Json json = {{"hosts", Json::array()}, {"slots", 0}, {"free_slots", 0}};
  std::uint32_t slots = 0;
  std::uint32_t free_slots = 0;
  for (const protocol::Pong& host : hosts) {
    json["hosts"].push_back({{"host", host.host},
                             {"version", host.version},
                             {"slots", host.slots},
                             {"free_slots", host.free_slots}});
    slots += host.slots;
    free_slots += host.free_slots;
  }
  json["slots"] = slots;
  json["free_slots"] = free_slots;
  std::printf("%s\n", dump_json(json).c_str());
}

}  // namespace

int ping(const PingCommand& command) {
  auto config = load_project(command.config_file, command.config_is_required);
  if (!config) return complain(config.error());
  if (command.cluster) config->cluster = *command.cluster;
  std::vector<protocol::Pong> hosts;
  asio::io_context io(1);
  const auto asked = run_to_completion(
      io,
      ask_listeners(
          {.config = *config,
           .message = [](const std::string& queue) { return protocol::Ping{.reply_queue = queue}; },
           .answered =
               [&](const protocol::Message& answer) {
                 if (const auto* pong = std::get_if<protocol::Pong>(&answer))
                   hosts.push_back(*pong);
                 return false;
               },
           .wait = std::chrono::duration<double>(command.wait_seconds)}));
  if (!asked) return complain(asked.error());
  std::ranges::sort(hosts, {}, &protocol::Pong::host);
  if (command.json) {
    print_json(hosts);
  } else {
    print_lines(hosts);
  }
  return hosts.empty() ? results::kIncomplete : 0;
}

}  // namespace gorgon::cli
