#include "harness.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "broker/broker.h"
#include "program.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kMark = "GORGON_TEST_MARK";
/// How long the machines may take to clean up after a run that has ended.
constexpr auto kCleanUpLimit = 30s;
constexpr auto kListenerStartLimit = 30s;
constexpr std::size_t kLogLinesShown = 60;
/// For a build with sanitizers; any other takes no notice. The code is one that gorgon never ends
/// with.
constexpr const char* kAsanOptions = ":detect_leaks=1:detect_stack_use_after_return=1:exitcode=99";
constexpr const char* kUbsanOptions = ":print_stacktrace=1";

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; entry != end; entry.increment(error))
    paths.push_back(entry->path());
  std::ranges::sort(paths);
  return paths;
}

void write_text(const fs::path& file, const std::string& text) {
  const auto written = write_file(file, text);
  if (!written) ADD_FAILURE() << written.error().message;
}

}  // namespace

fs::path own_cgroup() {
  std::string mount;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, place, type, rest; mounts >> device >> place >> type;) {
    std::getline(mounts, rest);
    if (type == "cgroup2") mount = place;
  }
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!mount.empty() && line.starts_with("0::")) return mount + line.substr(3);
  }
  return {};
}

void Project::write(const std::string& file, const std::string& text) const {
  write_text(folder_ / file, text);
}

std::string Project::read(const std::string& file) const {
  return read_file(folder_ / file).value_or("");
}

bool Project::has(const std::string& file) const { return fs::exists(folder_ / file); }

void RunningListener::kill() {
  may_be_gone = true;
  program->signal(SIGKILL);
  (void)program->wait(10s);
}

std::vector<fs::path> journals_of(const Project& project) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(project.folder() / ".gorgon/jobs", none)) {
    if (entry.path().extension() == ".journal") files.push_back(entry.path());
  }
  return files;
}

std::vector<std::string> journalled(const Project& project) {
  constexpr std::string_view kReply = "{\"reply\":";
  std::vector<std::string> bodies;
  for (const auto& file : journals_of(project)) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line) && !lines.eof();)
      if (line.starts_with(kReply))
        bodies.push_back(line.substr(kReply.size(), line.size() - kReply.size() - 1));
  }
  return bodies;
}

std::map<std::string, std::string> names(const FinishedRun& run) {
  std::map<std::string, std::string> names;
  for (const ReportedCase& one : run.report.cases) names[one.name] = one.status;
  return names;
}

std::vector<CaseRow> rows(const FinishedRun& run) {
  std::vector<CaseRow> rows;
  rows.reserve(run.report.cases.size());
  for (const ReportedCase& one : run.report.cases) rows.push_back({one.name, one.status});
  return rows;
}

