// What turns a run's events into something a person or a program reads, and the fan-out to several
// of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::report {

/// What somebody who watches a run may ask for.
enum class View : std::uint8_t {
  kProgress,  ///< One line: how far it is.
  kFailures,  ///< All so far.
  kWorkers,   ///< Machines, and what each worker does.
  kKeys,
};

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
  /// For displays: what belongs to no report.
  virtual void watch(const results::Watched& news) { (void)news; }
  /// For displays: somebody asks for it, by a key.
  virtual void show(View view) { (void)view; }
  /// For displays: takes away what is drawn over again and again, until there is something new to
  /// draw: the terminal is about to belong to somebody else.
  virtual void hide() {}
  /// It draws what goes on now, and has use for what watch() tells.
  [[nodiscard]] virtual bool is_live() const { return false; }
  /// Called after the last event, when nothing else is left to do: writes what a slow reader has
  /// not taken yet, for at most `at_most`. False when some is still left; may be called again.
  [[nodiscard]] virtual bool flush(std::chrono::milliseconds at_most) {
    (void)at_most;
    return true;
  }
  /// errno of what kept the report from being written; 0 if nothing did, or the reader went away.
  [[nodiscard]] virtual int write_error() const { return 0; }
};

/// Hands every event to all its reporters, those that write files first, else in the order they
/// were added. So how a run has ended is told when its files are there; one that could not be
/// written makes of a RunFinished with exit code 0 one with that of an originator's error.
class Reporters final : public Reporter {
 public:
  void add(std::unique_ptr<Reporter> reporter) { reporters_.push_back(std::move(reporter)); }
  /// One whose write_error() is known when it has seen RunFinished.
  void add_file(std::unique_ptr<Reporter> reporter) { files_.push_back(std::move(reporter)); }

  void on(const results::RunEvent& event) override;
  void tick() override;
  void watch(const results::Watched& news) override;
  void show(View view) override;
  void hide() override;
  [[nodiscard]] bool is_live() const override;
  /// `at_most` for each of them.
  [[nodiscard]] bool flush(std::chrono::milliseconds at_most) override;
  [[nodiscard]] int write_error() const override;

 private:
  using List = std::vector<std::unique_ptr<Reporter>>;
  [[nodiscard]] static int error_of(const List& reporters);

  List files_;
  List reporters_;
};

}  // namespace gorgon::report
