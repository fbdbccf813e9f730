// What a run said in its JSON events, and the tables of what it should have said.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::test {

struct ReportedCase {
  std::string unit;
  std::string id;
  std::string name;
  std::string status;
  std::string message;  ///< Of its failure.
  std::string output;
};

struct ReportedUnit {
  std::string verdict;
  int attempt = 0;
  std::string host;
  std::string worker;
  double seconds = 0;
  std::string errors;  ///< All errors outside cases, a line each.
  std::string output;
};

/// Units are called by their files; when these run several times, "a_spec.rb #3" is the third.
struct Report {
  std::string job;
  std::string tree;         ///< Its digest; empty: not told.
  std::size_t planned = 0;  ///< As run_started says.
  std::map<std::string, ReportedUnit> units;
  std::vector<ReportedCase> cases;
  std::map<std::string, int> starts;                     ///< unit_started events per unit.
  std::map<std::string, std::vector<std::string>> slow;  ///< Per unit: the running cases told of.
  std::map<std::string, std::string> hosts;              ///< The last state of each.
  std::vector<std::string> notices;
  std::vector<std::string> waiting;  ///< Reasons.
  std::optional<int> exit_code;      ///< As run_finished says; nullopt: the run has not ended.
  std::string reason;
  /// What no run may do: a line that is no JSON object, a unit with two verdicts, an event after
  /// the last one, counts that do not add up.
  std::vector<std::string> mistakes;

  [[nodiscard]] const ReportedUnit* unit(const std::string& file) const;
  /// All notices, a line each.
  [[nodiscard]] std::string notice_text() const;
};

/// `output`: standard output of `gorgon start --message-format json`, of a run that has ended or
/// not.
[[nodiscard]] Report read_report(std::string_view output);

/// The table of a fixture project.
struct ExpectedUnit {
  std::string verdict;
  std::vector<std::string> alternatives;     ///< Verdicts that are as good.
  std::map<std::string, std::string> cases;  ///< Name to status.
  std::string error;                         ///< Must occur in the unit's errors.
  std::string case_message;                  ///< Must occur in the message of one failed case.
};
using ExpectedUnits = std::map<std::string, ExpectedUnit>;

/// Reads FIXTURE/expected.json; an unreadable one ends the program.
[[nodiscard]] ExpectedUnits expected_units(const std::string& fixture);
/// Every difference between what was expected and what came, a line each; empty when all is right.
[[nodiscard]] std::string differences(const ExpectedUnits& expected, const Report& report);

/// One case as a framework's own run or ours names it.
using CaseRow = std::vector<std::string>;
/// Reads a JSON array of arrays of texts; empty when it is none.
[[nodiscard]] std::vector<CaseRow> read_rows(std::string_view text);
/// Sorted rows that are in one list only, a line each, at most 20 of each list; empty when equal.
[[nodiscard]] std::string differences(std::vector<CaseRow> own, std::vector<CaseRow> ours);

}  // namespace gorgon::test
