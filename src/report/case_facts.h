// What reports for programs have to find out about a case: where it stands, and which of several
// times it ran. Pure.
#pragma once

#include <string>

#include "results/verdict.h"

namespace gorgon::report {

struct SourcePlace {
  std::string file;
  std::string line;  ///< Digits; empty: not known.
};
/// From the case's location; `file`, that of its unit, when that names no line.
[[nodiscard]] SourcePlace source_place(const results::TestCase& test_case, const std::string& file);

/// " #3" of a unit's third time, to go behind the names of its cases: what runs several times is
/// told apart by them alone. Empty: it runs once.
[[nodiscard]] std::string round_of(const results::Unit& unit);

}  // namespace gorgon::report
