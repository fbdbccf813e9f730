// Tests that run and are reported, but whose failures decide nothing: which they are, and what
// becomes of a result that has some.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {

class Quarantine {
 public:
  struct Entry {
    std::string file;       ///< Relative to the project.
    std::string test_case;  ///< TestCase::id or ::name; empty: all of the file.
    std::string why;        ///< For people: "a clock that jumps (ann, until 2026-12-31)".
  };
  Quarantine() = default;
  explicit Quarantine(std::vector<Entry> entries);

  /// Failed cases that are in quarantine become kQuarantined, with `why` as pending_message; their
  /// failure stays. A unit of which nothing else is wrong has passed then. Of a file that is in
  /// quarantine as a whole, so has a unit that failed outside its cases, crashed or timed out: it
  /// gets a quarantined case that tells how. Cancelled and lost units stay what they are: nothing
  /// is known of them.
  void apply_to(const std::string& file, UnitResult& result) const;

 private:
  [[nodiscard]] const std::string* why(const std::string& file, const TestCase& test_case) const;

  std::map<std::string, std::vector<Entry>> entries_;  ///< By file.
};

}  // namespace gorgon::results
