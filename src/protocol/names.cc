#include "protocol/names.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gorgon::protocol {

namespace {

constexpr std::string_view kPrefix = "gorgon.v1.";

std::string topic(std::string_view kind, std::string_view cluster) {
  std::string name(kPrefix);
  name += kind;
  if (!cluster.empty()) {
    name += '.';
    name += cluster;
  }
  return name;
}

std::string queue(std::string_view kind, std::string_view job) {
  std::string name(kPrefix);
  name += kind;
  name += '.';
  name += job;
  return name;
}

std::string of_epoch(const std::string& name, std::uint32_t epoch) {
  return epoch == 0 ? name : name + "." + std::to_string(epoch);
}

}  // namespace

std::string jobs_topic(std::string_view cluster) { return topic("jobs", cluster); }
std::string originators_topic(std::string_view cluster) { return topic("originators", cluster); }
std::string status_topic(std::string_view cluster) { return topic("status", cluster); }
std::string control_topic(std::string_view cluster) { return topic("control", cluster); }

std::string file_queue(std::string_view job, std::uint32_t epoch) {
  return of_epoch(queue("files", job), epoch);
}
std::string reply_queue(std::string_view job) { return queue("replies", job); }
std::string slot_queue(std::string_view job, std::uint32_t epoch) {
  return of_epoch(queue("slots", job), epoch);
}

}  // namespace gorgon::protocol
