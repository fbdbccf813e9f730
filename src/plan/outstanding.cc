#include "plan/outstanding.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gorgon::plan {

namespace {

/// Whether all ran that was wanted of the file.
bool is_all_of(const Left& left, const Progress& progress) {
  return !progress.is_part && (progress.filter.is_empty() || progress.filter == left.wanted);
}

}  // namespace

bool may_be_part(const Outstanding& outstanding,
                 const std::vector<std::string>& framework_arguments) {
  return !framework_arguments.empty() && framework_arguments != outstanding.framework_arguments;
}

void take(Outstanding& outstanding, const Progress& progress) {
  auto& files = outstanding.files;
  const auto before = files.find(progress.file);
  const bool was_left = before != files.end();
  // What takes up something that is left is about a part of it.
  Left left{.wanted = was_left ? before->second.wanted : progress.filter};
  if (!progress.came_to_its_end) {
    files[progress.file] = std::move(left);
    return;
  }
  if (progress.is_excused) {
    files.erase(progress.file);
    return;
  }
  if (was_left && !is_all_of(left, progress)) {
    // Of a file that has not run to its end, some cases say nothing of the others.
    if (before->second.cases.empty()) return;
    left.cases = before->second.cases;
  }
  for (const auto& [id, has_passed] : progress.passes) {
    if (has_passed) {
      left.cases.erase(id);
    } else {
      left.cases.insert(id);
    }
  }
  if (left.cases.empty()) {
    files.erase(progress.file);
  } else {
    files[progress.file] = std::move(left);
  }
}

void take_run(Outstanding& outstanding, std::vector<Progress> units) {
  std::map<std::string, std::vector<Progress>> files;
  for (Progress& unit : units) files[unit.file].push_back(std::move(unit));
  for (auto& [file, parts] : files) {
    // What went wrong comes last, so that nothing takes it off again.
    std::ranges::stable_partition(parts, &Progress::came_to_its_end);
    std::set<std::string> failed;
    for (const Progress& part : parts) {
      for (const auto& [id, has_passed] : part.passes) {
        if (!has_passed) failed.insert(id);
      }
    }
    for (Progress& part : parts) {
      for (auto& [id, has_passed] : part.passes) has_passed &= !failed.contains(id);
      take(outstanding, part);
    }
  }
}

}  // namespace gorgon::plan
