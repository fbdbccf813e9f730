#include "doctor/environment.h"

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "doctor/finding.h"
#include "doctor/versions.h"
#include "runner/installed_programs.h"

namespace gorgon::doctor {

namespace {

/// Programs that are a language, and how many numbers make a series of it; of all others no series
/// is known.
struct Interpreter {
  std::string_view name;
  std::size_t series;
};
constexpr std::array kInterpreters = std::to_array<Interpreter>({{.name = "ruby", .series = 2},
                                                                 {.name = "python", .series = 2},
                                                                 {.name = "node", .series = 1}});

const Interpreter* interpreter(std::string_view name) {
  for (const Interpreter& one : kInterpreters) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

Finding missing(const Environment& here, const std::string& host, const std::string& name,
                const std::string& version) {
  const std::string what =
      fmt::format("has no {} in its listener's PATH; here is {}", name, version);
  if (!here.chooser.empty() || interpreter(name) == nullptr) {
    return Finding::note(
        Area::kMachines, host, what,
        Remedy(fmt::format("install {} {} there, unless \"after_sync\" or {} brings it to each job",
                           name, version, here.chooser.empty() ? "a bundle" : here.chooser)));
  }
  return Finding::problem(
      Area::kMachines, host, what,
      Remedy(fmt::format("install {} {} there, or start the listener with a PATH that has it: the "
                         "PATH of a service is that of `gorgon install_listener`",
                         name, version)));
}

Finding different(const Environment& here, const std::string& host, const std::string& name,
                  const std::string& version, const std::string& there) {
  const std::string what = fmt::format("has {} {}; here is {}", name, there, version);
  const Interpreter* language = interpreter(name);
  if (!here.chooser.empty() && language != nullptr) {
    return Finding::note(
        Area::kMachines, host, what,
        Remedy(fmt::format("nothing if {0} chooses {1} {2} in a job there: outside "
                           "of the project, where the listener was asked, it does "
                           "not count",
                           here.chooser, name, version)));
  }
  const Remedy remedy(
      fmt::format("install {} {} there, or what is there here: tests may pass on one machine and "
                  "fail on another",
                  name, version));
  const bool is_far =
      language != nullptr && distance(version, there, language->series) == Distance::kSeries;
  return is_far ? Finding::problem(Area::kMachines, host, what, remedy)
                : Finding::note(Area::kMachines, host, what, remedy);
}

}  // namespace

Findings judge_parity(const Environment& here, const std::string& host,
                      const runner::Versions& programs) {
  Findings findings;
  for (const auto& [name, version] : here.versions) {
    const auto there = programs.find(name);
    if (there == programs.end()) {
      findings.push_back(missing(here, host, name, version));
    } else if (there->second != version) {
      findings.push_back(different(here, host, name, version, there->second));
    }
  }
  return findings;
}

}  // namespace gorgon::doctor
