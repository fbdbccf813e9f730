// What runs the tests of a project here, and whether another machine has the same.
#pragma once

#include <string>
#include <vector>

#include "doctor/finding.h"
#include "runner/installed_programs.h"

namespace gorgon::doctor {

struct Environment {
  /// What every machine must have: "ruby", and "rspec" where no bundle brings it.
  runner::Versions versions;
  /// The file of the project that chooses versions (.ruby-version, .tool-versions, …); empty: none.
  /// A listener is asked outside of the project, where it does not count.
  std::string chooser;
};

/// What differs on a machine with `programs`, called `host`: an interpreter of another series, or
/// none, is a problem. Empty: nothing differs.
[[nodiscard]] Findings judge_parity(const Environment& here, const std::string& host,
                                    const runner::Versions& programs);

}  // namespace gorgon::doctor
