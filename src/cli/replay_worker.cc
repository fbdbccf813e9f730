// `gorgon replay-worker`: what one worker of a recorded run has run, again, in its order and in the
// same processes.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/presentation.h"
#include "cli/recorded_run.h"
#include "cli/run.h"
#include "history/sequence.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "report/display_text.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::cli {

namespace {

using history::RanUnit;
using history::WorkerSequence;
using results::Verdict;

/// By the unit's id.
using Results = std::map<std::string, results::UnitResult>;

class ResultKeeper final : public report::Reporter {
 public:
  explicit ResultKeeper(Results& results) : results_(results) {}
  void on(const results::RunEvent& event) override {
    if (const auto* finished = std::get_if<results::UnitFinished>(&event))
      results_[finished->unit->id] = *finished->result;
  }

 private:
  Results& results_;
};

Result<const WorkerSequence*> sequence_of(const RecordedRun& recorded, const std::string& worker) {
  const auto found = std::ranges::find(recorded.sequences, worker, &WorkerSequence::name);
  if (found != recorded.sequences.end()) return &*found;
  std::vector<std::string> names;
  names.reserve(recorded.sequences.size());
  for (const WorkerSequence& one : recorded.sequences)
    names.push_back(fmt::format("{} ({})", one.name(), count_of(one.units.size(), "file")));
  return fail(ErrorKind::kNotFound,
              fmt::format("run {} had no worker \"{}\"; it had {}", recorded.run.number, worker,
                          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

/// How many of its units are to run: up to and with which.
Result<std::size_t> length_of(const WorkerSequence& sequence, const ReplayWorkerCommand& command) {
  if (command.all) return sequence.units.size();
  const auto is_last = [&](const RanUnit& one) {
    return command.up_to ? one.unit.file == *command.up_to : one.result.verdict != Verdict::kPassed;
  };
  const auto last = std::ranges::find_if(sequence.units, is_last);
  if (last != sequence.units.end())
    return static_cast<std::size_t>(last - sequence.units.begin()) + 1;
  if (command.up_to) {
    return fail(ErrorKind::kNotFound, fmt::format("{} has not run {} (a file, as reports name it)",
                                                  sequence.name(), *command.up_to));
  }
  return fail(ErrorKind::kNotFound,
              fmt::format("no file of {} failed in this run: name one with --up-to FILE, or --all",
                          sequence.name()));
}

/// Those that are still there.
Result<std::vector<RanUnit>> units_of(const RecordedRun& recorded, const WorkerSequence& sequence,
                                      std::size_t length) {
  std::vector<RanUnit> units;
  for (std::size_t i = 0; i < length; ++i) {
    const RanUnit& one = sequence.units[i];
    if (is_there(recorded, one.unit.file)) {
      units.push_back(one);
    } else if (i + 1 == length) {
      return fail(ErrorKind::kNotFound, one.unit.file + " is not there any more");
    } else {
      std::fprintf(stderr, "gorgon: %s is not there any more: left out\n",
                   report::safe_line(one.unit.file).c_str());
    }
  }
  return units;
}

originator::Plan plan_of(const std::vector<RanUnit>& units) {
  originator::Plan plan;
  const RanUnit* before = nullptr;
  for (const RanUnit& one : units) {
    results::Unit unit = one.unit;
    unit.id = std::to_string(plan.units.size() + 1);
    unit.seed = one.result.seed;
    unit.needs_fresh_runner = before == nullptr || before->result.runner != one.result.runner;
    plan.units.push_back(std::move(unit));
    plan.files.push_back({.path = one.unit.file});
    before = &one;
  }
  plan.selected_files = plan.units.size();
  return plan;
}

std::size_t processes_in(const originator::Plan& plan) {
  return static_cast<std::size_t>(
      std::ranges::count_if(plan.units, &results::Unit::needs_fresh_runner));
}

/// What the user should know before: how far this is what was.
void introduce(const RecordedRun& recorded, const WorkerSequence& sequence,
               const std::vector<RanUnit>& units, const originator::Plan& plan, std::FILE* out) {
  const auto say = [&](const std::string& line) {
    std::fprintf(out, "%s\n", report::safe_line(line).c_str());
  };
  const std::size_t processes = processes_in(plan);
  say(fmt::format("run {}, {}: {} of its {}, in {}, on this machine", recorded.run.number,
                  sequence.name(), units.size(), count_of(sequence.units.size(), "file"),
                  processes == 1 ? "1 process" : fmt::format("{} processes", processes)));
  if (std::ranges::all_of(units, [](const RanUnit& one) { return one.result.runner.empty(); }))
    say("which of them shared a process, the record does not say: all do now");
  std::vector<std::string> files;
  files.reserve(units.size());
  for (const RanUnit& one : units) files.push_back(one.unit.file);
  if (const std::size_t changed = changed_since(recorded, files); changed > 0)
    say(fmt::format("{} changed since that run", count_of(changed, "file")));
  std::fflush(out);
}

std::vector<std::string> bad_cases(const results::UnitResult& result) {
  std::vector<std::string> ids;
  for (const results::TestCase& one : result.cases) {
    if (is_bad(one.status)) ids.push_back(one.id);
  }
  return ids;
}

/// With the same case, where it was a case.
bool failed_again(const results::UnitResult& then, const results::UnitResult& now) {
  if (then.verdict == Verdict::kPassed || now.verdict == Verdict::kPassed) return false;
  const auto before = bad_cases(then);
  const auto after = bad_cases(now);
  return before.empty() || std::ranges::any_of(before, [&](const std::string& id) {
           return std::ranges::find(after, id) != after.end();
         });
}

/// The files, by what became of them; in order.
struct Comparison {
  std::vector<std::string> again;      ///< Failed then and now.
  std::vector<std::string> not_again;  ///< Failed then, and passed now or failed otherwise.
  std::vector<std::string> anew;       ///< Passed then, and failed now.
  std::vector<std::string> unknown;    ///< Did not run.
  bool same_processes = true;
};

Comparison compared(const std::vector<RanUnit>& units, const originator::Plan& plan,
                    const Results& results) {
  Comparison comparison;
  std::string runner;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const std::string& file = units[i].unit.file;
    const auto now = results.find(plan.units[i].id);
    if (now == results.end() || now->second.host.empty()) {
      comparison.unknown.push_back(file);
      continue;
    }
    const bool is_fresh = std::exchange(runner, now->second.runner) != now->second.runner;
    if (is_fresh != plan.units[i].needs_fresh_runner) comparison.same_processes = false;
    const bool failed_then = units[i].result.verdict != Verdict::kPassed;
    if (failed_again(units[i].result, now->second)) {
      comparison.again.push_back(file);
    } else if (failed_then) {
      comparison.not_again.push_back(file);
    } else if (now->second.verdict != Verdict::kPassed) {
      comparison.anew.push_back(file);
    }
  }
  return comparison;
}

void conclude(const Comparison& comparison, std::FILE* out) {
  const auto say = [&](std::string_view what, const std::vector<std::string>& files) {
    if (files.empty()) return;
    const std::string line = fmt::format("{}: {}", what, fmt::join(files, ", "));
    std::fprintf(out, "%s\n", report::safe_line(line).c_str());
  };
  say("reproduced: failed again, as then", comparison.again);
  say("not reproduced: failed then, and not in the same way now", comparison.not_again);
  say("passed then, and failed now", comparison.anew);
  say("did not run", comparison.unknown);
  if (comparison.again.empty() && comparison.not_again.empty() && comparison.anew.empty() &&
      comparison.unknown.empty())
    std::fputs("all passed, as then\n", out);
  if (!comparison.same_processes)
    std::fputs("processes were replaced between other files than then\n", out);
}

Result<int> replay(const ReplayWorkerCommand& command, const ParseStart& parse) {
  if (command.all && command.up_to)
    return fail(ErrorKind::kUsage, "--all and --up-to contradict each other");
  GORGON_TRY_ASSIGN(
      RecordedRun recorded,
      recorded_run(command.config_file, command.config_is_required, command.run, parse));
  GORGON_TRY_ASSIGN(const WorkerSequence* sequence, sequence_of(recorded, command.worker));
  GORGON_TRY_ASSIGN(const std::size_t length, length_of(*sequence, command));
  GORGON_TRY_ASSIGN(const auto units, units_of(recorded, *sequence, length));
  const originator::Plan plan = plan_of(units);
  // Events are for programs.
  const bool is_human = command.presentation.format == MessageFormat::kHuman;
  std::FILE* const out = is_human ? stdout : stderr;
  introduce(recorded, *sequence, units, plan, out);
  originator::StartOptions options = std::move(recorded.options);
  options.config.connection.reset();
  options.slots = 1;
  Results results;
  report::Reporters reporters;
  reporters.add(std::make_unique<ResultKeeper>(results));
  reporters.add(make_reporter(command.presentation, {.root = options.project.string()}));
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), std::move(options), plan, reporters);
  const int exit_code = run(io, originator, reporters);
  conclude(compared(units, plan, results), out);
  return exit_code;
}

}  // namespace

int replay_worker(const ReplayWorkerCommand& command, const ParseStart& parse) {
  const auto replayed = replay(command, parse);
  if (replayed) return *replayed;
  const int code = complain(replayed.error());
  return replayed.error().kind == ErrorKind::kNotFound ? static_cast<int>(results::kNothingSelected)
                                                       : code;
}

}  // namespace gorgon::cli
