// Who is doing what at this moment of a run, and how long it will still take. A pure model over the
// run's events and the time they came.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "report/summary.h"
#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::report {

using TimePoint = std::chrono::steady_clock::time_point;

struct RunningUnit {
  std::string unit;
  std::string file;
  std::string host;
  std::string worker;
  std::uint32_t attempt = 1;
  TimePoint since;
  std::string running_case = {};  ///< One that has run for a while; empty: none that we know.
  TimePoint case_since = {};
  /// Of what has run for longest in it: the case, or the whole unit.
  [[nodiscard]] TimePoint longest_since() const {
    return running_case.empty() ? since : case_since;
  }
};

class Activity {
 public:
  void add(const results::RunEvent& event, TimePoint now);
  void add(const results::LongCase& long_case, TimePoint now);

  struct HostEntry {
    std::string host;
    results::HostChanged::State state;
    std::size_t workers;
  };
  /// By name; those that have left or failed, too.
  [[nodiscard]] std::vector<HostEntry> hosts() const;

  /// The longest-running first.
  [[nodiscard]] const std::vector<RunningUnit>& running() const { return running_; }
  [[nodiscard]] std::size_t ready_hosts() const { return count(State::kReady); }
  [[nodiscard]] std::size_t preparing_hosts() const { return count(State::kPreparing); }
  [[nodiscard]] std::size_t failed_hosts() const { return count(State::kFailed); }
  /// Workers on the hosts that have not left: as many as each announced, or as have been seen there
  /// when those are more.
  [[nodiscard]] std::size_t workers() const;
  /// What the run waits for while nobody works for it: the reason of the last Waiting.
  [[nodiscard]] const std::string& waiting() const { return waiting_; }
  /// Since RunStarted, or since the first event.
  [[nodiscard]] double elapsed_seconds(TimePoint now) const;
  /// Nullopt before anything can be said. From the recorded runtimes where there are any: what is
  /// left of them, spread over the workers. Otherwise, from a tenth of the units on: the mean of
  /// the finished ones for each that is left. Units are started longest first, so the second is too
  /// high at the beginning rather than too low.
  [[nodiscard]] std::optional<double> remaining_seconds(const Summary& summary,
                                                        TimePoint now) const;

 private:
  using State = results::HostChanged::State;
  struct Host {
    State state = State::kPreparing;
    std::size_t workers = 0;     ///< As announced.
    std::set<std::string> seen;  ///< Workers that started a unit.
  };
  void start_unit(const results::UnitStarted& event, TimePoint now);
  void change_host(const results::HostChanged& event);
  [[nodiscard]] std::size_t count(State state) const;

  std::optional<TimePoint> started_;
  std::optional<double> expected_;
  std::vector<RunningUnit> running_;
  std::map<std::string, Host> hosts_;
  std::string waiting_;
};

}  // namespace gorgon::report
