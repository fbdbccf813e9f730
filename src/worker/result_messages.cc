#include "worker/result_messages.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "broker/broker.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::worker {

/// A message stays far below the broker's limit; a unit's cases beyond it travel ahead in messages
/// of their own.
/// JSON writes some bytes as six.
constexpr std::size_t kCasesPerMessageBytes = 512 * std::size_t{1024};

namespace {

std::size_t size_of(const results::TestCase& test_case) {
  std::size_t bytes = 200 + test_case.id.size() + test_case.name.size() +
                      test_case.location.size() + test_case.output.size() +
                      test_case.pending_message.size();
  if (test_case.failure) {
    bytes += test_case.failure->message.size();
    for (const std::string& line : test_case.failure->backtrace) bytes += line.size() + 4;
  }
  return bytes;
}

void cut(std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return;
  text = valid_utf8(std::string_view(text).substr(0, max_bytes)) + " [cut]";
}

}  // namespace

std::size_t size_estimate(const results::UnitResult& result) {
  std::size_t bytes = result.output.size();
  for (const results::TestCase& test_case : result.cases) bytes += size_of(test_case);
  for (const results::Failure& error : result.errors) bytes += error.message.size();
  return bytes;
}

std::vector<protocol::UnitCases> split_cases(const std::string& job, const std::string& run,
                                             results::UnitResult& result) {
  std::vector<protocol::UnitCases> messages;
  std::vector<results::TestCase> batch;
  std::size_t bytes = 0;
  for (results::TestCase& test_case : result.cases) {
    const std::size_t size = size_of(test_case);
    if (!batch.empty() && bytes + size > kCasesPerMessageBytes) {
      messages.push_back({.job = job,
                          .unit = result.unit,
                          .run = run,
                          .part = static_cast<std::uint32_t>(messages.size()),
                          .cases = std::exchange(batch, {})});
      bytes = 0;
    }
    bytes += size;
    batch.push_back(std::move(test_case));
  }
  result.cases = std::move(batch);
  return messages;
}

void cut_errors(std::vector<results::Failure>& errors) {
  constexpr std::size_t kErrors = 50;
  constexpr std::size_t kErrorBytes = 4000;
  constexpr std::size_t kFrames = 20;
  constexpr std::size_t kFrameBytes = 200;
  if (errors.size() > kErrors) {
    const std::size_t left_out = errors.size() - kErrors;
    errors.resize(kErrors);
    errors.push_back({.stage = "outside",
                      .exception_class = "",
                      .message = "[" + count_of(left_out, "more error") + " left out]",
                      .backtrace = {}});
  }
  for (results::Failure& error : errors) {
    cut(error.message, kErrorBytes);
    if (error.backtrace.size() > kFrames) error.backtrace.resize(kFrames);
    for (std::string& frame : error.backtrace) cut(frame, kFrameBytes);
  }
}

std::string encode_within_limit(protocol::UnitFinished finished) {
  std::string text = protocol::encode(finished);
  if (text.size() <= broker::kMaxMessageBytes) return text;
  constexpr std::size_t kOutputBytes = 64 * std::size_t{1024};
  cut_errors(finished.result.errors);
  cut(finished.result.output, kOutputBytes);
  return protocol::encode(finished);
}

protocol::UnitFinished head_of(const protocol::UnitFinished& finished) {
  const results::UnitResult& result = finished.result;
  protocol::UnitFinished head{.job = finished.job, .run = finished.run};
  head.result.unit = result.unit;
  head.result.verdict = result.verdict;
  head.result.seconds = result.seconds;
  head.result.attempt = result.attempt;
  head.result.host = result.host;
  head.result.worker = result.worker;
  return head;
}

protocol::UnitFinished bare_result(protocol::UnitFinished head, const std::string& reason) {
  head.run += "-bare";
  if (head.result.verdict == results::Verdict::kPassed)
    head.result.verdict = results::Verdict::kFailed;
  head.result.errors.push_back({.stage = "outside",
                                .exception_class = "",
                                .message = "the broker did not take the result: " + reason,
                                .backtrace = {}});
  return head;
}

}  // namespace gorgon::worker
