#include "cli/record_commands.h"

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>

#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/option_kinds.h"
#include "cli/running_commands.h"

namespace gorgon::cli {

void RecordCommands::add_to(CommandTable& table) {
  add_runs(table);
  add_slow_and_flaky(table);
  add_quarantine(table);
  add_replay_worker(table);
  add_bisect(table);
  add_report(table);
}

void RecordCommands::add_runs(CommandTable& table) {
  using Action = RunsCommand::Action;
  CLI::App* app =
      table.add("runs", "Show what is recorded of earlier runs", [this] { return runs(runs_); });
  add_words<Action>(*app, "action", runs_.action,
                    {{"list", Action::kList},
                     {"show", Action::kShow},
                     {"export", Action::kExport},
                     {"diff", Action::kDiff},
                     {"slow", Action::kSlow},
                     {"flaky", Action::kFlaky},
                     {"prune", Action::kPrune}},
                    "list (the default), show, export, diff, slow, flaky or prune", "ACTION");
  app->add_option("runs", runs_.runs, "A run's number or job id, latest, or ~N: the Nth before it")
      ->type_name("RUN");
  add_number<std::size_t>(*app, "-n,--count", runs_.count, 1, 100'000,
                          "list: so many runs (20); slow, flaky: look at so many runs (20); "
                          "prune: keep so many",
                          "N");
  app->add_flag("--files", runs_.files, "slow: files instead of cases");
  add_config_option(*app, runs_);
  add_presentation(*app, runs_.presentation);
  app->footer(
      "show [RUN] is the report at the end of a run, once more. export [RUN] writes its events "
      "as JSON lines. diff [BEFORE [AFTER]] says which cases broke, were fixed, came, went, or "
      "changed their time by a factor of two; without names, between the last two runs. With "
      "--message-format json all of them write JSON lines. Exit code 4 when no such run is "
      "recorded.");
}

/// What is asked most often of the record, as commands of their own.
void RecordCommands::add_slow_and_flaky(CommandTable& table) {
  using Action = RunsCommand::Action;
  const auto add = [this, &table](const std::string& name, Action action, const std::string& what) {
    CLI::App* app = table.add(name, what, [this, action] {
      runs_.action = action;
      return runs(runs_);
    });
    add_number<std::size_t>(*app, "-n,--count", runs_.count, 1, 100'000,
                            "Look at so many runs (20)", "N");
    add_config_option(*app, runs_);
    add_presentation(*app, runs_.presentation);
    return app;
  };
  add("slow", Action::kSlow, "Show the slowest cases of the last runs")
      ->add_flag("--files", runs_.files, "Files instead of cases");
  add("flaky", Action::kFlaky, "Show cases that do not always pass");
}

void RecordCommands::add_quarantine(CommandTable& table) {
  using Action = QuarantineCommand::Action;
  CLI::App* app = table.add("quarantine", "Show the tests whose failures do not decide a run",
                            [this] { return quarantine(quarantine_); });
  add_words<Action>(*app, "action", quarantine_.action,
                    {{"list", Action::kList}, {"check", Action::kCheck}},
                    "list (the default) or check: exit code 1 when an entry has expired, or its "
                    "file or case is gone",
                    "ACTION");
  add_config_option(*app, quarantine_);
  app->footer("They stand in gorgon_quarantine.json, each with its owner, reason and last day.");
}

void RecordCommands::add_replay_worker(CommandTable& table) {
  CLI::App* app = table.add(
      "replay-worker", "Run again what one worker of an earlier run has run, in its order",
      [this] { return replay_worker(replay_worker_, &RunningCommands::start_command_of); });
  app->add_option("run", replay_worker_.run, "A run's number or job id, latest, or ~N")
      ->required()
      ->type_name("RUN");
  app->add_option("worker", replay_worker_.worker, "Which worker, as reports name it")
      ->required()
      ->type_name("HOST:N");
  app->add_option("--up-to", replay_worker_.up_to,
                  "The last file to run; without, the first of its files that failed")
      ->type_name("FILE");
  app->add_flag("--all", replay_worker_.all, "All that it has run");
  add_config_option(*app, replay_worker_);
  add_presentation(*app, replay_worker_.presentation);
  app->footer(
      "On this machine, on one slot: files that shared a process share one again, with the "
      "seeds and the arguments of the run. Exit codes: 0 all passed, 1 a test failed, 4 no such "
      "run, worker or file, else as of gorgon start.");
}

void RecordCommands::add_bisect(CommandTable& table) {
  CLI::App* app = table.add("bisect", "Find what has to run before a case to make it fail",
                            [this] { return bisect(bisect_, &RunningCommands::start_command_of); });
  app->add_option("run", bisect_.run, "A run's number or job id, latest, or ~N")
      ->required()
      ->type_name("RUN");
  app->add_option("case", bisect_.test_case,
                  "A case that failed there: its id, its full name, FILE:LINE, or FILE (its "
                  "first)")
      ->required()
      ->type_name("CASE");
  add_number<std::size_t>(*app, "-j,--jobs", bisect_.slots, 1, 100'000,
                          "Try at most N candidates at once", "N");
  add_number<std::size_t>(*app, "--tries", bisect_.tries, 1, 1000,
                          "Try so many times what the search begins and ends with (3)", "N");
  add_number<std::size_t>(*app, "--max-candidates", bisect_.max_candidates, 1, 1'000'000,
                          "Give up after so many tries of the case in all (500)", "N");
  add_number<double>(*app, "--global-timeout", bisect_.limit, 0, 1e9,
                     "Give up after this long; 0 and without: never", "SECONDS");
  add_project_options(*app, bisect_);
  app->footer(
      "Candidates run on all free slots of the configuration, each in a process of its own. "
      "Whatever ends it, the smallest set so far is shown. Exit codes: 0 the smallest set was "
      "found, 1 the case fails alone, 5 it did not fail again, or not each time, 6 given up, 4 "
      "no such run or case, else as of gorgon start.");
}

void RecordCommands::add_report(CommandTable& table) {
  CLI::App* app = table.add("report", "Write the reports of an earlier run",
                            [this] { return report(report_); });
  app->add_option("run", report_.run, "As of gorgon runs; the latest without")->type_name("RUN");
  add_report_options(*app, report_);
  app->add_flag("--github", report_.github,
                "Print GitHub's annotations, and add to the summary in $GITHUB_STEP_SUMMARY");
  add_config_option(*app, report_);
}

}  // namespace gorgon::cli
