#include "report/case_facts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "results/verdict.h"

namespace gorgon::report {

using results::TestCase;

SourcePlace source_place(const TestCase& test_case, const std::string& file) {
  const std::string& location = test_case.location;
  // What runs may be named like a place: "ratio 1:2" of ctest is.
  if (location == file) return {.file = file, .line = ""};
  const std::size_t colon = location.rfind(':');
  if (colon == std::string::npos) return {.file = file, .line = ""};
  std::string line = location.substr(colon + 1);
  const bool has_line =
      !line.empty() && std::ranges::all_of(line, [](char c) { return c >= '0' && c <= '9'; });
  if (!has_line) return {.file = file, .line = ""};
  return {.file = location.substr(0, colon), .line = std::move(line)};
}

std::string round_of(const results::Unit& unit) {
  return unit.iteration().empty() ? "" : fmt::format(" #{}", unit.iteration());
}

}  // namespace gorgon::report
