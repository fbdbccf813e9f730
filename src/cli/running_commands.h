// The commands that run tests, with their options: start, list, rerun, resume.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_table.h"
#include "cli/commands.h"

namespace gorgon::cli {

class RunningCommands {
 public:
  RunningCommands() = default;
  RunningCommands(const RunningCommands&) = delete;  // The table refers to it.
  RunningCommands& operator=(const RunningCommands&) = delete;

  /// In the order in which --help shows them. Options are read into this object, and calls come to
  /// it, for as long as `table` is used.
  void add_to(CommandTable& table);

  /// `arguments`, of which the first is a command's name, as the table can parse them: those of
  /// rerun are made those of start, and what stands behind "--" is kept for the framework.
  [[nodiscard]] std::vector<std::string> prepared(std::vector<std::string> arguments);

  /// What `gorgon start ARGUMENTS` means; nullopt: it does not know them.
  [[nodiscard]] static std::optional<StartCommand> start_command_of(
      const std::vector<std::string>& arguments);

 private:
  void add_start(CommandTable& table);
  void add_list(CommandTable& table);
  void add_rerun(CommandTable& table);
  void add_resume(CommandTable& table);

  StartCommand start_;
  StartCommand list_;
  std::string rerun_;
  ResumeCommand resume_;
};

}  // namespace gorgon::cli
