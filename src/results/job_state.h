// The ledger of one run: which units are waiting, running or done, on which workers. It decides
// that a run is complete; queue depths never do. A pure state machine over what workers say, with
// the caller's clock: messages may repeat, come late, or come from workers that were given up. Of a
// unit that is done it keeps what the end of the run needs, and no more: results may be large, and
// units many.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "results/quarantine.h"
#include "results/verdict.h"

namespace gorgon::results {

class JobState {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using WorkerName = std::pair<std::string, std::string>;  ///< Host and worker.

  /// How an attempt at a unit ended that gave no verdict.
  enum class AttemptEnd : std::uint8_t {
    kDied,     ///< Its worker died, and its machine lived to tell.
    kLost,     ///< Nobody knows: the machine, its listener or its network is gone.
    kStopped,  ///< Its worker was told to stop, and said so.
  };
  /// Of units that come to a verdict other than passed: what is tried again.
  struct Retries {
    std::uint32_t per_unit = 0;
    std::size_t budget = 0;  ///< Of all units together.
    /// The runner can run single cases: then those alone that did not pass are tried again.
    bool can_run_cases = true;
  };
  /// What decides about a unit besides its own results.
  struct Rules {
    std::uint32_t max_attempts = 2;  ///< That end with a worker.
    Retries retries = {};
    Quarantine quarantine = {};
  };
  /// What a result has changed.
  struct Taken {
    bool is_final = true;  ///< False: it was one try of a unit that is tried again.
    UnitResult result;     ///< Of all its tries until now.
  };
  /// What is kept of a result.
  struct Outcome {
    Verdict verdict = Verdict::kLost;
    Verdict own = Verdict::kLost;  ///< Before quarantine has excused anything.
    double seconds = 0;            ///< Of its longest try.
  };
  /// Units that came back without a verdict, and what is to become of them.
  struct Settled {
    std::vector<const Unit*> again;  ///< To be published once more, see attempt() and runs_alone().
    std::vector<UnitResult> given_up;  ///< For finish(): crashed, or lost.
  };

  /// In planned order; ids must differ.
  JobState(std::vector<Unit> units, Rules rules);
  explicit JobState(std::vector<Unit> units) : JobState(std::move(units), Rules{}) {}
  JobState(JobState&&) = default;
  JobState& operator=(JobState&&) = default;
  JobState(const JobState&) = delete;  // positions_ refers to units_.
  JobState& operator=(const JobState&) = delete;
  ~JobState() = default;

  // ---- what workers say ----

  /// False for a unit that is unknown or done. Starts of a unit count its tries, whoever made them.
  /// A worker has one unit at a time: what it had before and gave no verdict on is lost.
  bool unit_started(std::string_view unit, const std::string& host, const std::string& worker,
                    TimePoint now);
  /// Cases that travelled ahead of their unit's result, in numbered parts: a repeated one is left
  /// aside.
  void add_cases(std::string_view unit, const std::string& run, std::uint32_t part,
                 std::vector<TestCase> cases);
  /// The first final verdict of a unit wins: gives the result then, for the reports, with all its
  /// cases and the count of tries as attempt, and nullopt for a repeated or unknown one. A result
  /// that lacks cases which were announced (`earlier_cases`) has an error added. One that did not
  /// pass may be a try among others: settle_returned() then gives its unit out again. `run` names
  /// one run of a unit by a worker; without it, nobody has run it, and the result is final.
  [[nodiscard]] std::optional<Taken> finish(UnitResult result, const std::string& run = {},
                                            std::size_t earlier_cases = 0);
  void worker_seen(const std::string& host, const std::string& worker, TimePoint now);
  /// What it has in hand, "" for nothing: what it had before is lost.
  void worker_has(const std::string& host, const std::string& worker, std::string_view unit,
                  TimePoint now);
  /// In good order: what it had is stopped.
  void worker_left(const std::string& host, const std::string& worker);
  /// `how` as a phrase ("signal 9 (SIGKILL)"), with the last output of what it ran.
  void worker_died(const std::string& host, const std::string& worker, const std::string& how,
                   const std::string& output);
  /// An end from before that is told again: a sign of life told again may have brought the worker
  /// back. One that has a unit is another, which came after it.
  void worker_ended_earlier(const std::string& host, const std::string& worker);
  /// The broker had to hand a unit out again, or has given up on it.
  void unit_returned(std::string_view unit);
  /// It was to be tried elsewhere, and came to the machine it failed on: it was not started.
  void unit_declined(std::string_view unit);
  /// After it had come back: it waits for a worker.
  void unit_published(std::string_view unit);

  // ---- what the run asks ----

