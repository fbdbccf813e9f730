#include "cli/command_table.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/version.h"
#include "cli/completions.h"
#include "cli/option_kinds.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

constexpr std::string_view kOverview =
    "Runs a test suite on every machine a team has, and gives the verdicts its own framework would "
    "give, sooner.\n"
    "Without a command: gorgon start.";

}  // namespace

CommandTable::CommandTable() : program_(std::string(kOverview), "gorgon") {
  program_.set_help_flag("-h,--help", "Show this help");
  program_.set_version_flag("--version", "gorgon " + std::string(kVersion));
  program_.require_subcommand(0, 1);
}

CLI::App* CommandTable::add(const std::string& name, const std::string& what,
                            std::function<int()> call) {
  CLI::App* command = program_.add_subcommand(name, what);
  command->set_help_flag("-h,--help", "Show this help");
  calls_.emplace_back(command, std::move(call));
  return command;
}

void CommandTable::parse(std::vector<std::string> arguments) {
  std::ranges::reverse(arguments);  // As CLI11 wants them.
  program_.parse(arguments);
}

int CommandTable::call_chosen() const {
  for (const auto& [command, call] : calls_) {
    if (*command) return call();
  }
  return results::kUsageError;
}

CLI::App* CommandTable::chosen() const {
  for (const auto& [command, call] : calls_) {
    if (*command) return command;
  }
  return nullptr;
}

bool CommandTable::has(std::string_view name) const {
  return std::ranges::any_of(calls_,
                             [&](const auto& entry) { return entry.first->get_name() == name; });
}

std::vector<std::string_view> CommandTable::names() const {
  std::vector<std::string_view> names;
  for (const auto& [command, call] : calls_) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

std::vector<CompletedCommand> CommandTable::shown() const {
  std::vector<CompletedCommand> commands;
  for (const auto& [command, call] : calls_) {
    if (!command->get_group().empty()) commands.push_back(completed(*command));
  }
  return commands;
}

}  // namespace gorgon::cli
