// What a run has left to do: what of it has not passed yet.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::plan {

/// What has not passed of a file.
struct Left {
  std::set<std::string> cases = {};  ///< Ids of those that have not; none: all that was wanted.
  results::CaseFilter wanted = {};   ///< What the run wanted of it.
};
struct Outstanding {
  std::map<std::string, Left> files;
  /// Further arguments that the framework had in that run. They may be filters, too.
  std::vector<std::string> framework_arguments = {};
};

/// What a unit came to.
struct Progress {
  std::string file;
  results::CaseFilter filter = {};
  bool is_part = false;  ///< Of what `filter` selects, or with arguments of the framework that the
                         ///< run that left something did not have.
  bool came_to_its_end = false;  ///< Nothing went wrong outside of its cases.
  bool is_excused = false;  ///< By quarantine, of what went wrong outside: nothing of it is left.
  std::map<std::string, bool> passes = {};  ///< By id of each case that ran.
};
/// Whether these arguments may have left out some of what the run wanted that left something.
[[nodiscard]] bool may_be_part(const Outstanding& outstanding,
                               const std::vector<std::string>& framework_arguments);

/// Takes off what has passed, and adds what has not.
void take(Outstanding& outstanding, const Progress& progress);

/// All units of a run. Of a case that several of them ran, one failure is enough.
void take_run(Outstanding& outstanding, std::vector<Progress> units);

}  // namespace gorgon::plan
