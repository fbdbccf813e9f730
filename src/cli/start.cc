#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/text.h"
#include "cli/ask_listeners.h"
#include "cli/commands.h"
#include "cli/detect_runner.h"
#include "cli/places.h"
#include "cli/presentation.h"
#include "cli/run.h"
#include "cli/secrets.h"
#include "cli/signing_key.h"
#include "cli/watching.h"
#include "config/project_config.h"
#include "config/quarantine_file.h"
#include "history/recorder.h"
#include "history/run_writer.h"
#include "history/standing.h"
#include "history/store.h"
#include "originator/journal.h"
#include "originator/make_plan.h"
#include "originator/originator.h"
#include "originator/unit_rules.h"
#include "plan/detection.h"
#include "plan/filterset.h"
#include "plan/outstanding.h"
#include "plan/partition.h"
#include "plan/pytest_files.h"
#include "plan/schedule.h"
#include "plan/test_files.h"
#include "report/display_text.h"
#include "report/github.h"
#include "report/html.h"
#include "report/json_events.h"
#include "report/look.h"
#include "report/reporter.h"
#include "report/timings.h"
#include "results/exit_code.h"
#include "results/quarantine.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "sync/git_files.h"

namespace gorgon::cli {

using results::Notice;

namespace {

/// All that -E, -k and --only-failures ask for; nullopt: none of them was given.
Result<std::optional<plan::Filterset>> filterset_of(const StartCommand& command) {
  std::vector<plan::Filterset> parts;
  std::vector<plan::Filterset> any;
  for (const std::string& text : command.filtersets) {
    GORGON_TRY_ASSIGN(auto one, plan::Filterset::parse(text));
    any.push_back(std::move(one));
  }
  if (!any.empty()) parts.push_back(plan::any_of(std::move(any)));
  if (command.keywords) {
    GORGON_TRY_ASSIGN(auto words, plan::Filterset::parse_keywords(*command.keywords));
    parts.push_back(std::move(words));
  }
  if (command.only_failures) parts.push_back(plan::Filterset::of_failed());
  if (parts.empty()) return std::nullopt;
  return plan::all_of(std::move(parts));
}

/// The options of filterset_of(), as they can be given again.
std::vector<std::string> filterset_options(const StartCommand& command) {
  std::vector<std::string> words;
  for (const std::string& filterset : command.filtersets)
    words.insert(words.end(), {"-E", filterset});
  if (command.keywords) words.insert(words.end(), {"-k", *command.keywords});
  if (command.only_failures) words.emplace_back("--only-failures");
  return words;
}

/// Opens the record when it is first asked. Where nothing is recorded, nothing is known of a file.
std::function<Result<plan::FileRecord>(const std::string&)> record_of(const fs::path& project) {
  auto store = std::make_shared<std::optional<history::Store>>();
  return [project, store](const std::string& file) -> Result<plan::FileRecord> {
    if (!*store) {
      auto opened = history::Store::open(project, false);
      if (!opened && opened.error().kind == ErrorKind::kNotFound) return plan::FileRecord();
      if (!opened) return std::unexpected(std::move(opened).error());
      store->emplace(*std::move(opened));
    }
    return history::record_of(**store, file);
  };
}

/// What stood behind "--" in a run stands there in its rerun, in front of what is new, and in what
/// `gorgon resume` and the record know of it.
void inherit(StartCommand& command, const std::vector<std::string>& framework_arguments) {
  if (framework_arguments.empty()) return;
  std::vector<std::string>& words = command.arguments;
  if (std::ranges::find(words, "--") == words.end()) words.emplace_back("--");
  words.insert(std::ranges::find(words, "--") + 1, framework_arguments.begin(),
               framework_arguments.end());
  command.framework_arguments.insert(command.framework_arguments.begin(),
                                     framework_arguments.begin(), framework_arguments.end());
}

/// "latest" becomes a number, also in what `gorgon resume` will read: by then it would be another.
Result<void> settle_rerun(StartCommand& command, const fs::path& project) {
  if (!command.rerun_of) return {};
  GORGON_TRY_ASSIGN(auto store, history::Store::open(project, false));
  GORGON_TRY_ASSIGN(const auto run, store.find(*command.rerun_of));
  if (!run.exit_code) {
    // Which files it had not come to, nobody knows but its journal.
    const std::string remedy =
        originator::has_journal(project, run.job)
            ? "if its gorgon has died: gorgon resume " + run.job
            : "if its gorgon has died, run the suite anew: it has left no journal";
    return fail(ErrorKind::kUsage,
                fmt::format("run {} has not come to its end; {}", run.number, remedy));
  }
  const std::string number = std::to_string(run.number);
  std::vector<std::string>& words = command.arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && words[i - 1] == "--rerun") words[i] = number;
    if (words[i].starts_with("--rerun=")) words[i] = "--rerun=" + number;
  }
  command.rerun_of = number;
  GORGON_TRY_ASSIGN(const auto arguments, history::framework_arguments_of(store, run.number));
  inherit(command, arguments);
  return {};
}

