// The commands of gorgon, one function each: options in, exit code out. What they cannot do is said
// on standard error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/partition.h"
#include "report/terminal.h"

namespace gorgon::cli {

enum class MessageFormat { kHuman, kJson };

/// How a run is shown.
struct Presentation {
  report::Color color = report::Color::kAuto;
  MessageFormat format = MessageFormat::kHuman;
  bool quiet = false;
  bool verbose = false;
};

struct StartCommand {
  std::vector<std::string> arguments;  ///< All of them, as they were given.
  std::filesystem::path folder;        ///< From which paths of reports are meant; empty: from here.
  std::vector<std::string> selection;
  std::vector<std::string> names;                ///< -e
  std::vector<std::string> tags;                 ///< -t
  std::vector<std::string> framework_arguments;  ///< Behind "--".
  std::vector<std::string> filtersets;           ///< -E
  std::optional<std::string> keywords;           ///< -k
  bool only_failures = false;
  bool failed_first = false;
  bool in_order = false;                    ///< --in-order
  std::optional<std::string> changed;       ///< Since this revision; "true": the last commit.
  std::optional<std::uint32_t> seed;        ///< --seed
  std::string order;                        ///< --order
  std::optional<std::size_t> stress_count;  ///< --stress-count
  std::optional<std::string> rerun_of;      ///< A run, as history::Store::find() takes it.
  std::optional<plan::Partition> partition;
  std::optional<std::size_t> max_failures;
  std::optional<std::uint32_t> retries;
  std::optional<std::uint32_t> retry_budget;
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;  ///< --config was given.
  std::optional<std::size_t> slots;
  std::optional<std::string> cluster;
  std::optional<double> start_timeout;  ///< Seconds.
  std::optional<double> unit_timeout;   ///< Seconds.
  std::optional<double> case_timeout;   ///< Seconds.
  std::optional<double> run_timeout;    ///< Seconds.
  std::optional<std::filesystem::path> junit;
  std::optional<std::filesystem::path> html;
  std::optional<std::filesystem::path> tap;
  std::optional<std::filesystem::path> trace;
  Presentation presentation;
  bool no_capture = false;  ///< --no-capture
  bool no_github = false;   ///< --no-github
  bool timings = false;     ///< --timings
  bool dry_run = false;     ///< Show the plan alone.
};
int start(StartCommand command);

struct ResumeCommand {
  std::string job;  ///< Empty: the only one.
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;  ///< --config was given.
  Presentation presentation;
};
/// Takes up the run of an originator that has died. `parse` reads the arguments of its `gorgon
/// start`; nullopt: it does not know them.
int resume(
    const ResumeCommand& command,
    const std::function<std::optional<StartCommand>(const std::vector<std::string>&)>& parse);

struct RunsCommand {
  enum class Action { kList, kShow, kExport, kDiff, kSlow, kFlaky, kPrune };
  Action action = Action::kList;
  std::vector<std::string> runs;  ///< As history::Store::find() takes them; kShow, kExport: at most
                                  ///< one, the latest without; kDiff: at most two.
  std::optional<std::size_t> count;  ///< -n: of lines, of runs that are looked at, or that stay.
  bool files = false;                ///< kSlow: files instead of cases.
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
  Presentation presentation;
};
/// The record of a project's runs.
int runs(const RunsCommand& command);

/// Reads the arguments of a `gorgon start`; nullopt: it does not know them.
using ParseStart = std::function<std::optional<StartCommand>(const std::vector<std::string>&)>;

struct ReplayWorkerCommand {
  std::string run;                   ///< As history::Store::find() takes it.
  std::string worker;                ///< HOST:N
  std::optional<std::string> up_to;  ///< A file; else up to the first that failed.
  bool all = false;
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;  ///< --config was given.
  Presentation presentation;
};
/// Runs what one worker of a recorded run has run, in its order.
int replay_worker(const ReplayWorkerCommand& command, const ParseStart& parse);

struct BisectCommand {
  std::string run;
  std::string test_case;
  std::optional<std::size_t> slots;  ///< -j
  std::optional<std::string> cluster;
  std::size_t max_candidates = 500;
  std::size_t tries = 3;        ///< Of what the search begins and ends with.
  std::optional<double> limit;  ///< Seconds, --global-timeout
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;  ///< --config was given.
};
/// Finds the smallest set of files, and of cases, behind which a case fails.
int bisect(const BisectCommand& command, const ParseStart& parse);

struct ReportCommand {
  std::string run = "latest";  ///< As history::Store::find() takes it.
  std::optional<std::filesystem::path> junit;
  std::optional<std::filesystem::path> html;
  std::optional<std::filesystem::path> tap;
  std::optional<std::filesystem::path> trace;
  bool github = false;
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
};
/// Writes the reports of a run that is recorded.
int report(const ReportCommand& command);

struct QuarantineCommand {
  enum class Action { kList, kCheck };
  Action action = Action::kList;
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
};
/// The tests whose failures do not decide. kCheck: 1 when an entry has expired or its file is gone.
int quarantine(const QuarantineCommand& command);

struct ListenCommand {
  std::optional<std::filesystem::path> config_file;
  std::optional<std::string> slots;  ///< A number or "auto".
  bool foreground = false;
  bool stop = false;
  bool once = false;
};
int listen(const ListenCommand& command);

/// The private listener of a run on the embedded broker; internal.
struct LocalListenerCommand {
  std::filesystem::path socket;
  std::size_t slots = 1;
  std::filesystem::path directory;
  std::filesystem::path log_file;
};
int local_listener(const LocalListenerCommand& command);

/// One slot of a job, started by a listener with its control socket as descriptor 3; internal.
int worker();

/// The runner host for test commands, started by a listener with its socket as the descriptor that
/// GORGON_HOST_FD names; internal.
struct CommandHostCommand {
  std::filesystem::path scratch;
};
int command_host(const CommandHostCommand& command);

struct PingCommand {
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
  std::optional<std::string> cluster;
  bool json = false;
  double wait_seconds = 1.5;  ///< How long answers are collected.
};
int ping(const PingCommand& command);

struct StatusCommand {
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
  std::optional<std::string> cluster;
  bool json = false;
  double wait_seconds = 1.5;  ///< How long answers are collected.
};
/// What runs now, and where.
int status(const StatusCommand& command);

struct DoctorCommand {
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
  std::optional<std::string> cluster;
  bool json = false;
  double wait_seconds = 15;  ///< How long machines may take to say what they are like.
};
/// Checks the project, its broker, its transport and each machine. 0: no problem; 1: one or more;
/// 3: the broker cannot be used, and no machine was asked; 64: the configuration cannot be used.
int doctor(const DoctorCommand& command);

struct WebCommand {
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
  std::optional<std::string> cluster;
  std::uint16_t port = 0;  ///< 0: one that is free.
};
/// Serves the project's runs and machines to browsers of this machine, until it is interrupted.
int web(const WebCommand& command);

struct GemCommand {
  std::filesystem::path config_file = "gorgon.json";
  bool config_is_required = false;
  std::optional<std::string> cluster;
  std::vector<std::string> arguments;
};
int gem(const GemCommand& command);

struct StartRsyncCommand {
  std::filesystem::path directory;
  std::optional<std::uint16_t> port;
  std::string bind;  ///< Empty: loopback.
  std::filesystem::path secrets;
};
int start_rsync(const StartRsyncCommand& command);
int stop_rsync();

struct InitCommand {
  std::string kind;  ///< "rails" or empty.
};
int init(const InitCommand& command);

struct InstallListenerCommand {
  std::optional<std::filesystem::path> config_file;
  std::optional<std::string> run_as;
  bool system = false;
  bool user = false;
  bool dry_run = false;
  bool uninstall = false;
};
int install_listener(const InstallListenerCommand& command);

struct KeygenCommand {
  std::filesystem::path output;  ///< Empty: the default place.
  bool force = false;
};
/// Makes a key that signs jobs.
int keygen(const KeygenCommand& command);

struct TrustCommand {
  std::string key;
  std::string name;
  std::string rights = "run";
  std::optional<std::filesystem::path> config_file;  ///< The listener's.
};
/// Lets this machine's listener run the jobs that a key has signed.
int trust(const TrustCommand& command);

/// Says what went wrong on standard error and gives the exit code of its kind.
int complain(const Error& error);

}  // namespace gorgon::cli
