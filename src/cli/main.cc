// The command line: one table of commands and options, from which --help comes.
#include <fmt/core.h>
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/completions.h"
#include "cli/secrets.h"
#include "plan/partition.h"
#include "report/terminal.h"
#include "results/exit_code.h"

namespace gorgon::cli {
namespace {

constexpr std::string_view kOverview =
    "Runs a test suite on every machine a team has, and gives the verdicts its own framework would "
    "give, sooner.\n"
    "Without a command: gorgon start.";

constexpr std::string_view kStartFooter =
    "Without gorgon.json, finds spec/**/*_spec.rb and test/**/*_test.rb and uses the cores of this "
    "machine. What stands behind -- goes to the framework: gorgon spec -- --order defined\n\n"
    "Exit codes: 0 every selected file passed, 1 a test failed or crashed, 2 the tree could not be "
    "pushed, 3 other error "
    "(broker unreachable, nothing matches), 4 the selection is empty, 5 of a rerun: failures are "
    "left, 6 incomplete (no listener in "
    "time, files without a verdict), "
    "7 the run's time limit was reached, "
    "8 a callback failed (here, or on every machine), 9 refused by the listeners, 64 usage or "
    "configuration, 130/143 interrupted.";

/// Options of every command that talks to a project's broker.
template <class Command>
void add_config_option(CLI::App& app, Command& command) {
  app.add_option_function<std::string>(
         "--config",
         [&command](const std::string& file) {
           command.config_file = file;
           command.config_is_required = true;
         },
         "Read FILE instead of ./gorgon.json")
      ->type_name("FILE");
}
template <class Command>
void add_project_options(CLI::App& app, Command& command) {
  add_config_option(app, command);
  app.add_option("--cluster", command.cluster, "Talk to the listeners of cluster NAME only")
      ->type_name("NAME");
}

/// An option with a number from `from` to `to`, which goes to `target`. CLI11's own checks answer
/// with the names of its types.
template <class Number, class Target>
CLI::Option* add_number(CLI::App& app, const std::string& names, Target& target, Number from,
                        Number to, const std::string& what, const std::string& type) {
  const auto check = [from, to](const std::string& text) -> std::string {
    const auto value = number_of<Number>(text);
    if (value && *value >= from && *value <= to) return {};
    return fmt::format("must be a {}number from {} to {}, not \"{}\"",
                       std::is_integral_v<Number> ? "whole " : "", from, to, text);
  };
  return app
      .add_option_function<std::string>(
          names,
          [&target](const std::string& text) {
            const std::optional<Number> value = number_of<Number>(text);
            if (!value) return;
            const Number number = *value;
            target = number;
          },
          what)
      ->check(CLI::Validator(check, ""))
      ->type_name(type);
}

template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;

/// An option with one of a few words. CLI11's own check would list the numbers behind them, and
/// accept those.
template <class Value>
CLI::Option* add_words(CLI::App& app, const std::string& name, Value& target,
                       const Words<Value>& words, const std::string& what,
                       const std::string& type) {
  const auto check = [words](const std::string& text) -> std::string {
    std::vector<std::string> names;
    for (const auto& [word, value] : words) {
      if (word == text) return {};
      names.push_back(word);
    }
    return fmt::format("must be {}{}, not \"{}\"", names.size() > 1 ? "one of " : "",
                       fmt::join(names, ", "), text);
  };
  const auto set = [words, &target](const std::string& text) {
    for (const auto& [word, value] : words) {
      if (word == text) target = value;
    }
  };
  std::vector<std::string> names;
  for (const auto& [word, value] : words) names.push_back(word);
  // A validator's name is shown nowhere: completion_of() finds the words there.
  return app.add_option_function<std::string>(name, set, what)
      ->check(CLI::Validator(check, "", fmt::format("{}", fmt::join(names, " "))))
      ->type_name(type);
}

/// What can be proposed where `option` wants its value.
Completion completion_of(CLI::Option& option) {
  using Kind = Completion::Kind;
  Completion value{.kind = Kind::kAnything, .name = option.get_type_name()};
  if (!option.get_positional() && option.get_items_expected_min() == 0) return {};
  if (value.name.starts_with("FILE")) value.kind = Kind::kFiles;
  if (value.name == "DIR") value.kind = Kind::kFolders;
  try {
    std::istringstream words(option.get_validator(0)->get_name());
    for (std::string word; words >> word;) value.words.push_back(word);
  } catch (const CLI::OptionNotFound&) {
    return value;  // It has no validator.
  }
  if (!value.words.empty()) value.kind = Kind::kWords;
  return value;
}

CompletedCommand completed(CLI::App& app) {
  CompletedCommand command{.name = app.get_name(), .what = app.get_description()};
  for (CLI::Option* option : app.get_options()) {
    CompletedOption one{.what = option->get_description(), .value = completion_of(*option)};
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    if (!one.names.empty()) {
      command.options.push_back(std::move(one));
    } else if (command.argument.kind != Completion::Kind::kWords) {
      command.argument = std::move(one.value);  // Of `runs` the action, not the run behind it.
    }
  }
  return command;
}

/// An option that may be given more than once, each time with a text that is not empty: an unset
/// variable of a script must not select everything.
CLI::Option* add_texts(CLI::App& app, const std::string& names, std::vector<std::string>& target,
                       const std::string& what, const std::string& type) {
  const auto check = [](const std::string& text) -> std::string {
    return text.empty() ? "must not be empty" : "";
  };
  return app.add_option(names, target, what)
      ->allow_extra_args(false)
      ->check(CLI::Validator(check, ""))
      ->type_name(type);
}

/// What people type who know another program.
struct Habit {
  std::string_view command;
  std::string_view word;
  std::string_view ours;
};
constexpr std::array kHabits = std::to_array<Habit>({
    {"start", "--json", "--message-format json"},
    {"start", "--format", "--message-format"},
    {"start", "--no-color", "--color never"},
    {"start", "--colour", "--color"},
    {"start", "--workers", "--jobs"},
    {"start", "--slots", "--jobs"},
    {"start", "-n", "--jobs"},
    {"start", "-c", "--config"},
    {"start", "--name", "--example"},
    {"start", "--shard", "--partition"},
    {"start", "--order", "-- --order"},
    {"start", "--seed", "-- --seed"},
    {"start", "--list", "--dry-run"},
    {"list", "--json", "--message-format json"},
    {"list", "-c", "--config"},
    {"start", "--unit-timeout", "--timeout"},
    {"start", "--test-timeout", "--case-timeout"},
    {"listen", "-c", "--config"},
    {"listen", "-f", "--foreground"},
    {"listen", "--jobs", "--slots"},
    {"listen", "-j", "--slots"},
    {"status", "--message-format", "--json"},
    {"status", "-c", "--config"},
    {"status", "--timeout", "--wait"},
    {"ping", "--message-format", "--json"},
    {"ping", "-c", "--config"},
    {"ping", "--timeout", "--wait"},
});

/// All commands with their parsed options; run() calls the one that was given.
class CommandLine {
 public:
  CommandLine() : app_(std::string(kOverview), "gorgon") {
    app_.set_help_flag("-h,--help", "Show this help");
    app_.set_version_flag("--version", "gorgon " + std::string(kVersion));
    app_.require_subcommand(0, 1);
    add_start();
    add_list();
    add_rerun();
    add_resume();
    add_runs();
    add_report();
    add_listen();
    add_status();
    add_ping();
    add_file_server();
    add_setup();
    add_keys();
    add_completions();
    add_internal();
    command("version", "Show the version", [] {
      std::printf("gorgon %s\n", std::string(kVersion).c_str());
      return 0;
    });
    // as_help_option() answers it, but for words that are no command.
    command("help", "Show the help of a command", [this] {
      return refuse_help_topic();
    })->add_option("command", help_topic_, "The command");
  }

