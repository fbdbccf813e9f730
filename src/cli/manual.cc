#include "cli/manual.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/completions.h"

namespace gorgon::cli {

namespace {

/// As text: a "-" is one to copy, and no line is a request.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '-' || c == '\\') escaped += '\\';
    escaped += c == '\\' ? 'e' : c;
  }
  return escaped.starts_with('.') || escaped.starts_with('\'') ? "\\&" + escaped : escaped;
}

/// "-j N, --jobs N", the short name first.
std::string heading(const CompletedOption& option) {
  std::vector<std::string> names = option.names;
  std::ranges::stable_sort(names, {}, [](const std::string& name) { return name.size() > 2; });
  std::string text;
  for (const std::string& name : names) {
    text += fmt::format("{}\\fB{}\\fR", text.empty() ? "" : ", ", roff(name));
    if (option.value.kind != Completion::Kind::kNothing)
      text += fmt::format(" \\fI{}\\fR", roff(option.value.name));
  }
  return text;
}

std::string sentence(const std::string& text) {
  return text.empty() || text.ends_with('.') ? text : text + ".";
}

std::string options_of(const CompletedCommand& command) {
  std::string text;
  for (const CompletedOption& option : command.options) {
    if (std::ranges::find(option.names, "--help") != option.names.end()) continue;
    text += fmt::format(".TP\n{}\n{}\n", heading(option), roff(sentence(option.what)));
  }
  return text;
}

std::string list_of(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const CompletedCommand& command : commands) names.push_back(".B " + roff(command.name));
  return fmt::format("{{\n{}\n}}\n", fmt::join(names, "\n|\n"));
}

/// "start" of ".SS gorgon start"; empty: it is no such line.
std::string command_in(const std::string& line) {
  constexpr std::string_view kSection = ".SS gorgon ";
  if (!line.starts_with(kSection)) return {};
  std::istringstream words(line.substr(kSection.size()));
  std::string name;
  words >> name;
  std::erase(name, '\\');  // "replay\-worker"
  return name;
}

}  // namespace

Result<std::string> manual_page(std::string_view source,
                                const std::vector<CompletedCommand>& commands) {
  std::string page;
  const CompletedCommand* section = nullptr;
  std::set<std::string> told;
  std::istringstream lines{std::string(source)};
  for (std::string line; std::getline(lines, line);) {
    if (const std::string name = command_in(line); !name.empty()) {
      const auto found = std::ranges::find(commands, name, &CompletedCommand::name);
      if (found == commands.end())
        return fail(ErrorKind::kUsage, "there is no command " + name + ", which has a section");
      section = &*found;
      if (options_of(*section).empty()) told.insert(name);
    }
    if (line == "@commands@") {
      page += list_of(commands);
    } else if (line == "@options@" && section != nullptr) {
      page += options_of(*section);
      told.insert(section->name);
    } else {
      page += line + "\n";
    }
  }
  for (const CompletedCommand& command : commands) {
    if (!told.contains(command.name)) {
      return fail(ErrorKind::kUsage,
                  fmt::format("\".SS gorgon {}\" with \"@options@\" is missing", command.name));
    }
  }
  return page;
}

}  // namespace gorgon::cli
