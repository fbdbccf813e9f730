// What turns a run's events into something a person or a program reads, and the fan-out to several
// of them.
#pragma once

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "results/run_event.h"

namespace gorgon::report {

class Reporter {
 public:
  Reporter() = default;
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;
  virtual ~Reporter() = default;
  /// Called for every event in order. Must not block for long: it runs on the originator's event
  /// loop.
  virtual void on(const results::RunEvent& event) = 0;
  /// Called about ten times a second while a run goes on, for displays that show time passing.
  virtual void tick() {}
  /// Called after the last event, when nothing else is left to do: writes what a slow reader has
  /// not taken yet, for at most `at_most`. False when some is still left; may be called again.
  [[nodiscard]] virtual bool flush(std::chrono::milliseconds at_most) {
    (void)at_most;
    return true;
  }
  /// errno of what kept the report from being written; 0 if nothing did, or the reader went away.
  [[nodiscard]] virtual int write_error() const { return 0; }
};

/// Hands every event to all its reporters, in the order they were added.
class Reporters final : public Reporter {
 public:
  void add(std::unique_ptr<Reporter> reporter) { reporters_.push_back(std::move(reporter)); }
  void on(const results::RunEvent& event) override {
    for (const auto& reporter : reporters_) reporter->on(event);
  }
  void tick() override {
    for (const auto& reporter : reporters_) reporter->tick();
  }
  /// `at_most` for each of them.
  [[nodiscard]] bool flush(std::chrono::milliseconds at_most) override {
    bool is_done = true;
    for (const auto& reporter : reporters_) is_done = reporter->flush(at_most) && is_done;
    return is_done;
  }
  [[nodiscard]] int write_error() const override {
    for (const auto& reporter : reporters_) {
      if (const int error = reporter->write_error(); error != 0) return error;
    }
    return 0;
  }

 private:
  std::vector<std::unique_ptr<Reporter>> reporters_;
};

}  // namespace gorgon::report
