#include "cli/completions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

namespace gorgon::cli {

namespace {

using Kind = Completion::Kind;

std::string replaced(std::string_view text, std::string_view special, std::string_view before) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) result += before;
    result += c;
  }
  return result;
}

std::vector<std::string> names_of(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const CompletedCommand& command : commands) names.push_back(command.name);
  return names;
}

// ---- bash ----

/// Assignments to what _gorgon looks at below.
std::string bash_value(const Completion& value) {
  switch (value.kind) {
    case Kind::kWords:
      return fmt::format("kind=words words='{}'", fmt::join(value.words, " "));
    case Kind::kFiles:
      return "kind=files";
    case Kind::kFolders:
      return "kind=folders";
    case Kind::kNothing:
    case Kind::kAnything:
      return "kind=none";
  }
  return "";
}

std::string bash_command(const CompletedCommand& command) {
  std::vector<std::string> names;
  std::string values;
  for (const CompletedOption& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (option.value.kind == Kind::kNothing) continue;
    values += fmt::format("        {}) {}; return ;;\n", fmt::join(option.names, "|"),
                          bash_value(option.value));
  }
  std::string text =
      fmt::format("    {})\n      options='{}'\n", command.name, fmt::join(names, " "));
  if (!values.empty()) text += "      case $2 in\n" + values + "      esac\n";
  return text + fmt::format("      {}\n      ;;\n", bash_value(command.argument));
}

/// Runs in the bash of old (3.2) as well. That breaks --color=al into three words, as all do.
constexpr std::string_view kBash = R"(# Completes gorgon in bash. Made by `gorgon completions bash`.

# Of command $1 with the option $2 in front: sets options, and what may stand here otherwise.
_gorgon_place() {{
  case $1 in
{places}  esac
}}

_gorgon() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous='' command={first} commands='{commands}'
  local options='' kind=none words='' name
  (( COMP_CWORD > 1 )) && previous=${{COMP_WORDS[COMP_CWORD-1]}}
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  if (( COMP_CWORD > 1 )); then
    for name in $commands; do
      [[ ${{COMP_WORDS[1]}} == "$name" ]] && command=$name
    done
  fi
  _gorgon_place "$command" "$previous"
  if [[ $current == -* ]]; then
    kind=words words=$options
  elif (( COMP_CWORD == 1 )); then
    words=$commands
  fi
  COMPREPLY=()
  if [[ -n $words ]]; then
    while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -W "$words" -- "$current")
  fi
  # Without a reply bash proposes files, unless it is told not to; only newer ones can be told.
  case $kind in
    files) ;;
    folders) compopt -o dirnames +o default 2>/dev/null ;;
    *) compopt +o default 2>/dev/null ;;
  esac
}}
complete -o default -F _gorgon gorgon
)";

std::string bash_script(const std::vector<CompletedCommand>& commands) {
  std::string places;
  for (const CompletedCommand& command : commands) places += bash_command(command);
  return fmt::format(kBash, fmt::arg("places", places), fmt::arg("first", commands.front().name),
                     fmt::arg("commands", fmt::join(names_of(commands), " ")));
}

// ---- zsh ----

/// Inside single quotes, for _arguments.
std::string zsh_text(std::string_view text) {
  std::string result;
  for (const char c : replaced(text, R"(\[]:)", R"(\)"))
    result += c == '\'' ? R"('\'')" : std::string(1, c);
  return result;
}

std::string zsh_value(const Completion& value) {
  const std::string name = zsh_text(value.name);
  switch (value.kind) {
    case Kind::kNothing:
      return "";
    case Kind::kAnything:
      return fmt::format(":{}: ", name);
    case Kind::kWords:
      return fmt::format(":{}:({})", name, fmt::join(value.words, " "));
    case Kind::kFiles:
      return fmt::format(":{}:_files", name);
    case Kind::kFolders:
      return fmt::format(":{}:_files -/", name);
  }
  return "";
}

