#include <signal.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/presentation.h"
#include "cli/secrets.h"
#include "cli/signing_key.h"
#include "config/project_config.h"
#include "history/recorder.h"
#include "history/store.h"
#include "originator/journal.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "plan/schedule.h"
#include "report/display_text.h"
#include "report/json_events.h"
#include "report/look.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/run_event.h"

namespace gorgon::cli {

namespace {

Result<originator::StartOptions> settle(const StartCommand& command) {
  originator::StartOptions options;
  GORGON_TRY_ASSIGN(options.config, load_project(command.config_file, command.config_is_required));
  options.project = fs::absolute(command.config_file).parent_path().lexically_normal();
  options.config_name = command.config_file.string();
  options.selection = command.selection;
  options.arguments = command.arguments;
  options.slots = command.slots;
  if (command.cluster) options.config.cluster = *command.cluster;
  if (command.start_timeout)
    options.config.timeouts.start = std::chrono::duration<double>(*command.start_timeout);
  if (command.unit_timeout)
    options.config.timeouts.unit = std::chrono::duration<double>(*command.unit_timeout);
  if (command.case_timeout)
    options.config.timeouts.test_case = std::chrono::duration<double>(*command.case_timeout);
  if (command.run_timeout)
    options.config.timeouts.run = std::chrono::duration<double>(*command.run_timeout);
  GORGON_TRY_ASSIGN(options.signing_key, signing_key(options.config, command.config_file));
  return options;
}

report::Rerun how_to_rerun(const StartCommand& command, const originator::StartOptions& options) {
  report::Rerun rerun;
  if (command.config_is_required) rerun.options = {"--config", command.config_file.string()};
  if (command.cluster) {
    rerun.options.emplace_back("--cluster");
    rerun.options.push_back(*command.cluster);
  }
  rerun.selection = command.selection;
  rerun.project = options.project.lexically_proximate(fs::current_path()).string();
  return rerun;
}

Result<std::unique_ptr<report::Reporter>> make_recorder(const originator::StartOptions& options) {
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(options.project, true));
  GORGON_TRY_ASSIGN(auto recorder, history::Recorder::make(std::move(store), options.arguments,
                                                           options.config.history_runs));
  return recorder;
}

ReportFiles report_files(const StartCommand& command, const originator::StartOptions& options) {
  const fs::path& configured = options.config.reports.junit;
  return {.junit = command.junit.value_or(configured.empty() ? fs::path()
                                                             : options.project / configured)};
}

/// What the user sees, and the record of the run.
Result<std::unique_ptr<report::Reporter>> reporters_of(const StartCommand& command,
                                                       const originator::StartOptions& options) {
  auto reporters = std::make_unique<report::Reporters>();
  reporters->add(make_reporter(command.presentation, {.root = options.project.string(),
                                                      .rerun = how_to_rerun(command, options)}));
  GORGON_TRY(add_reports(*reporters, report_files(command, options)));
  if (options.config.history_runs == 0) return reporters;
  auto recorder = make_recorder(options);
  if (recorder) {
    reporters->add(*std::move(recorder));
  } else {
    std::fprintf(stderr, "gorgon: the run is not recorded: %s\n", recorder.error().message.c_str());
  }
  return reporters;
}

/// A run that ends before it begins. Whoever reads events learns of it there as well.
int refuse(const StartCommand& command, const Error& error, std::optional<int> exit_code = {}) {
  const int usual_code = complain(error);
  const int code = exit_code.value_or(usual_code);
  if (command.presentation.format != MessageFormat::kJson) return code;
  report::JsonEventsReporter reporter(STDOUT_FILENO);
  reporter.on(results::RunFinished{.exit_code = code, .reason = error.message});
  return end_report(reporter, code);
}

int show_plan_as_events(const originator::Plan& plan) {
  std::vector<report::PlannedUnit> units;
  for (std::size_t i = 0; i < plan.units.size(); ++i) {
    const plan::PlannedFile& file = plan.files[i];
    units.push_back({.unit = plan.units[i], .is_recorded = file.is_recorded});
    if (file.expected) units.back().expected_seconds = file.expected->count();
  }
  report::JsonEventsReporter reporter(STDOUT_FILENO);
  reporter.show_plan(units);
  return end_report(reporter, results::kAllPassed);
}

void show_plan(const originator::Plan& plan) {
  for (const plan::PlannedFile& file : plan.files) {
    const std::string expected = !file.expected     ? "unknown"
                                 : file.is_recorded ? human_duration(*file.expected)
                                                    : "about " + human_duration(*file.expected);
    std::printf("%-14s  %s\n", expected.c_str(), report::shell_quoted(file.path).c_str());
  }
  std::printf("%s%s\n", count_of(plan.files.size(), "file").c_str(),
              plan.expected_seconds
                  ? (", " + human_duration(std::chrono::duration<double>(*plan.expected_seconds)) +
                     " in all")
                        .c_str()
                  : "");
}

/// As under nohup.
bool is_ignored(int signal) {
  struct sigaction action{};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

Result<void> open_log(const originator::StartOptions& options) {
  if (options.config.originator_log_file.empty()) return {};
  return log::open(options.config.originator_log_file, log::Level::kInfo);
}

/// To its end, or until signals have ended it.
int run(asio::io_context& io, originator::Originator& originator, report::Reporter& reporter) {
  asio::signal_set signals(io, SIGINT, SIGTERM);
  if (!is_ignored(SIGHUP)) signals.add(SIGHUP);
  signals.async_wait([&](const boost::system::error_code& error, int number) {
    if (error) return;
    originator.interrupt(number);
    // Whoever asks twice does not want to wait for others. Children die with us, but not theirs.
    signals.async_wait([&](const boost::system::error_code& again, int second) {
      if (again) return;
      kill_descendants(::getpid());
      originator.remove_traces();
      ::_exit(128 + second);
    });
  });
  const int exit_code = run_to_completion(io, originator.run());
  // A pager may be read for an hour; from here on Ctrl-C ends us as it ends any program.
  signals.clear();
  return end_report(reporter, exit_code);
}

/// Of what the user has named, there is nothing.
std::optional<int> code_if_not_found(const Error& error) {
  if (error.kind != ErrorKind::kNotFound) return std::nullopt;
  return results::kNothingSelected;
}

/// Of the only job that was cut off, when `job` is empty.
Result<originator::Journal> open_journal(const fs::path& project, const std::string& job) {
  if (!job.empty()) return originator::Journal::open(project, job);
  const auto jobs = originator::cut_off_jobs(project);
  if (jobs.size() == 1) return originator::Journal::open(project, jobs.front().job);
  if (jobs.empty()) return fail(ErrorKind::kNotFound, "no run was cut off here: nothing to resume");
  std::string message = "more than one run was cut off here; which one?";
  for (const auto& one : jobs)
    message += "\n  gorgon resume " + one.job + "  (" + human_duration(one.age) + " ago)";
  return fail(ErrorKind::kUsage, std::move(message));
}

}  // namespace

int start(const StartCommand& command) {
  auto options = settle(command);
  if (!options) return refuse(command, options.error());
  if (const auto opened = open_log(*options); !opened) return refuse(command, opened.error());
  auto plan = originator::make_plan(*options);
  if (!plan) {
    return refuse(command, plan.error(),
                  command.selection.empty() ? std::nullopt : code_if_not_found(plan.error()));
  }
  if (command.dry_run) {
    if (command.presentation.format == MessageFormat::kJson) return show_plan_as_events(*plan);
    show_plan(*plan);
    return 0;
  }
  const auto reporter = reporters_of(command, *options);
  if (!reporter) return refuse(command, reporter.error());
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), *std::move(options), *std::move(plan),
                                    **reporter);
  return run(io, originator, **reporter);
}

