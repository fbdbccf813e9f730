// `gorgon bisect`: tries candidates, a job a round, until the smallest set is found that makes a
// case fail. What to try is decided by plan/bisection.h, what a candidate is by bisect_case.h.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/text.h"
#include "cli/ask_listeners.h"
#include "cli/bisect_case.h"
#include "cli/commands.h"
#include "cli/recorded_run.h"
#include "cli/run.h"
#include "config/project_config.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "plan/bisection.h"
#include "protocol/messages.h"
#include "report/display_text.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::cli {

namespace {

using namespace std::chrono_literals;
using plan::Outcome;
using plan::Subset;
using Clock = std::chrono::steady_clock;

/// Slots come and go.
constexpr auto kSlotsAreKnownFor = 60s;

/// A signal between two rounds, while no originator takes it.
volatile std::sig_atomic_t signal_between = 0;

extern "C" void note_signal(int number) { signal_between = number; }

void say(const std::string& text) {
  std::printf("%s\n", report::safe_line(text).c_str());
  (void)std::fflush(stdout);
}

void warn(const std::string& text) {
  for (const std::string& line : report::safe_lines(text))
    std::fprintf(stderr, "gorgon: %s\n", line.c_str());
}

/// On a terminal: how many of a round's candidates have ended. All: nothing.
void show_progress(std::size_t done, std::size_t all) {
  if (::isatty(STDERR_FILENO) == 0) return;
  const std::string text = done < all ? fmt::format("{} of {} have ended", done, all) : "";
  std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
}

/// Hears of one round: the outcomes as they come, and what keeps it from coming to its end.
class Round final : public report::Reporter {
 public:
  /// Told of each result, by the place of its unit in the plan.
  explicit Round(std::function<void(std::size_t, const results::UnitResult&)> on_result)
      : on_result_(std::move(on_result)) {}

  void on(const results::RunEvent& event) override {
    std::visit([this](const auto& one) { take(one); }, event);
  }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  void take(const results::RunStarted& event) { units_ = event.units; }
  void take(const results::UnitFinished& event) {
    on_result_(static_cast<std::size_t>(event.unit - units_.data()), *event.result);
  }
  void take(const results::Waiting& event) { warn("waiting " + event.reason); }
  void take(const results::HostChanged& event) {
    if (event.state == results::HostChanged::State::kFailed)
      warn(event.host + ": " + event.message);
  }
  void take(const results::Notice& event) {
    if (event.level != results::Notice::Level::kInfo) warn(event.text);
  }
  void take(const results::RunFinished& event) { reason_ = event.reason; }
  template <class Other>
  void take(const Other& /*event*/) {}

  std::function<void(std::size_t, const results::UnitResult&)> on_result_;
  std::span<const results::Unit> units_;
  std::string reason_;
};

/// How often of how often.
struct Tally {
  std::size_t failed = 0;
  std::size_t passed = 0;
  std::size_t unclear = 0;
  std::string why_unclear;  ///< Of the last one.
  [[nodiscard]] std::size_t tries() const { return failed + passed + unclear; }
  void add(Outcome outcome) {
    switch (outcome) {
      case Outcome::kFails:
        ++failed;
        return;
      case Outcome::kPasses:
        ++passed;
        return;
      case Outcome::kUnclear:
        ++unclear;
        return;
    }
  }
  /// "fails", "passes", "fails 2 times of 3".
  [[nodiscard]] std::string text() const {
    if (failed == tries()) return tries() == 1 ? "fails" : fmt::format("fails, {0} of {0}", failed);
    if (passed == tries())
      return tries() == 1 ? "passes" : fmt::format("passes, {0} of {0}", passed);
    std::string text = fmt::format("fails {} of {}", failed, tries());
    if (unclear > 0) text += fmt::format(", and is not reached in {}: {}", unclear, why_unclear);
    return text;
  }
};

/// Something to try: the case behind these, with the seeds of the run or with one.
struct Candidate {
  Subset before;
  std::optional<std::int64_t> seed;
};

class Search {
 public:
  Search(RecordedRun recorded, FailedCase failed, const BisectCommand& command)
      : recorded_(std::move(recorded)),
        failed_(std::move(failed)),
        command_(command),
        all_(failed_.count()),
        bisection_(failed_.count()) {
    std::iota(all_.begin(), all_.end(), std::size_t{0});
  }

  /// Says what it finds; gives the exit code.
  [[nodiscard]] int run() {
    introduce();
    if (const auto code = check()) return *code;
    is_searching_ = true;
    while (const auto candidates = next_candidates()) {
      if (candidates->empty()) return conclude();
      if (!try_round(*candidates)) break;
    }
    return give_up();
  }

