// The kinds of options that commands have, and those that several commands share. Each keeps a
// reference to where its value goes, which has to live as long as the table of commands.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/completions.h"

namespace gorgon::cli {

/// Options of every command that talks to a project's broker.
template <class Command>
void add_config_option(CLI::App& app, Command& command) {
  app.add_option_function<std::string>(
         "--config",
         [&command](const std::string& file) {
           command.config_file = file;
           command.config_is_required = true;
         },
         "Read FILE instead of ./gorgon.json")
      ->type_name("FILE");
}
template <class Command>
void add_project_options(CLI::App& app, Command& command) {
  add_config_option(app, command);
  app.add_option("--cluster", command.cluster, "Talk to the listeners of cluster NAME only")
      ->type_name("NAME");
}

/// An option with a number from `from` to `to`, which goes to `target`. CLI11's own checks answer
/// with the names of its types.
template <class Number, class Target>
CLI::Option* add_number(CLI::App& app, const std::string& names, Target& target, Number from,
                        Number to, const std::string& what, const std::string& type) {
  const auto check = [from, to](const std::string& text) -> std::string {
    const auto value = number_of<Number>(text);
    if (value && *value >= from && *value <= to) return {};
    return fmt::format("must be a {}number from {} to {}, not \"{}\"",
                       std::is_integral_v<Number> ? "whole " : "", from, to, text);
  };
  return app
      .add_option_function<std::string>(
          names,
          [&target](const std::string& text) {
            const std::optional<Number> value = number_of<Number>(text);
            if (!value) return;
            const Number number = *value;
            target = number;
          },
          what)
      ->check(CLI::Validator(check, ""))
      ->type_name(type);
}

template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;

/// An option with one of a few words. CLI11's own check would list the numbers behind them, and
/// accept those.
template <class Value>
CLI::Option* add_words(CLI::App& app, const std::string& name, Value& target,
                       const Words<Value>& words, const std::string& what,
                       const std::string& type) {
  const auto check = [words](const std::string& text) -> std::string {
    std::vector<std::string> names;
    for (const auto& [word, value] : words) {
      if (word == text) return {};
      names.push_back(word);
    }
    return fmt::format("must be {}{}, not \"{}\"", names.size() > 1 ? "one of " : "",
                       fmt::join(names, ", "), text);
  };
  const auto set = [words, &target](const std::string& text) {
    for (const auto& [word, value] : words) {
      if (word == text) target = value;
    }
  };
  std::vector<std::string> names;
  for (const auto& [word, value] : words) names.push_back(word);
  // A validator's name is shown nowhere: completion_of() finds the words there.
  return app.add_option_function<std::string>(name, set, what)
      ->check(CLI::Validator(check, "", fmt::format("{}", fmt::join(names, " "))))
      ->type_name(type);
}

/// An option that may be given more than once, each time with a text that is not empty: an unset
/// variable of a script must not select everything.
CLI::Option* add_texts(CLI::App& app, const std::string& names, std::vector<std::string>& target,
                       const std::string& what, const std::string& type);

void add_message_format(CLI::App& app, Presentation& presentation);
/// How a run is shown, its format with it.
void add_presentation(CLI::App& app, Presentation& presentation);

/// The files that a run is reported in.
template <class Command>
void add_report_options(CLI::App& app, Command& command) {
  app.add_option("--junit", command.junit, "Write JUnit XML to FILE")->type_name("FILE");
  app.add_option("--html", command.html, "Write a page that tells all of the run to FILE")
      ->type_name("FILE");
  app.add_option("--tap", command.tap, "Write TAP version 14 to FILE")->type_name("FILE");
  app.add_option("--trace", command.trace,
                 "Write what ran where and when to FILE, for Perfetto (JSON trace events)")
      ->type_name("FILE");
}

/// All that was added to `app`, as completions and the manual page show it.
[[nodiscard]] CompletedCommand completed(CLI::App& app);

}  // namespace gorgon::cli
