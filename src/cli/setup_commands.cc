#include "cli/setup_commands.h"

#include <CLI/CLI.hpp>
#include <string>

#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/option_kinds.h"

namespace gorgon::cli {

void SetupCommands::add_to(CommandTable& table) {
  add_init(table);
  add_install_listener(table);
  add_keygen(table);
  add_trust(table);
}

void SetupCommands::add_init(CommandTable& table) {
  CLI::App* app = table.add("init", "Write a first configuration for this project",
                            [this] { return init(init_); });
  add_words<std::string>(*app, "kind", init_.kind, {{"rails", "rails"}},
                         "rails, for a Rails project", "KIND");
}

void SetupCommands::add_install_listener(CommandTable& table) {
  CLI::App* app = table.add("install_listener", "Install the listener as a systemd service",
                            [this] { return install_listener(service_); });
  app->add_option("--config", service_.config_file, "The listener's configuration")
      ->type_name("FILE");
  app->add_flag("--system", service_.system, "For the whole system instead of this user");
  app->add_option("--run-as", service_.run_as,
                  "With --system: whom the tests run as (default: who called sudo)")
      ->type_name("USER");
  app->add_flag("--user", service_.user, "For this user (the default)");
  app->add_flag("--dry-run", service_.dry_run, "Show the unit and install nothing");
  app->add_flag("--uninstall", service_.uninstall, "Remove the service");
}

void SetupCommands::add_keygen(CommandTable& table) {
  CLI::App* app = table.add("keygen", "Make a key that signs your jobs, and show its public half",
                            [this] { return keygen(keygen_); });
  app->add_option("--output", keygen_.output,
                  "Write FILE instead of ~/.config/gorgon/key (signing_key in gorgon.json)")
      ->type_name("FILE");
  app->add_flag("--force", keygen_.force, "Replace a key that is there");
}

void SetupCommands::add_trust(CommandTable& table) {
  CLI::App* app = table.add("trust", "Let this machine run the jobs that a key has signed",
                            [this] { return trust(trust_); });
  app->add_option("key", trust_.key, "A public key, as `gorgon keygen` shows it")
      ->required()
      ->type_name("KEY");
  app->add_option("--name", trust_.name, "Whose it is, for people")->type_name("NAME");
  app->add_option("--rights", trust_.rights,
                  "run: start jobs (the default); cancel: the jobs of others, too; exec: gorgon "
                  "gem")
      ->type_name("RIGHT,...");
  app->add_option("--config", trust_.config_file,
                  "The listener's configuration, as of `gorgon listen`")
      ->type_name("FILE");
  app->footer(
      "From the first key on, the listener takes only jobs that a trusted key has signed. "
      "It need not be restarted.");
}

}  // namespace gorgon::cli
