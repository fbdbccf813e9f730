#include "runner/runner_protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

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

TEST(RunnerProtocol, ARunnerMayTellItsStacksOrNot) {
  EXPECT_EQ(parsed<RunnerReady>(R"({"type":"ready","pid":7,"stacks_signal":57})").stacks_signal,
            57);
  EXPECT_EQ(parsed<RunnerReady>(R"({"type":"ready","pid":7})").stacks_signal, 0);
  EXPECT_EQ(parsed<RunnerReady>(R"({"type":"ready","stacks_signal":null})").stacks_signal, 0);
  EXPECT_FALSE(parse_runner_line(R"({"type":"ready","pid":7,"stacks_signal":-1})"));
  EXPECT_FALSE(parse_runner_line(R"({"type":"ready","pid":7,"stacks_signal":65})"));
}

TEST(RunnerProtocol, StacksAreOfThreads) {
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

}  // namespace
}  // namespace gorgon::runner
