#include "runner/runner_protocol.h"

#include <gtest/gtest.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace gorgon::runner {
namespace {

template <class M>
M parsed(const std::string& line) {
  const auto message = parse_runner_line(line);
  EXPECT_TRUE(message) << message.error().message;
  if (!message || !std::holds_alternative<M>(*message)) {
    ADD_FAILURE() << "another message: " << line;
    return {};
  }
  return std::get<M>(*message);
}

TEST(RunnerProtocolTest, ARunnerMayTellItsStacksOrNot) {
  EXPECT_EQ(parsed<RunnerReady>(R"({"type":"ready","pid":7,"stacks_signal":57})").stacks_signal,
            57);
  EXPECT_EQ(parsed<RunnerReady>(R"({"type":"ready","pid":7})").stacks_signal, 0);
  EXPECT_EQ(parsed<RunnerReady>(R"({"type":"ready","stacks_signal":null})").stacks_signal, 0);
  EXPECT_FALSE(parse_runner_line(R"({"type":"ready","pid":7,"stacks_signal":-1})"));
  EXPECT_FALSE(parse_runner_line(R"({"type":"ready","pid":7,"stacks_signal":65})"));
}

TEST(RunnerProtocolTest, StacksAreOfThreads) {
  const auto stacks = parsed<RunnerStacks>(
      R"({"type":"stacks","threads":[{"main":true,"name":"","status":"sleep","backtrace":["a:1"]},)"
      R"({"name":"pool","status":"run","backtrace":[]}]})");
  ASSERT_EQ(stacks.threads.size(), 2U);
  EXPECT_TRUE(stacks.threads[0].is_main);
  EXPECT_EQ(stacks.threads[0].backtrace, std::vector<std::string>{"a:1"});
  EXPECT_FALSE(stacks.threads[1].is_main);
  EXPECT_EQ(stacks.threads[1].name, "pool");
  EXPECT_FALSE(parse_runner_line(R"({"type":"stacks","threads":[{"backtrace":"a:1"}]})"));
}

std::string case_with(std::string_view field) {
  return R"({"type":"case","id":"1","name":"n","status":"passed",)" + std::string(field) + "}";
}

TEST(RunnerProtocolTest, ACaseIsRead) {
  const auto message = parse_runner_line(case_with(R"("seconds":0.5,"output":[3,9])"));
  ASSERT_TRUE(message) << message.error().message;
  const auto& done = std::get<CaseDone>(*message);
  EXPECT_EQ(done.test_case.seconds, 0.5);
  ASSERT_TRUE(done.output);
  EXPECT_EQ(done.output->from, 3);
  EXPECT_EQ(done.output->to, 9);
}

TEST(RunnerProtocolTest, AnOutputRangeThatNoFileCanHaveIsAnError) {
  for (const char* range : {"[-1,5]", "[5,3]", "[0]", "[0,1,2]", "[0,9223372036854775808]", "{}",
                            "[0.5,1]", "[\"0\",1]", "7", "[-9223372036854775808,5]"}) {
    const auto message = parse_runner_line(case_with(std::string(R"("output":)") + range));
    ASSERT_FALSE(message) << range;
    EXPECT_EQ(message.error().message, "runner.output: expected [from, to]");
  }
}

TEST(RunnerProtocolTest, AClockThatWasSetBackCostsNoResult) {
  const auto message = parse_runner_line(case_with(R"("seconds":-3)"));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<CaseDone>(*message).test_case.seconds, 0);
  const auto unit = parse_runner_line(
      R"({"type":"unit_finished","unit":"u","verdict":"passed","seconds":1e308})");
  ASSERT_TRUE(unit);
  EXPECT_EQ(std::get<UnitDone>(*unit).seconds, kMaxSeconds);
}

TEST(RunnerProtocolTest, AVerdictThatContradictsItsErrorsIsNoGoodOne) {
  const auto message = parse_runner_line(
      R"({"type":"unit_finished","unit":"u","verdict":"passed","errors":[{"message":"no"}]})");
  ASSERT_TRUE(message);
  EXPECT_FALSE(std::get<UnitDone>(*message).passed);
}