Cluster::Cluster(TestBroker broker, Site site)
    : broker_(broker), site_(std::move(site)), id_("t" + random_id(8)) {
  std::string pattern = (fs::temp_directory_path() / "gorgon-it-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  for (const char* name : {"home", "tmp", "logs", "sanitizer"})
    fs::create_directory(folder_ / name);
  if (broker_ == TestBroker::kRabbitMq) (void)rabbit();
}

Cluster::~Cluster() {
  programs_.clear();
  listeners_.clear();
  for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
  if (!is_kept_) remove_tree(folder_);
}

std::vector<pid_t> Cluster::processes() const { return processes_of(kMark, id_, folder_); }

Environment Cluster::environment(const fs::path& home) const {
  Environment environment = {{kMark, id_},
                             {"HOME", (home.empty() ? folder_ / "home" : home).string()},
                             {"TMPDIR", (folder_ / "tmp").string()},
                             {"LANG", "C.UTF-8"},
                             {"LC_ALL", std::nullopt},
                             {"NO_COLOR", std::nullopt},
                             {"GITHUB_ACTIONS", std::nullopt},
                             {"RUBYOPT", std::nullopt},
                             {"RUBYLIB", std::nullopt},
                             {"BUNDLE_GEMFILE", std::nullopt},
                             {"SPEC_OPTS", std::nullopt},
                             {"TESTOPTS", std::nullopt},
                             {"XDG_RUNTIME_DIR", std::nullopt},
                             {"XDG_CACHE_HOME", std::nullopt},
                             {"XDG_CONFIG_HOME", std::nullopt}};
  const std::string reports = "log_path=" + (folder_ / "sanitizer" / "report").string();
  environment.emplace_back("ASAN_OPTIONS", reports + kAsanOptions);
  environment.emplace_back("UBSAN_OPTIONS", reports + kUbsanOptions);
  environment.insert(environment.end(), extra_environment_.begin(), extra_environment_.end());
  return environment;
}

Project Cluster::add_project(const std::string& fixture, const std::string& name) {
  fs::path folder = folder_ / name;
  for (int number = 2; fs::exists(folder); ++number)
    folder = folder_ / (name + "-" + std::to_string(number));
  fs::create_directories(folder);
  if (!fixture.empty()) {
    fs::copy(fs::path(GORGON_FIXTURES) / fixture, folder, fs::copy_options::recursive);
    fs::remove(folder / "expected.json");
  }
  return Project(folder);
}

namespace {

std::string slow_file(std::size_t number) { return fmt::format("spec/slow_{:02}_spec.rb", number); }

}  // namespace

Project Cluster::add_npm_package(const std::string& name) {
  const fs::path packages = GORGON_NPM;
  Project project = add_project("", name);
  EXPECT_TRUE(fs::exists(packages / name)) << "script/test installs it";
  constexpr auto kWhole = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
  std::error_code error;
  fs::copy(packages / name, project.folder(), kWhole, error);
  fs::copy(packages, project.folder() / "node_modules", kWhole, error);
  EXPECT_FALSE(error) << error.message();
  return project;
}

Project Cluster::add_slow_project(std::size_t files, double seconds) {
  const Project project = add_project("", "slow");
  for (std::size_t i = 1; i <= files; ++i) {
    project.write(
        slow_file(i),
        fmt::format("RSpec.describe('slow {}') {{ it('sleeps') {{ sleep {} }} }}\n", i, seconds));
  }
  return project;
}

ExpectedUnits Cluster::slow_units(std::size_t files) {
  ExpectedUnits units;
  for (std::size_t i = 1; i <= files; ++i) {
    ExpectedUnit& unit = units[slow_file(i)];
    unit.verdict = "passed";
    unit.cases[fmt::format("slow {} sleeps", i)] = "passed";
  }
  return units;
}

std::string Cluster::connection_key() const {
  return fmt::format(R"("connection": {{"host": "{}", "port": {}, "heartbeat": {}}})",
                     site_.broker_address, rabbit().connection().port, site_.heartbeat.count());
}

PrivateRabbit& Cluster::rabbit() const {
  return site_.rabbit == nullptr ? shared_rabbit() : *site_.rabbit;
}

void Cluster::configure(const Project& project, const std::string& keys) const {
  std::string text = "{";
  if (broker_ == TestBroker::kRabbitMq)
    text += connection_key() + ", \"cluster\": \"" + id_ + "\", ";
  project.write("gorgon.json", text + keys + "}\n");
}

RunningListener& Cluster::start_listener(ListenerSetup setup) {
  RunningListener& listener = listeners_.emplace_back();
  listener.home = folder_ / "listeners" / setup.name;
  std::string keys = fmt::format(
      R"({}, "cluster_id": "{}", "host_name": "{}", "worker_slots": {}, "workspace_dir": "workspaces")",
      connection_key(), id_, setup.host_name.empty() ? setup.name : setup.host_name, setup.slots);
  if (!setup.keys.empty()) keys += ", " + setup.keys;
  write_text(listener.home / "gorgon_listener.json", "{" + keys + "}\n");
  std::vector<std::string> argv = {GORGON_BINARY, "listen"};
  argv.insert(argv.end(), setup.arguments.begin(), setup.arguments.end());
  // The program faketime would be another process between us and the listener.
  if (!setup.clock_offset.empty()) {
    argv.insert(argv.begin(), {"env", "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1",
                               "FAKETIME=" + setup.clock_offset, "FAKETIME_DONT_FAKE_MONOTONIC=1",
                               "DONT_FAKE_MONOTONIC=1"});
  }
  if (site_.place) argv = site_.place(setup.name, std::move(argv));
  listener.program = std::make_unique<Program>(Program::Options{
      .argv = std::move(argv),
      .environment = environment(listener.home),
      .directory = listener.home,
      .output = folder_ / "logs" / fmt::format("listener-{}-{}", setup.name, listeners_.size())});
  listener.setup = std::move(setup);
  if (listener.setup.wait_until_ready) {
    EXPECT_TRUE(eventually(kListenerStartLimit,
                           [&] {
                             return listener.log().find("listening on") != std::string::npos ||
                                    !listener.program->is_running();
                           }) &&
                listener.program->is_running())
        << "the listener did not start: " << listener.log();
  }
  return listener;
}

void Cluster::interrupt(Program& run) {
  run.signal(SIGINT);
  EXPECT_TRUE(eventually(20s, [&] {
    return run.output().find("what runs is finished") != std::string::npos;
  })) << run.output();
  run.signal(SIGINT);
}

void Cluster::start_two_listeners() {
  start_listener({.name = "one", .wait_until_ready = false});
  start_listener({.name = "two"});
  EXPECT_TRUE(eventually(kListenerStartLimit, [&] {
    return listeners_.front().log().find("listening on") != std::string::npos;
  })) << logs();
}

Program& Cluster::start(std::vector<std::string> argv, const fs::path& directory,
                        const fs::path& home, const std::string& name) {
  return programs_.emplace_back(Program::Options{
      .argv = std::move(argv),
      .environment = environment(home),
      .directory = directory,
      .output = folder_ / "logs" / fmt::format("{:02}-{}", programs_.size() + 1, name)});
}

Program& Cluster::start_gorgon(const std::vector<std::string>& arguments, const fs::path& directory,
                               const fs::path& home) {
  std::vector<std::string> argv = {GORGON_BINARY};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  if (site_.place) argv = site_.place("originator", std::move(argv));
  return start(std::move(argv), directory, home, arguments.empty() ? "gorgon" : arguments.front());
}

Program& Cluster::start_run(const Project& project, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"start", "--message-format", "json"});
  return start_gorgon(arguments, project.folder());
}

