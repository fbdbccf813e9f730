// A runner for test commands: the process that one worker talks to.
#pragma once

#include "base/unique_fd.h"
#include "command_host/unit_run.h"

namespace gorgon::command_host {

/// Obeys the worker behind `conversation` until it says stop, and gives the exit code. To be called
/// in a fresh fork with one thread. The process ends when the worker is gone, and as its command
/// did when that was ended by a signal: then the unit has crashed.
[[nodiscard]] int run_runner(UnitCommand command, UniqueFd conversation);

}  // namespace gorgon::command_host
