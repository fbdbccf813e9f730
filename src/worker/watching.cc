// What a worker tells somebody who watches the run. All of it may be lost, and none of it holds a
// test up.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/file_watch.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "results/watched.h"
#include "runner/output_tail.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"
#include "worker/worker.h"

namespace gorgon::worker {

namespace {

using namespace std::chrono_literals;

/// Between two messages with a unit's output: what it writes meanwhile travels together.
constexpr auto kOutputPause = 100ms;
/// Names and frames in one message.
constexpr std::size_t kMaxTextBytes = 1000;
constexpr std::size_t kMostThreads = 50;
constexpr std::size_t kMostFrames = 100;

void cut(std::string& text) {
  if (text.size() > kMaxTextBytes)
    text = valid_utf8(std::string_view(text).substr(0, kMaxTextBytes));
}

/// Runners of others may say what they like.
void cut_threads(std::vector<results::ThreadStack>& threads) {
  if (threads.size() > kMostThreads) threads.resize(kMostThreads);
  for (results::ThreadStack& thread : threads) {
    cut(thread.name);
    cut(thread.status);
    if (thread.backtrace.size() > kMostFrames) thread.backtrace.resize(kMostFrames);
    for (std::string& frame : thread.backtrace) cut(frame);
  }
}

}  // namespace

std::filesystem::path Worker::output_file() const {
  return settings_.scratch / ("worker-" + std::to_string(settings_.worker) + ".out");
}

void Worker::tell_slow(const std::string& unit, const runner::SlowUnit& slow) {
  const protocol::UnitSlow message{.job = settings_.job.id,
                                   .unit = unit,
                                   .host = settings_.host,
                                   .worker = std::to_string(settings_.worker),
                                   .seconds = slow.seconds,
                                   .running_case = slow.running_case,
                                   .case_seconds = slow.case_seconds};
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(message)});
}

void Worker::tell_case(const std::string& unit, const runner::SlowUnit& now) {
  protocol::CaseRunning message{.job = settings_.job.id,
                                .now = {.unit = unit,
                                        .host = settings_.host,
                                        .worker = std::to_string(settings_.worker),
                                        .running_case = now.running_case,
                                        .case_seconds = now.case_seconds}};
  cut(message.now.running_case);
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(message)});
}

/// Nullopt: nothing to tell now. `is_held`: but soon.
std::optional<protocol::UnitOutput> Worker::next_output(bool is_end, bool& is_held) {
  is_held = false;
  if (!runner_ || unit_in_hand_.empty()) return std::nullopt;
  auto lines =
      output_tail_.take(runner_->output_fd(), runner::OutputTail::TimePoint::clock::now(), is_end);
  is_held = lines.is_held;
  if (lines.is_empty()) return std::nullopt;
  protocol::UnitOutput output{
      .job = settings_.job.id, .from = static_cast<std::uint64_t>(lines.from), .lines = {}};
  output.lines.unit = unit_in_hand_;
  output.lines.host = settings_.host;
  output.lines.worker = std::to_string(settings_.worker);
  output.lines.text = std::move(lines.text);
  output.lines.left_out_bytes = lines.left_out_bytes + std::exchange(lost_output_, 0);
  return output;
}

/// In front of the unit's result.
void Worker::tell_last_output() {
  bool is_held = false;
  const auto output = next_output(true, is_held);
  if (!output) return;
  (void)broker_->post({broker::to_queue(settings_.job.reply_queue), protocol::encode(*output)});
}

/// One message at a time, each confirmed before the next is read from the file: a broker that is
/// slow, or takes nothing, costs output and no memory.
Task<void> Worker::stream_output(std::shared_ptr<Worker*> self) {
  auto watch = FileWatch::open((*self)->executor_, (*self)->output_file(), FileWatch::For::kWrites);
  if (!watch) {
    log::warning("output is told at the end of each file only: {}", watch.error().message);
    co_return;
  }
  bool is_held = false;
  for (;;) {
    if (!is_held) {
      const bool goes_on = co_await watch->changed();
      if (!goes_on) co_return;
    }
    co_await sleep_for(kOutputPause);
    if (*self == nullptr || (*self)->has_said_goodbye_) co_return;
    Worker& worker = **self;
    const auto output = worker.next_output(false, is_held);
    if (!output) continue;
    const auto connection = worker.broker_;
    std::vector<broker::Message> message;
    message.push_back(
        {broker::to_queue(worker.settings_.job.reply_queue), protocol::encode(*output)});
    const auto published = co_await connection->publish(std::move(message));
    if (*self == nullptr) co_return;
    if (!published) {
      (*self)->lost_output_ += output->lines.text.size() + output->lines.left_out_bytes;
      // Another connection may take a while; the file is not lost meanwhile.
      co_await sleep_for(1s);
    }
  }
}

/// One answer at a time: who asks twice gets one.
Task<void> Worker::show_test(std::shared_ptr<Worker*> self) {
  if ((*self)->is_showing_ || !(*self)->runner_ || (*self)->unit_in_hand_.empty()) co_return;
  (*self)->is_showing_ = true;
  const std::string unit = (*self)->unit_in_hand_;
  auto test = co_await (*self)->runner_->look();
  if (*self == nullptr) co_return;
  Worker& worker = **self;
  worker.is_showing_ = false;
  if (!test || worker.unit_in_hand_ != unit) co_return;
  test->unit = unit;
  test->host = worker.settings_.host;
  test->worker = std::to_string(worker.settings_.worker);
  cut(test->running_case);
  cut_threads(test->threads);
  const protocol::UnitShown shown{.job = worker.settings_.job.id, .test = *std::move(test)};
  (void)worker.broker_->post(
      {broker::to_queue(worker.settings_.job.reply_queue), protocol::encode(shown)});
}

}  // namespace gorgon::worker