 private:
  void introduce() const;
  [[nodiscard]] std::optional<int> check();
  [[nodiscard]] int tell_alone(const Tally& alone) const;
  [[nodiscard]] std::optional<std::vector<Candidate>> next_candidates();
  [[nodiscard]] bool try_round(const std::vector<Candidate>& candidates);
  [[nodiscard]] int conclude();
  void tell_command(const Tally& with_one_seed) const;
  [[nodiscard]] int give_up() const;
  void show(const Subset& before) const;

  [[nodiscard]] bool try_all(const std::vector<Candidate>& candidates,
                             const std::function<void(std::size_t, Outcome)>& tell);
  [[nodiscard]] std::optional<std::vector<Tally>> tally(const std::vector<Candidate>& candidates);
  [[nodiscard]] originator::Plan plan_of(const std::vector<Candidate>& candidates) const;
  [[nodiscard]] bool may_go_on();
  [[nodiscard]] bool stop(int exit_code, std::string reason);
  [[nodiscard]] bool find_slots();
  [[nodiscard]] Outcome judge(const results::UnitResult& result);

  RecordedRun recorded_;
  FailedCase failed_;
  const BisectCommand& command_;
  Subset all_;
  plan::Bisection bisection_;
  bool is_searching_ = false;
  std::size_t tried_ = 0;  ///< Candidates, those that are tried again included.
  std::size_t round_ = 0;
  std::size_t slots_ = 0;
  std::optional<Clock::time_point> slots_known_at_;
  Clock::time_point started_ = Clock::now();
  std::string why_unclear_;
  int exit_code_ = results::kAllPassed;  ///< Of what has ended it before its time.
  std::string reason_;
};

std::string how_many(const FailedCase& failed) {
  std::vector<std::string> parts;
  if (!failed.files.empty()) parts.push_back(count_of(failed.files.size(), "file"));
  if (!failed.cases.empty())
    parts.push_back(count_of(failed.cases.size(), "case") + " of its own file");
  return parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, " and "));
}

void Search::introduce() const {
  say(fmt::format("run {}, {}: {}", recorded_.run.number, failed_.worker, describe(failed_)));
  say(fmt::format("before it ran in its {}: {}", failed_.is_process_known ? "process" : "worker",
                  how_many(failed_)));
  if (!failed_.is_process_known)
    say("(which of them shared a process with it, the record does not say)");
  std::vector<std::string> files = {failed_.unit.unit.file};
  for (const history::RanUnit& one : failed_.files) files.push_back(one.unit.file);
  if (const std::size_t changed = changed_since(recorded_, files); changed > 0)
    say(fmt::format("{} changed since that run", count_of(changed, "file")));
}

/// Whether there is anything to search for. Nullopt: there is.
std::optional<int> Search::check() {
  std::vector<Candidate> candidates = {{.before = {}}};
  if (!all_.empty()) candidates.push_back({.before = all_});
  const auto tallies = tally(candidates);
  if (!tallies) return give_up();
  const Tally& alone = tallies->front();
  say("alone: " + alone.text());
  if (alone.failed > 0 || all_.empty()) return tell_alone(alone);
  const Tally& behind_all = tallies->back();
  say(fmt::format("behind all of them: {}", behind_all.text()));
  if (behind_all.failed == behind_all.tries()) return std::nullopt;
  say(behind_all.failed == 0
          ? "not reproduced: the order does not explain it, or not alone (time, other processes, "
            "chance)"
          : "it is flaky: in the same order it fails only sometimes");
  return results::kFailuresLeft;
}

int Search::tell_alone(const Tally& alone) const {
  if (alone.failed == alone.tries()) {
    say("it fails alone: that is no matter of the order");
    return results::kTestsFailed;
  }
  say(alone.failed > 0 ? "it is flaky: alone it fails only sometimes"
                       : "not reproduced: nothing ran before it, and alone it does not fail");
  return results::kFailuresLeft;
}

/// Empty: the search is over. Nullopt: it must not go on.
std::optional<std::vector<Candidate>> Search::next_candidates() {
  if (!may_go_on() || !find_slots()) return std::nullopt;
  std::vector<Candidate> candidates;
  for (Subset& before : bisection_.next(std::min(slots_, command_.max_candidates - tried_)))
    candidates.push_back({.before = std::move(before)});
  return candidates;
}

bool Search::try_round(const std::vector<Candidate>& candidates) {
  const std::size_t left = bisection_.smallest().size();
  ++round_;
  std::size_t failing = 0;
  const auto began = Clock::now();
  const bool goes_on = try_all(candidates, [&](std::size_t place, Outcome outcome) {
    if (outcome == Outcome::kFails) ++failing;
    bisection_.take(candidates[place].before, outcome);
  });
  const std::chrono::duration<double> took = Clock::now() - began;
  say(fmt::format("round {}, {} left: {}, {} failed, {}", round_, left,
                  count_of(candidates.size(), "candidate"), failing, human_duration(took)));
  return goes_on;
}