Result<plan::Outstanding> outstanding_of(const fs::path& project, const std::string& run) {
  GORGON_TRY_ASSIGN(auto store, history::Store::open(project, false));
  GORGON_TRY_ASSIGN(const auto found, store.find(run));
  return history::outstanding_of(store, found.number);
}

/// What git says of the project's folder, by its own paths.
Result<void> take_changed(originator::StartOptions& options, const StartCommand& command) {
  if (!command.changed) return {};
  // What CLI11 makes of an option that may have a value and has none.
  const std::string revision = *command.changed == "true" ? "HEAD" : *command.changed;
  asio::io_context io(1);
  GORGON_TRY_ASSIGN(const auto files,
                    run_to_completion(io, sync::changed_git_files(options.project, revision)));
  options.changed.emplace(files.begin(), files.end());
  return {};
}

/// What has changed beside the tests that run may concern any test: nobody knows which.
void warn_of_other_changes(originator::StartOptions& options, const originator::Plan& plan) {
  if (!options.changed) return;
  constexpr std::size_t kNamed = 3;
  std::set<std::string> others = *options.changed;
  for (const plan::PlannedFile& file : plan.files) others.erase(file.path);
  if (others.empty()) return;
  std::string names;
  for (const std::string& name : others | std::views::take(kNamed))
    names += (names.empty() ? "" : ", ") + report::safe_line(name);
  if (others.size() > kNamed) names += fmt::format(" and {} more", others.size() - kNamed);
  options.notices.push_back(
      {Notice::Level::kWarning,
       fmt::format("{} no test{} that run{}: {}",
                   count_of(others.size(), "changed file") + (others.size() == 1 ? " is" : " are"),
                   others.size() == 1 ? "" : "s", others.size() == 1 ? "s" : "", names)});
}

/// An entry that has expired protects its test no more: a run says so, and the test decides again.
Result<void> take_quarantine(originator::StartOptions& options) {
  GORGON_TRY_ASSIGN(const auto entries, config::load_quarantine(options.project));
  const auto today = config::local_date();
  std::vector<results::Quarantine::Entry> valid;
  for (const config::QuarantineEntry& entry : entries) {
    const std::string last_day = config::text_of(entry.expires);
    if (config::is_expired(entry, today)) {
      options.notices.push_back(
          {Notice::Level::kWarning,
           fmt::format("{}:{}: the quarantine of {} ended on {}: it decides again, ask {}",
                       config::kQuarantineFile, entry.line, title_of(entry), last_day,
                       entry.owner)});
    } else {
      valid.push_back(
          {.file = entry.file,
           .test_case = entry.test_case,
           .why = fmt::format("{} ({}, until {})", entry.reason, entry.owner, last_day)});
    }
  }
  options.quarantine = results::Quarantine(std::move(valid));
  return {};
}

