// A real terminal for a test: a shell in tmux, on a server of its own, to type into and to look at.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "harness.h"
#include "program.h"

namespace gorgon::test {

struct WindowSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

class Terminal {
 public:
  /// Bash in `directory`, with the prompt "$ ".
  Terminal(Cluster& cluster, std::filesystem::path directory, WindowSize size = {});
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  /// Ends the server and all that runs in it.
  ~Terminal();

  /// Types a command and Enter.
  void run(const std::string& command);
  /// As tmux calls them: "t", "Enter", "C-c".
  void press(const std::string& key);
  void resize(WindowSize size);

  /// What the window shows, without blanks at the ends of lines and empty lines at the end.
  [[nodiscard]] std::string screen();
  /// The same, with all that was scrolled out of it.
  [[nodiscard]] std::string history();
  /// Waits for `text` on the screen. Fails the test, with what is there instead.
  void wait_for(const std::string& text);
  void wait_until_gone(const std::string& text);
  /// Waits for `text` in the history.
  void wait_for_past(const std::string& text);

 private:
  std::string tmux(std::vector<std::string> arguments);

  std::filesystem::path directory_;
  std::filesystem::path folder_;
  Environment environment_;
};

/// `screen` with all times and ages made neutral: "N.Ns", "N:NN".
[[nodiscard]] std::string without_times(const std::string& screen);

}  // namespace gorgon::test