TEST(RunnerProtocolTest, ASeedIsToldWhereItCanBe) {
  const auto seed_in = [](const std::string& seed) {
    const auto message = parse_runner_line(
        R"({"type":"unit_finished","unit":"u","verdict":"passed","seed":)" + seed + "}");
    return std::get<UnitDone>(message.value()).seed;
  };
  EXPECT_EQ(seed_in("4711"), 4711);
  EXPECT_EQ(seed_in("-3"), -3);
  for (const char* seed : {"9223372036854775808", "1e30", "null", "\"7\""})
    EXPECT_FALSE(seed_in(seed)) << seed;
}

TEST(RunnerProtocolTest, ARunnerIsToldTheSeedOfItsUnit) {
  results::Unit unit{.id = "1", .file = "a_spec.rb"};
  EXPECT_EQ(run_line(unit, 1, "").find("seed"), std::string::npos);
  unit.seed = 4711;
  EXPECT_NE(run_line(unit, 1, "").find(R"("seed":4711)"), std::string::npos);
}

TEST(RunnerProtocolTest, HostileLinesEndInAnError) {
  for (const char* line :
       {"", "nonsense", "[]", "null", "{}", R"({"type":7})", R"({"type":"reboot"})",
        R"({"type":"case"})", R"({"type":"case","id":"1","name":"n","status":"fine"})",
        R"({"type":"unit_finished","unit":"u","verdict":"crashed"})",
        R"({"type":"stopped","errors":[7]})", R"({"type":"ready","pid":4294967296})"}) {
    const auto message = parse_runner_line(line);
    ASSERT_FALSE(message) << line;
    EXPECT_EQ(message.error().kind, ErrorKind::kProtocol) << line;
  }
}

TEST(RunnerProtocolTest, AStatusPipeNamesOneProcess) {
  const auto pid = parse_status_line(R"({"pid":1234})");
  ASSERT_TRUE(pid);
  EXPECT_EQ(std::get<pid_t>(*pid), 1234);
  // 4294967301 would be 5 as a pid_t.
  for (const char* text :
       {"1", "0", "-1", "-5", "4294967301", "9223372036854775808", "\"5\"", "1.5", "null"}) {
    EXPECT_FALSE(parse_status_line(std::string(R"({"pid":)") + text + "}")) << text;
  }
}

TEST(RunnerProtocolTest, AStatusPipeTellsOneEnd) {
  const auto exit = parse_status_line(R"({"exit":3})");
  ASSERT_TRUE(exit);
  EXPECT_EQ(std::get<ExitStatus>(*exit).code, 3);
  const auto signal = parse_status_line(R"({"signal":9})");
  ASSERT_TRUE(signal);
  EXPECT_EQ(std::get<ExitStatus>(*signal).signal, 9);
  // 4294967296 would be a good end.
  for (const char* line : {R"({"exit":4294967296})", R"({"exit":-1})", R"({"signal":0})",
                           R"({"signal":4294967305})", "{}", "[]", "7"}) {
    EXPECT_FALSE(parse_status_line(line)) << line;
  }
}

TEST(RunnerProtocolTest, AHostSaysThreeThings) {
  const auto ready =
      parse_host_datagram(R"({"type":"ready","language":"ruby 3","threads":2,"seconds":1})");
  ASSERT_TRUE(ready);
  EXPECT_EQ(std::get<HostReady>(*ready).threads, 2);
  EXPECT_TRUE(parse_host_datagram(R"({"type":"finished"})"));
  for (const char* bytes : {"", "[]", R"({"type":"reboot"})", R"({"type":"ready","threads":"2"})",
                            R"({"type":"failed","error":7})"}) {
    EXPECT_FALSE(parse_host_datagram(bytes)) << bytes;
  }
}

}  // namespace
}  // namespace gorgon::runner