  int run(std::vector<std::string> arguments) {
    arguments = as_help_option(std::move(arguments));
    if (const auto suggestion = misspelled_command(arguments)) {
      std::fprintf(stderr, "gorgon: there is no command \"%s\"; did you mean `gorgon %s`?\n",
                   arguments.front().c_str(), suggestion->c_str());
      return results::kUsageError;
    }
    if (arguments.empty() ||
        (!is_command(arguments.front()) && !is_for_the_program(arguments.front()))) {
      arguments.insert(arguments.begin(), "start");
    }
    if (arguments.front() == "rerun") arguments = as_start(std::move(arguments));
    start_.arguments.assign(arguments.begin() + 1, arguments.end());
    start_.framework_arguments = take_framework_arguments(arguments);
    list_.framework_arguments = start_.framework_arguments;
    std::ranges::reverse(arguments);  // As CLI11 wants them.
    try {
      app_.parse(arguments);
    } catch (const CLI::ExtrasError&) {
      return refuse_unknown_option();
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string_view message = error.what();
      return refuse(fmt::format("{} needs a value", message.substr(0, message.find(':'))));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app_.exit(error);
      return refuse(error.what());
    }
    for (const auto& [subcommand, call] : calls_) {
      if (*subcommand) return call();
    }
    return results::kUsageError;
  }

