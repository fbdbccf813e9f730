// What a run tells its reporters, in the order it happens; live, or again from the record of a run
// that is over. Values only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "results/verdict.h"

namespace gorgon::results {

/// Seconds since the run began, by the originator's clock. Of a run that was taken up by `gorgon
/// resume`, what happened before has the time at which it was told again.
using RunClock = double;

struct RunStarted {
  std::string job;
  double started_at = 0;        ///< Unix seconds.
  std::span<const Unit> units;  ///< In planned order. They live as long as the run.
  std::optional<double>
      expected_seconds;  ///< Sum of the recorded runtimes; nullopt when nothing is recorded.
  bool is_local = true;  ///< Embedded broker, in place.
};
/// The run waits for something outside it; `reason` is a phrase: "for listeners: none answered on
/// mq.example:5672".
struct Waiting {
  std::string reason;
};
/// What a machine does for this job.
struct HostChanged {
  enum class State { kPreparing, kReady, kFailed, kLeft };
  std::string host;
  State state = State::kPreparing;
  std::size_t workers = 0;  ///< Workers of this job there now.
  std::string message;      ///< kFailed: why, with output and backtrace.
  RunClock at = 0;
};
struct UnitStarted {
  std::string unit;
  std::string file;
  std::string host;
  std::string worker;
  std::uint32_t attempt = 1;
  RunClock at = 0;
};
/// A unit that takes its time.
struct UnitSlow {
  std::string unit;
  std::string file;
  std::string host;
  std::string worker;
  double seconds = 0;        ///< It has run for so long.
  std::string running_case;  ///< The one that has run for longest; empty: none runs.
  double case_seconds = 0;
};
/// A try of a unit that did not pass, and is not the last: it is tried again.
struct UnitTried {
  std::string unit;
  std::string file;
  std::string host;
  std::string worker;
  Verdict verdict = Verdict::kFailed;
  std::uint32_t attempt = 1;
  RunClock at = 0;
  std::string runner = {};  ///< As of its result, as is the seed.
  std::optional<std::int64_t> seed = {};
};
/// A case of a unit that has its final verdict; all cases of a unit come right before its
/// UnitFinished.
struct CaseFinished {
  const Unit* unit = nullptr;           ///< Lives as long as the run.
  const UnitResult* result = nullptr;   ///< Borrowed for the call.
  const TestCase* test_case = nullptr;  ///< Borrowed for the call.
};
struct UnitFinished {
  const Unit* unit = nullptr;          ///< Lives as long as the run.
  const UnitResult* result = nullptr;  ///< Borrowed for the call.
  RunClock at = 0;
};
/// Something the user should read that is no verdict: "worker 2 on build3 died; its file is run
/// again".
struct Notice {
  enum class Level { kInfo, kWarning, kError };
  Level level = Level::kInfo;
  std::string text;
};
/// What came back of the files that tests have written.
struct Artifacts {
  std::string folder;  ///< Of the run; relative to the project, or absolute. Empty: nothing was to.
  std::size_t files = 0;
  std::size_t left_out = 0;
};
/// Which source tree is tested; at most once, any time after the start.
struct TreeFound {
  std::string digest;  ///< As sync::checkout_digest() or sync::tree_digest() gives it.
};
struct RunFinished {
  std::size_t units = 0;
  std::size_t cases = 0;
  double seconds = 0;
  int exit_code = 0;
  std::string reason;  ///< Why the exit code is not 0 or 1; empty otherwise.
  Artifacts artifacts = {};
};

using RunEvent = std::variant<RunStarted, Waiting, HostChanged, UnitStarted, UnitSlow, UnitTried,
                              CaseFinished, UnitFinished, Notice, TreeFound, RunFinished>;

/// The names used in JSON events and in the record of runs: "ready", "warning".
[[nodiscard]] std::string_view name_of(HostChanged::State state);
[[nodiscard]] std::string_view name_of(Notice::Level level);
[[nodiscard]] std::optional<HostChanged::State> host_state_named(std::string_view name);
[[nodiscard]] std::optional<Notice::Level> notice_level_named(std::string_view name);

}  // namespace gorgon::results
