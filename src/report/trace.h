// What ran where and when, in the trace event format of Chrome, which Perfetto reads, too.
// docs/reports.md says what becomes of what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "report/reporter.h"
#include "report/spooled_file.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

/// Events are written as they come; memory grows with hosts and workers alone. The file is there
/// from RunFinished on.
class TraceReporter final : public Reporter {
 public:
  explicit TraceReporter(SpooledFile file) : file_(std::move(file)) {}

  void on(const results::RunEvent& event) override;
  [[nodiscard]] int write_error() const override { return error_; }

 private:
  using Microseconds = std::int64_t;
  /// One row of the display.
  struct Worker {
    int process = 0;
    int thread = 0;
    Microseconds busy_until = 0;
  };

  void start(const results::RunStarted& event);
  void change_host(const results::HostChanged& event);
  void start_unit(const results::UnitStarted& event);
  void end_try(const results::UnitTried& event);
  void finish_unit(const results::UnitFinished& event);
  void add_unit(Worker& worker, const results::UnitFinished& event);
  void add_cases(const Worker& worker, const results::UnitResult& result, Microseconds begin,
                 Microseconds end);
  void add_counters();
  void finish();

  /// Of a host or worker that was not seen before, the name is written.
  [[nodiscard]] int process_of(const std::string& host);
  [[nodiscard]] Worker& worker_of(const std::string& host, const std::string& worker);
  void add(std::string_view event);
  void pass_to(results::RunClock at);

  SpooledFile file_;
  std::string job_;
  double started_at_ = 0;
  Microseconds now_ = 0;  ///< Of the last event that says its time.
  std::size_t open_units_ = 0;
  std::map<std::string, Microseconds> running_;  ///< Units, and when they were last started.
  std::map<std::string, int> processes_;         ///< By host.
  std::map<std::pair<std::string, std::string>, Worker> workers_;  ///< By host and worker.
  bool has_events_ = false;
  int error_ = 0;
};

}  // namespace gorgon::report
