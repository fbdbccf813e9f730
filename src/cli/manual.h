// The manual page: prose from docs/man/gorgon.1.in, commands and options from the table that --help
// and the completions have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/completions.h"

namespace gorgon::cli {

/// `source` in roff, with its lines "@commands@" (their names, in braces) and "@options@" (those of
/// the command whose section it stands in) replaced. kUsage: a command has no section or its
/// options are left out, or a section is of no command.
[[nodiscard]] Result<std::string> manual_page(std::string_view source,
                                              const std::vector<CompletedCommand>& commands);

}  // namespace gorgon::cli
