#include "cli/running_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/option_kinds.h"
#include "plan/partition.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

constexpr std::string_view kStartFooter =
    "Without gorgon.json, the project's files show what its tests are, and they run on the cores "
    "of "
    "this machine: Ruby, pytest, Node, GoogleTest, CTest, or a tool that runs as a command "
    "(vitest, "
    "jest, mocha, tape, phpunit, perl, bats). What stands behind -- goes to the framework: gorgon "
    "spec -- --order defined\n\n"
    "Exit codes: 0 every selected file passed, 1 a test failed or crashed, 2 the tree could not be "
    "pushed, 3 other error "
    "(broker unreachable, nothing matches), 4 the selection is empty, 5 of a rerun: failures are "
    "left, 6 incomplete (no listener in "
    "time, files without a verdict), "
    "7 the run's time limit was reached, "
    "8 a callback failed (here, or on every machine), 9 refused by the listeners, 64 usage or "
    "configuration, 130/143 interrupted.";

/// Which files, and which of their cases.
void add_selection(CLI::App& app, StartCommand& command) {
  app.add_option("files", command.selection,
                 "Files, directories or globs; without any, all of the configuration. "
                 "FILE:LINE:... and FILE[ID,...]: these cases or groups of it")
      ->type_name("FILE|DIR|GLOB");
  add_texts(app, "-e,--example", command.names,
            "Only cases with TEXT in their full name; more than once: any of them", "TEXT");
  add_texts(app, "-t,--tag", command.tags,
            "Only cases with this tag, ~TAG: without it, as with rspec", "TAG[:VALUE]");
  app.add_option("-k,--keyword", command.keywords,
                 "Only cases with words in their name or file: \"cart and not (slow or old)\"")
      ->type_name("WORDS");
  add_texts(app, "-E,--filterset", command.filtersets,
            "Only cases for which this holds: file(), test(), tag(), failed(), flaky(), "
            "slower(5s), new(), with and, or, not; more than once: any of them",
            "EXPRESSION");
  app.add_flag("--only-failures,--lf", command.only_failures,
               "Only cases that failed when they last ran");
  app.add_flag("--failed-first,--ff", command.failed_first,
               "Files with such cases before all others");
  app.add_flag("--changed", command.changed,
               "Only files that differ from the last commit, --changed=REV: from where REV and "
               "this branch have parted");
  const auto check = [](const std::string& text) -> std::string {
    const auto partition = plan::parse_partition(text);
    return partition ? "" : partition.error().message;
  };
  app.add_option_function<std::string>(
         "--partition",
         [&command](const std::string& text) {
           if (const auto partition = plan::parse_partition(text)) command.partition = *partition;
         },
         "Only the M-th of N parts of the files: slice:M/N (equal) or hash:M/N (by name alone)")
      ->check(CLI::Validator(check, ""))
      ->type_name("PART");
}

/// A flag that may have a number. CLI11's own takes any, and throws at what is none.
void add_failure_limit(CLI::App& app, StartCommand& command) {
  constexpr std::size_t kMost = 1'000'000;
  // What CLI11 makes of a flag without a value.
  const auto number = [](const std::string& text) { return text == "true" ? "1" : text; };
  add_number<std::size_t>(app, "-x,--fail-fast", command.max_failures, 1, kMost,
                          "After the first failed case begin nothing further, --fail-fast=N: after "
                          "N of them; what runs is finished",
                          "")
      ->expected(0)
      ->take_last()
      ->transform(number);
  add_number<std::size_t>(app, "--max-fail", command.max_failures, 1, kMost,
                          "The same as --fail-fast=N", "N");
}

/// The options that start and rerun share.
void add_run_options(CLI::App& app, StartCommand& command) {
  add_selection(app, command);
  add_project_options(app, command);
  add_number<std::size_t>(app, "-j,--jobs", command.slots, 1, 100'000, "Use at most N worker slots",
                          "N");
  add_number<double>(app, "--timeout", command.unit_timeout, 0, 1e9,
                     "Kill a test file after this long; 0: never", "SECONDS");
  add_number<double>(app, "--case-timeout", command.case_timeout, 0, 1e9,
                     "Kill a test case after this long, and run the others of its file; 0: never",
                     "SECONDS");
  add_number<double>(app, "--start-timeout", command.start_timeout, 0, 1e9,
                     "Give up when no listener works on the job for this long", "SECONDS");
  add_number<double>(app, "--global-timeout", command.run_timeout, 0, 1e9,
                     "Cancel what is left of the run after this long (exit code 7); 0: never",
                     "SECONDS");
  add_number<std::uint32_t>(app, "--retries", command.retries, 0, 100,
                            "Try what did not pass again, at most N times, on another machine "
                            "first; what passes then is flaky",
                            "N");
  add_number<std::uint32_t>(app, "--retry-budget", command.retry_budget, 0, 1'000'000,
                            "At most N further tries in the whole run; else a tenth of its "
                            "files, at least 10",
                            "N");
  add_failure_limit(app, command);
  add_number<std::uint32_t>(app, "--seed", command.seed, 0, 4'294'967'295,
                            "Start random orders and generators from N: RSpec, Minitest, "
                            "test-unit",
                            "N");
  add_words<std::string>(
      app, "--order", command.order, {{"random", "random"}, {"defined", "defined"}},
      "Of the cases in a file: random, or defined, as they stand there", "ORDER");
  app.add_flag("--in-order", command.in_order,
               "Run the files one after the other on one slot, in the order given");
  app.add_flag("--no-capture", command.no_capture,
               "Show what tests write while they run, each line behind HOST:WORKER");
  add_report_options(app, command);
  app.add_flag("--no-github", command.no_github,
               "Inside GitHub Actions: no annotations and no job summary");
  app.add_flag("--timings", command.timings, "Show at the end where the time went");
  app.add_flag("--dry-run", command.dry_run, "Show what would run, in order, and run nothing");
  add_presentation(app, command.presentation);
}

