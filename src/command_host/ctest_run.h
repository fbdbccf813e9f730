// One unit of ctest: a test by its name.
#pragma once

#include <sys/types.h>

#include <functional>

#include "base/asio.h"
#include "command_host/conversation.h"
#include "command_host/unit_run.h"
#include "results/verdict.h"

namespace gorgon::command_host {

/// Lets ctest run the test, with its fixtures, from the build folder that is the only word of
/// `command`. The test is a case, with ctest's verdict. `on_start` gets the process id. What it
/// leaves running is killed.
[[nodiscard]] Task<UnitEnd> run_ctest_unit(const UnitCommand& command, results::Unit unit,
                                           Conversation& conversation,
                                           std::function<void(pid_t)> on_start);

}  // namespace gorgon::command_host
