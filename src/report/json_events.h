// `--message-format json`: the run as one JSON object a line, for programs. The events and their
// fields are documented in docs/json_events.md.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "report/output.h"
#include "report/reporter.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

/// A unit of a plan that is shown and not run.
struct PlannedUnit {
  results::Unit unit;
  std::optional<double> expected_seconds;
  bool is_recorded = false;  ///< Measured earlier; else guessed from the file's size.
};

/// How long a plan takes on this many worker slots, as far as it is known.
struct PlannedMakespan {
  std::optional<std::size_t> slots;
  std::optional<double> seconds;
};

class JsonEventsReporter final : public Reporter {
 public:
  /// Writes to `fd`, borrowed. A unit's cases are written together with the end of the unit, other
  /// events at once. When the reader is gone, the run goes on unseen.
  explicit JsonEventsReporter(int fd) : output_(fd) {}

  void on(const results::RunEvent& event) override;
  /// `gorgon list`: a `plan` event for each unit, and `plan_finished`.
  void show_plan(const std::vector<PlannedUnit>& units, const PlannedMakespan& makespan);
  void tick() override { output_.pump(); }
  [[nodiscard]] bool flush(std::chrono::milliseconds at_most) override {
    return output_.drain(at_most);
  }
  [[nodiscard]] int write_error() const override { return output_.error(); }

 private:
  Output output_;
};

}  // namespace gorgon::report
