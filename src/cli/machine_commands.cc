#include "cli/machine_commands.h"

#include <CLI/CLI.hpp>
#include <cstdint>

#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/option_kinds.h"

namespace gorgon::cli {

void MachineCommands::add_to(CommandTable& table) {
  add_listen(table);
  add_status(table);
  add_web(table);
  add_ping(table);
  add_gem(table);
  add_doctor(table);
  add_file_server(table);
}

void MachineCommands::add_listen(CommandTable& table) {
  CLI::App* app = table.add("listen", "Offer this machine's slots to jobs, in the background",
                            [this] { return listen(listen_); });
  app->add_option("--config", listen_.config_file,
                  "Read FILE instead of ./gorgon_listener.json or ~/.gorgon/gorgon_listener.json")
      ->type_name("FILE");
  app->add_option("--slots", listen_.slots,
                  "Worker slots to offer: a number, or auto for one per core")
      ->type_name("N|auto");
  app->add_flag("--foreground", listen_.foreground,
                "Stay in the foreground and log to standard error");
  app->add_flag("--stop", listen_.stop, "Stop the listener that runs in the background");
  app->add_flag("--once", listen_.once, "End after one job");
}

void MachineCommands::add_status(CommandTable& table) {
  CLI::App* app = table.add("status", "Show which jobs run now, and what each machine does",
                            [this] { return status(status_); });
  add_project_options(*app, status_);
  app->add_flag("--json", status_.json, "One JSON object instead of lines");
  add_number<double>(*app, "--wait", status_.wait_seconds, 0.05, 600,
                     "How long answers are collected", "SECONDS");
  app->footer("Without a broker in the configuration: the runs of this project on this machine.");
}

void MachineCommands::add_web(CommandTable& table) {
  CLI::App* app = table.add("web", "Show runs and machines in a browser, as they change",
                            [this] { return web(web_); });
  add_project_options(*app, web_);
  add_number<std::uint16_t>(*app, "--port", web_.port, 1, 65'535,
                            "Listen on port N of 127.0.0.1; else on one that is free", "N");
  app->footer(
      "Prints a URL with a token that is made anew each time, and serves whoever has it, on this "
      "machine alone, until Ctrl-C.");
}

void MachineCommands::add_ping(CommandTable& table) {
  CLI::App* app =
      table.add("ping", "List the listeners that answer", [this] { return ping(ping_); });
  add_project_options(*app, ping_);
  app->add_flag("--json", ping_.json, "One JSON object instead of lines");
  add_number<double>(*app, "--wait", ping_.wait_seconds, 0.05, 600,
                     "How long answers are collected", "SECONDS");
}

void MachineCommands::add_gem(CommandTable& table) {
  CLI::App* app =
      table.add("gem", "Run a gem command on every listener that allows it", [this, &table] {
        gem_.arguments = table.chosen()->remaining();
        return gem(gem_);
      });
  add_project_options(*app, gem_);
  app->prefix_command();
  app->footer("Everything after the options goes to gem: gorgon gem install rake");
}

void MachineCommands::add_doctor(CommandTable& table) {
  CLI::App* app =
      table.add("doctor", "Check project, broker, transport and machines, with remedies",
                [this] { return doctor(doctor_); });
  add_project_options(*app, doctor_);
  app->add_flag("--json", doctor_.json, "One JSON object instead of lines");
  add_number<double>(*app, "--wait", doctor_.wait_seconds, 0.05, 600,
                     "How long machines may take to say what they are like", "SECONDS");
  app->footer(
      "Exit codes: 0 no problem, 1 one or more, 3 the broker cannot be used, 64 the "
      "configuration "
      "cannot be used.");
}

void MachineCommands::add_file_server(CommandTable& table) {
  CLI::App* app = table.add("start_rsync", "Run a file server for the anonymous transport",
                            [this] { return start_rsync(rsync_); });
  app->add_option("directory", rsync_.directory, "Where pushed trees are kept")
      ->required()
      ->type_name("DIR");
  add_number<std::uint16_t>(*app, "--port", rsync_.port, 1, 65535, "Listen on this port", "PORT");
  app->add_option("--bind", rsync_.bind, "Listen on this address; the default is this machine only")
      ->type_name("ADDRESS");
  app->add_option("--secrets", rsync_.secrets,
                  "Let in only the users of this file (lines of name:password)")
      ->type_name("FILE");
  table.add("stop_rsync", "Stop the file server", [] { return stop_rsync(); });
}

}  // namespace gorgon::cli
