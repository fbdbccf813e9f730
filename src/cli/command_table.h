// The commands of gorgon in their order: one table, from which come the parsing, --help, the
// completions and the manual page. It knows none of them by name.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/completions.h"

namespace gorgon::cli {

class CommandTable {
 public:
  CommandTable();

  /// Adds a command behind those that are there; `call` runs it and gives its exit code. Its
  /// options are added to what comes back, which the table owns. One in the group "" is internal:
  /// nothing shows it.
  CLI::App* add(const std::string& name, const std::string& what, std::function<int()> call);

  /// Puts `arguments`, of which the first is a command's name, into the options of that command.
  /// Throws CLI::ParseError, as CLI11 does.
  void parse(std::vector<std::string> arguments);
  /// What the parsed command gives; kUsageError when there is none.
  [[nodiscard]] int call_chosen() const;
  /// The parsed command; nullptr when there is none.
  [[nodiscard]] CLI::App* chosen() const;
  /// What has the commands, and the options that are of none.
  [[nodiscard]] CLI::App& program() { return program_; }

  /// Also of an internal one.
  [[nodiscard]] bool has(std::string_view name) const;
  /// Without the internal ones.
  [[nodiscard]] std::vector<std::string_view> names() const;
  /// The same with all that completions and the manual page say of them.
  [[nodiscard]] std::vector<CompletedCommand> shown() const;

 private:
  CLI::App program_;
  std::vector<std::pair<CLI::App*, std::function<int()>>> calls_;
};

}  // namespace gorgon::cli
