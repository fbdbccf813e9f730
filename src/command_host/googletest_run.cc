#include "command_host/googletest_run.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
#include "command_host/googletest_filter.h"
#include "command_host/googletest_link.h"
#include "command_host/googletest_reader.h"
#include "command_host/googletest_report.h"
#include "command_host/output.h"
#include "command_host/unit_run.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

namespace fs = std::filesystem;

/// The unit's own limit ends it sooner, unless there is none.
constexpr std::chrono::minutes kListLimit{10};
/// Linux takes no argument of 128 KiB or more (MAX_ARG_STRLEN); a file of flags has no such limit.
constexpr std::size_t kMaxFilterBytes = std::size_t{100} * 1024;

results::Failure unit_failure(std::string stage, std::string message) {
  return {.stage = std::move(stage), .exception_class = "", .message = std::move(message)};
}

/// GoogleTest takes its flags with one dash, too.
bool is_fail_fast(std::string_view word) {
  while (word.starts_with('-')) word.remove_prefix(1);
  return word == "gtest_fail_fast" || word.starts_with("gtest_fail_fast=");
}

SpawnOptions program(const UnitCommand& command, const results::Unit& unit) {
  SpawnOptions options{.argv = {command.workspace + "/" + unit.file}};
  // The originator decides when to stop: what a program leaves out would never be run.
  std::ranges::copy_if(command.arguments, std::back_inserter(options.argv),
                       [](const std::string& word) { return !is_fail_fast(word); });
  options.argv.push_back("--gtest_output=json:" + command.output_file);
  // A share of the cases would not be those that were asked for.
  for (const char* name :
       {"GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX", "GTEST_SHARD_STATUS_FILE", "GTEST_FAIL_FAST"})
    options.environment.emplace_back(name, std::nullopt);
  options.environment.emplace_back("GTEST_BRIEF", "0");
  return options;
}

Result<GoogleTestReport> take_report(const UnitCommand& command, const results::Unit& unit) {
  auto text = read_file(command.output_file);
  std::error_code ignored;
  fs::remove(command.output_file, ignored);
  if (!text) return std::unexpected(std::move(text).error());
  return read_googletest_report(*text, {.file = unit.file, .workspace = command.workspace});
}

/// All cases of the program that its arguments leave.
Task<Result<std::vector<GoogleTestCase>>> list_cases(const UnitCommand& command,
                                                     results::Unit unit) {
  RunOptions options{.spawn = program(command, unit), .timeout = kListLimit};
  options.spawn.argv.emplace_back("--gtest_list_tests");
  const std::string what = "cannot list the tests of " + unit.file + ": ";
  auto listed = co_await gorgon::run(options);
  kill_leftovers();
  if (!listed) co_return fail(listed.error().kind, what + listed.error().message);
  auto report = take_report(command, unit);
  if (listed->status.is_success() && report) co_return std::move(report->cases);
  std::string why = "with --gtest_list_tests it ended with " + describe(listed->status);
  if (listed->status.is_success()) {
    why += " and wrote no list: is it a program of GoogleTest, 1.10 or later?";
  }
  const std::string output = last_lines(listed->output + listed->errors, 20);
  if (!output.empty()) why += "\n" + output;
  co_return fail(ErrorKind::kProtocol, what + why);
}

/// The arguments that select `names`.
Result<std::vector<std::string>> filter_arguments(const std::vector<std::string>& names,
                                                  const fs::path& flag_file) {
  std::string flag = "--gtest_filter=" + googletest_filter(names);
  if (flag.size() <= kMaxFilterBytes) return std::vector{std::move(flag)};
  GORGON_TRY(write_file(flag_file, flag + "\n"));
  return std::vector{"--gtest_flagfile=" + flag_file.string()};
}

class ProgramRun {
 public:
  ProgramRun(const UnitCommand& command, const results::Unit& unit, Conversation& conversation,
             const std::vector<GoogleTestCase>& wanted)
      : command_(command),
        unit_(unit),
        reader_({.file = unit.file, .workspace = command.workspace}, wanted,
                {.on_start = [&](const auto& one) { conversation.tell_started(one); },
                 .on_case = [&](const auto& one,
                                auto output) { conversation.tell_case(one, output); }}) {}