/// A file of Ruby or Python that is named says enough.
void take_detected(originator::StartOptions& options) {
  const bool is_named = std::ranges::any_of(options.selection, [](const std::string& argument) {
    return argument.contains(".rb") || argument.contains(".py");
  });
  if (is_named) return;
  if (!detect_runner(options.config, options.project)) return;
  const auto& words = options.config.test_command.run;
  const std::string how = words.empty() ? fmt::format("\"runner\": \"{}\"", options.config.runner)
                                        : fmt::format("`{}`", fmt::join(words, " "));
  options.notices.push_back(
      {Notice::Level::kInfo,
       fmt::format("the tests run by {}, as far as the project shows; `gorgon init` writes it down",
                   how)});
}

/// Where nothing is configured or named, Ruby's tests run, and a green run would be taken for one
/// of pytest's, too.
void mention_pytest(originator::StartOptions& options) {
  if (!options.selection.empty() || !config::leaves_tests_open(options.config)) return;
  if (!plan::is_python_project(options.project) || plan::detect_tests(options.project)) return;
  const auto files = plan::select_test_files({.project = options.project,
                                              .language = plan::Language::kPython,
                                              .working_directory = fs::current_path()});
  if (!files || files->empty()) return;
  const bool is_one = files->size() == 1;
  options.notices.push_back(
      {Notice::Level::kInfo,
       fmt::format("{} not run, since a run is of one language, here Ruby: `gorgon {}{}` runs {}",
                   count_of(files->size(), "pytest file") + (is_one ? " is" : " are"),
                   report::safe_line(files->front().path), is_one ? "" : " ...",
                   is_one ? "it" : "them")});
}

}  // namespace

Result<originator::StartOptions> settle(const StartCommand& command, bool is_start) {
  originator::StartOptions options;
  if (is_start && command.no_capture && command.presentation.format == MessageFormat::kJson) {
    return fail(ErrorKind::kUsage,
                "--no-capture: JSON events have the output of each case in its event; leave one of "
                "the two out");
  }
  GORGON_TRY_ASSIGN(options.config, load_project(command.config_file, command.config_is_required));
  options.project = fs::absolute(command.config_file).parent_path().lexically_normal();
  options.config_name = command.config_file.string();
  options.selection = command.selection;
  take_detected(options);
  mention_pytest(options);
  options.names = command.names;
  options.tags = command.tags;
  options.framework_arguments = command.framework_arguments;
  std::ranges::copy(command.framework_arguments,
                    std::back_inserter(options.config.runner_arguments));
  options.partition = command.partition;
  GORGON_TRY_ASSIGN(options.filterset, filterset_of(command));
  options.filterset_options = filterset_options(command);
  options.failed_first = command.failed_first;
  options.record_of = record_of(options.project);
  if (command.rerun_of) {
    auto left = outstanding_of(options.project, *command.rerun_of);
    // Of a run that is taken up, the other may have left the record meanwhile.
    if (!left && (is_start || left.error().kind != ErrorKind::kNotFound))
      return std::unexpected(std::move(left).error());
    if (left) options.outstanding = *std::move(left);
  }
  GORGON_TRY(take_quarantine(options));
  if (is_start) GORGON_TRY(take_changed(options, command));
  options.seed = command.seed;
  options.order = command.order;
  // What runs in an order that was given is to be repeated as it was.
  if (options.seed && options.order.empty() && !command.in_order) options.order = "random";
  options.iterations = command.stress_count.value_or(1);
  if (options.iterations > 1 && command.rerun_of)
    return fail(ErrorKind::kUsage,
                "a rerun ends when each case has passed once: without --stress-count, or with "
                "--only-failures instead");
  options.max_failures = command.max_failures;
  options.shows_output = command.no_capture && command.presentation.format == MessageFormat::kHuman;
  if (command.retries) options.config.retries.count = *command.retries;
  if (command.retry_budget) options.config.retries.budget = command.retry_budget;
  options.arguments = command.arguments;
  options.folder = command.folder.empty() ? fs::current_path() : command.folder;
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
  GORGON_TRY_ASSIGN(options.rules, originator::RuleBook::make(options.config));
  if (command.in_order) {
    if (command.slots.value_or(1) > 1)
      return fail(ErrorKind::kUsage, "--in-order is for one slot: leave -j out");
    options.in_order = true;
    options.slots = 1;
  }
  GORGON_TRY_ASSIGN(options.signing_key, signing_key(options.config, command.config_file));
  return options;
}

