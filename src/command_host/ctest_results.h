// What ctest says of one test that it was asked for, in its JUnit XML and in what it prints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

struct CTestResults {
  std::vector<results::TestCase> cases;  ///< Of the test: one; more where tests share the name.
  std::vector<results::Failure> errors;  ///< Other tests that failed, which are its fixtures.
};

/// `unit.file` is the test's name; `log` is ctest's standard output. kProtocol: not JUnit XML.
[[nodiscard]] Result<CTestResults> read_ctest(std::string_view xml, std::string_view log,
                                              const ReadUnit& unit);

/// A regular expression of CMake that matches `name` alone, for `ctest -R`.
[[nodiscard]] std::string ctest_pattern(std::string_view name);

/// "Timeout" of "1/1 Test #7: slow ......***Timeout   1.02 sec"; empty without such a line.
[[nodiscard]] std::string ctest_reason(std::string_view log, std::string_view name);

}  // namespace gorgon::command_host
