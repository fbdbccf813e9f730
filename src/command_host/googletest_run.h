// One unit of GoogleTest: a program, or some of its cases.
#pragma once

#include <sys/types.h>

#include <functional>

#include "base/asio.h"
#include "command_host/conversation.h"
#include "command_host/unit_run.h"
#include "results/verdict.h"

namespace gorgon::command_host {

/// Lets the program list its cases, and runs the selected ones in one process, in this process's
/// working directory, with what it prints on our standard output. Each case goes to `conversation`
/// when it starts and when it ends. `on_start` gets the process id. What the program leaves running
/// is killed.
[[nodiscard]] Task<UnitEnd> run_googletest_unit(const UnitCommand& command, results::Unit unit,
                                                Conversation& conversation,
                                                std::function<void(pid_t)> on_start);

}  // namespace gorgon::command_host