namespace {

report::Rerun how_to_rerun(const StartCommand& command, const originator::StartOptions& options) {
  report::Rerun rerun;
  if (command.config_is_required) rerun.options = {"--config", command.config_file.string()};
  if (command.cluster) {
    rerun.options.emplace_back("--cluster");
    rerun.options.push_back(*command.cluster);
  }
  for (const std::string& name : command.names)
    rerun.options.insert(rerun.options.end(), {"-e", name});
  for (const std::string& tag : command.tags)
    rerun.options.insert(rerun.options.end(), {"-t", tag});
  for (const std::string& filterset : command.filtersets)
    rerun.options.insert(rerun.options.end(), {"-E", filterset});
  if (command.keywords) rerun.options.insert(rerun.options.end(), {"-k", *command.keywords});
  if (command.seed)
    rerun.options.insert(rerun.options.end(), {"--seed", std::to_string(*command.seed)});
  if (!command.order.empty()) rerun.options.insert(rerun.options.end(), {"--order", command.order});
  rerun.selection = command.selection;
  if (command.partition)
    rerun.selection.insert(rerun.selection.begin(),
                           {"--partition", plan::text_of(*command.partition)});
  rerun.framework_arguments = command.framework_arguments;
  rerun.project = options.project.lexically_proximate(fs::current_path()).string();
  return rerun;
}

Result<std::unique_ptr<report::Reporter>> make_recorder(const StartCommand& command,
                                                        const originator::StartOptions& options) {
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(options.project, true));
  history::RunOrigin origin{.arguments = options.arguments};
  if (command.rerun_of) origin.rerun_of = number_of<std::int64_t>(*command.rerun_of);
  GORGON_TRY_ASSIGN(auto recorder, history::Recorder::make(std::move(store), std::move(origin),
                                                           options.config.history_runs));
  return recorder;
}

/// `configured` is relative to `project`. What only shows a plan writes none.
ReportFiles report_files(const StartCommand& command, const fs::path& project,
                         const config::Reports& configured) {
  if (command.dry_run) return {};
  const auto path = [&](const std::optional<fs::path>& given, const fs::path& file) {
    if (given) return command.folder / *given;
    return file.empty() ? fs::path() : project / file;
  };
  return {.junit = path(command.junit, configured.junit),
          .html = path(command.html, configured.html),
          .tap = path(command.tap, configured.tap),
          .trace = path(command.trace, configured.trace)};
}
/// Of a command whose configuration cannot be read: those that it names itself.
ReportFiles named_report_files(const StartCommand& command) {
  return report_files(command, {}, {});
}

/// What the page has beside the run itself. `resumed`: the job that is taken up.
std::function<report::HtmlContext()> page_context(const originator::StartOptions& options,
                                                  const std::optional<std::string>& resumed) {
  return [project = options.project, arguments = options.arguments, resumed] {
    return html_context(project, arguments, resumed);
  };
}

void add_github(report::Reporters& reporters, const StartCommand& command) {
  if (command.dry_run || command.no_github || !is_in_github()) return;
  reporters.add(std::make_unique<report::GithubReporter>(
      github_options(fs::absolute(command.config_file).parent_path())));
}

