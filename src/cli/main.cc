// The command line: which command is meant, and what is said when none is. The commands that people
// use, and their options, are in *_commands.cc; here stand those that are about the table itself.
#include <fmt/core.h>
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/completions.h"
#include "cli/machine_commands.h"
#include "cli/manual.h"
#include "cli/option_kinds.h"
#include "cli/record_commands.h"
#include "cli/running_commands.h"
#include "cli/secrets.h"
#include "cli/setup_commands.h"
#include "results/exit_code.h"

namespace gorgon::cli {
namespace {

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
    {"start", "--nocapture", "--no-capture"},
    {"start", "-s", "--no-capture"},
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
    {"web", "-c", "--config"},
    {"web", "-p", "--port"},
    {"doctor", "--message-format", "--json"},
    {"doctor", "-c", "--config"},
    {"doctor", "--timeout", "--wait"},
    {"ping", "--message-format", "--json"},
    {"ping", "-c", "--config"},
    {"ping", "--timeout", "--wait"},
});

/// All commands with their parsed options; run() calls the one that was given.
class CommandLine {
 public:
  CommandLine() {
    running_.add_to(table_);
    record_.add_to(table_);
    machines_.add_to(table_);
    setup_.add_to(table_);
    add_completions();
    add_internal();
    table_.add("version", "Show the version", [] {
      std::printf("gorgon %s\n", std::string(kVersion).c_str());
      return 0;
    });
    // as_help_option() answers it, but for words that are no command.
    table_.add("help", "Show the help of a command", [this] { return refuse_help_topic(); })
        ->add_option("command", help_topic_, "The command");
  }

  int run(std::vector<std::string> arguments) {
    arguments = as_help_option(std::move(arguments));
    if (const auto suggestion = misspelled_command(arguments)) {
      std::fprintf(stderr, "gorgon: there is no command \"%s\"; did you mean `gorgon %s`?\n",
                   arguments.front().c_str(), suggestion->c_str());
      return results::kUsageError;
    }
    if (arguments.empty() ||
        (!table_.has(arguments.front()) && !is_for_the_program(arguments.front()))) {
      arguments.insert(arguments.begin(), "start");
    } else if (arguments.size() == 1) {
      mention_folder(arguments.front());
    }
    try {
      table_.parse(running_.prepared(std::move(arguments)));
    } catch (const CLI::ExtrasError&) {
      return refuse_unknown_option();
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string_view message = error.what();
      return refuse(fmt::format("{} needs a value", message.substr(0, message.find(':'))));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return table_.program().exit(error);
      return refuse(error.what());
    }
    return table_.call_chosen();
  }

 private:
  void add_completions() {
    CLI::App* app = table_.add("completions", "Print a script that completes commands and options",
                               [this] { return completions(); });
    add_words<Shell>(*app, "shell", shell_,
                     {{"bash", Shell::kBash}, {"zsh", Shell::kZsh}, {"fish", Shell::kFish}},
                     "bash, zsh or fish", "SHELL")
        ->required();
    app->footer("In ~/.bashrc: source <(gorgon completions bash)");
  }

  /// When Gorgon is built.
  int manual() {
    const auto source = read_file(manual_source_);
    const auto page = source ? manual_page(*source, table_.shown())
                             : Result<std::string>(std::unexpected(source.error()));
    if (!page) return complain(with_context(manual_source_.string(), page.error()).error());
    std::printf("%s", page->c_str());
    return 0;
  }

  int completions() {
    std::vector<CompletedCommand> commands = table_.shown();
    commands.front().options.push_back({.names = {"--version"}, .what = "Show the version"});
    for (const CompletedCommand& command : commands)
      commands.back().argument.words.push_back(command.name);
    commands.back().argument.kind = Completion::Kind::kWords;  // Of `help`.
    std::printf("%s", completion_script(shell_, commands).c_str());
    return 0;
  }

  void add_internal() {
    table_.add("worker", "", [] { return worker(); })->group("");
    CLI::App* host = table_.add("command-host", "", [this] { return command_host(command_host_); });
    host->group("");
    host->add_option("scratch", command_host_.scratch)->required();
    CLI::App* manual_app = table_.add("manual", "", [this] { return manual(); });
    manual_app->group("");
    manual_app->add_option("source", manual_source_)->required();
    CLI::App* app = table_.add("local-listener", "", [this] { return local_listener(local_); });
    app->group("");
    app->add_option("socket", local_.socket)->required();
    app->add_option("slots", local_.slots)->required();
    app->add_option("directory", local_.directory)->required();
    app->add_option("log_file", local_.log_file);
  }

  static bool is_for_the_program(const std::string& word) {
    return word == "-h" || word == "--help" || word == "--version";
  }

  /// `gorgon help X` is `gorgon X --help`, word for word.
  [[nodiscard]] std::vector<std::string> as_help_option(std::vector<std::string> arguments) const {
    if (arguments.empty() || arguments.front() != "help") return arguments;
    if (arguments.size() == 1) return {"--help"};
    if (arguments.size() > 2 || !table_.has(arguments[1])) return arguments;
    return {arguments[1], "--help"};
  }

  int refuse_help_topic() {
    std::ranges::replace(help_topic_, '-', '_');
    const auto suggestion =
        table_.has(help_topic_) ? std::optional(help_topic_) : nearest(help_topic_, table_.names());
    std::fprintf(stderr, "gorgon: there is no such command%s\n",
                 suggestion ? ("; did you mean `gorgon help " + *suggestion + "`?").c_str() : "");
    return results::kUsageError;
  }

  /// A first word that is no command means files to run; unless it is clearly a slip of the
  /// fingers.
  [[nodiscard]] std::optional<std::string> misspelled_command(
      const std::vector<std::string>& arguments) const {
    if (arguments.empty() || table_.has(arguments.front())) return std::nullopt;
    const std::string& word = arguments.front();
    std::error_code ignored;
    if (word.starts_with('-') || std::filesystem::exists(word, ignored)) return std::nullopt;
    std::string underscored = word;
    std::ranges::replace(underscored, '-', '_');
    if (table_.has(underscored)) return underscored;
    if (word.find_first_of("/.*?[{!:") != std::string::npos) return std::nullopt;
    return nearest(underscored, table_.names());
  }

  /// Of a command that is also a folder somebody may have meant.
  static void mention_folder(const std::string& command) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(command, ignored)) return;
    std::fprintf(stderr, "gorgon: %s is a command; `gorgon ./%s` runs the folder of that name\n",
                 command.c_str(), command.c_str());
  }

  [[nodiscard]] std::string chosen_name() const {
    const CLI::App* app = table_.chosen();
    return app == nullptr ? "" : app->get_name() + " ";
  }

  int refuse_unknown_option() {
    CLI::App* app = table_.chosen();
    std::vector<std::string> unknown =
        app != nullptr ? app->remaining() : std::vector<std::string>();
    if (unknown.empty()) unknown = table_.program().remaining();
    const std::string word = unknown.empty() ? "" : unknown.front();
    std::vector<std::string> names;
    for (const CLI::Option* option : (app != nullptr ? app : &table_.program())->get_options()) {
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

  CommandTable table_;
  RunningCommands running_;
  RecordCommands record_;
  MachineCommands machines_;
  SetupCommands setup_;
  LocalListenerCommand local_;
  CommandHostCommand command_host_;
  Shell shell_ = Shell::kBash;
  std::filesystem::path manual_source_;
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