/// What stands behind "--" of the commands that give it to the framework; takes it off.
std::vector<std::string> take_framework_arguments(std::vector<std::string>& arguments) {
  if (arguments.front() != "start" && arguments.front() != "list") return {};
  const auto dashes = std::ranges::find(arguments, "--");
  if (dashes == arguments.end()) return {};
  std::vector<std::string> taken(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return taken;
}

/// A number, "latest" or "~N". A job's id could be a folder.
bool is_run(std::string_view word) {
  const std::string_view digits = word.starts_with('~') ? word.substr(1) : word;
  return word == "latest" || number_of<std::uint32_t>(digits).has_value();
}

/// `gorgon rerun RUN …` is `gorgon start --rerun RUN …`.
std::vector<std::string> as_start(std::vector<std::string> arguments) {
  const bool asks_for_help = std::ranges::any_of(
      arguments, [](const std::string& word) { return word == "-h" || word == "--help"; });
  if (asks_for_help) return arguments;
  const bool names_run = arguments.size() > 1 && is_run(arguments[1]);
  const std::string run = names_run ? arguments[1] : "latest";
  arguments.erase(arguments.begin(), arguments.begin() + (names_run ? 2 : 1));
  arguments.insert(arguments.begin(), {"start", "--rerun", run});
  return arguments;
}

}  // namespace

void RunningCommands::add_to(CommandTable& table) {
  add_start(table);
  add_list(table);
  add_rerun(table);
  add_resume(table);
}

void RunningCommands::add_start(CommandTable& table) {
  CLI::App* app =
      table.add("start", "Run the tests (the default command)", [this] { return start(start_); });
  add_run_options(*app, start_);
  add_number<std::size_t>(*app, "--stress-count", start_.stress_count, 1, 100'000,
                          "Run everything N times, with a verdict each time", "N");
  app->add_option("--rerun", start_.rerun_of,
                  "Only what RUN has left: failed, lost or cancelled; as gorgon rerun")
      ->type_name("RUN");
  app->footer(std::string(kStartFooter));
}

void RunningCommands::add_list(CommandTable& table) {
  list_.dry_run = true;
  CLI::App* app = table.add("list", "Show what would run, in order, and run nothing",
                            [this] { return start(list_); });
  add_selection(*app, list_);
  add_config_option(*app, list_);
  add_number<std::size_t>(*app, "-j,--jobs", list_.slots, 1, 100'000,
                          "Say how long it takes on N worker slots", "N");
  add_message_format(*app, list_.presentation);
  app->footer(
      "One line a file: its place, how long it takes, whether that is recorded or guessed from "
      "its size, its name.");
}

/// Only for its help: prepared() makes another command of it.
void RunningCommands::add_rerun(CommandTable& table) {
  CLI::App* app = table.add("rerun", "Run what an earlier run has left: failed, lost, cancelled",
                            [] { return static_cast<int>(results::kUsageError); });
  app->add_option("run", rerun_, "A run's number, latest (the default), or ~N: the Nth before it")
      ->type_name("RUN");
  add_run_options(*app, start_);
  app->footer(
      "What passes is done; run it again until nothing is left. Of a run that was itself a rerun, "
      "what both have left counts. Of a file that is left as a whole runs what the first run "
      "wanted of it: lines, -e, -t, -k, -E.\n\nExit codes are those of gorgon start, and 5: all "
      "that ran "
      "has passed, but not all that the earlier run has left was selected.");
}

void RunningCommands::add_resume(CommandTable& table) {
  CLI::App* app = table.add("resume", "Take up a run whose gorgon has died",
                            [this] { return resume(resume_, &RunningCommands::start_command_of); });
  app->add_option("job", resume_.job, "Which run; not needed when there is but one")
      ->type_name("JOB");
  add_config_option(*app, resume_);
  add_presentation(*app, resume_.presentation);
  app->footer(
      "Machines that are at work on the run go on; results that came meanwhile count. Files "
      "without a verdict are run, with the tree of the run if it is still there. Ends as the "
      "run would have ended, with the same exit codes; 4 when there is nothing to resume.");
}

std::vector<std::string> RunningCommands::prepared(std::vector<std::string> arguments) {
  if (arguments.front() == "rerun") arguments = as_start(std::move(arguments));
  start_.arguments.assign(arguments.begin() + 1, arguments.end());
  start_.framework_arguments = take_framework_arguments(arguments);
  list_.framework_arguments = start_.framework_arguments;
  return arguments;
}

std::optional<StartCommand> RunningCommands::start_command_of(
    const std::vector<std::string>& arguments) {
  CommandTable table;
  RunningCommands commands;
  commands.add_to(table);
  std::vector<std::string> words = {"start"};
  std::ranges::copy(arguments, std::back_inserter(words));
  commands.start_.framework_arguments = take_framework_arguments(words);
  try {
    table.parse(std::move(words));
  } catch (const CLI::Error&) {
    return std::nullopt;
  }
  return commands.start_;
}

}  // namespace gorgon::cli
