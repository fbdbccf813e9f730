// What a run has left to do: what of it has not passed yet.
#pragma once

#include <map>
#include <set>
#include <string>

namespace gorgon::plan {

/// By file the ids of its cases that have not passed; none: all of the file.
using Outstanding = std::map<std::string, std::set<std::string>>;

/// What a unit came to.
struct Progress {
  std::string file;
  bool is_whole_file = false;               ///< Nobody had asked for a part of it.
  bool came_to_its_end = false;             ///< Nothing went wrong outside of its cases.
  std::map<std::string, bool> passes = {};  ///< By id of each case that ran.
};
/// Takes off what has passed, and adds what has not.
void take(Outstanding& left, const Progress& progress);

}  // namespace gorgon::plan
