#include "cli/option_kinds.h"

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/completions.h"
#include "report/terminal.h"

namespace gorgon::cli {

namespace {

/// What can be proposed where `option` wants its value.
Completion completion_of(CLI::Option& option) {
  Completion value{.kind = Completion::Kind::kAnything, .name = option.get_type_name()};
  if (!option.get_positional() && option.get_items_expected_min() == 0) return {};
  if (value.name.starts_with("FILE")) value.kind = Completion::Kind::kFiles;
  if (value.name == "DIR") value.kind = Completion::Kind::kFolders;
  try {
    std::istringstream words(option.get_validator(0)->get_name());
    for (std::string word; words >> word;) value.words.push_back(word);
  } catch (const CLI::OptionNotFound&) {
    return value;  // It has no validator.
  }
  if (!value.words.empty()) value.kind = Completion::Kind::kWords;
  return value;
}

}  // namespace

CLI::Option* add_texts(CLI::App& app, const std::string& names, std::vector<std::string>& target,
                       const std::string& what, const std::string& type) {
  const auto check = [](const std::string& text) -> std::string {
    return text.empty() ? "must not be empty" : "";
  };
  return app.add_option(names, target, what)
      ->allow_extra_args(false)
      ->check(CLI::Validator(check, ""))
      ->type_name(type);
}

void add_message_format(CLI::App& app, Presentation& presentation) {
  add_words<MessageFormat>(app, "--message-format", presentation.format,
                           {{"human", MessageFormat::kHuman}, {"json", MessageFormat::kJson}},
                           "human, or json: one event a line on standard output", "FORMAT");
}

void add_presentation(CLI::App& app, Presentation& presentation) {
  app.add_flag("-q,--quiet", presentation.quiet, "Show failures and the summary only");
  app.add_flag("-v,--verbose", presentation.verbose, "Show every file, and whole backtraces");
  add_words<report::Color>(app, "--color", presentation.color,
                           {{"auto", report::Color::kAuto},
                            {"always", report::Color::kAlways},
                            {"never", report::Color::kNever}},
                           "Use colours: auto, always or never", "WHEN");
  add_message_format(app, presentation);
}

CompletedCommand completed(CLI::App& app) {
  CompletedCommand command{.name = app.get_name(), .what = app.get_description()};
  for (CLI::Option* option : app.get_options()) {
    CompletedOption one{.what = option->get_description(), .value = completion_of(*option)};
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    if (!one.names.empty()) {
      command.options.push_back(std::move(one));
    } else if (command.argument.kind != Completion::Kind::kWords) {
      command.argument = std::move(one.value);  // Of `runs` the action, not the run behind it.
    }
  }
  return command;
}

}  // namespace gorgon::cli