namespace {

FinishedRun wait_for(Program& program, Clock::duration limit) {
  const auto began = Clock::now();
  const auto exit_code = program.exit_code(limit);
  FinishedRun finished{.seconds = std::chrono::duration<double>(Clock::now() - began).count(),
                       .report = {},
                       .output = program.output(),
                       .errors = program.errors()};
  if (exit_code) {
    finished.exit_code = *exit_code;
  } else {
    ADD_FAILURE() << program.options().argv.at(0) << " "
                  << (program.options().argv.size() > 1 ? program.options().argv[1] : "")
                  << " has not ended in time";
    program.signal(SIGKILL);
  }
  return finished;
}

}  // namespace

FinishedRun Cluster::gorgon(const std::vector<std::string>& arguments, const fs::path& directory,
                            Clock::duration limit, const fs::path& home) {
  return wait_for(start_gorgon(arguments, directory, home), limit);
}

Program& Cluster::start_program(std::vector<std::string> argv, const fs::path& directory) {
  const std::string name = fs::path(argv.front()).filename().string();
  return start(std::move(argv), directory, {}, name);
}

FinishedRun Cluster::other_program(std::vector<std::string> argv, const fs::path& directory,
                                   Clock::duration limit) {
  return wait_for(start_program(std::move(argv), directory), limit);
}

FinishedRun Cluster::finish(Program& run, Clock::duration limit) {
  FinishedRun finished = wait_for(run, limit);
  finished.report = read_report(finished.output);
  const Report& report = finished.report;
  std::string mistakes;
  for (const std::string& mistake : report.mistakes) mistakes += mistake + "\n";
  EXPECT_EQ(mistakes, "");
  if (!report.job.empty()) {
    EXPECT_EQ(report.exit_code.value_or(-1), finished.exit_code) << report.reason;
  }
  return finished;
}

FinishedRun Cluster::run(const Project& project, std::vector<std::string> arguments,
                         Clock::duration limit) {
  return finish(start_run(project, std::move(arguments)), limit);
}

// ---- what is left ----

std::set<std::string> Cluster::jobs() const {
  std::set<std::string> jobs;
  for (const Program& program : programs_) {
    std::ifstream output(program.options().output);
    std::string line;
    if (std::getline(output, line) && line.starts_with("{"))
      jobs.insert(read_report(line + "\n").job);
  }
  jobs.erase("");
  return jobs;
}

std::vector<std::string> Cluster::job_queues() const {
  auto listed = rabbit().rabbitmqctl({"-q", "list_queues", "name", "--no-table-headers"});
  if (!listed) {
    ADD_FAILURE() << listed.error().message;
    return {};
  }
  std::vector<std::string> names;
  std::istringstream lines(*listed);
  for (std::string line; std::getline(lines, line);) {
    for (const std::string& job : jobs()) {
      if (line.find(job) != std::string::npos) names.push_back(line);
    }
  }
  return names;
}

void Cluster::check_nothing_is_left() {
  for (Program& program : programs_) {
    // What a test did not wait for, it does not mind being killed.
    if (program.is_running()) program.signal(SIGKILL);
    (void)program.wait(10s);
  }
  check_jobs_are_gone();
  stop_listeners();
  check_processes_are_gone();
  check_folders_are_empty();
  check_cgroups_are_gone();
  check_sanitizers_are_silent();
}

