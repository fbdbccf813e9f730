// Reads what a GoogleTest program writes with --gtest_output=json:FILE: the list of its cases, or
// their results.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

struct GoogleTestCase {
  enum class State : std::uint8_t {
    kListed,  ///< In a list; results have one of the others.
    kPassed,  ///< Or it never ran: GoogleTest does not tell, when it has run none at all.
    kFailed,  ///< `failures`
    kSkipped,
    kDisabled,
  };
  std::string suite;
  std::string name;
  std::string location;  ///< "path:line", where it is declared; empty: unknown.
  State state = State::kListed;
  double seconds = 0;
  std::vector<std::string> failures = {};  ///< "path:line", the end of a line, and the message.

  /// "Suite.Test", as --gtest_filter knows it.
  [[nodiscard]] std::string full_name() const { return suite + "." + name; }
};

struct GoogleTestReport {
  std::vector<GoogleTestCase> cases;       ///< In the order of the program.
  std::vector<results::Failure> failures;  ///< Outside of cases and suites.
};

/// kProtocol: not JSON, or not of GoogleTest.
[[nodiscard]] Result<GoogleTestReport> read_googletest_report(std::string_view json,
                                                              const ReadUnit& unit);

}  // namespace gorgon::command_host
