// `--message-format json`: the run as one JSON object a line, for programs. The events and their
// fields are documented in docs/json_events.md.
#pragma once

#include <chrono>

#include "report/output.h"
#include "report/reporter.h"
#include "results/run_event.h"

namespace gorgon::report {

class JsonEventsReporter final : public Reporter {
 public:
  /// Writes to `fd`, borrowed. A unit's cases are written together with the end of the unit, other
  /// events at once. When the reader is gone, the run goes on unseen.
  explicit JsonEventsReporter(int fd) : output_(fd) {}

  void on(const results::RunEvent& event) override;
  void tick() override { output_.pump(); }
  [[nodiscard]] bool flush(std::chrono::milliseconds at_most) override {
    return output_.drain(at_most);
  }

 private:
  Output output_;
};

}  // namespace gorgon::report