int Search::conclude() {
  const Subset& smallest = bisection_.smallest();
  const auto seed = failed_.unit.result.seed;
  std::vector<Candidate> candidates = {{.before = smallest}};
  if (seed) candidates.push_back({.before = smallest, .seed = seed});
  const auto tallies = tally(candidates);
  if (!tallies) return give_up();
  say(fmt::format("it fails behind these ({}), and passes when one of them is left out:",
                  tallies->front().text()));
  show(smallest);
  if (tallies->front().failed < tallies->front().tries()) {
    say("it is flaky: with the same before it, it does not fail each time");
    return results::kFailuresLeft;
  }
  tell_command(tallies->back());
  return results::kAllPassed;
}

/// A command line has one seed for all files.
void Search::tell_command(const Tally& with_one_seed) const {
  const auto command = command_for(failed_, bisection_.smallest(), recorded_.start);
  if (command && with_one_seed.failed == with_one_seed.tries()) {
    say("to see it fail:");
    std::printf("  %s\n", report::safe_line(*command).c_str());
    return;
  }
  say(
      fmt::format("no single command line repeats that; all that ran before it does: gorgon "
                  "replay-worker {} {} --up-to {}",
                  recorded_.run.number, failed_.worker, failed_.unit.unit.file));
}

int Search::give_up() const {
  say(fmt::format("given up: {}", reason_));
  if (is_searching_) {
    say(fmt::format("the smallest set so far, {} of {}:", bisection_.smallest().size(),
                    all_.size()));
    show(bisection_.smallest());
    const auto command = command_for(failed_, bisection_.smallest(), recorded_.start);
    if (command) std::printf("  %s\n", report::safe_line(*command).c_str());
  }
  return exit_code_;
}

void Search::show(const Subset& before) const {
  for (const std::size_t place : before)
    std::printf("  %s\n", report::safe_line(describe(failed_, place)).c_str());
}

// ---- trying ----

/// Each `tries` times. Nullopt: it must not go on.
std::optional<std::vector<Tally>> Search::tally(const std::vector<Candidate>& candidates) {
  std::vector<Tally> tallies(candidates.size());
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < command_.tries; ++i)
    std::ranges::copy(candidates, std::back_inserter(all));
  if (!may_go_on() || !find_slots()) return std::nullopt;
  const bool goes_on = try_all(all, [&](std::size_t place, Outcome outcome) {
    Tally& tally = tallies[place % candidates.size()];
    tally.add(outcome);
    if (outcome == Outcome::kUnclear) tally.why_unclear = why_unclear_;
  });
  if (!goes_on) return std::nullopt;
  return tallies;
}

originator::Plan Search::plan_of(const std::vector<Candidate>& candidates) const {
  originator::Plan plan;
  for (const Candidate& one : candidates) {
    results::Unit unit = candidate_of(failed_, one.before, one.seed);
    unit.id = std::to_string(plan.units.size() + 1);
    plan.files.push_back({.path = unit.file});
    plan.units.push_back(std::move(unit));
  }
  plan.selected_files = plan.units.size();
  return plan;
}

/// False: the search must not go on; why is said at its end.
bool Search::try_all(const std::vector<Candidate>& candidates,
                     const std::function<void(std::size_t, Outcome)>& tell) {
  tried_ += candidates.size();
  originator::StartOptions options = recorded_.options;
  options.slots = command_.slots;
  if (command_.limit.value_or(0) > 0)
    // 0 would be no limit.
    options.config.timeouts.run = std::max<std::chrono::duration<double>>(
        std::chrono::duration<double>(*command_.limit) - (Clock::now() - started_),
        std::chrono::milliseconds(1));
  std::string old_host;
  std::size_t done = 0;
  Round round([&](std::size_t place, const results::UnitResult& result) {
    show_progress(++done, candidates.size());
    const bool has_run =
        result.verdict == results::Verdict::kPassed || result.verdict == results::Verdict::kFailed;
    if (has_run && result.runner.empty()) old_host = result.host;
    tell(place, judge(result));
  });
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), std::move(options), plan_of(candidates),
                                    round);
  int signal = 0;
  const int exit_code = cli::run(io, originator, round, &signal);
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, note_signal);
  if (signal != 0) return stop(128 + signal, "interrupted");
  if (!old_host.empty())
    return stop(results::kIncomplete,
                "the gorgon of " + old_host + " is older than this one, and runs no candidates");
  const bool is_done = exit_code == results::kAllPassed || exit_code == results::kTestsFailed ||
                       exit_code == results::kNothingSelected;
  if (is_done) return true;
  return stop(
      exit_code == results::kRunTimeLimit ? static_cast<int>(results::kIncomplete) : exit_code,
      round.reason());
}

