// `gorgon status`: which jobs run, and what each machine does, from any terminal.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

/// Three files that run until release(), and one that fails at once.
Project add_waiting_project(Cluster& cluster) {
  const Project project = cluster.add_project("", "shop");
  const string gate = (project.folder() / "gate").string();
  for (const char* name : {"a", "b", "c"}) {
    project.write("spec/" + string(name) + "_spec.rb", "RSpec.describe('" + string(name) +
                                                           "') { it('waits') { sleep 0.02 until " +
                                                           "File.exist?('" + gate + "') } }\n");
  }
  project.write("spec/fails_spec.rb", "RSpec.describe('d') { it('fails') { fail } }\n");
  return project;
}
void release(const Project& project) { project.write("gate", ""); }

struct Answer {
  int exit_code = -1;
  Json json;
};
Answer ask(Cluster& cluster, const Project& project) {
  const FinishedRun asked = cluster.gorgon({"status", "--json", "--wait", "0.5"}, project.folder());
  return {asked.exit_code, parse_json(asked.output).value_or(Json::object())};
}
/// The first answer that is as wanted; the last one if none is, within a generous limit.
Answer ask_until(Cluster& cluster, const Project& project,
                 const std::function<bool(const Json&)>& wanted) {
  Answer answer;
  EXPECT_TRUE(eventually(60s, [&] {
    answer = ask(cluster, project);
    return wanted(answer.json);
  })) << dump_json(answer.json);
  return answer;
}

/// All three that wait are in their case, and the fourth has failed.
bool is_under_way(const Json& status) {
  if (status.at("jobs").size() != 1 || status.at("jobs")[0].value("done", 0) != 1) return false;
  int waiting = 0;
  for (const Json& machine : status.at("machines")) {
    for (const Json& worker : machine.at("workers")) {
      if (worker.value("case", Json()).is_string()) ++waiting;
    }
  }
  return waiting == 3;
}

void expect_under_way(const Json& status, const Program& run) {
  const Json& job = status.at("jobs")[0];
  EXPECT_EQ(job.at("job"), Cluster::so_far(run).job);
  EXPECT_EQ(job.at("project"), "shop");
  EXPECT_EQ(job.at("files"), 4);
  EXPECT_EQ(job.at("failed"), 1);
  EXPECT_EQ(job.at("running"), 3);
  EXPECT_TRUE(job.at("waiting_for").is_null());
  EXPECT_GT(job.at("seconds").get<double>(), 0);
  for (const Json& machine : status.at("machines")) {
    for (const Json& worker : machine.at("workers")) {
      if (worker.at("file").is_null()) continue;
      const auto file = worker.at("file").get<string>();  // spec/a_spec.rb
      EXPECT_EQ(worker.at("case"), file.substr(5, 1) + " waits");
      EXPECT_GT(worker.at("seconds").get<double>(), 0);
    }
  }
}

class StatusTest : public RabbitTest {};

TEST_F(StatusTest, ShowsAJobFromItsWaitForMachinesToItsEnd) {
  const Project project = add_waiting_project(cluster());
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  const Answer lonely = ask_until(cluster(), project, [](const Json& status) {
    return !status.at("jobs").empty() && status.at("jobs")[0].at("waiting_for").is_string();
  });
  EXPECT_EQ(lonely.exit_code, 6) << "no machine has answered";
  EXPECT_TRUE(says(lonely.json.at("jobs")[0].at("waiting_for"), "for listeners"));

  cluster().start_two_listeners();
  const Answer busy = ask_until(cluster(), project, is_under_way);
  EXPECT_EQ(busy.exit_code, 0);
  expect_under_way(busy.json, run);
  ASSERT_EQ(busy.json.at("machines").size(), 2U);
  for (const Json& machine : busy.json.at("machines")) {
    EXPECT_EQ(machine.at("slots"), 2);
    EXPECT_EQ(machine.at("cluster"), cluster().name());
    EXPECT_EQ(machine.at("jobs")[0].at("state"), "running");
  }
  const FinishedRun text = cluster().gorgon({"status"}, project.folder());
  EXPECT_TRUE(says(text.output, "1 of 4 files done, 1 failed, 3 running")) << text.output;
  EXPECT_TRUE(says(text.output, "spec/a_spec.rb")) << text.output;
  EXPECT_TRUE(says(text.output, "1 job; 2 machines, 4 slots, 0 free")) << text.output;

  release(project);
  EXPECT_EQ(cluster().finish(run).exit_code, 1);
  const Answer idle = ask_until(cluster(), project,
                                [](const Json& status) { return status.at("free_slots") == 4; });
  EXPECT_TRUE(idle.json.at("jobs").empty());
}

TEST_F(LocalTest, StatusFindsARunWithABrokerOfItsOwn) {
  const Project project = add_waiting_project(cluster());
  EXPECT_EQ(ask(cluster(), project).exit_code, 6) << "nothing runs yet";
  Program& run = cluster().start_run(project, {"-j", "4"});
  const Answer busy = ask_until(cluster(), project, is_under_way);
  EXPECT_EQ(busy.exit_code, 0);
  expect_under_way(busy.json, run);
  release(project);
  EXPECT_EQ(cluster().finish(run).exit_code, 1);
  const FinishedRun after = cluster().gorgon({"status"}, project.folder());
  EXPECT_EQ(after.exit_code, 6);
  EXPECT_TRUE(says(after.output, "0 jobs; 0 machines")) << after.output;
  EXPECT_TRUE(std::filesystem::is_empty(project.folder() / ".gorgon" / "jobs"));
}

}  // namespace
}  // namespace gorgon::test
