// What a command prints, and what it leaves running.
#pragma once

#include <cstdint>
#include <string_view>

namespace gorgon::command_host {

/// To the output file of the slot, which is our standard output. What cannot be written there, on a
/// full disk, is lost.
void print(std::string_view text);
/// How long that file is.
[[nodiscard]] std::int64_t output_size();

/// Kills what the command has left running: it is ours, since we adopt orphans.
void kill_leftovers();

}  // namespace gorgon::command_host
