// The commands that look at the record of earlier runs, or begin with one of them, with their
// options: runs, slow, flaky, quarantine, replay-worker, bisect, report.
#pragma once

#include "cli/command_table.h"
#include "cli/commands.h"

namespace gorgon::cli {

class RecordCommands {
 public:
  RecordCommands() = default;
  RecordCommands(const RecordCommands&) = delete;  // The table refers to it.
  RecordCommands& operator=(const RecordCommands&) = delete;

  /// In the order in which --help shows them. Options are read into this object, and calls come to
  /// it, for as long as `table` is used.
  void add_to(CommandTable& table);

 private:
  void add_runs(CommandTable& table);
  void add_slow_and_flaky(CommandTable& table);
  void add_quarantine(CommandTable& table);
  void add_replay_worker(CommandTable& table);
  void add_bisect(CommandTable& table);
  void add_report(CommandTable& table);

  RunsCommand runs_;
  QuarantineCommand quarantine_;
  ReplayWorkerCommand replay_worker_;
  BisectCommand bisect_;
  ReportCommand report_;
};

}  // namespace gorgon::cli
