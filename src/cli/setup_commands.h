// The commands that set up a project or a machine, with their options: init, install_listener,
// keygen, trust.
#pragma once

#include "cli/command_table.h"
#include "cli/commands.h"

namespace gorgon::cli {

class SetupCommands {
 public:
  SetupCommands() = default;
  SetupCommands(const SetupCommands&) = delete;  // The table refers to it.
  SetupCommands& operator=(const SetupCommands&) = delete;

  /// In the order in which --help shows them. Options are read into this object, and calls come to
  /// it, for as long as `table` is used.
  void add_to(CommandTable& table);

 private:
  void add_init(CommandTable& table);
  void add_install_listener(CommandTable& table);
  void add_keygen(CommandTable& table);
  void add_trust(CommandTable& table);

  InitCommand init_;
  InstallListenerCommand service_;
  KeygenCommand keygen_;
  TrustCommand trust_;
};

}  // namespace gorgon::cli
