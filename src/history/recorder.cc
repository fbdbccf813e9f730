#include "history/recorder.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "history/run_writer.h"
#include "history/store.h"
#include "results/run_event.h"

namespace gorgon::history {

namespace {

using namespace std::chrono_literals;

/// What is not written yet is lost with a gorgon that is killed, and `gorgon resume` tells it
/// again.
constexpr auto kWriteInterval = 1s;
/// Written before, so that a fast run does not collect a second of it in memory.
constexpr std::size_t kMostPending = 2000;
/// Another run of the project writes for milliseconds; somebody's sqlite3 may sit in a transaction.
constexpr auto kBusyLimit = 60s;

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::make(Store store, RunOrigin origin, std::int64_t keep) {
  auto owned = std::make_unique<Store>(std::move(store));
  GORGON_TRY_ASSIGN(RunWriter writer, RunWriter::make(owned->database(), std::move(origin)));
  return std::unique_ptr<Recorder>(new Recorder(std::move(owned), std::move(writer), keep));
}

void Recorder::on(const results::RunEvent& event) {
  if (is_over_) return;
  std::visit([this](const auto& one) { note(one); }, event);
  if (std::holds_alternative<results::RunStarted>(event) ||
      std::holds_alternative<results::RunFinished>(event) ||
      (pending_.size() + pending_cases_ > kMostPending && may_write()))
    write();
}

/// A try while another process holds the database costs the run a second.
bool Recorder::may_write() const {
  return !busy_since_ || Clock::now() - written_at_ >= kWriteInterval;
}

void Recorder::note(const results::RunStarted& event) {
  units_ = event.units;
  add(RunBegun{.job = event.job,
               .started_at = event.started_at,
               .expected_seconds = event.expected_seconds,
               .is_local = event.is_local});
}

void Recorder::note(const results::UnitFinished& event) {
  pending_cases_ += event.result->cases.size();
  add(UnitEnded{.position = static_cast<std::size_t>(event.unit - units_.data()),
                .unit = *event.unit,
                .result = *event.result,
                .at = event.at});
}

void Recorder::tick() {
  if (!is_over_ && !pending_.empty() && Clock::now() - written_at_ >= kWriteInterval) write();
}

void Recorder::write() {
  const auto written = writer_.write(pending_);
  written_at_ = Clock::now();
  if (!written && written.error().kind == ErrorKind::kTimeout) {
    if (!busy_since_) busy_since_ = written_at_;
    if (written_at_ - *busy_since_ < kBusyLimit) return;
  }
  if (!written) return give_up(written.error());
  busy_since_.reset();
  const bool is_end = std::holds_alternative<results::RunFinished>(pending_.back());
  pending_.clear();
  pending_cases_ = 0;
  if (!is_end) return;
  is_over_ = true;
  if (const auto pruned = store_->prune(keep_); !pruned)
    log::warning("old runs stay recorded: {}", pruned.error().message);
}

void Recorder::give_up(const Error& error) {
  log::warning("the run is not recorded any further: {}", error.message);
  is_over_ = true;
  pending_ = {};
}

/// True once nothing is left to be written.
bool Recorder::flush(std::chrono::milliseconds /*at_most*/) {
  if (!is_over_ && !pending_.empty()) write();
  return is_over_ || pending_.empty();
}

}  // namespace gorgon::history
