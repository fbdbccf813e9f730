// Findings for people and for programs.
#pragma once

#include <cstddef>
#include <string>

#include "doctor/finding.h"
#include "report/look.h"

namespace gorgon::doctor {

/// A section an area, in the order of Area, a line or more a finding, and the sum. Lines are at
/// most `columns` wide where words allow it.
[[nodiscard]] std::string text_of(const Findings& findings, const report::Look& look,
                                  std::size_t columns);
/// One JSON object, on one line without its end; docs/doctor.md has its members.
[[nodiscard]] std::string json_of(const Findings& findings);

}  // namespace gorgon::doctor
