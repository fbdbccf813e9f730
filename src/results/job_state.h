// The ledger of one run: which units are waiting, running or done, on which workers. It decides
// that a run is complete; queue depths never do. A pure state machine over what workers say, with
// the caller's clock: messages may repeat, come late, or come from workers that were given up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {

class JobState {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using WorkerName = std::pair<std::string, std::string>;  ///< Host and worker.

  /// In planned order; ids must differ.
  explicit JobState(std::vector<Unit> units);

  // ---- what workers say ----

  /// False for a unit that is unknown or done. Starts of a unit count its tries, whoever made them.
  bool unit_started(std::string_view unit, const std::string& host, const std::string& worker,
                    TimePoint now);
  /// Cases that travelled ahead of their unit's result, in numbered parts: a repeated one is left
  /// aside.
  void add_cases(std::string_view unit, const std::string& run, std::uint32_t part,
                 std::vector<TestCase> cases);
  /// The first final verdict of a unit wins: gives the recorded result then, with all its cases and
  /// the count of tries as attempt, and nullptr for a repeated or unknown one. A result that lacks
  /// cases which were announced (`earlier_cases`) has an error added.
  const UnitResult* finish(UnitResult result, const std::string& run = {},
                           std::size_t earlier_cases = 0);
  void worker_seen(const std::string& host, const std::string& worker, TimePoint now);
  void worker_left(const std::string& host, const std::string& worker);

  // ---- what the run asks ----

  [[nodiscard]] const std::vector<Unit>& units() const { return units_; }
  [[nodiscard]] const Unit* unit(std::string_view id) const;
  [[nodiscard]] const UnitResult* result(std::string_view id) const;
  [[nodiscard]] bool is_complete() const { return done_ == units_.size(); }
  [[nodiscard]] std::size_t remaining() const { return units_.size() - done_; }
  [[nodiscard]] std::vector<const Unit*> remaining_units() const;  ///< In planned order.
  /// How often a unit was started so far.
  [[nodiscard]] std::uint32_t tries(std::string_view unit) const;
  [[nodiscard]] std::size_t worker_count() const { return workers_.size(); }
  /// Units without a verdict that a worker we know of has started.
  [[nodiscard]] std::size_t running_count() const;
  /// Forgets workers that have said nothing since `limit` and gives their names.
  std::vector<WorkerName> drop_silent_workers(TimePoint limit);
  /// Forgets all workers of a machine, and gives their names.
  std::vector<WorkerName> drop_host(const std::string& host);
  /// Nobody's silence until now counts.
  void all_seen(TimePoint now);
  /// Drops what only reports need of a finished unit: cases, errors and output. A run of many units
  /// must not keep all of it in memory.
  void forget_details(std::string_view unit);

  [[nodiscard]] std::size_t count(Verdict verdict) const;
  [[nodiscard]] std::size_t case_count() const { return cases_; }

 private:
  struct Entry {
    std::uint32_t tries = 0;
    std::optional<UnitResult> result;
    std::map<std::string, std::map<std::uint32_t, std::vector<TestCase>>>
        earlier_cases;      ///< By run and part.
    WorkerName running_on;  ///< Who started it last.
  };
  [[nodiscard]] Entry* entry(std::string_view unit);

  std::vector<Unit> units_;
  std::vector<Entry> entries_;                              ///< Beside units_.
  std::unordered_map<std::string, std::size_t> positions_;  ///< Unit id to its place in both.
  std::map<WorkerName, TimePoint> workers_;                 ///< When each was last heard of.
  std::size_t done_ = 0;
  std::size_t cases_ = 0;
};

}  // namespace gorgon::results
