// One unit of a command: runs it, reads its results, and says whether they can be believed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/subprocess.h"
#include "command_host/conversation.h"
#include "config/project_config.h"
#include "results/verdict.h"

namespace gorgon::command_host {

/// What runs the unit's file.
enum class UnitKind : std::uint8_t {
  kCommand,     ///< UnitCommand::command
  kGoogleTest,  ///< The file itself: googletest_run.h
  kCTest,       ///< ctest, in the folder that UnitCommand::command names: ctest_run.h
};

struct UnitCommand {
  UnitKind kind = UnitKind::kCommand;
  config::TestCommand command;
  std::vector<std::string> arguments;  ///< Of the user.
  std::string workspace;
  std::string output_file;  ///< What "{output}" stands for, where results are; removed before and
                            ///< after.
};

/// How the command ended, and what was wrong outside its cases.
struct UnitEnd {
  std::optional<ExitStatus> status;  ///< Nullopt: it could not be started, or was not to be.
  std::vector<results::Failure> errors;
  bool has_bad_cases = false;
};

/// The command line for `file`: "{file}" and "{output}" stand for themselves anywhere, an element
/// "{arguments}" for the arguments, which come last without one.
[[nodiscard]] std::vector<std::string> command_line(const UnitCommand& command,
                                                    const std::string& file);

/// Runs the command, in this process's working directory, with what it prints on our standard
/// output and error. Each case goes to `conversation` when it is known. `on_start` gets the process
/// id. What the command leaves running is killed.
[[nodiscard]] Task<UnitEnd> run_unit(const UnitCommand& command, results::Unit unit,
                                     Conversation& conversation,
                                     std::function<void(pid_t)> on_start);

/// How a program ended, and what it told before.
struct ProgramEnd {
  int exit_code = 0;
  bool has_bad_cases = false;
  bool has_errors = false;     ///< Its results are known to be bad beyond their cases.
  bool is_usual_code = false;  ///< `exit_code` is one that it has when cases fail.
};
/// What is wrong with an end that says one thing and cases that say another; and with one that says
/// more than they do: a leak that was found at the end must not pass once its case is excused.
[[nodiscard]] std::optional<results::Failure> contradiction(const ProgramEnd& end);

}  // namespace gorgon::command_host