Outcome Search::judge(const results::UnitResult& result) {
  const Outcome outcome = outcome_of(failed_, result);
  if (outcome != Outcome::kUnclear) return outcome;
  why_unclear_ = result.errors.empty() ? "the file has no such case, or did not come to it"
                                       : result.errors.front().message;
  return outcome;
}

bool Search::may_go_on() {
  if (signal_between != 0) return stop(128 + signal_between, "interrupted");
  if (tried_ >= command_.max_candidates) {
    return stop(results::kIncomplete, fmt::format("{} were tried, and --max-candidates is {}",
                                                  tried_, command_.max_candidates));
  }
  const std::chrono::duration<double> took = Clock::now() - started_;
  if (command_.limit.value_or(0) > 0 && took.count() >= *command_.limit)
    return stop(results::kIncomplete, "the time limit of " + human_duration(took) + " is reached");
  return true;
}

bool Search::stop(int exit_code, std::string reason) {
  exit_code_ = exit_code;
  reason_ = std::move(reason);
  return false;
}

/// How many candidates can be tried at once.
bool Search::find_slots() {
  const auto now = Clock::now();
  if (slots_known_at_ && now - *slots_known_at_ < kSlotsAreKnownFor) return true;
  if (!recorded_.options.config.connection) {
    recorded_.options.slots = command_.slots;
    slots_ = originator::local_slots(recorded_.options);
  } else {
    std::size_t free_slots = 0;
    asio::io_context io(1);
    const auto asked = run_to_completion(
        io, ask_listeners(
                {.config = recorded_.options.config,
                 .signing_key = recorded_.options.signing_key,
                 .message =
                     [](const std::string& queue) { return protocol::Ping{.reply_queue = queue}; },
                 .answered =
                     [&](const protocol::Message& answer) {
                       if (const auto* pong = std::get_if<protocol::Pong>(&answer))
                         free_slots += pong->free_slots;
                       return false;
                     },
                 .wait = 1s}));
    if (!asked) return stop(results::kOriginatorError, asked.error().message);
    slots_ = std::min(free_slots, command_.slots.value_or(free_slots));
  }
  // Where none is free, or nobody has answered in time, the job waits for one.
  slots_ = std::max<std::size_t>(slots_, 1);
  slots_known_at_ = now;
  return true;
}

/// What a file's process is to the next file is the business of its language.
Result<void> check_language(const RecordedRun& recorded, FailedCase& failed) {
  const std::string framework =
      originator::runner_settings(recorded.options, {failed.unit.unit}).framework;
  if (framework == "command") {
    return fail(
        ErrorKind::kUsage,
        "each file of a test command (Node's among them) runs in a process of its own, as a "
        "whole: neither files nor cases can be left out before a case");
  }
  failed.can_run_cases = config::can_run_cases(recorded.options.config);
  if (!failed.can_run_cases) failed.cases.clear();
  if (framework != "pytest") return {};
  failed.files.clear();
  say("pytest: each file runs in a process of its own, and sees nothing of others; cases of its "
      "own "
      "file may matter");
  return {};
}

/// What cannot be tried any more.
Result<void> leave_out_gone(const RecordedRun& recorded, FailedCase& failed) {
  if (!is_there(recorded, failed.unit.unit.file))
    return fail(ErrorKind::kNotFound, failed.unit.unit.file + " is not there any more");
  std::erase_if(failed.files, [&](const history::RanUnit& one) {
    if (is_there(recorded, one.unit.file)) return false;
    warn(one.unit.file + " is not there any more: left out");
    return true;
  });
  return {};
}

Result<int> search(const BisectCommand& command, const ParseStart& parse) {
  GORGON_TRY_ASSIGN(
      RecordedRun recorded,
      recorded_run(command.config_file, command.config_is_required, command.run, parse));
  if (command.cluster) {
    recorded.options.config.cluster = *command.cluster;
    recorded.start.cluster = command.cluster;
  }
  GORGON_TRY_ASSIGN(FailedCase failed, find_failed_case(recorded.sequences, command.test_case));
  GORGON_TRY(leave_out_gone(recorded, failed));
  GORGON_TRY(check_language(recorded, failed));
  return Search(std::move(recorded), std::move(failed), command).run();
}

}  // namespace

int bisect(const BisectCommand& command, const ParseStart& parse) {
  for (const int number : {SIGINT, SIGTERM}) {
    if (!is_ignored(number)) std::signal(number, note_signal);
  }
  const auto found = search(command, parse);
  if (found) return *found;
  const int code = complain(found.error());
  return found.error().kind == ErrorKind::kNotFound ? static_cast<int>(results::kNothingSelected)
                                                    : code;
}

}  // namespace gorgon::cli