/// What the user sees, and the record of the run.
Result<std::unique_ptr<report::Reporters>> reporters_of(const StartCommand& command,
                                                        const originator::StartOptions& options,
                                                        const ReportFiles& files) {
  auto reporters = std::make_unique<report::Reporters>();
  reporters->add(make_reporter(command.presentation, {.root = options.project.string(),
                                                      .rerun = how_to_rerun(command, options)}));
  GORGON_TRY(add_reports(*reporters, files));
  add_github(*reporters, command);
  if (options.config.history_runs == 0) return reporters;
  auto recorder = make_recorder(command, options);
  if (recorder) {
    reporters->add(*std::move(recorder));
  } else {
    std::fprintf(stderr, "gorgon: the run is not recorded: %s\n", recorder.error().message.c_str());
  }
  return reporters;
}

/// A run that ends before it begins: whoever reads events or reports learns of it there. The report
/// of an earlier run would be taken for that of this one.
int end_before_start(const StartCommand& command, const ReportFiles& files,
                     results::RunFinished finished) {
  report::Reporters reporters;
  const auto added = add_reports(reporters, files);
  if (!added && added.error().message != finished.reason) {
    const int code = complain(added.error());
    if (finished.exit_code == results::kAllPassed)
      finished = {.exit_code = code, .reason = added.error().message};
  }
  if (command.presentation.format == MessageFormat::kJson)
    reporters.add(std::make_unique<report::JsonEventsReporter>(STDOUT_FILENO));
  add_github(reporters, command);
  reporters.on(finished);
  return end_report(reporters, finished.exit_code);
}

int refuse(const StartCommand& command, const ReportFiles& files, const Error& error,
           std::optional<int> exit_code = {}) {
  const int usual_code = complain(error);
  return end_before_start(command, files,
                          {.exit_code = exit_code.value_or(usual_code), .reason = error.message});
}

/// Nullopt: it takes what the listeners offer, and none has answered.
std::optional<std::size_t> planned_slots(const originator::StartOptions& options) {
  if (!options.slots && options.config.connection) return slots_of_machines(options.config);
  return originator::local_slots(options);
}

report::PlannedMakespan makespan_of(const originator::Plan& plan,
                                    const originator::StartOptions& options) {
  report::PlannedMakespan makespan{.slots = planned_slots(options), .seconds = {}};
  if (!makespan.slots) return makespan;
  if (const auto expected = plan::estimated_makespan(plan.files, *makespan.slots))
    makespan.seconds = expected->count();
  return makespan;
}

int show_plan_as_events(const originator::Plan& plan, const originator::StartOptions& options) {
  std::vector<report::PlannedUnit> units;
  for (std::size_t i = 0; i < plan.units.size(); ++i) {
    const plan::PlannedFile& file = plan.files[i];
    units.push_back({.unit = plan.units[i], .is_recorded = file.is_recorded});
    if (file.expected) units.back().expected_seconds = file.expected->count();
  }
  report::JsonEventsReporter reporter(STDOUT_FILENO);
  reporter.show_plan(units, makespan_of(plan, options));
  return end_report(reporter, results::kAllPassed);
}

/// In front of a duration: how well it is known. Of a file of which some cases run, the duration is
/// that of the whole.
std::string_view reservation(bool is_part, bool is_known) {
  if (is_part) return "up to ";
  return is_known ? "" : "about ";
}

void show_planned_file(const originator::Plan& plan, std::size_t index) {
  const plan::PlannedFile& file = plan.files[index];
  std::string expected = "unknown";
  std::string_view source;
  if (file.expected) {
    expected =
        fmt::format("{}{}", reservation(!plan.units[index].filter.is_empty(), file.is_recorded),
                    human_duration(*file.expected));
    source = file.is_recorded ? "recorded" : "by size";
  }
  std::string words;
  for (const std::string& word : results::words_for(file.path, file.places))
    words += " " + report::shell_quoted(word);
  const std::string line =
      fmt::format("{:>4}  {:<15}  {:<8} {}", index + 1, expected, source, words);
  std::puts(line.c_str());
}