 private:
  CLI::App* command(const std::string& name, const std::string& what, std::function<int()> call) {
    CLI::App* subcommand = app_.add_subcommand(name, what);
    subcommand->set_help_flag("-h,--help", "Show this help");
    calls_.emplace_back(subcommand, std::move(call));
    return subcommand;
  }

  /// What stands behind "--" of the commands that give it to the framework; takes it off.
  static std::vector<std::string> take_framework_arguments(std::vector<std::string>& arguments) {
    if (arguments.front() != "start" && arguments.front() != "list") return {};
    const auto dashes = std::ranges::find(arguments, "--");
    if (dashes == arguments.end()) return {};
    std::vector<std::string> taken(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
    return taken;
  }

  /// Which files, and which of their cases.
  static void add_selection(CLI::App& app, StartCommand& command) {
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

  static void add_message_format(CLI::App& app, Presentation& presentation) {
    add_words<MessageFormat>(app, "--message-format", presentation.format,
                             {{"human", MessageFormat::kHuman}, {"json", MessageFormat::kJson}},
                             "human, or json: one event a line on standard output", "FORMAT");
  }

  void add_list() {
    list_.dry_run = true;
    CLI::App* app = command("list", "Show what would run, in order, and run nothing",
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

  void add_start() {
    CLI::App* app =
        command("start", "Run the tests (the default command)", [this] { return start(start_); });
    add_selection(*app, start_);
    add_project_options(*app, start_);
    add_number<std::size_t>(*app, "-j,--jobs", start_.slots, 1, 100'000,
                            "Use at most N worker slots", "N");
    add_number<double>(*app, "--timeout", start_.unit_timeout, 0, 1e9,
                       "Kill a test file after this long; 0: never", "SECONDS");
    add_number<double>(*app, "--case-timeout", start_.case_timeout, 0, 1e9,
                       "Kill a test case after this long, and run the others of its file; 0: never",
                       "SECONDS");
    add_number<double>(*app, "--start-timeout", start_.start_timeout, 0, 1e9,
                       "Give up when no listener works on the job for this long", "SECONDS");
    add_number<double>(*app, "--global-timeout", start_.run_timeout, 0, 1e9,
                       "Cancel what is left of the run after this long (exit code 7); 0: never",
                       "SECONDS");
    add_number<std::uint32_t>(*app, "--retries", start_.retries, 0, 100,
                              "Try what did not pass again, at most N times, on another machine "
                              "first; what passes then is flaky",
                              "N");
    add_number<std::uint32_t>(*app, "--retry-budget", start_.retry_budget, 0, 1'000'000,
                              "At most N further tries in the whole run; else a tenth of its "
                              "files, at least 10",
                              "N");
    app->add_flag_function(
        "-x,--fail-fast",
        [this](std::int64_t failures) {
          start_.max_failures = static_cast<std::size_t>(std::max<std::int64_t>(failures, 1));
        },
        "After the first failed case begin nothing further, --fail-fast=N: after N of them; what "
        "runs is finished");
    add_number<std::size_t>(*app, "--max-fail", start_.max_failures, 1, 1'000'000,
                            "The same as --fail-fast=N", "N");
    app->add_option("--rerun", start_.rerun_of,
                    "Only what RUN has left: failed, lost or cancelled; as gorgon rerun")
        ->type_name("RUN");
    add_report_options(*app, start_);
    app->add_flag("--no-github", start_.no_github,
                  "Inside GitHub Actions: no annotations and no job summary");
    app->add_flag("--dry-run", start_.dry_run, "Show what would run, in order, and run nothing");
    add_presentation(*app, start_.presentation);
    app->footer(std::string(kStartFooter));
  }

  static void add_presentation(CLI::App& app, Presentation& presentation) {
    app.add_flag("-q,--quiet", presentation.quiet, "Show failures and the summary only");
    app.add_flag("-v,--verbose", presentation.verbose, "Show every file, and whole backtraces");
    add_words<report::Color>(app, "--color", presentation.color,
                             {{"auto", report::Color::kAuto},
                              {"always", report::Color::kAlways},
                              {"never", report::Color::kNever}},
                             "Use colours: auto, always or never", "WHEN");
    add_message_format(app, presentation);
  }

  template <class Command>
  static void add_report_options(CLI::App& app, Command& command) {
    app.add_option("--junit", command.junit, "Write JUnit XML to FILE")->type_name("FILE");
    app.add_option("--html", command.html, "Write a page that tells all of the run to FILE")
        ->type_name("FILE");
    app.add_option("--tap", command.tap, "Write TAP version 14 to FILE")->type_name("FILE");
    app.add_option("--trace", command.trace,
                   "Write what ran where and when to FILE, for Perfetto (JSON trace events)")
        ->type_name("FILE");
  }

  /// Only for its help: run() makes another command of it.
  void add_rerun() {
    CLI::App* app = command("rerun", "Run what an earlier run has left: failed, lost, cancelled",
                            [] { return static_cast<int>(results::kUsageError); });
    app->add_option("run", rerun_, "A run's number, latest (the default), or ~N: the Nth before it")
        ->type_name("RUN");
    app->footer(
        "Takes the options of gorgon start behind RUN: files, -j, --retries and so on. What "
        "passes is done; run it again until nothing is left. Of a run that was itself a rerun, "
        "what both have left counts.\n\nExit codes are those of gorgon start, and 5: all that ran "
        "has passed, but not all that the earlier run has left was selected.");
  }

  void add_resume() {
    CLI::App* app = command("resume", "Take up a run whose gorgon has died",
                            [this] { return resume(resume_, &CommandLine::start_command_of); });
    app->add_option("job", resume_.job, "Which run; not needed when there is but one")
        ->type_name("JOB");
    add_config_option(*app, resume_);
    add_presentation(*app, resume_.presentation);
    app->footer(
        "Machines that are at work on the run go on; results that came meanwhile count. Files "
        "without a verdict are run, with the tree of the run if it is still there. Ends as the "
        "run would have ended, with the same exit codes; 4 when there is nothing to resume.");
  }

  void add_runs() {
    using Action = RunsCommand::Action;
    CLI::App* app =
        command("runs", "Show what is recorded of earlier runs", [this] { return runs(runs_); });
    add_words<Action>(*app, "action", runs_.action,
                      {{"list", Action::kList},
                       {"show", Action::kShow},
                       {"export", Action::kExport},
                       {"diff", Action::kDiff},
                       {"slow", Action::kSlow},
                       {"flaky", Action::kFlaky},
                       {"prune", Action::kPrune}},
                      "list (the default), show, export, diff, slow, flaky or prune", "ACTION");
    app->add_option("runs", runs_.runs,
                    "A run's number or job id, latest, or ~N: the Nth before it")
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
        "changed their time by a factor of two; without names, between the last two runs. Exit "
        "code 4 when no such run is recorded.");
  }

  void add_report() {
    CLI::App* app = command("report", "Write the reports of an earlier run",
                            [this] { return report(report_); });
    app->add_option("run", report_.run, "As of gorgon runs; the latest without")->type_name("RUN");
    add_report_options(*app, report_);
    app->add_flag("--github", report_.github,
                  "Print GitHub's annotations, and add to the summary in $GITHUB_STEP_SUMMARY");
    add_config_option(*app, report_);
  }

  /// What `gorgon start ARGUMENTS` means.
  static std::optional<StartCommand> start_command_of(const std::vector<std::string>& arguments) {
    CommandLine line;
    std::vector<std::string> words = {"start"};
    std::ranges::copy(arguments, std::back_inserter(words));
    line.start_.framework_arguments = take_framework_arguments(words);
    std::ranges::reverse(words);  // As CLI11 wants them.
    try {
      line.app_.parse(words);
    } catch (const CLI::Error&) {
      return std::nullopt;
    }
    return line.start_;
  }

  void add_listen() {
    CLI::App* app = command("listen", "Offer this machine's slots to jobs, in the background",
                            [this] { return listen(listen_); });
    app->add_option("--config", listen_.config_file,
                    "Read FILE instead of ./gorgon_listener.json or ~/.gorgon/gorgon_listener.json")
        ->type_name("FILE");
    app->add_option("--slots", listen_.slots,
                    "Worker slots to offer: a number, or auto for one per core")
        ->type_name("N|auto");
    app->add_flag("--foreground", listen_.foreground,
                  "Stay in the foreground and log to standard error");
    app->add_flag("--stop", listen_.stop, "Stop the listener that runs in the background");
    app->add_flag("--once", listen_.once, "End after one job");
  }

  void add_status() {
    CLI::App* app = command("status", "Show which jobs run now, and what each machine does",
                            [this] { return status(status_); });
    add_project_options(*app, status_);
    app->add_flag("--json", status_.json, "One JSON object instead of lines");
    add_number<double>(*app, "--wait", status_.wait_seconds, 0.05, 600,
                       "How long answers are collected", "SECONDS");
    app->footer("Without a broker in the configuration: the runs of this project on this machine.");
  }

  void add_ping() {
    CLI::App* ping_app =
        command("ping", "List the listeners that answer", [this] { return ping(ping_); });
    add_project_options(*ping_app, ping_);
    ping_app->add_flag("--json", ping_.json, "One JSON object instead of lines");
    add_number<double>(*ping_app, "--wait", ping_.wait_seconds, 0.05, 600,
                       "How long answers are collected", "SECONDS");

    CLI::App* gem_app =
        command("gem", "Run a gem command on every listener that allows it", [this] {
          gem_.arguments = calls_remaining("gem");
          return gem(gem_);
        });
    add_project_options(*gem_app, gem_);
    gem_app->prefix_command();
    gem_app->footer("Everything after the options goes to gem: gorgon gem install rake");
  }

  void add_file_server() {
    CLI::App* app = command("start_rsync", "Run a file server for the anonymous transport",
                            [this] { return start_rsync(rsync_); });
    app->add_option("directory", rsync_.directory, "Where pushed trees are kept")
        ->required()
        ->type_name("DIR");
    add_number<std::uint16_t>(*app, "--port", rsync_.port, 1, 65535, "Listen on this port", "PORT");
    app->add_option("--bind", rsync_.bind,
                    "Listen on this address; the default is this machine only")
        ->type_name("ADDRESS");
    app->add_option("--secrets", rsync_.secrets,
                    "Let in only the users of this file (lines of name:password)")
        ->type_name("FILE");
    command("stop_rsync", "Stop the file server", [] { return stop_rsync(); });
  }

  void add_setup() {
    CLI::App* init_app = command("init", "Write a first configuration for this project",
                                 [this] { return init(init_); });
    add_words<std::string>(*init_app, "kind", init_.kind, {{"rails", "rails"}},
                           "rails, for a Rails project", "KIND");

    CLI::App* app = command("install_listener", "Install the listener as a systemd service",
                            [this] { return install_listener(service_); });
    app->add_option("--config", service_.config_file, "The listener's configuration")
        ->type_name("FILE");
    app->add_flag("--system", service_.system, "For the whole system instead of this user");
    app->add_option("--run-as", service_.run_as,
                    "With --system: whom the tests run as (default: who called sudo)")
        ->type_name("USER");
    app->add_flag("--user", service_.user, "For this user (the default)");
    app->add_flag("--dry-run", service_.dry_run, "Show the unit and install nothing");
    app->add_flag("--uninstall", service_.uninstall, "Remove the service");
  }

  void add_keys() {
    CLI::App* app = command("keygen", "Make a key that signs your jobs, and show its public half",
                            [this] { return keygen(keygen_); });
    app->add_option("--output", keygen_.output,
                    "Write FILE instead of ~/.config/gorgon/key (signing_key in gorgon.json)")
        ->type_name("FILE");
    app->add_flag("--force", keygen_.force, "Replace a key that is there");

    CLI::App* trust_app = command("trust", "Let this machine run the jobs that a key has signed",
                                  [this] { return trust(trust_); });
    trust_app->add_option("key", trust_.key, "A public key, as `gorgon keygen` shows it")
        ->required()
        ->type_name("KEY");
    trust_app->add_option("--name", trust_.name, "Whose it is, for people")->type_name("NAME");
    trust_app
        ->add_option("--rights", trust_.rights,
                     "run: start jobs (the default); cancel: the jobs of others, too; exec: gorgon "
                     "gem")
        ->type_name("RIGHT,...");
    trust_app
        ->add_option("--config", trust_.config_file,
                     "The listener's configuration, as of `gorgon listen`")
        ->type_name("FILE");
    trust_app->footer(
        "From the first key on, the listener takes only jobs that a trusted key has signed. "
        "It need not be restarted.");
  }

  void add_completions() {
    CLI::App* app = command("completions", "Print a script that completes commands and options",
                            [this] { return completions(); });
    add_words<Shell>(*app, "shell", shell_,
                     {{"bash", Shell::kBash}, {"zsh", Shell::kZsh}, {"fish", Shell::kFish}},
                     "bash, zsh or fish", "SHELL")
        ->required();
    app->footer("In ~/.bashrc: source <(gorgon completions bash)");
  }

  int completions() {
    std::vector<CompletedCommand> commands;
    for (const auto& [subcommand, call] : calls_) {
      if (!subcommand->get_group().empty()) commands.push_back(completed(*subcommand));
    }
    commands.front().options.push_back({.names = {"--version"}, .what = "Show the version"});
    for (const CompletedCommand& command : commands)
      commands.back().argument.words.push_back(command.name);
    commands.back().argument.kind = Completion::Kind::kWords;  // Of `help`.
    std::printf("%s", completion_script(shell_, commands).c_str());
    return 0;
  }

  void add_internal() {
    command("worker", "", [] { return worker(); })->group("");
    CLI::App* host = command("command-host", "", [this] { return command_host(command_host_); });
    host->group("");
    host->add_option("scratch", command_host_.scratch)->required();
    CLI::App* app = command("local-listener", "", [this] { return local_listener(local_); });
    app->group("");
    app->add_option("socket", local_.socket)->required();
    app->add_option("slots", local_.slots)->required();
    app->add_option("directory", local_.directory)->required();
    app->add_option("log_file", local_.log_file);
  }

  [[nodiscard]] std::vector<std::string_view> command_names() const {
    std::vector<std::string_view> names;
    for (const auto& [subcommand, call] : calls_) {
      if (!subcommand->get_group().empty()) names.push_back(subcommand->get_name());
    }
    return names;
  }

  [[nodiscard]] bool is_command(const std::string& word) const {
    return std::ranges::any_of(calls_,
                               [&](const auto& entry) { return entry.first->get_name() == word; });
  }
  static bool is_for_the_program(const std::string& word) {
    return word == "-h" || word == "--help" || word == "--version";
  }

  /// `gorgon help X` is `gorgon X --help`, word for word.
  [[nodiscard]] std::vector<std::string> as_help_option(std::vector<std::string> arguments) const {
    if (arguments.empty() || arguments.front() != "help") return arguments;
    if (arguments.size() == 1) return {"--help"};
    if (arguments.size() > 2 || !is_command(arguments[1])) return arguments;
    return {arguments[1], "--help"};
  }

  int refuse_help_topic() {
    std::ranges::replace(help_topic_, '-', '_');
    const auto suggestion = is_command(help_topic_) ? std::optional(help_topic_)
                                                    : nearest(help_topic_, command_names());
    std::fprintf(stderr, "gorgon: there is no such command%s\n",
                 suggestion ? ("; did you mean `gorgon help " + *suggestion + "`?").c_str() : "");
    return results::kUsageError;
  }

  /// `gorgon rerun RUN …` is `gorgon start --rerun RUN …`.
  static std::vector<std::string> as_start(std::vector<std::string> arguments) {
    const bool asks_for_help = std::ranges::any_of(
        arguments, [](const std::string& word) { return word == "-h" || word == "--help"; });
    if (asks_for_help) return arguments;
    const bool names_run = arguments.size() > 1 && is_run(arguments[1]);
    const std::string run = names_run ? arguments[1] : "latest";
    arguments.erase(arguments.begin(), arguments.begin() + (names_run ? 2 : 1));
    arguments.insert(arguments.begin(), {"start", "--rerun", run});
    return arguments;
  }

  /// A number, "latest" or "~N". A job's id could be a folder.
  static bool is_run(std::string_view word) {
    const std::string_view digits = word.starts_with('~') ? word.substr(1) : word;
    return word == "latest" || number_of<std::uint32_t>(digits).has_value();
  }

  /// A first word that is no command means files to run; unless it is clearly a slip of the
  /// fingers.
  [[nodiscard]] std::optional<std::string> misspelled_command(
      const std::vector<std::string>& arguments) const {
    if (arguments.empty() || is_command(arguments.front())) return std::nullopt;
    const std::string& word = arguments.front();
    std::error_code ignored;
    if (word.starts_with('-') || std::filesystem::exists(word, ignored)) return std::nullopt;
    std::string underscored = word;
    std::ranges::replace(underscored, '-', '_');
    if (is_command(underscored)) return underscored;
    if (word.find_first_of("/.*?[{!:") != std::string::npos) return std::nullopt;
    return nearest(underscored, command_names());
  }

  [[nodiscard]] CLI::App* chosen() {
    for (const auto& [subcommand, call] : calls_) {
      if (*subcommand) return subcommand;
    }
    return nullptr;
  }
  [[nodiscard]] std::string chosen_name() {
    const CLI::App* app = chosen();
    return app == nullptr ? "" : app->get_name() + " ";
  }
  [[nodiscard]] std::vector<std::string> calls_remaining(const std::string& name) {
    return app_.get_subcommand(name)->remaining();
  }

  int refuse_unknown_option() {
    CLI::App* app = chosen();
    std::vector<std::string> unknown =
        app != nullptr ? app->remaining() : std::vector<std::string>();
    if (unknown.empty()) unknown = app_.remaining();
    const std::string word = unknown.empty() ? "" : unknown.front();
    std::vector<std::string> names;
    for (const CLI::Option* option : (app != nullptr ? app : &app_)->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    std::string message = "gorgon " + chosen_name() + "does not know \"" + word + "\"";
    const std::string name = word.substr(0, word.find('='));
    // NOLINTNEXTLINE(misc-include-cleaner): <algorithm> is there.
    const auto* habit = std::ranges::find_if(kHabits, [&](const Habit& one) {
      return app != nullptr && one.command == app->get_name() && one.word == name;
    });
    const auto suggestion = habit != kHabits.end() ? std::optional(std::string(habit->ours))
                                                   : nearest(name, candidates);
    if (suggestion) message += "; did you mean \"" + *suggestion + "\"?";
    return refuse(message);
  }

  int refuse(const std::string& message) {
    std::fprintf(stderr, "gorgon: %s\nSee `gorgon %s--help`.\n", message.c_str(),
                 chosen_name().c_str());
    return results::kUsageError;
  }

  CLI::App app_;
  std::vector<std::pair<CLI::App*, std::function<int()>>> calls_;
  StartCommand start_;
  StartCommand list_;
  std::string rerun_;
  ResumeCommand resume_;
  RunsCommand runs_;
  ReportCommand report_;
  ListenCommand listen_;
  LocalListenerCommand local_;
  StatusCommand status_;
  CommandHostCommand command_host_;
  PingCommand ping_;
  GemCommand gem_;
  StartRsyncCommand rsync_;
  InitCommand init_;
  InstallListenerCommand service_;
  KeygenCommand keygen_;
  TrustCommand trust_;
  Shell shell_ = Shell::kBash;
  std::string help_topic_;
};

/// What was printed and could not be written is an error. A reader that has gone is none: it had
/// enough.
int after_flush(int exit_code) {
  if (std::fflush(stdout) == 0 || errno == EPIPE) return exit_code;
  std::fprintf(stderr, "gorgon: standard output cannot be written: %s\n", std::strerror(errno));
  return exit_code == 0 ? static_cast<int>(results::kOriginatorError) : exit_code;
}

}  // namespace
}  // namespace gorgon::cli

int main(int argc, char** argv) {
  gorgon::cli::keep_secrets();
  // A reader that has gone away is an error of that write, not the end of the run.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    gorgon::cli::CommandLine command_line;
    const int exit_code = command_line.run(std::vector<std::string>(argv + 1, argv + argc));
    return gorgon::cli::after_flush(exit_code);
  } catch (const std::exception& error) {
    // Nothing of ours throws; this is a library's last word.
    std::fprintf(stderr, "gorgon: unexpected error: %s\n", error.what());
    return gorgon::results::kOriginatorError;
  }
}