  /// `filter`: arguments.
  Task<UnitEnd> run(std::vector<std::string> filter, std::function<void(pid_t)> on_start) {
    UnitEnd end;
    const auto executor = co_await asio::this_coro::executor;
    std::shared_ptr<GoogleTestLink> link;
    auto process = start(executor, std::move(filter), link);
    if (!process) {
      if (link) co_await GoogleTestLink::close(link);
      end.errors.push_back(
          unit_failure("framework", "cannot start the tests: " + process.error().message));
      co_return end;
    }
    on_start(process->pid());
    end.status = co_await process->wait();
    kill_leftovers();
    co_await GoogleTestLink::close(link);
    finish(end);
    co_return end;
  }

 private:
  Result<Subprocess> start(const asio::any_io_executor& executor, std::vector<std::string> filter,
                           std::shared_ptr<GoogleTestLink>& link) {
    GORGON_TRY_ASSIGN(Pipe pipe, make_pipe());
    GORGON_TRY_ASSIGN(link, GoogleTestLink::open(executor, std::move(pipe.read), reader_));
    SpawnOptions options = program(command_, unit_);
    options.argv.push_back("--gtest_stream_result_to=" + link->address());
    options.argv.emplace_back("--gtest_color=no");
    std::ranges::move(filter, std::back_inserter(options.argv));
    options.descriptors = {{STDOUT_FILENO, pipe.write.get()}, {STDERR_FILENO, pipe.write.get()}};
    return Subprocess::spawn(executor, options);
  }

  void finish(UnitEnd& end) {
    const auto report = take_report(command_, unit_);
    if (end.status->code) {
      end.errors = reader_.finish(*end.status->code, report ? &*report : nullptr);
      const auto wrong =
          contradiction({.exit_code = *end.status->code,
                         .has_bad_cases = reader_.has_bad_cases(),
                         .has_errors = !end.errors.empty(),
                         .is_usual_code = reader_.has_bad_cases() && *end.status->code == 1});
      if (wrong) end.errors.push_back(*wrong);
    } else {
      reader_.finish_crashed();
    }
    end.has_bad_cases = reader_.has_bad_cases();
  }

  const UnitCommand& command_;
  const results::Unit& unit_;
  GoogleTestReader reader_;
};

}  // namespace

Task<UnitEnd> run_googletest_unit(const UnitCommand& command, results::Unit unit,
                                  Conversation& conversation, std::function<void(pid_t)> on_start) {
  CaseSelection selection(unit);
  UnitEnd end{.errors = selection.problems()};
  if (!end.errors.empty()) co_return end;
  const auto listed = co_await list_cases(command, unit);
  if (!listed) {
    end.errors.push_back(unit_failure("load", listed.error().message));
    co_return end;
  }
  std::vector<GoogleTestCase> wanted;
  std::vector<std::string> names;
  for (const GoogleTestCase& one : *listed) {
    if (!selection.takes(one.full_name())) continue;
    wanted.push_back(one);
    names.push_back(one.full_name());
  }
  end.errors = selection.empty_places();
  if (wanted.empty()) co_return end;
  const fs::path flag_file = command.output_file + ".flags";
  Result<std::vector<std::string>> filter;
  if (!unit.is_whole_file()) filter = filter_arguments(names, flag_file);
  if (!filter) {
    end.errors.push_back(unit_failure("framework", filter.error().message));
    co_return end;
  }
  ProgramRun run(command, unit, conversation, wanted);
  UnitEnd ran = co_await run.run(*std::move(filter), std::move(on_start));
  std::error_code ignored;
  fs::remove(flag_file, ignored);
  ran.errors.insert(ran.errors.begin(), end.errors.begin(), end.errors.end());
  co_return ran;
}

}  // namespace gorgon::command_host
