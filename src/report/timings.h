// Where the wall time of a run went, step by step, for `gorgon start --timings`.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/reporter.h"
#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::report {

/// Memory grows with machines and workers, not with units.
class Timings final : public Reporter {
 public:
  /// `planned_seconds`: from the start of the program to that of the run.
  explicit Timings(double planned_seconds) : planned_(planned_seconds) {}

  void on(const results::RunEvent& event) override;
  void watch(const results::Watched& news) override;

  /// A table, once RunFinished was told and the reports are written. `all_seconds`: since the start
  /// of the program.
  [[nodiscard]] std::string text(double all_seconds) const;

 private:
  using Moment = std::optional<results::RunClock>;
  struct Worker {
    results::RunClock first_start = 0;
    results::RunClock last_end = 0;
    double ran = 0;  ///< Units, as their runners say, tries included.
  };
  struct Row {
    std::string name;
    std::string meaning;
    double seconds = 0;
  };

  void change_host(const results::HostChanged& event);
  void start_unit(const results::UnitStarted& event);
  void end_unit(const std::string& host, const std::string& worker, results::RunClock at,
                double ran);
  [[nodiscard]] std::vector<Row> phases(double all_seconds) const;
  [[nodiscard]] std::vector<Row> slot_time() const;

  double planned_;
  double finished_ = 0;
  std::vector<results::StepDone> steps_;
  Moment first_answer_, first_ready_, first_start_, last_start_, last_end_;
  std::map<std::pair<std::string, std::string>, Worker> workers_;  ///< By host and worker.
};

}  // namespace gorgon::report
