// The reporter that writes the record of a run while it goes on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "history/run_writer.h"
#include "history/store.h"
#include "report/reporter.h"
#include "results/run_event.h"

namespace gorgon::history {

/// Keeps events for up to a second and writes them together. A record that cannot be written costs
/// the run nothing: that is said in the log, once, and the record of this run ends there.
class Recorder final : public report::Reporter {
 public:
  /// Keeps at most `keep` runs, this one included.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> make(Store store, RunOrigin origin,
                                                              std::int64_t keep);

  void on(const results::RunEvent& event) override;
  void tick() override;
  [[nodiscard]] bool flush(std::chrono::milliseconds at_most) override;

 private:
  using Clock = std::chrono::steady_clock;
  Recorder(std::unique_ptr<Store> store, RunWriter writer, std::int64_t keep)
      : store_(std::move(store)), writer_(std::move(writer)), keep_(keep) {}

  void note(const results::RunStarted& event);
  void note(const results::UnitFinished& event);
  void note(const results::HostChanged& event) { add(event); }
  void note(const results::UnitStarted& event) { add(event); }
  void note(const results::UnitTried& event) { add(event); }
  void note(const results::Notice& event) { add(event); }
  void note(const results::TreeFound& event) { add(event); }
  void note(const results::RunFinished& event) { add(event); }
  void note(const results::Waiting& /*event*/) {}
  void note(const results::UnitSlow& /*event*/) {}
  void note(const results::CaseFinished& /*event*/) {}
  void add(Recorded event) { pending_.push_back(std::move(event)); }
  [[nodiscard]] bool may_write() const;
  void write();
  void give_up(const Error& error);

  std::unique_ptr<Store> store_;  ///< Its address is the writer's.
  RunWriter writer_;
  std::int64_t keep_;
  std::span<const results::Unit> units_;
  std::vector<Recorded> pending_;
  std::size_t pending_cases_ = 0;
  Clock::time_point written_at_ = Clock::now();
  std::optional<Clock::time_point> busy_since_;  ///< Another process holds the database.
  bool is_over_ = false;
};

}  // namespace gorgon::history