/// "3 files, about 3.92 s in all, about 2.09 s on 2 slots", as far as it is known.
std::string total_of(const originator::Plan& plan, const originator::StartOptions& options) {
  std::string total = count_of(plan.files.size(), "file");
  if (options.partition)
    total += fmt::format(" of {} ({})", plan.selected_files, plan::text_of(*options.partition));
  const auto sum = plan::estimated_makespan(plan.files, 1);
  if (!sum || plan.files.empty()) return total;
  const bool has_parts = std::ranges::any_of(
      plan.units, [](const results::Unit& unit) { return !unit.filter.is_empty(); });
  const bool is_recorded = std::ranges::all_of(plan.files, &plan::PlannedFile::is_recorded);
  total += fmt::format(", {}{} in all", reservation(has_parts, is_recorded), human_duration(*sum));
  const auto slots = planned_slots(options);
  if (!slots) return total;
  const auto makespan = plan::estimated_makespan(plan.files, *slots).value_or(*sum);
  return total + fmt::format(", {}{} on {}", reservation(has_parts, false),
                             human_duration(makespan), count_of(*slots, "slot"));
}

/// One line a file, in the order of handing out, and what is known of the whole.
void show_plan(const originator::Plan& plan, const originator::StartOptions& options) {
  for (std::size_t i = 0; i < plan.files.size(); ++i) show_planned_file(plan, i);
  std::puts(total_of(plan, options).c_str());
}

/// Of a suite that is spread over more jobs than it has files, some have nothing to do.
int end_without_files(const StartCommand& command, const ReportFiles& files,
                      const originator::Plan& plan) {
  const std::string reason =
      fmt::format("no file is in partition {} of {}: nothing to run",
                  plan::text_of(*command.partition), count_of(plan.selected_files, "file"));
  if (command.presentation.format == MessageFormat::kHuman)
    std::printf("gorgon: %s\n", reason.c_str());
  return end_before_start(command, files, {.exit_code = results::kAllPassed, .reason = reason});
}

Result<void> open_log(const originator::StartOptions& options) {
  if (options.config.originator_log_file.empty()) return {};
  return log::open(options.config.originator_log_file, log::Level::kInfo);
}

/// How long a slow reader may take, of whoever leaves at once.
constexpr std::chrono::milliseconds kLastWords(200);

}  // namespace

