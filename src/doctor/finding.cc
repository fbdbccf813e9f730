#include "doctor/finding.h"

#include <algorithm>
#include <string_view>

namespace gorgon::doctor {

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kNote:
      return "note";
    case Level::kProblem:
      return "problem";
  }
  return "";
}

std::string_view name_of(Area area) {
  switch (area) {
    case Area::kProject:
      return "project";
    case Area::kBroker:
      return "broker";
    case Area::kTransport:
      return "transport";
    case Area::kMachines:
      return "machines";
  }
  return "";
}

bool has_problem(const Findings& findings) {
  return std::ranges::find(findings, Level::kProblem, &Finding::level) != findings.end();
}

}  // namespace gorgon::doctor
