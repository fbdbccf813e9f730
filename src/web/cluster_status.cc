#include "web/cluster_status.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "protocol/messages.h"

namespace gorgon::web {

using protocol::HostedJob;
using protocol::JobStatus;
using protocol::ListenerStatus;
using protocol::WorkerStatus;

namespace {

Json json_of(const JobStatus& job) {
  Json json = {{"job", job.job},        {"project", job.project}, {"originator", job.originator},
               {"answers", true},       {"seconds", job.seconds}, {"files", job.units},
               {"done", job.done},      {"failed", job.failed},   {"running", job.running},
               {"waiting_for", nullptr}};
  if (!job.waiting_for.empty()) json["waiting_for"] = job.waiting_for;
  return json;
}

std::string_view word_of(HostedJob::State state) {
  switch (state) {
    case HostedJob::State::kPreparing:
      return "preparing";
    case HostedJob::State::kRunning:
      return "running";
    case HostedJob::State::kEnding:
      return "ending";
  }
  return "";
}

Json json_of(const WorkerStatus& worker) {
  Json json = {{"slot", worker.slot}, {"job", worker.job}, {"file", nullptr}};
  if (worker.file.empty()) return json;
  json["file"] = worker.file;
  json["seconds"] = worker.seconds;
  json["case"] = nullptr;
  if (worker.running_case.empty()) return json;
  json["case"] = worker.running_case;
  json["case_seconds"] = worker.case_seconds;
  return json;
}

Json json_of(const ListenerStatus& machine) {
  Json json = {{"host", machine.host},
               {"version", machine.version},
               {"cluster", machine.cluster},
               {"slots", machine.slots},
               {"free_slots", machine.free_slots},
               {"reserved", machine.is_reserved},
               {"jobs", Json::array()},
               {"workers", Json::array()}};
  for (const HostedJob& job : machine.jobs)
    json["jobs"].push_back({{"job", job.job}, {"state", word_of(job.state)}});
  for (const WorkerStatus& worker : machine.workers) json["workers"].push_back(json_of(worker));
  return json;
}

}  // namespace

std::vector<HostedJob> silent_jobs(const ClusterStatus& status) {
  std::set<std::string> known;
  for (const JobStatus& job : status.jobs) known.insert(job.job);
  std::vector<HostedJob> silent;
  for (const ListenerStatus& machine : status.machines) {
    for (const HostedJob& job : machine.jobs) {
      if (known.insert(job.job).second) silent.push_back(job);
    }
  }
  return silent;
}

std::uint64_t sum(const std::vector<ListenerStatus>& machines,
                  std::uint32_t ListenerStatus::* count) {
  std::uint64_t total = 0;
  for (const ListenerStatus& machine : machines) total += machine.*count;
  return total;
}

std::string status_json(const ClusterStatus& status) {
  Json json = {{"jobs", Json::array()},
               {"machines", Json::array()},
               {"slots", sum(status.machines, &ListenerStatus::slots)},
               {"free_slots", sum(status.machines, &ListenerStatus::free_slots)}};
  for (const JobStatus& job : status.jobs) json["jobs"].push_back(json_of(job));
  for (const HostedJob& job : silent_jobs(status)) {
    json["jobs"].push_back({{"job", job.job},
                            {"project", job.project},
                            {"originator", job.originator},
                            {"answers", false}});
  }
  for (const ListenerStatus& machine : status.machines)
    json["machines"].push_back(json_of(machine));
  return dump_json(json);
}

}  // namespace gorgon::web