/// As under nohup.
bool is_ignored(int signal) {
  struct sigaction action{};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

int run(asio::io_context& io, originator::Originator& originator, report::Reporter& reporter,
        int* signal) {
  asio::signal_set signals(io, SIGINT, SIGTERM);
  // A background job goes on, whatever `stty tostop` says of its lines. Children do not inherit it.
  ::signal(SIGTTOU, SIG_IGN);
  auto keys = take_keys(io.get_executor(), originator, reporter);
  if (!is_ignored(SIGHUP)) signals.add(SIGHUP);
  const std::function<void(const boost::system::error_code&, int)> take =
      [&](const boost::system::error_code& error, int number) {
        if (error) return;
        if (signal != nullptr) *signal = number;
        if (originator.interrupt(number)) return signals.async_wait(take);
        // Whoever asks once more does not want to wait for others, nor, once again, for the disk.
        signals.clear();
        // Children die with us, but not theirs.
        kill_descendants(::getpid());
        reporter.hide();
        keys.reset();
        originator.give_up(128 + number);
        (void)reporter.flush(kLastWords);
        ::_exit(128 + number);
      };
  signals.async_wait(take);
  const int exit_code = run_to_completion(io, originator.run());
  keys.reset();
  // A pager may be read for an hour; from here on Ctrl-C ends us as it ends any program.
  signals.clear();
  return end_report(reporter, exit_code);
}

namespace {

/// Of what the user has named, there is nothing.
std::optional<int> code_if_not_found(const Error& error) {
  if (error.kind != ErrorKind::kNotFound) return std::nullopt;
  return results::kNothingSelected;
}

bool is_selective(const StartCommand& command) {
  return !command.selection.empty() || !command.filtersets.empty() || command.keywords ||
         command.only_failures || command.rerun_of || command.changed;
}

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

/// Lives as long as `reporters`.
const report::Timings& add_timings(report::Reporters& reporters, double planned_seconds) {
  auto timings = std::make_unique<report::Timings>(planned_seconds);
  const report::Timings& added = *timings;
  reporters.add(std::move(timings));
  return added;
}

/// Beside JSON events on standard error, so that those stay what they are.
void show_timings(const report::Timings& timings, const StartCommand& command, double seconds) {
  const bool is_json = command.presentation.format == MessageFormat::kJson;
  (void)std::fputs(timings.text(seconds).c_str(), is_json ? stderr : stdout);
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

int start(StartCommand command) {
  const auto began = std::chrono::steady_clock::now();
  const auto project = project_folder(command.config_file, command.config_is_required);
  if (!project) return refuse(command, named_report_files(command), project.error());
  if (const auto settled = settle_rerun(command, *project); !settled) {
    return refuse(command, named_report_files(command), settled.error(),
                  code_if_not_found(settled.error()));
  }
  auto options = settle(command, true);
  if (!options) return refuse(command, named_report_files(command), options.error());
  ReportFiles files = report_files(command, options->project, options->config.reports);
  files.html_context = page_context(*options, std::nullopt);
  if (const auto opened = open_log(*options); !opened)
    return refuse(command, files, opened.error());
  auto plan = originator::make_plan(*options);
  if (!plan) {
    return refuse(command, files, plan.error(),
                  is_selective(command) ? code_if_not_found(plan.error()) : std::nullopt);
  }
  if (command.dry_run) {
    if (command.presentation.format == MessageFormat::kJson)
      return show_plan_as_events(*plan, *options);
    show_plan(*plan, *options);
    return 0;
  }
  if (plan->units.empty()) return end_without_files(command, files, *plan);
  warn_of_other_changes(*options, *plan);
  const auto reporter = reporters_of(command, *options, files);
  if (!reporter) return refuse(command, files, reporter.error());
  const report::Timings* timings = nullptr;
  if (command.timings) timings = &add_timings(**reporter, seconds_since(began));
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), *std::move(options), *std::move(plan),
                                    **reporter);
  const int exit_code = run(io, originator, **reporter);
  if (timings != nullptr) show_timings(*timings, command, seconds_since(began));
  return exit_code;
}

int resume(
    const ResumeCommand& command,
    const std::function<std::optional<StartCommand>(const std::vector<std::string>&)>& parse) {
  StartCommand start;
  start.presentation = command.presentation;
  const auto project = project_folder(command.config_file, command.config_is_required);
  if (!project) return refuse(start, {}, project.error());
  auto journal = open_journal(*project, command.job);
  if (!journal) return refuse(start, {}, journal.error(), code_if_not_found(journal.error()));
  const auto given = parse(journal->head().arguments);
  if (!given) {
    return refuse(
        start, {},
        Error{ErrorKind::kUsage, "the options of the run are those of another version of gorgon"});
  }
  start = *given;
  start.arguments = journal->head().arguments;
  start.folder = journal->head().folder;
  start.presentation = command.presentation;
  // The project is the folder of its configuration, from wherever that was named.
  start.config_file = command.config_file;
  if (given->config_is_required && !command.config_is_required)
    start.config_file = *project / given->config_file.filename();
  start.config_is_required = command.config_is_required || given->config_is_required;
  auto options = settle(start, false);
  if (!options) return refuse(start, named_report_files(start), options.error());
  ReportFiles files = report_files(start, options->project, options->config.reports);
  files.html_context = page_context(*options, journal->head().job);
  if (const auto opened = open_log(*options); !opened) return refuse(start, files, opened.error());
  const auto reporter = reporters_of(start, *options, files);
  if (!reporter) return refuse(start, files, reporter.error());
  asio::io_context io(1);
  originator::Originator originator(io.get_executor(), *std::move(options), *std::move(journal),
                                    **reporter);
  return run(io, originator, **reporter);
}

}  // namespace gorgon::cli
