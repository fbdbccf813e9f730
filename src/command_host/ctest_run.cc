#include "command_host/ctest_run.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "command_host/case_selection.h"
#include "command_host/conversation.h"
#include "command_host/ctest_results.h"
#include "command_host/output.h"
#include "command_host/reading.h"
#include "command_host/unit_run.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

namespace fs = std::filesystem;

/// A folder in which ctest may keep its notes: several that run in the build folder at once would
/// write over each other's, and over those of the user's last run.
class OwnFolder {
 public:
  explicit OwnFolder(fs::path path) : path_(std::move(path)) {}
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;
  ~OwnFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  [[nodiscard]] Result<void> fill(const fs::path& build) const {
    std::error_code error;
    fs::remove_all(path_, error);
    if (!fs::create_directory(path_, error))
      return fail(ErrorKind::kIo, "cannot make " + path_.string() + ": " + error.message());
    // The usual time limit, and the project's own settings of ctest.
    for (const char* name : {"DartConfiguration.tcl", "CTestCustom.cmake", "CTestCustom.ctest"})
      fs::copy_file(build / name, path_ / name, error);
    // A bracket argument: nothing in it means anything.
    return write_file(path_ / "CTestTestfile.cmake", "subdirs([==[" + build.string() + "]==])\n");
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] fs::path log() const { return path_ / "log"; }
  [[nodiscard]] fs::path junit() const { return path_ / "junit.xml"; }

 private:
  fs::path path_;
};

results::Failure framework_failure(std::string message) {
  return {.stage = "framework", .exception_class = "", .message = std::move(message)};
}

Result<Subprocess> start(const asio::any_io_executor& executor, const UnitCommand& command,
                         const results::Unit& unit, const OwnFolder& folder) {
  GORGON_TRY(folder.fill(fs::path(command.workspace) / command.command.run.front()));
  const UniqueFd log(::open(folder.log().c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return fail_errno("cannot write " + folder.log().string(), errno);
  SpawnOptions options{
      .argv = {"ctest", "--test-dir", folder.path(), "--output-junit", folder.junit()},
      .descriptors = {{STDOUT_FILENO, log.get()}, {STDERR_FILENO, log.get()}}};
  options.argv.insert(options.argv.end(), command.arguments.begin(), command.arguments.end());
  options.argv.insert(options.argv.end(), {"-R", ctest_pattern(unit.file)});
  return Subprocess::spawn(executor, options);
}

/// From what ctest has written to `conversation`.
void tell_results(const results::Unit& unit, const UnitCommand& command, const OwnFolder& folder,
                  Conversation& conversation, UnitEnd& end) {
  const std::string log = read_file(folder.log()).value_or("");
  const ReadUnit read_unit{.file = unit.file, .workspace = command.workspace};
  const std::string xml = read_file(folder.junit()).value_or("");
  auto read = read_ctest(xml, log, read_unit);
  if (!read || read->cases.empty()) {
    print(log);
    end.errors.push_back(framework_failure("ctest has not told how the test ended: it ended with " +
                                           describe(*end.status)));
    return;
  }
  for (const results::TestCase& found : read->cases) {
    OutputRange output{.from = output_size()};
    print(found.output);
    output.to = output_size();
    end.has_bad_cases |= results::is_bad(found.status);
    conversation.tell_case(found, output);
  }
  end.errors = std::move(read->errors);
  if (!end.status->code) return;
  constexpr int kTestsFailed = 8;  // cmCTest's, in all versions.
  const auto wrong =
      contradiction({.exit_code = *end.status->code,
                     .has_bad_cases = end.has_bad_cases,
                     .has_errors = !end.errors.empty(),
                     .is_usual_code = end.has_bad_cases && *end.status->code == kTestsFailed});
  if (wrong) end.errors.push_back(*wrong);
}

}  // namespace

Task<UnitEnd> run_ctest_unit(const UnitCommand& command, results::Unit unit,
                             Conversation& conversation, std::function<void(pid_t)> on_start) {
  CaseSelection selection(unit);
  UnitEnd end{.errors = selection.problems()};
  const bool is_wanted = selection.takes(unit.file);
  if (!is_wanted) co_return end;
  const OwnFolder folder(command.output_file + ".ctest");
  const auto executor = co_await asio::this_coro::executor;
  auto process = start(executor, command, unit, folder);
  if (!process) {
    end.errors.push_back(framework_failure("cannot start ctest: " + process.error().message));
    co_return end;
  }
  on_start(process->pid());
  conversation.tell_started({.id = unit.file, .name = unit.file, .location = unit.file});
  end.status = co_await process->wait();
  kill_leftovers();
  if (end.status->code) tell_results(unit, command, folder, conversation, end);
  co_return end;
}

}  // namespace gorgon::command_host
