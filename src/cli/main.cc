// The command line: one table of commands and options, from which --help comes.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/version.h"
#include "cli/commands.h"
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
    "machine.\n\n"
    "Exit codes: 0 every selected file passed, 1 a test failed or crashed, 2 the tree could not be "
    "pushed, 3 other error "
    "(broker unreachable, nothing matches), 4 the selection is empty, 6 incomplete (no listener in "
    "time, files without a verdict), "
    "8 a callback failed on every machine, 9 refused by the listeners, 64 usage or configuration, "
    "130/143 interrupted.";

/// Options of every command that talks to a project's broker.
template <class Command>
void add_project_options(CLI::App& app, Command& command) {
  app.add_option_function<std::string>(
         "--config",
         [&command](const std::string& file) {
           command.config_file = file;
           command.config_is_required = true;
         },
         "Read FILE instead of ./gorgon.json")
      ->type_name("FILE");
  app.add_option("--cluster", command.cluster, "Talk to the listeners of cluster NAME only")
      ->type_name("NAME");
}

/// CLI11 has no transparent optional for numbers with a range.
template <class Number>
CLI::Option* add_number(CLI::App& app, const std::string& names, std::optional<Number>& target,
                        Number from, Number to, const std::string& what, const std::string& type) {
  return app
      .add_option_function<Number>(
          names, [&target](const Number& value) { target = value; }, what)
      ->check(CLI::Range(from, to))
      ->type_name(type);
}

/// All commands with their parsed options; run() calls the one that was given.
class CommandLine {
 public:
  CommandLine() : app_(std::string(kOverview), "gorgon") {
    app_.set_help_flag("-h,--help", "Show this help");
    app_.set_version_flag("--version", "gorgon " + std::string(kVersion));
    app_.require_subcommand(0, 1);
    add_start();
    add_listen();
    add_ping();
    add_file_server();
    add_setup();
    add_internal();
    command("version", "Show the version", [] {
      std::printf("gorgon %s\n", std::string(kVersion).c_str());
      return 0;
    });
    CLI::App* help = command("help", "Show the help of a command", [this] { return show_help(); });
    help->add_option("command", help_topic_, "The command");
  }

