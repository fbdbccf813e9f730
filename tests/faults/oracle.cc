#include "oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "harness.h"
#include "lab.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {

namespace {

constexpr auto kCleanUpLimit = 60s;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

/// Both files are read as text: a JSON parser hides what is there twice.
void check_records(const Sample& sample) {
  const std::string failed = sample.project.read("failed.json");
  const std::string runtimes = sample.project.read(".gorgon/runtimes.json");
  std::size_t recorded = 0;
  for (const auto& [file, unit] : sample.expected) {
    const std::size_t failures = unit.verdict == "passed" ? 0 : 1;
    EXPECT_EQ(occurrences(failed, '"' + file + '"'), failures) << file << " in failed_files";
    // The time until a crash says nothing of the next run.
    const std::size_t times = unit.verdict == "crashed" ? 0 : 1;
    EXPECT_EQ(occurrences(runtimes, '"' + file + '"'), times) << file << " in runtime_file";
    recorded += times;
  }
  EXPECT_EQ(occurrences(runtimes, "_spec.rb\""), recorded);
}

bool names_job(const std::string& text, const std::set<std::string>& jobs) {
  return std::ranges::any_of(
      jobs, [&](const std::string& job) { return text.find(job) != std::string::npos; });
}

void check_broker(Cluster& cluster, const std::set<std::string>& jobs) {
  // In one call: each takes a second.
  const auto listed = cluster.rabbit().rabbitmqctl(
      {"eval", R"({rabbit_binding:list(<<"/">>), rabbit_exchange:list_names()}.)"});
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_NE(listed->find("gorgon.v1.jobs"), std::string::npos) << "an unreadable answer";
  for (const std::string& job : jobs)
    EXPECT_EQ(listed->find(job), std::string::npos) << "left on the broker: " << *listed;
}

/// A tree that is there for the next job, with nothing of a job beside it.
bool is_kept(const std::filesystem::path& workspace) {
  return std::filesystem::exists(workspace / "marks") &&
         !std::filesystem::exists(workspace / "scratch");
}

/// Paths below `folder` that name a job, but for trees that are kept.
std::vector<std::string> folders_of_jobs(const std::filesystem::path& folder,
                                         const std::set<std::string>& jobs) {
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end; entry != end;
       entry.increment(error)) {
    if (names_job(entry->path().filename().string(), jobs) && !is_kept(entry->path()))
      found.push_back(entry->path().string());
  }
  return found;
}

void check_folders(Cluster& cluster, const std::set<std::string>& jobs) {
  for (const RunningListener& listener : cluster.listeners()) {
    if (listener.may_be_gone) continue;
    std::vector<std::string> left;
    EXPECT_TRUE(
        eventually(kCleanUpLimit,
                   [&] { return (left = folders_of_jobs(listener.workspaces(), jobs)).empty(); }))
        << "left in the workspaces of " << listener.setup.name << ": "
        << ::testing::PrintToString(left);
  }
  for (const std::filesystem::path& folder : {cluster.folder() / "tmp", stage_folder(cluster)}) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; entry != end;
         entry.increment(error)) {
      const bool is_put_by = entry->path().filename().string().starts_with("kept-");
      if (!is_put_by) ADD_FAILURE() << "left of a run: " << entry->path();
    }
  }
}

void check_mounts(const Cluster& cluster) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    EXPECT_EQ(line.find(cluster.folder().string()), std::string::npos)
        << "a mount is left: " << line;
  }
}

}  // namespace

void expect_right_verdicts(const Sample& sample, const FinishedRun& run) {
  EXPECT_EQ(differences(sample.expected, run.report), "");
  EXPECT_EQ(run.exit_code, sample.exit_code) << run.report.reason << "\n"
                                             << run.report.notice_text();
  check_records(sample);
}

void expect_no_traces(Cluster& cluster) {
  cluster.check_jobs_are_gone();
  const std::set<std::string> jobs = cluster.jobs();
  EXPECT_FALSE(jobs.empty());
  check_broker(cluster, jobs);
  check_folders(cluster, jobs);
  cluster.check_cgroups_are_gone();
  check_mounts(cluster);
}

}  // namespace gorgon::test