int resume(
    const ResumeCommand& command,
    const std::function<std::optional<StartCommand>(const std::vector<std::string>&)>& parse) {
  const fs::path project = fs::absolute(command.config_file).parent_path().lexically_normal();
  StartCommand start;
  start.presentation = command.presentation;
  auto journal = open_journal(project, command.job);
  if (!journal) return refuse(start, journal.error(), code_if_not_found(journal.error()));
  const auto given = parse(journal->head().arguments);
  if (!given) {
    return refuse(start, Error{ErrorKind::kUsage,
                               "the options of the run are those of another version of gorgon"});
  }
  start = *given;
  start.presentation = command.presentation;
  // The project is the folder of its configuration, from wherever that was named.
  start.config_file = command.config_file;
  if (given->config_is_required && !command.config_is_required)
    start.config_file = project / given->config_file.filename();
  start.config_is_required = command.config_is_required || given->config_is_required;
  auto options = settle(start);
  if (!options) return refuse(start, options.error());
  if (const auto opened = open_log(*options); !opened) return refuse(start, opened.error());
  const auto reporter = reporters_of(start, *options);
  if (!reporter) return refuse(start, reporter.error());
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), *std::move(options), *std::move(journal),
                                    **reporter);
  return run(io, originator, **reporter);
}

}  // namespace gorgon::cli