/// The listeners' end would hide what they forgot.
void Cluster::check_jobs_are_gone() {
  if (broker_ == TestBroker::kRabbitMq) {
    std::vector<std::string> queues;
    EXPECT_TRUE(eventually(kCleanUpLimit, [&] { return (queues = job_queues()).empty(); }))
        << "queues are left: " << ::testing::PrintToString(queues);
  }
  for (const RunningListener& listener : listeners_) {
    if (listener.may_be_gone || !listener.program->is_running()) continue;
    EXPECT_TRUE(
        eventually(kCleanUpLimit,
                   [&] { return listener.workers().empty() && listener.runner_hosts().empty(); }))
        << "processes of a job are left on " << listener.setup.name;
  }
}

void Cluster::stop_listeners() {
  for (RunningListener& listener : listeners_) listener.program->signal(SIGTERM);
  for (RunningListener& listener : listeners_) {
    const auto code = listener.program->exit_code(kCleanUpLimit);
    if (listener.may_be_gone) continue;
    EXPECT_EQ(code.value_or(-1), 0)
        << "listener " << listener.setup.name << " (-1: it does not end)";
  }
}

void Cluster::check_processes_are_gone() const {
  std::vector<pid_t> left;
  const bool gone = eventually(kCleanUpLimit, [&] { return (left = processes()).empty(); });
  if (gone) return;
  for (const pid_t pid : left) ADD_FAILURE() << "a process is left: " << describe_process(pid);
}

void Cluster::check_folders_are_empty() const {
  for (const fs::path& path : entries_of(folder_ / "tmp"))
    ADD_FAILURE() << "left in TMPDIR: " << path.filename();
  // A listener that was killed leaves its folder to the next one with the same root.
  std::set<fs::path> excused;
  for (const RunningListener& listener : listeners_) {
    if (listener.may_be_gone)
      excused.insert(listener.home);
    else
      excused.erase(listener.home);
  }
  for (const RunningListener& listener : listeners_) {
    if (excused.contains(listener.home)) continue;
    for (const fs::path& path : entries_of(listener.workspaces()))
      ADD_FAILURE() << "left in the workspaces of " << listener.setup.name << ": "
                    << path.filename();
  }
}

void Cluster::check_cgroups_are_gone() const {
  const fs::path parent = own_cgroup();
  if (parent.empty()) return;
  // A listener that was killed leaves them to the next one on its machine.
  std::map<std::string, std::string> excused;
  for (const RunningListener& listener : listeners_) {
    excused.erase(listener.setup.name);
    if (listener.may_be_gone)
      excused[listener.setup.name] = fmt::format("-{}-", listener.program->pid());
  }
  for (const fs::path& path : entries_of(parent)) {
    const std::string name = path.filename().string();
    const auto is_in_name = [&](const std::string& part) {
      return name.find(part) != std::string::npos;
    };
    if (std::ranges::any_of(jobs(), is_in_name) &&
        std::ranges::none_of(excused, is_in_name,
                             &std::pair<const std::string, std::string>::second))
      ADD_FAILURE() << "a cgroup is left: " << path;
  }
}

/// Also of workers, whose exit codes and standard errors no test sees.
void Cluster::check_sanitizers_are_silent() const {
  for (const fs::path& path : entries_of(folder_ / "sanitizer"))
    ADD_FAILURE() << path << ":\n" << read_file(path).value_or("cannot be read");
}

std::string Cluster::logs() const {
  std::string text;
  for (const fs::path& file : entries_of(folder_ / "logs")) {
    const std::string log = read_file(file, std::size_t{512} * 1024 * 1024).value_or("");
    if (log.empty()) continue;
    text += "---- " + file.filename().string() + "\n";
    std::istringstream lines(last_lines(log, kLogLinesShown));
    for (std::string line; std::getline(lines, line);) text += line.substr(0, 500) + "\n";
  }
  return text;
}

namespace {

Task<Result<void>> publish_all(std::vector<broker::Message> messages) {
  broker::Address address = shared_rabbit().connection();
  std::string name = "test";
  GORGON_CO_TRY_ASSIGN(const auto connection,
                       co_await broker::connect(std::move(address), std::move(name)));
  GORGON_CO_TRY(co_await connection->publish(std::move(messages)));
  co_await connection->close();
  co_return Result<void>();
}

}  // namespace

void publish(const broker::Destination& to, const std::vector<std::string>& bodies) {
  std::vector<broker::Message> messages;
  messages.reserve(bodies.size());
  for (const std::string& body : bodies) messages.push_back({to, body});
  asio::io_context io(1);
  const auto published = run_to_completion(io, publish_all(std::move(messages)));
  EXPECT_TRUE(published) << published.error().message;
}

void ClusterTest::TearDown() {
  cluster_->check_nothing_is_left();
  if (HasFailure()) {
    cluster_->keep_folder();
    std::cout << cluster_->logs() << "kept: " << cluster_->folder() << "\n";
  }
  cluster_.reset();
}

}  // namespace gorgon::test
