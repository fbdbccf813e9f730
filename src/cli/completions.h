// The table of commands and options as scripts that complete them, for bash, zsh and fish.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::cli {

/// What can stand for a value.
struct Completion {
  enum class Kind : std::uint8_t {
    kNothing,   ///< There is none: a flag, or a command without arguments.
    kAnything,  ///< A number, a name: nothing to propose.
    kWords,
    kFiles,  ///< Files and folders.
    kFolders,
  };
  Kind kind = Kind::kNothing;
  std::vector<std::string> words = {};
  std::string name = {};  ///< As --help has it: "SECONDS".
};
struct CompletedOption {
  std::vector<std::string> names;  ///< With their dashes.
  std::string what;                ///< As --help says it.
  Completion value;
};
struct CompletedCommand {
  std::string name;
  std::string what;
  std::vector<CompletedOption> options;
  Completion argument;  ///< Each that is no option.
};

enum class Shell : std::uint8_t { kBash, kZsh, kFish };

/// A script for `shell` to source, or to find in its folder of completions. The first of `commands`
/// is the one that is meant where none is given.
[[nodiscard]] std::string completion_script(Shell shell,
                                            const std::vector<CompletedCommand>& commands);

}  // namespace gorgon::cli
