// Single keys from the terminal while the program runs: non-canonical mode without echo, taken when
// the terminal is ours and given back whenever it is not.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/asio.h"

namespace gorgon {

/// Whether `fd` is a terminal that belongs to this process's job now: not so for a background job.
/// True as well for a terminal that belongs to no session of ours: nobody else is meant by it.
[[nodiscard]] bool is_in_foreground(int fd);

class TerminalKeys {
 public:
  struct Events {
    std::function<void(char)> on_key;
    std::function<void()> on_suspend;   ///< The process is about to be stopped (Ctrl-Z).
    std::function<void()> on_continue;  ///< It goes on, in the foreground or not.
  };

  /// Takes keys from the terminal `fd` (borrowed) from now on, as long as this process is in its
  /// foreground; signals (Ctrl-C, Ctrl-Z, Ctrl-\) come as ever. In the background the terminal is
  /// not touched, and the process is not stopped for that; `fg` takes it up. While the object
  /// lives, SIGTSTP and SIGCONT are its own, and a crash gives the terminal back first; SIGKILL
  /// alone does not. Null: `fd` is no controlling terminal, or another program has it in a mode of
  /// its own. One at a time.
  [[nodiscard]] static std::unique_ptr<TerminalKeys> open(const asio::any_io_executor& executor,
                                                          int fd, Events events);
  /// Gives the terminal back; what was typed and not read is left to the next program.
  ~TerminalKeys();
  TerminalKeys(const TerminalKeys&) = delete;
  TerminalKeys& operator=(const TerminalKeys&) = delete;

 private:
  class State;
  explicit TerminalKeys(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace gorgon
