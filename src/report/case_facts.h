// What reports for programs have to find out about the cases of a unit: where each stands, and what
// went wrong outside of them. Pure.
#pragma once

#include <optional>
#include <string>

#include "results/verdict.h"

namespace gorgon::report {

struct SourcePlace {
  std::string file;
  std::string line;  ///< Digits; empty: not known.
};
/// From the case's location; `file`, that of its unit, when that names no line.
[[nodiscard]] SourcePlace source_place(const results::TestCase& test_case, const std::string& file);

/// What went wrong outside of the cases, as one more case: for readers that know nothing but cases.
/// It is an error, with all messages in its failure, or has passed after earlier tries that did
/// not. Named as the case that was running, if known. Nullopt when nothing went wrong; a unit that
/// has not passed has this, or a case that failed.
[[nodiscard]] std::optional<results::TestCase> case_outside(const results::UnitResult& result);

}  // namespace gorgon::report
