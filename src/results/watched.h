// What somebody who watches a run is shown beside its events: it is of this moment, and in no
// report and no record. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace gorgon::results {

struct ThreadStack {
  bool is_main = false;
  std::string name;    ///< May be empty.
  std::string status;  ///< The language's own word: "run", "sleep".
  std::vector<std::string> backtrace;
  friend bool operator==(const ThreadStack&, const ThreadStack&) = default;
};

/// What a worker says of the unit that it runs at this moment.
struct RunningTest {
  enum class Stacks {
    kTold,
    kSilent,  ///< Its runner was asked and has not said it in time: it is in native code, or busy.
    kUnable,  ///< Its runner cannot say it.
  };
  std::string unit;
  std::string file;  ///< Not on the wire: the originator knows it.
  std::string host;
  std::string worker;
  double seconds = 0;
  std::string running_case;  ///< The one that has run for longest; empty: none that we know.
  double case_seconds = 0;
  std::string output;              ///< The end of what it has written.
  std::uint64_t output_bytes = 0;  ///< All that it has written.
  Stacks stacks = Stacks::kUnable;
  std::vector<ThreadStack> threads;  ///< The main thread first.
  friend bool operator==(const RunningTest&, const RunningTest&) = default;
};

/// The answers to the question what runs now.
struct RunningTests {
  struct Silent {
    std::string host;
    std::string worker;
    std::string file;
  };
  std::vector<RunningTest> tests;  ///< Those that have run for longest first.
  std::vector<Silent> silent;      ///< They run something, and have not answered.
  double waited_seconds = 0;       ///< For those.
};

/// A case has run for a while; or, with an empty name, one of which that was said has ended.
struct LongCase {
  std::string unit;
  std::string host;
  std::string worker;
  std::string running_case;
  double case_seconds = 0;
};

/// Whole lines that a unit has written, as it goes.
struct OutputLines {
  std::string unit;
  std::string host;
  std::string worker;
  std::string text;
  std::uint64_t left_out_bytes = 0;  ///< In front of `text`: more than could be carried.
};

/// A step on the way to the first test.
struct StepDone {
  std::string step;  ///< For people: "stage the tree".
  std::string host;  ///< Of the machine that did it; empty: the originator's.
  double seconds = 0;
};

using Watched = std::variant<RunningTests, LongCase, OutputLines, StepDone>;

}  // namespace gorgon::results
