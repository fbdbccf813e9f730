// Keys that somebody presses while a run goes on.
#pragma once

#include <memory>

#include "base/asio.h"
#include "base/terminal_keys.h"
#include "originator/originator.h"
#include "report/reporter.h"

namespace gorgon::cli {

/// Whether keys will be taken from standard input, if the display is live.
[[nodiscard]] bool has_keys();

/// Takes keys from standard input while it lives, and answers through `reporter`. Both others
/// outlive it. Null: nothing is shown live, or no terminal is there to take them from.
[[nodiscard]] std::unique_ptr<TerminalKeys> take_keys(const asio::any_io_executor& executor,
                                                      originator::Originator& originator,
                                                      report::Reporter& reporter);

}  // namespace gorgon::cli