std::string zsh_command(const CompletedCommand& command) {
  std::string text = fmt::format("_gorgon_{}() {{\n  _arguments", command.name);
  for (const CompletedOption& option : command.options) {
    for (const std::string& name : option.names) {
      const bool is_long = name.starts_with("--");
      const std::string_view joint = option.value.kind == Kind::kNothing ? "" : is_long ? "=" : "+";
      // More than once is no mistake, and simpler than to say what excludes what.
      text += fmt::format(" \\\n    '*{}{}[{}]{}'", name, joint, zsh_text(option.what),
                          zsh_value(option.value));
    }
  }
  if (command.argument.kind != Kind::kNothing)
    text += fmt::format(" \\\n    '*{}'", zsh_value(command.argument));
  return text + "\n}\n\n";
}

constexpr std::string_view kZsh = R"(#compdef gorgon
# Completes gorgon in zsh. Made by `gorgon completions zsh`.

{functions}_gorgon() {{
  local -a commands
  commands=(
{commands}  )
  local command={first}
  if (( CURRENT == 2 )); then
    [[ $PREFIX == -* ]] || _describe -t commands command commands
  elif (( $+functions[_gorgon_$words[2]] )); then
    command=$words[2]
    shift words
    (( CURRENT-- ))
  fi
  _gorgon_$command
}}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _gorgon "$@"
else
  compdef _gorgon gorgon
fi
)";

std::string zsh_script(const std::vector<CompletedCommand>& commands) {
  std::string functions;
  std::string list;
  for (const CompletedCommand& command : commands) {
    functions += zsh_command(command);
    list += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.what));
  }
  return fmt::format(kZsh, fmt::arg("functions", functions), fmt::arg("commands", list),
                     fmt::arg("first", commands.front().name));
}

// ---- fish ----

std::string fish_text(std::string_view text) { return "'" + replaced(text, R"(\')", R"(\)") + "'"; }

/// As options of `complete`.
std::string fish_value(const Completion& value) {
  switch (value.kind) {
    case Kind::kNothing:
      return "";
    case Kind::kAnything:
      return " -x";
    case Kind::kWords:
      return " -x -a " + fish_text(fmt::format("{}", fmt::join(value.words, " ")));
    case Kind::kFiles:
      return " -r -F";
    case Kind::kFolders:
      return " -x -a '(__fish_complete_directories)'";
  }
  return "";
}

std::string fish_command(const CompletedCommand& command) {
  const std::string start =
      fmt::format("complete -c gorgon -n '__gorgon_has_command {}'", command.name);
  std::string text;
  for (const CompletedOption& option : command.options) {
    text += start;
    for (const std::string& name : option.names)
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    text += fmt::format(" -d {}{}\n", fish_text(option.what), fish_value(option.value));
  }
  if (command.argument.kind == Kind::kFiles) return text;
  if (command.argument.kind == Kind::kWords || command.argument.kind == Kind::kFolders)
    return text + start + " -f" + fish_value(command.argument).substr(3) + "\n";
  return text + start + " -f\n";
}

constexpr std::string_view kFish = R"(# Completes gorgon in fish. Made by `gorgon completions fish`.

function __gorgon_has_command
    set -l words (commandline -opc)
    set -l command {first}
    if set -q words[2]; and contains -- $words[2] {commands}
        set command $words[2]
    end
    test $command = $argv[1]
end

)";

std::string fish_script(const std::vector<CompletedCommand>& commands) {
  std::string text = fmt::format(kFish, fmt::arg("first", commands.front().name),
                                 fmt::arg("commands", fmt::join(names_of(commands), " ")));
  for (const CompletedCommand& command : commands) {
    text +=
        fmt::format("complete -c gorgon -n 'test (count (commandline -opc)) -eq 1' -a {} -d {}\n",
                    command.name, fish_text(command.what));
  }
  for (const CompletedCommand& command : commands) text += fish_command(command);
  return text;
}

}  // namespace

std::string completion_script(Shell shell, const std::vector<CompletedCommand>& commands) {
  switch (shell) {
    case Shell::kBash:
      return bash_script(commands);
    case Shell::kZsh:
      return zsh_script(commands);
    case Shell::kFish:
      return fish_script(commands);
  }
  return "";
}

}  // namespace gorgon::cli