  int run(std::vector<std::string> arguments) {
    if (const auto suggestion = misspelled_command(arguments)) {
      std::fprintf(stderr, "gorgon: there is no command \"%s\"; did you mean `gorgon %s`?\n",
                   arguments.front().c_str(), suggestion->c_str());
      return results::kUsageError;
    }
    if (arguments.empty() ||
        (!is_command(arguments.front()) && !is_for_the_program(arguments.front()))) {
      arguments.insert(arguments.begin(), "start");
    }
    std::ranges::reverse(arguments);  // As CLI11 wants them.
    try {
      app_.parse(arguments);
    } catch (const CLI::ExtrasError&) {
      return refuse_unknown_option();
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app_.exit(error);
      std::fprintf(stderr, "gorgon: %s\nSee `gorgon %s--help`.\n", error.what(),
                   chosen_name().c_str());
      return results::kUsageError;
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

  void add_start() {
    CLI::App* app =
        command("start", "Run the tests (the default command)", [this] { return start(start_); });
    app->add_option("files", start_.selection,
                    "Files, directories or globs; without any, all of the configuration")
        ->type_name("FILE|DIR|GLOB");
    add_project_options(*app, start_);
    add_number<std::size_t>(*app, "-j,--jobs", start_.slots, 1, 100'000,
                            "Use at most N worker slots", "N");
    add_number<double>(*app, "--timeout", start_.unit_timeout, 0, 1e9,
                       "Kill a test file after this long; 0: never", "SECONDS");
    add_number<double>(*app, "--start-timeout", start_.start_timeout, 0, 1e9,
                       "Give up when no listener works on the job for this long", "SECONDS");
    app->add_flag("--dry-run", start_.dry_run, "Show what would run, in order, and run nothing");
    app->add_flag("-q,--quiet", start_.quiet, "Show failures and the summary only");
    app->add_flag("-v,--verbose", start_.verbose, "Show every file, and whole backtraces");
    app->add_option("--color", start_.color, "Use colours: auto, always or never")
        ->transform(CLI::CheckedTransformer(
            std::vector<std::pair<std::string, report::Color>>{{"auto", report::Color::kAuto},
                                                               {"always", report::Color::kAlways},
                                                               {"never", report::Color::kNever}}))
        ->type_name("WHEN");
    app->add_option("--message-format", start_.format,
                    "human, or json: one event a line on standard output")
        ->transform(CLI::CheckedTransformer(std::vector<std::pair<std::string, MessageFormat>>{
            {"human", MessageFormat::kHuman}, {"json", MessageFormat::kJson}}))
        ->type_name("FORMAT");
    app->footer(std::string(kStartFooter));
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

  void add_ping() {
    CLI::App* ping_app =
        command("ping", "List the listeners that answer", [this] { return ping(ping_); });
    add_project_options(*ping_app, ping_);
    ping_app->add_flag("--json", ping_.json, "One JSON object instead of lines");
    ping_app->add_option("--wait", ping_.wait_seconds, "How long answers are collected")
        ->check(CLI::Range(0.05, 600.0))
        ->type_name("SECONDS");

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
    init_app->add_option("kind", init_.kind, "rails, for a Rails project")
        ->check(CLI::IsMember({"rails"}))
        ->type_name("KIND");

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

  void add_internal() {
    command("worker", "", [] { return worker(); })->group("");
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

  /// A first word that is no command means files to run; unless it is clearly a slip of the
  /// fingers.
  [[nodiscard]] std::optional<std::string> misspelled_command(
      const std::vector<std::string>& arguments) const {
    if (arguments.empty() || is_command(arguments.front())) return std::nullopt;
    const std::string& word = arguments.front();
    std::error_code ignored;
    if (word.find_first_of("-/.*?[{!") != std::string::npos ||
        std::filesystem::exists(word, ignored))
      return std::nullopt;
    return nearest(word, command_names());
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
    if (const auto suggestion = nearest(word.substr(0, word.find('=')), candidates))
      message += "; did you mean \"" + *suggestion + "\"?";
    std::fprintf(stderr, "gorgon: %s\nSee `gorgon %s--help`.\n", message.c_str(),
                 chosen_name().c_str());
    return results::kUsageError;
  }

  int show_help() {
    if (help_topic_.empty()) {
      std::printf("%s", app_.help().c_str());
      return 0;
    }
    if (is_command(help_topic_)) {
      std::printf("%s", app_.get_subcommand(help_topic_)->help().c_str());
      return 0;
    }
    const auto suggestion = nearest(help_topic_, command_names());
    std::fprintf(stderr, "gorgon: there is no command \"%s\"%s\n", help_topic_.c_str(),
                 suggestion ? ("; did you mean \"" + *suggestion + "\"?").c_str() : "");
    return results::kUsageError;
  }

  CLI::App app_;
  std::vector<std::pair<CLI::App*, std::function<int()>>> calls_;
  StartCommand start_;
  ListenCommand listen_;
  LocalListenerCommand local_;
  PingCommand ping_;
  GemCommand gem_;
  StartRsyncCommand rsync_;
  InitCommand init_;
  InstallListenerCommand service_;
  std::string help_topic_;
};

}  // namespace
}  // namespace gorgon::cli

int main(int argc, char** argv) {
  // A reader that has gone away is an error of that write, not the end of the run.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    gorgon::cli::CommandLine command_line;
    return command_line.run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    // Nothing of ours throws; this is a library's last word.
    std::fprintf(stderr, "gorgon: unexpected error: %s\n", error.what());
    return gorgon::results::kOriginatorError;
  }
}
