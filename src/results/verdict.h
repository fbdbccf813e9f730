// What happened to a unit and its test cases. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::results {

/// How one unit ended. Exactly one per unit; only kPassed is good.
enum class Verdict {
  kPassed,
  kFailed,     ///< A case failed, or something went wrong outside the cases.
  kCrashed,    ///< The runner died in the middle, or the unit took its workers down.
  kTimedOut,   ///< It was killed at its time limit.
  kCancelled,  ///< The run was cancelled first.
  kLost,       ///< Nobody could run it.
};
enum class CaseStatus {
  kPassed,
  kFailed,
  kError,
  kSkipped,
  kPending,
  kQuarantined,  ///< Failed or an error, and the project has said that this is not to decide
                 ///< (results/quarantine.h). No runner gives it.
};

/// The names used in messages, JSON events and reports: "passed", "timed_out".
[[nodiscard]] std::string_view name_of(Verdict verdict);
[[nodiscard]] std::string_view name_of(CaseStatus status);
[[nodiscard]] std::optional<Verdict> verdict_named(std::string_view name);
[[nodiscard]] std::optional<CaseStatus> case_status_named(std::string_view name);
/// Of those that a runner gives, which decides nothing about its own tests.
[[nodiscard]] std::optional<CaseStatus> runner_status_named(std::string_view name);

/// An exception or assertion as the test's language reports it.
struct Failure {
  std::string stage;  ///< Where outside a case: "load", "outside", "suite", "exit", "crash",
                      ///< "timeout", "before"; empty inside a case.
  std::string exception_class;
  std::string message;
  std::vector<std::string> backtrace;
  /// Of an error of a unit: key_of() the case that was killed for it and has failed for this
  /// reason: both are one fault. Empty: no case was.
  std::string killed_case = {};
  friend bool operator==(const Failure&, const Failure&) = default;
};

/// The stage of a unit's error when what was to run before it ended its runner.
inline constexpr std::string_view kBeforeStage = "before";

struct TestCase {
  std::string id;    ///< Unique in its file and stable: RSpec's example id, pytest's node id, else
                     ///< Class#test_name.
  std::string name;  ///< RSpec: full description; else Class#test_name.
  std::string location;  ///< path:line
  CaseStatus status = CaseStatus::kPassed;
  double seconds = 0;
  std::optional<Failure> failure;
  std::string pending_message;  ///< Of a skipped, pending or quarantined one: why.
  std::string output;  ///< Captured standard output and error, valid UTF-8, capped; a cut says so
                       ///< in the text.
  /// How it failed in tries that did not decide, oldest first, when its unit was tried again; one
  /// that has passed in another is flaky.
  std::vector<Failure> earlier_failures;
  friend bool operator==(const TestCase&, const TestCase&) = default;
};
/// Its id, or its name where its runner gives none.
[[nodiscard]] const std::string& key_of(const TestCase& test_case);

/// Which cases of its file a user wants, in the words of the file's framework. docs/selecting.md.
struct CaseFilter {
  std::vector<std::string> places;  ///< ":12" a line, "[1:2]" an RSpec id, "::TestA::test_b"
                                    ///< a node id of pytest: any of them.
  std::vector<std::string> names;   ///< Parts of a case's name: any of them.
  std::vector<std::string> tags;    ///< As RSpec has them: "slow", "~slow", "db:mysql".
  std::string expression;  ///< JSON, docs/runner_protocol.md; empty: all cases. Beside the others.
  [[nodiscard]] bool is_empty() const {
    return places.empty() && names.empty() && tags.empty() && expression.empty();
  }
  friend bool operator==(const CaseFilter&, const CaseFilter&) = default;
};
/// The words of a command line that mean `file` with these places: "a_spec.rb:12:40",
/// "a_spec.rb[1:2,1:3]", "test_a.py::test_b"; the file alone without any.
[[nodiscard]] std::vector<std::string> words_for(const std::string& file,
                                                 const std::vector<std::string>& places);

/// A unit's place in a run: which file, or which cases of it.
struct Unit {
  std::string id;                   ///< Unique in its job. Of one that runs several times in it:
                                    ///< "12.3", for the third time.
  std::string file;                 ///< Relative to the project.
  std::vector<std::string> only;    ///< These case ids alone, if any.
  std::vector<std::string> except;  ///< All but these case ids.
  CaseFilter filter = {};           ///< And these alone of what `only` and `except` leave.
  /// What random numbers and a random order start from; nullopt: its runner draws one.
  std::optional<std::int64_t> seed = {};
  bool needs_fresh_runner = false;  ///< It must be the first that its runner runs.
  /// Run ahead of it in its runner, which is a fresh one, for what they leave behind there: nothing
  /// of them is reported. Theirs is empty.
  std::vector<Unit> before = {};
  /// Nobody has asked for a part of it.
  [[nodiscard]] bool is_whole_file() const {
    return only.empty() && except.empty() && filter.is_empty();
  }
  /// "3" of "12.3"; empty: it runs once.
  [[nodiscard]] std::string_view iteration() const {
    const auto dot = id.find('.');
    return dot == id.npos ? std::string_view() : std::string_view(id).substr(dot + 1);
  }
  friend bool operator==(const Unit&, const Unit&) = default;
};

struct UnitResult {
  std::string unit;  ///< Unit::id
  Verdict verdict = Verdict::kLost;
  std::uint32_t attempt = 1;
  double seconds = 0;  ///< Of all tries that came to a result.
  std::string host;
  std::string worker;  ///< Number of the slot on its host, as text.
  std::vector<TestCase>
      cases;  ///< In the order they ran. After a crash or kill: those that had finished.
  std::vector<Failure> errors;  ///< What went wrong outside cases; for a crash, how it ended.
  std::string running_case;     ///< Crash or kill: name of the case that was running, if known,
  std::string running_location = {};  ///< and its TestCase::location.
  std::string output;  ///< Captured outside cases, capped; after a crash the last output.
  std::vector<Failure> earlier_errors;  ///< Outside cases, of tries before this one; oldest first.
  /// Names the process that ran it, or the end of it: units with the same ran there one after the
  /// other. Empty: not known.
  std::string runner = {};
  std::optional<std::int64_t> seed = {};  ///< What its random numbers and its order started from.
  std::vector<std::string>
      artifacts;  ///< Files of all tries that came back; relative to the project, or absolute.
  friend bool operator==(const UnitResult&, const UnitResult&) = default;
};

/// Failed, or an error.
[[nodiscard]] bool is_bad(CaseStatus status);
/// Passed, after a try in which it failed.
[[nodiscard]] bool is_flaky(const TestCase& test_case);
/// It passed in the end, and something of it had not in an earlier try.
[[nodiscard]] bool has_flaky_part(const UnitResult& result);

}  // namespace gorgon::results
