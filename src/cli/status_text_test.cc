#include "cli/status_text.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <sstream>
#include <string>

#include "base/json.h"
#include "protocol/messages.h"
#include "report/display_text.h"
#include "web/cluster_status.h"

namespace gorgon::cli {
namespace {

web::ClusterStatus busy() {
  return {.jobs = {{.job = "k2x9",
                    .project = "shop",
                    .originator = "ann@desk",
                    .seconds = 61,
                    .units = 40,
                    .done = 12,
                    .failed = 2,
                    .running = 1,
                    .waiting_for = {}}},
          .machines = {{.host = "build1",
                        .version = "1.0.0",
                        .cluster = "",
                        .slots = 2,
                        .free_slots = 1,
                        .jobs = {{.job = "k2x9",
                                  .project = "shop",
                                  .originator = "ann@desk",
                                  .state = protocol::HostedJob::State::kRunning}},
                        .workers = {{.slot = 1,
                                     .job = "k2x9",
                                     .file = "spec/models/order_spec.rb",
                                     .seconds = 3.25,
                                     .running_case = "Order total adds up",
                                     .case_seconds = 1}}}}};
}

TEST(StatusTextTest, AJobAndAMachine) {
  EXPECT_EQ(status_text(busy(), {}, 200),
            "k2x9  shop  ann@desk  1 min 01 s\n"
            "  12 of 40 files done, 2 failed, 1 running\n"
            "build1  2 slots, 1 free  1.0.0\n"
            "  1  spec/models/order_spec.rb  3.25 s  Order total adds up\n"
            "1 job; 1 machine, 2 slots, 1 free\n");
}

TEST(StatusTextTest, NoLineIsWiderThanItsTerminal) {
  for (std::size_t columns = 1; columns < 80; ++columns) {
    std::istringstream lines(status_text(busy(), {}, columns));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(report::columns_of(line), columns) << line;
  }
  EXPECT_NE(status_text(busy(), {}, 30).find("  1  .../order_spec.rb  3.25 s\n"), std::string::npos)
      << status_text(busy(), {}, 30);
}

TEST(StatusTextTest, AJobWithoutItsOriginatorIsShownOnce) {
  web::ClusterStatus status = busy();
  status.jobs.clear();
  status.machines.push_back(status.machines.front());
  const std::string text = status_text(status, {}, 200);
  EXPECT_NE(text.find("k2x9  shop  ann@desk\n  the gorgon that started it does not answer\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("1 job; 2 machines"), std::string::npos) << text;
  EXPECT_EQ(parse_json(web::status_json(status)).value().at("jobs"),
            parse_json(R"([{"job":"k2x9","project":"shop","originator":"ann@desk",)"
                       R"("answers":false}])")
                .value());
}

TEST(StatusTextTest, NamesOfOthersDoNotSpeakToTheTerminal) {
  web::ClusterStatus status = busy();
  const std::string evil = "\x1b[2J\x07\n";
  status.jobs[0].project = status.jobs[0].waiting_for = evil;
  auto& machine = status.machines[0];
  machine.host = machine.version = machine.cluster = machine.jobs[0].job = evil;
  machine.workers[0].file = machine.workers[0].running_case = evil;
  for (const char byte : status_text(status, {}, 200))
    EXPECT_TRUE(byte == '\n' || static_cast<unsigned char>(byte) >= ' ');
}

TEST(StatusTextTest, AMachineThatKeepsItToItselfSaysSo) {
  const web::ClusterStatus status{
      .machines = {{.host = "build1", .slots = 2, .is_reserved = true}}};
  EXPECT_NE(status_text(status, {}, 200).find("  says only to trusted keys what it runs\n"),
            std::string::npos);
  EXPECT_EQ(parse_json(web::status_json(status)).value().at("machines")[0].at("reserved"), true);
}

}  // namespace
}  // namespace gorgon::cli