  [[nodiscard]] const std::vector<Unit>& units() const { return units_; }
  [[nodiscard]] const Unit* unit(std::string_view id) const;
  [[nodiscard]] std::optional<Outcome> outcome(std::string_view id) const;
  [[nodiscard]] bool is_complete() const { return done_ == units_.size(); }
  [[nodiscard]] std::size_t remaining() const { return units_.size() - done_; }
  [[nodiscard]] std::vector<const Unit*> remaining_units() const;  ///< In planned order.
  /// How often a unit was started so far.
  [[nodiscard]] std::uint32_t tries(std::string_view unit) const;
  /// Why the last of them gave no verdict: "worker 2 on build3 ended with signal 9 (SIGKILL)".
  /// Empty when it gave one, which is not final.
  [[nodiscard]] std::string last_end(std::string_view unit) const;
  /// What is to be run now of a unit: of one that has failed before, what did not pass.
  [[nodiscard]] Unit next_try(std::string_view unit) const;
  /// The machine where its last try failed, while there are others and it has not come to this one
  /// too often; empty: none is to be avoided.
  [[nodiscard]] std::string host_to_avoid(std::string_view unit) const;
  /// No unit is tried again from now on.
  void stop_retries() { retries_left_ = 0; }
  [[nodiscard]] std::size_t retries_left() const { return retries_left_; }
  /// It is under suspicion: an attempt of it has ended with its worker or machine.
  [[nodiscard]] bool runs_alone(std::string_view unit) const;
  /// Decides about the returned units that no living worker has any more; the others wait, for a
  /// result or for their worker's end.
  ///
  /// The rule: an attempt whose worker died counts. One that was lost with its machine counts, too,
  /// but for the first: many units are lost with a machine, and at most one of them is to blame.
  /// One that was stopped does not count. A unit with `max_attempts` that count is crashed; so a
  /// killer of workers is tried `max_attempts` times, and a killer of machines once more.
  /// Backstops: a unit that was started kMostTries times, or that came back kMostReturns times in a
  /// row without having been started, is lost.
  [[nodiscard]] Settled settle_returned();
  [[nodiscard]] std::size_t worker_count() const { return workers_.size(); }
  /// Units without a verdict that a worker we know of has started.
  [[nodiscard]] std::size_t running_count() const;
  /// What a worker is doing.
  struct RunningUnit {
    const Unit* unit = nullptr;
    WorkerName worker;
    TimePoint since;
  };
  [[nodiscard]] std::vector<RunningUnit> running_units() const;
  /// Forgets workers that have said nothing since `limit` and gives their names.
  std::vector<WorkerName> drop_silent_workers(TimePoint limit);
  /// Forgets all workers of a machine, and gives their names. What they had ended as `how` says.
  std::vector<WorkerName> drop_host(const std::string& host, AttemptEnd how);
  /// Nobody's silence until now counts.
  void all_seen(TimePoint now);

  [[nodiscard]] std::size_t count(Verdict verdict) const;
  [[nodiscard]] std::size_t case_count() const { return cases_; }

 private:
  /// Enough for a unit that meets many machines on their way out, and an end for one that would
  /// never finish.
  static constexpr std::uint32_t kMostTries = 20;
  static constexpr std::uint32_t kMostReturns = 20;
  struct FailedAttempt {
    AttemptEnd end = AttemptEnd::kLost;
    WorkerName worker;
    std::string how;  ///< Phrase behind "worker 2 on build3".
  };
  struct Entry {
    std::uint32_t tries = 0;
    std::optional<Outcome> outcome;
  };
  /// Of a unit without a verdict: what did not go the usual way.
  struct Course {
    std::map<std::string, std::map<std::uint32_t, std::vector<TestCase>>>
        earlier_cases;                    ///< By run and part.
    std::vector<FailedAttempt> attempts;  ///< That gave no verdict.
    std::string last_output;              ///< Of the last of them that told.
    std::string last_end;                 ///< Of the last of them, since the last result.
    std::optional<UnitResult> failed;     ///< What the tries with a result come to so far.
    std::set<std::string> runs;           ///< That gave these results.
    std::uint32_t retries = 0;
    std::uint32_t declined = 0;  ///< How often, since the last of them.
    double longest_seconds = 0;
    std::uint32_t tries_at_return = 0;  ///< When it last came back.
    std::uint32_t returns_untried = 0;  ///< How often it has come back since it was last started.
  };
  struct WorkerState {
    TimePoint last_seen;
    TimePoint since;                  ///< When it started `unit`.
    std::optional<std::size_t> unit;  ///< Place of what it has started, and given no verdict on.
  };
  [[nodiscard]] std::optional<std::size_t> place_of(std::string_view unit) const;
  [[nodiscard]] std::optional<std::size_t> place_of_open(std::string_view unit) const;
  /// Null for a unit that went the usual way.
  [[nodiscard]] const Course* course_of(std::string_view unit) const;
  void forget_worker(const WorkerName& name, AttemptEnd end, const std::string& how,
                     const std::string& output = {});
  void end_attempt(std::size_t place, FailedAttempt attempt, const std::string& output = {});
  [[nodiscard]] bool is_running(std::size_t place) const;
  [[nodiscard]] bool may_try_again(const UnitResult& result, const Course& course) const;
  [[nodiscard]] std::optional<UnitResult> give_up(std::size_t place);

  std::vector<Unit> units_;
  std::vector<Entry> entries_;                                   ///< Beside units_.
  std::unordered_map<std::string_view, std::size_t> positions_;  ///< Unit id to its place in both.
  std::unordered_map<std::size_t, Course> courses_;              ///< By place; few have one.
  std::map<WorkerName, WorkerState> workers_;
  std::set<std::size_t> returned_;  ///< Places of units that wait for settle_returned(),
  std::set<std::size_t> again_;     ///< and of those that it gives out again in any case.
  Rules rules_;
  std::size_t retries_left_;
  std::size_t done_ = 0;
  std::size_t cases_ = 0;
};

}  // namespace gorgon::results
