// The commands that are about machines and what runs on them, with their options: listen, status,
// web, ping, gem, doctor, start_rsync, stop_rsync.
#pragma once

#include "cli/command_table.h"
#include "cli/commands.h"

namespace gorgon::cli {

class MachineCommands {
 public:
  MachineCommands() = default;
  MachineCommands(const MachineCommands&) = delete;  // The table refers to it.
  MachineCommands& operator=(const MachineCommands&) = delete;

  /// In the order in which --help shows them. Options are read into this object, and calls come to
  /// it, for as long as `table` is used.
  void add_to(CommandTable& table);

 private:
  void add_listen(CommandTable& table);
  void add_status(CommandTable& table);
  void add_web(CommandTable& table);
  void add_ping(CommandTable& table);
  void add_gem(CommandTable& table);
  void add_doctor(CommandTable& table);
  void add_file_server(CommandTable& table);

  ListenCommand listen_;
  StatusCommand status_;
  WebCommand web_;
  PingCommand ping_;
  GemCommand gem_;
  DoctorCommand doctor_;
  StartRsyncCommand rsync_;
};

}  // namespace gorgon::cli
