// One run of the originator as a command makes it: options from words, signals while it goes on.
#pragma once

#include "base/asio.h"
#include "base/result.h"
#include "cli/commands.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "report/reporter.h"

namespace gorgon::cli {

/// What `gorgon start` with this command means, its configuration read. `is_start`: of a run that
/// begins; not of one that is taken up. kUsage, kNotFound, kIo.
[[nodiscard]] Result<originator::StartOptions> settle(const StartCommand& command, bool is_start);

/// To its end, or until signals have ended it; gives the exit code. The last signal that came, if
/// one did, is put into `signal`, when that is there.
[[nodiscard]] int run(asio::io_context& io, originator::Originator& originator,
                      report::Reporter& reporter, int* signal = nullptr);

/// The signal is, as under nohup.
[[nodiscard]] bool is_ignored(int signal);

}  // namespace gorgon::cli
