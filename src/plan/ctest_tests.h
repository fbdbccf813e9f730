// The tests of a CMake build folder, as ctest lists them: for the runner "ctest" they are what test
// files are for others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/test_files.h"

namespace gorgon::plan {

struct CTestTest {
  std::string name;
  std::vector<std::string> labels;
  friend bool operator==(const CTestTest&, const CTestTest&) = default;
};

/// What `ctest --show-only=json-v1` prints, in its order. kProtocol.
[[nodiscard]] Result<std::vector<CTestTest>> parse_ctest_list(std::string_view json);

/// Those of `tests` that the globs and arguments of `selection` name (all, when neither does) and
/// that its tags and names want, each once. "*" of a pattern is any text. kNotFound: an argument
/// matches nothing, or nothing is left.
[[nodiscard]] Result<std::vector<TestFile>> select_of_ctest(const std::vector<CTestTest>& tests,
                                                            const Selection& selection);

/// Asks ctest, and selects. Waits for it, at most two minutes. kNotFound: also no ctest, or no
/// tests.
[[nodiscard]] Result<std::vector<TestFile>> find_ctest_tests(const Selection& selection);

}  // namespace gorgon::plan
