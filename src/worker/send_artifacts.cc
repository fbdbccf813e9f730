// Worker: files that tests have written go back to the originator.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "broker/broker.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "worker/artifacts.h"
#include "worker/settings.h"
#include "worker/worker.h"

namespace gorgon::worker {

namespace {

/// On their way before the broker has confirmed them: a worker that writes a lot goes no faster
/// than the broker takes it.
constexpr std::size_t kPartsAtOnce = 8;
constexpr std::size_t kIdLength = 16;

protocol::ArtifactsLeftOut left_out(const protocol::Artifact& origin, std::size_t files,
                                    std::string reason) {
  return {.job = origin.job,
          .host = origin.host,
          .worker = origin.worker,
          .unit = origin.unit,
          .files = static_cast<std::uint32_t>(files),
          .reason = std::move(reason)};
}

}  // namespace

protocol::Artifact Worker::artifact_of(std::string unit, std::uint32_t attempt) const {
  return {.job = settings_.job.id,
          .host = settings_.host,
          .worker = std::to_string(settings_.worker),
          .unit = std::move(unit),
          .attempt = attempt,
          .runner = runner_name_};
}

/// All that end() gives; what cannot be read is told like what is too much. The exit code when
/// nobody takes it any more.
Task<std::optional<ExitCode>> Worker::send_artifacts(protocol::Artifact origin, bool has_failed) {
  Harvest harvest = artifacts_->end(has_failed);
  for (const FoundFile& found : harvest.files) {
    auto sent = co_await send_file(found, origin);
    if (!sent) co_return sent.error();
    if (sent->empty()) continue;
    ++harvest.left_out;
    harvest.reason = *std::move(sent);
  }
  artifacts_->clear();
  if (harvest.left_out == 0) co_return std::nullopt;
  std::vector<broker::Message> message;
  message.push_back(
      {broker::to_queue(settings_.job.reply_queue),
       protocol::encode(left_out(origin, harvest.left_out, std::move(harvest.reason)))});
  const auto told = co_await publish_surely(std::move(message));
  if (!told) co_return told.error();
  co_return std::nullopt;
}

/// Gives why it could not be sent; empty: it was.
Task<std::expected<std::string, ExitCode>> Worker::send_file(FoundFile found,
                                                             protocol::Artifact part) {
  auto file = ArtifactFile::open(found.file);
  if (!file) co_return file.error().message;
  part.id = random_id(kIdLength);
  part.path = found.path;
  part.size = file->size();
  std::vector<broker::Message> messages;
  while (file->has_more()) {
    part.offset = file->offset();
    auto bytes = file->next();
    if (!bytes) co_return found.path + ": " + bytes.error().message;
    part.bytes = *std::move(bytes);
    messages.push_back({broker::to_queue(settings_.job.reply_queue), protocol::encode(part)});
    if (messages.size() < kPartsAtOnce && file->has_more()) continue;
    std::vector<broker::Message> full = std::exchange(messages, {});
    auto published = co_await publish_surely(std::move(full));
    if (!published || !published->empty()) co_return published;
  }
  co_return std::string();
}

/// Until the broker has confirmed all of them, also after an outage. Gives why it does not take
/// them; empty: it has.
Task<std::expected<std::string, ExitCode>> Worker::publish_surely(
    std::vector<broker::Message> messages) {
  for (;;) {
    std::vector<broker::Message> copy = messages;
    const auto published = co_await broker_->publish(std::move(copy));
    if (published) co_return std::string();
    if (published.error().kind == ErrorKind::kUnroutable)
      co_return std::unexpected(kOriginatorGone);
    log::warning("cannot send artifacts: {}", published.error().message);
    if (published.error().kind == ErrorKind::kRefused) co_return published.error().message;
    if (is_stopping_) co_return std::unexpected(kJobComplete);
    const auto connected = co_await connect();
    if (!connected) co_return std::unexpected(kBrokerGone);
  }
}

}  // namespace gorgon::worker
