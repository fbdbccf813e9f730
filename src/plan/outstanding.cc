#include "plan/outstanding.h"

#include <set>
#include <string>
#include <utility>

namespace gorgon::plan {

void take(Outstanding& left, const Progress& progress) {
  if (!progress.came_to_its_end) {
    left[progress.file].clear();
    return;
  }
  std::set<std::string> cases;
  const auto before = left.find(progress.file);
  if (before != left.end() && !progress.is_whole_file) {
    // Of a file that has not run to its end, some cases say nothing of the others.
    if (before->second.empty()) return;
    cases = before->second;
  }
  for (const auto& [id, has_passed] : progress.passes) {
    if (has_passed) {
      cases.erase(id);
    } else {
      cases.insert(id);
    }
  }
  if (cases.empty()) {
    left.erase(progress.file);
  } else {
    left[progress.file] = std::move(cases);
  }
}

}  // namespace gorgon::plan
