#include "base/subprocess.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "base/asio.h"
#include "base/unique_fd.h"

namespace gorgon {
namespace {

using namespace std::chrono_literals;

Task<void> wait_into(Subprocess& process, std::optional<ExitStatus>& into) {
  into = co_await process.wait();
}

/// One gives up, then the process ends; all who wait further are told.
Task<bool> wait_by_three(Subprocess& process, UniqueFd& input, std::optional<ExitStatus>& patient) {
  const auto executor = co_await asio::this_coro::executor;
  spawn(executor, wait_into(process, patient));
  const auto early = co_await process.wait_until(std::chrono::steady_clock::now() + 20ms);
  if (early || patient) co_return false;
  input.reset();  // cat ends.
  (void)co_await process.wait();
  co_return true;
}

TEST(Subprocess, ADeadlineEndsNoWaitButItsOwn) {
  asio::io_context io(1);
  auto input = make_pipe();
  ASSERT_TRUE(input);
  auto process = Subprocess::spawn(io.get_executor(),
                                   {.argv = {"cat"}, .descriptors = {{0, input->read.get()}}});
  ASSERT_TRUE(process);
  std::optional<ExitStatus> patient;
  EXPECT_TRUE(run_to_completion(io, wait_by_three(*process, input->write, patient)));
  while (!patient && io.run_one_for(10s) > 0) continue;
  ASSERT_TRUE(patient);
  EXPECT_EQ(patient->code, 0);
}

TEST(Subprocess, NothingIsStartedWithHalfOfItsArguments) {
  asio::io_context io(1);
  const std::string half("a\0b", 3);
  for (const SpawnOptions& options :
       {SpawnOptions{.argv = {"true", half}}, SpawnOptions{.argv = {half}},
        SpawnOptions{.argv = {"true"}, .environment = {{"A", half}}},
        SpawnOptions{.argv = {"true"}, .environment = {{half, std::nullopt}}},
        SpawnOptions{.argv = {"true"}, .working_directory = half}}) {
    const auto process = Subprocess::spawn(io.get_executor(), options);
    ASSERT_FALSE(process);
    EXPECT_TRUE(process.error().message.contains("holds a NUL")) << process.error().message;
  }
}

}  // namespace
}  // namespace gorgon
