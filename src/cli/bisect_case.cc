#include "cli/bisect_case.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "cli/commands.h"
#include "history/sequence.h"
#include "plan/bisection.h"
#include "plan/test_files.h"
#include "report/display_text.h"
#include "results/verdict.h"

namespace gorgon::cli {

namespace {

using history::RanUnit;
using history::WorkerSequence;
using plan::Outcome;
using results::Verdict;

std::string_view plain(std::string_view path) {
  return path.starts_with("./") ? path.substr(2) : path;
}

/// A place in the record: a file as it ended, and one of its cases. Nullptr: all of it.
struct Place {
  const RanUnit* unit = nullptr;
  const results::TestCase* test_case = nullptr;
};

/// Whether or not that decided.
bool has_failed(const results::TestCase& test_case) {
  return is_bad(test_case.status) || test_case.status == results::CaseStatus::kQuarantined;
}

bool has_failed(const Place& place) {
  return place.test_case != nullptr ? has_failed(*place.test_case)
                                    : place.unit->result.verdict != Verdict::kPassed;
}

/// "spec/a_spec.rb:12"; line 0: it has none.
std::pair<std::string_view, std::size_t> split_line(std::string_view location) {
  const auto colon = location.rfind(':');
  if (colon == std::string_view::npos) return {location, 0};
  const auto line = number_of<std::size_t>(location.substr(colon + 1));
  if (!line) return {location, 0};
  return {location.substr(0, colon), *line};
}

/// The case that is declared at the line, or else next before it.
const results::TestCase* case_at(const RanUnit& unit, std::size_t line) {
  const results::TestCase* found = nullptr;
  std::size_t best = 0;
  for (const results::TestCase& one : unit.result.cases) {
    const auto [file, declared] = split_line(plain(one.location));
    if (file != unit.unit.file || declared > line || declared < std::max<std::size_t>(best, 1))
      continue;
    // Of several in one line, one that failed is meant.
    if (found == nullptr || declared > best || has_failed(one)) found = &one;
    best = declared;
  }
  return found;
}

const results::TestCase* first_failed(const RanUnit& unit) {
  const auto found =
      std::ranges::find_if(unit.result.cases, [](const auto& one) { return has_failed(one); });
  return found == unit.result.cases.end() ? nullptr : &*found;
}

/// All that `name` may mean in one file.
std::vector<Place> places_in(const RanUnit& unit, std::string_view name) {
  std::vector<Place> places;
  if (unit.unit.file == name) return {{.unit = &unit, .test_case = first_failed(unit)}};
  for (const results::TestCase& one : unit.result.cases) {
    if (plain(one.id) == name || one.name == name) places.push_back({&unit, &one});
  }
  const auto [file, line] = split_line(name);
  if (places.empty() && line > 0 && file == unit.unit.file) {
    if (const auto* found = case_at(unit, line)) places.push_back({&unit, found});
  }
  return places;
}

std::string title_of(const Place& place) {
  return place.test_case == nullptr
             ? place.unit->unit.file
             : fmt::format("{}: {}", place.unit->unit.file, place.test_case->name);
}

std::string_view id_of(const Place& place) {
  return place.test_case == nullptr ? "" : plain(place.test_case->id);
}

Result<Place> find_place(const std::vector<WorkerSequence>& sequences, std::string_view name) {
  std::vector<Place> places;
  for (const WorkerSequence& sequence : sequences) {
    for (const RanUnit& unit : sequence.units) {
      if (unit.is_last_try) std::ranges::copy(places_in(unit, name), std::back_inserter(places));
    }
  }
  if (places.empty()) {
    return fail(ErrorKind::kNotFound,
                fmt::format("no case \"{}\" ran in this run: give its id, its full name, FILE:LINE "
                            "or FILE, as reports have them",
                            name));
  }
  std::vector<Place> failed;
  for (const Place& place : places) {
    // What runs several times in one run may have failed each time.
    const auto is_same = [&](const Place& other) {
      return title_of(other) == title_of(place) && id_of(other) == id_of(place);
    };
    if (has_failed(place) && std::ranges::none_of(failed, is_same)) failed.push_back(place);
  }
  if (failed.empty()) {
    return fail(ErrorKind::kNotFound,
                fmt::format("{} did not fail in this run", title_of(places.front())));
  }
  if (failed.size() == 1) return failed.front();
  std::string message = fmt::format("\"{}\" is more than one case that failed:", name);
  for (const Place& place : failed)
    message += fmt::format("\n  {}: {}", id_of(place), title_of(place));
  return fail(ErrorKind::kUsage, std::move(message));
}

/// The first try of a unit that there is: a later one was of its failed cases alone.
std::pair<const WorkerSequence*, std::size_t> first_try_of(
    const std::vector<WorkerSequence>& sequences, const std::string& unit) {
  std::pair<const WorkerSequence*, std::size_t> first = {nullptr, 0};
  for (const WorkerSequence& sequence : sequences) {
    for (std::size_t i = 0; i < sequence.units.size(); ++i) {
      if (sequence.units[i].unit.id != unit) continue;
      if (first.first == nullptr ||
          sequence.units[i].result.attempt < first.first->units[first.second].result.attempt)
        first = {&sequence, i};
    }
  }
  return first;
}

/// Each once, and not the case's own: what a file has loaded twice, no command line can say.
std::vector<RanUnit> files_before(const WorkerSequence& sequence, std::size_t place) {
  const RanUnit& self = sequence.units[place];
  std::set<std::string> seen = {self.unit.file};
  std::vector<RanUnit> files;
  for (std::size_t i = 0; i < place; ++i) {
    const RanUnit& one = sequence.units[i];
    if (one.result.runner == self.result.runner && seen.insert(one.unit.file).second)
      files.push_back(one);
  }
  return files;
}

/// ":12", "[1:2]", "::TestA::test_b": where the case is in its file; empty: that is not known.
std::string place_of(const std::string& file, const results::TestCase& test_case) {
  const std::string_view id = plain(test_case.id);
  if (id.starts_with(file)) {
    const std::string_view rest = id.substr(file.size());
    if (rest.starts_with("[") || (rest.starts_with("::") && plan::is_python(file)))
      return std::string(rest);
  }
  const auto [path, line] = split_line(plain(test_case.location));
  return path == file && line > 0 ? fmt::format(":{}", line) : "";
}

/// Of the case's own file, with the cases that are to run before it.
std::optional<std::vector<std::string>> own_words(const FailedCase& failed,
                                                  const plan::Subset& before) {
  const std::string& file = failed.unit.unit.file;
  if (!failed.test_case || !failed.can_run_cases)
    return results::words_for(file, failed.unit.unit.filter.places);
  std::vector<std::string> places;
  for (const std::size_t place : before) {
    if (place >= failed.files.size())
      places.push_back(place_of(file, failed.cases[place - failed.files.size()]));
  }
  places.push_back(place_of(file, *failed.test_case));
  if (std::ranges::any_of(places, &std::string::empty)) return std::nullopt;
  return results::words_for(file, places);
}

/// Options of the run that say which cases its files have, and how they run.
std::vector<std::string> options_of(const StartCommand& start) {
  std::vector<std::string> words;
  const auto add = [&](const char* option, const std::string& value) {
    words.emplace_back(option);
    words.push_back(value);
  };
  if (start.config_is_required) add("--config", start.config_file.string());
  if (start.cluster) add("--cluster", *start.cluster);
  for (const std::string& name : start.names) add("-e", name);
  for (const std::string& tag : start.tags) add("-t", tag);
  for (const std::string& filterset : start.filtersets) add("-E", filterset);
  if (start.keywords) add("-k", *start.keywords);
  if (!start.order.empty()) add("--order", start.order);
  return words;
}

}  // namespace

Result<FailedCase> find_failed_case(const std::vector<WorkerSequence>& sequences,
                                    std::string_view name) {
  GORGON_TRY_ASSIGN(const Place place, find_place(sequences, plain(name)));
  const auto [sequence, index] = first_try_of(sequences, place.unit->unit.id);
  FailedCase failed{.worker = sequence->name(), .unit = sequence->units[index]};
  failed.is_process_known = !failed.unit.result.runner.empty();
  failed.files = files_before(*sequence, index);
  if (place.test_case == nullptr) return failed;
  failed.test_case = *place.test_case;
  for (const results::TestCase& one : place.unit->result.cases) {
    if (one.id == place.test_case->id) break;
    failed.cases.push_back(one);
  }
  return failed;
}

results::Unit candidate_of(const FailedCase& failed, const plan::Subset& before,
                           std::optional<std::int64_t> seed) {
  const auto piece = [&](const RanUnit& one) {
    results::Unit unit = one.unit;
    unit.id.clear();
    unit.seed = seed ? seed : one.result.seed;
    return unit;
  };
  results::Unit unit = piece(failed.unit);
  unit.needs_fresh_runner = true;
  const bool runs_case = failed.test_case && failed.can_run_cases;
  if (runs_case) unit.only.clear();
  for (const std::size_t place : before) {
    if (place < failed.files.size()) {
      unit.before.push_back(piece(failed.files[place]));
    } else {
      unit.only.push_back(failed.cases[place - failed.files.size()].id);
    }
  }
  if (runs_case) unit.only.push_back(failed.test_case->id);
  return unit;
}

Outcome outcome_of(const FailedCase& failed, const results::UnitResult& result) {
  if (result.verdict == Verdict::kCancelled || result.verdict == Verdict::kLost)
    return Outcome::kUnclear;
  const auto is_before = [](const results::Failure& error) {
    return error.stage == results::kBeforeStage;
  };
  if (std::ranges::any_of(result.errors, is_before)) return Outcome::kUnclear;
  if (!failed.test_case)
    return result.verdict == Verdict::kPassed ? Outcome::kPasses : Outcome::kFails;
  const auto found = std::ranges::find(result.cases, failed.test_case->id, &results::TestCase::id);
  if (found != result.cases.end())
    return is_bad(found->status) ? Outcome::kFails : Outcome::kPasses;
  return result.running_case == failed.test_case->name ? Outcome::kFails : Outcome::kUnclear;
}

std::string describe(const FailedCase& failed, std::size_t place) {
  if (place < failed.files.size()) return failed.files[place].unit.file;
  return fmt::format("{}: {}", failed.unit.unit.file,
                     failed.cases[place - failed.files.size()].name);
}

std::string describe(const FailedCase& failed) {
  if (!failed.test_case) return failed.unit.unit.file;
  return fmt::format("{}: {}", failed.unit.unit.file, failed.test_case->name);
}

std::optional<std::string> command_for(const FailedCase& failed, const plan::Subset& before,
                                       const StartCommand& start) {
  const auto own = own_words(failed, before);
  if (!own) return std::nullopt;
  std::vector<std::string> words = options_of(start);
  if (failed.unit.result.seed.value_or(-1) >= 0) {
    words.emplace_back("--seed");
    words.push_back(std::to_string(*failed.unit.result.seed));
  }
  for (const std::size_t place : before) {
    if (place >= failed.files.size()) continue;
    const results::Unit& unit = failed.files[place].unit;
    std::ranges::copy(results::words_for(unit.file, unit.filter.places), std::back_inserter(words));
  }
  std::ranges::copy(*own, std::back_inserter(words));
  if (!start.framework_arguments.empty()) words.emplace_back("--");
  std::ranges::copy(start.framework_arguments, std::back_inserter(words));
  std::string command = "gorgon start --in-order";
  for (const std::string& word : words) command += " " + report::shell_quoted(word);
  return command;
}

}  // namespace gorgon::cli
