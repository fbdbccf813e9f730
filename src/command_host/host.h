// The runner host for test commands, one per job and machine: docs/runner_protocol.md is the
// contract. It needs nothing on the machine but the command itself.
#pragma once

#include <filesystem>

#include "base/unique_fd.h"

namespace gorgon::command_host {

/// Serves the listener behind `control`, the SOCK_SEQPACKET socket, and gives the exit code. Forks:
/// returns in runners, too, with theirs. The program must have one thread. `scratch`: an existing
/// directory for result files.
[[nodiscard]] int run_host(UniqueFd control, const std::filesystem::path& scratch);

}  // namespace gorgon::command_host
