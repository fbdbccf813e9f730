// The command line: one table of commands and options, from which --help comes.
#include <CLI/CLI.hpp>

#include "cli/commands.h"
int main(int argc, char** argv) {
  using namespace gorgon::cli;
  CLI::App app;
  StartCommand start_command;
  auto* start = app.add_subcommand("start");
  start->add_option("files", start_command.selection);
  start->add_option("-j", start_command.slots);
  start->add_option("--timeout", start_command.unit_timeout);
  LocalListenerCommand local;
  auto* ll = app.add_subcommand("local-listener");
  ll->add_option("socket", local.socket);
  ll->add_option("slots", local.slots);
  ll->add_option("directory", local.directory);
  ll->add_option("log", local.log_file);
  auto* wk = app.add_subcommand("worker");
  ListenCommand lc;
  auto* li = app.add_subcommand("listen");
  li->add_flag("--foreground", lc.foreground);
  li->add_flag("--stop", lc.stop);
  CLI11_PARSE(app, argc, argv);
  if (*wk) return worker();
  if (*ll) return local_listener(local);
  if (*li) return listen(lc);
  return gorgon::cli::start(start_command);
}
