// What a run has come to so far: counts, what went wrong, what took longest. A pure model over the
// run's events; the reporters print it.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

/// How many of something ended how, in the order of the enumeration.
template <class Ending, std::size_t kEndings>
class Counts {
 public:
  void add(Ending ending) { ++counts_[static_cast<std::size_t>(ending)]; }
  void remove(Ending ending) { --counts_[static_cast<std::size_t>(ending)]; }
  [[nodiscard]] std::size_t operator[](Ending ending) const {
    return counts_[static_cast<std::size_t>(ending)];
  }
  [[nodiscard]] std::size_t total() const {
    std::size_t sum = 0;
    for (const std::size_t count : counts_) sum += count;
    return sum;
  }

 private:
  std::array<std::size_t, kEndings> counts_{};
};
using VerdictCounts = Counts<results::Verdict, 6>;
using CaseCounts = Counts<results::CaseStatus, 6>;

/// Cancelled or lost: nothing is known of its tests.
[[nodiscard]] bool is_unfinished(results::Verdict verdict);

/// A unit that did not pass.
struct Problem {
  results::Unit unit;
  results::UnitResult result;  ///< Its cases: the failed ones alone. Once kMostDetails is reached,
                               ///< with the beginning of each message alone.
  CaseCounts cases;            ///< Of all its cases.
};

/// A failure that decides nothing: of a test that passed in a later try, or is in quarantine.
struct ExcusedTest {
  std::string file;
  std::string name;     ///< Of the case; empty: it went wrong outside of cases.
  std::string message;  ///< How it failed at first, the first line of it.
  std::string why;      ///< In quarantine.
};
/// The first of many, in the order they came, and how many there are.
struct ExcusedTests {
  std::vector<ExcusedTest> first;
  std::size_t count = 0;
};

struct SlowUnit {
  std::string file;
  double seconds = 0;
};

struct UnsteadyFile {
  std::string file;
  std::size_t ran = 0;  ///< Units that were not cancelled or lost,
  std::size_t bad = 0;  ///< and those of them that did not pass.
};

struct FailedHost {
  std::string host;
  std::string message;
};

class Summary {
 public:
  enum class Details { kKept, kCut };
  static constexpr std::size_t kSlowest = 10;
  static constexpr std::size_t kMostExcused = 1000;
  /// Bytes of messages, backtraces and output of problems that are kept in memory: more than anyone
  /// reads. Beyond them a problem costs its names and the first line of each message.
  static constexpr std::size_t kMostDetails = std::size_t{32} * 1024 * 1024;

  /// kCut: for who wants to count alone; of all problems no more is kept than beyond kMostDetails.
  explicit Summary(Details details = Details::kKept)
      : most_details_bytes_(details == Details::kKept ? kMostDetails : 0) {}

  /// Counts the event. A unit's cases are counted with its UnitFinished.
  void add(const results::RunEvent& event);

  [[nodiscard]] std::size_t planned_units() const { return planned_units_; }
  [[nodiscard]] std::size_t planned_files() const { return files_.size(); }
  [[nodiscard]] const VerdictCounts& units() const { return units_; }
  /// Those of them that have run: all but the cancelled and the lost.
  [[nodiscard]] std::size_t ran_units() const;
  /// A file has the worst of its units' verdicts, and counts once all its units are finished.
  [[nodiscard]] const VerdictCounts& files() const { return file_counts_; }
  [[nodiscard]] const CaseCounts& cases() const { return cases_; }
  /// Failed cases, and units that went wrong outside of their cases. Units that were cancelled or
  /// lost are none: nothing is known of their tests.
  [[nodiscard]] std::size_t failures() const { return failures_; }
  /// In the order they came.
  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }
  /// How many of them are cut short.
  [[nodiscard]] std::size_t cut_problems() const { return cut_problems_; }
  [[nodiscard]] const std::vector<FailedHost>& failed_hosts() const { return failed_hosts_; }
  /// kMostExcused of each.
  [[nodiscard]] const ExcusedTests& flaky() const { return flaky_; }
  [[nodiscard]] const ExcusedTests& quarantined() const { return quarantined_; }
  /// Notices of level error, in the order they came: what went wrong outside the test files.
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  /// At most kSlowest of the units that ran to an end, the slowest first.
  [[nodiscard]] const std::vector<SlowUnit>& slowest() const { return slowest_; }
  /// Time spent in units, over all workers.
  [[nodiscard]] double unit_seconds() const { return unit_seconds_; }
  /// Hosts and workers that finished at least one unit.
  [[nodiscard]] std::size_t hosts_used() const { return hosts_.size(); }
  [[nodiscard]] std::size_t workers_used() const;
  /// The host has finished a unit.
  [[nodiscard]] bool has_worked(const std::string& host) const { return hosts_.contains(host); }
  /// Files with a unit that failed, crashed or timed out; each once, in the order they failed.
  [[nodiscard]] std::vector<std::string> failing_files() const;
  /// Of a run that runs everything several times: the failing files, and how often they failed.
  [[nodiscard]] std::vector<UnsteadyFile> unsteady_files() const;
  /// What has not passed, for whatever reason, in that order: one unit of each file.
  [[nodiscard]] std::vector<results::Unit> units_to_rerun() const;
  /// Nullopt until the run is over.
  [[nodiscard]] const std::optional<results::RunFinished>& finished() const { return finished_; }

 private:
  struct File {
    std::size_t units = 0;
    std::size_t finished = 0;
    std::size_t ran = 0;  ///< Units that were not cancelled or lost,
    std::size_t bad = 0;  ///< and those of them that did not pass.
    results::Verdict worst = results::Verdict::kPassed;
  };
  void start(const results::RunStarted& event);
  void finish_unit(const results::Unit& unit, const results::UnitResult& result);
  void finish_in_file(std::string_view file, results::Verdict verdict);
  void note_excused(const results::Unit& unit, const results::UnitResult& result);
  void keep(Problem problem);
  void note_time(const results::Unit& unit, const results::UnitResult& result);

  std::size_t planned_units_ = 0;
  bool is_repeated_ = false;
  std::unordered_map<std::string_view, File> files_;  ///< The names are those of the run's units.
  VerdictCounts units_;
  VerdictCounts file_counts_;
  CaseCounts cases_;
  std::size_t failures_ = 0;
  double unit_seconds_ = 0;
  std::vector<Problem> problems_;
  std::size_t most_details_bytes_;
  std::size_t details_bytes_ = 0;
  std::size_t cut_problems_ = 0;
  ExcusedTests flaky_;
  ExcusedTests quarantined_;
  std::vector<FailedHost> failed_hosts_;
  std::vector<std::string> errors_;
  std::vector<SlowUnit> slowest_;
  std::map<std::string, std::map<std::string, std::size_t>> hosts_;  ///< Host, worker: units.
  std::optional<results::RunFinished> finished_;
};

}  // namespace gorgon::report
