// What a run has left to do.
#pragma once

#include <map>
#include <set>
#include <string>

namespace gorgon::plan {

/// By file the ids of its cases that have not passed; none: all of the file.
using Outstanding = std::map<std::string, std::set<std::string>>;

}  // namespace gorgon::plan
