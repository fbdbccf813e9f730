#include "command_host/unit_run.h"

#include <fmt/core.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <iterator>
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
#include "command_host/conversation.h"
#include "command_host/junit.h"
#include "command_host/output.h"
#include "command_host/reading.h"
#include "command_host/tap.h"
#include "config/project_config.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

using config::ResultFormat;

constexpr std::string_view kFile = "{file}";
constexpr std::string_view kOutput = "{output}";
constexpr std::string_view kArguments = "{arguments}";
/// A longer line is no line of TAP.
constexpr std::size_t kMaxLineBytes = std::size_t{1} * 1024 * 1024;

void replace_all(std::string& text, std::string_view part, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += by.size())
    text.replace(at, part.size(), by);
}

bool names_output(const config::TestCommand& command) {
  return std::ranges::any_of(command.run,
                             [](const std::string& word) { return word.contains(kOutput); });
}

results::Failure at_stage(std::string stage, std::string message) {
  return {.stage = std::move(stage), .exception_class = "", .message = std::move(message)};
}

/// A filter in a unit: no command knows of cases.
std::vector<results::Failure> refused_selection(const results::Unit& unit) {
  const auto& filter = unit.filter;
  std::vector<results::Failure> errors;
  const auto refuse = [&](bool is_there, std::string_view what) {
    if (!is_there) return;
    errors.push_back(at_stage("selection", std::string(what) +
                                               ": a test command runs whole files; give it "
                                               "arguments of its own behind --"));
  };
  refuse(!filter.places.empty(), filter.places.empty() ? "" : filter.places.front());
  refuse(!filter.names.empty(), "-e");
  refuse(!filter.tags.empty(), "-t");
  refuse(!filter.expression.empty(), "-E and -k over cases");
  refuse(!unit.only.empty() || !unit.except.empty(), "single cases");
  return errors;
}

/// The cases of one unit, on their way from what the command has written to the worker.
class Results {
 public:
  Results(const UnitCommand& command, const results::Unit& unit, Conversation& conversation)
      : command_(command),
        unit_{.file = unit.file, .workspace = command.workspace},
        conversation_(conversation),
        tap_(unit_, [this](const results::TestCase& found) { take(found, std::nullopt); }) {}

  /// Part of the command's standard output, when that holds the results.
  void add(std::string_view text) {
    text_ += text;
    std::size_t start = 0;
    for (std::size_t end = 0; (end = text_.find('\n', start)) != std::string::npos; start = end + 1)
      take_line(std::string_view(text_).substr(start, end - start), "\n");
    text_.erase(0, start);
    if (text_.size() <= kMaxLineBytes) return;
    print(text_);
    text_.clear();
  }

  void finish(UnitEnd& end) {
    switch (command_.command.results) {
      case ResultFormat::kTap:
        if (names_output(command_.command)) read_results([this](const std::string& t) { add(t); });
        if (!text_.empty()) take_line(text_, "");
        std::ranges::move(tap_.finish(), std::back_inserter(errors_));
        break;
      case ResultFormat::kJunit:
        read_results([this](const std::string& text) { take_junit(text); });
        break;
      case ResultFormat::kExitCode:
        if (end.status->code) take_whole(end.status->is_success(), describe(*end.status));
        break;
    }
    // Without results of its own, the exit code is the one case's, whichever it is.
    if (end.status->code && command_.command.results != ResultFormat::kExitCode) {
      const auto wrong = contradiction({.exit_code = *end.status->code,
                                        .has_bad_cases = bad_cases_ > 0,
                                        .has_errors = !errors_.empty(),
                                        .is_usual_code = is_usual(*end.status->code)});
      if (wrong) errors_.push_back(*wrong);
    }
    end.errors = std::move(errors_);
    end.has_bad_cases = bad_cases_ > 0;
  }

 private:
  /// 1 of most tools, 2 of PHPUnit for errors, 101 of Rust's; Test::More and mocha count failures.
  [[nodiscard]] bool is_usual(int exit_code) const {
    return bad_cases_ > 0 && (exit_code == 1 || exit_code == 2 || exit_code == 101 ||
                              std::cmp_equal(exit_code, bad_cases_) ||
                              (exit_code >= 254 && std::cmp_less(exit_code, bad_cases_)));
  }

  void take_line(std::string_view line, std::string_view line_end) {
    if (tap_.read(line)) return;
    print(line);
    print(line_end);
  }

  void take(const results::TestCase& found, std::optional<OutputRange> output) {
    if (results::is_bad(found.status)) ++bad_cases_;
    conversation_.tell_case(found, output);
  }

  template <class Take>
  void read_results(Take take_text) {
    const auto text = read_file(command_.output_file);
    if (text) return take_text(*text);
    errors_.push_back(outside(text.error().kind == ErrorKind::kNotFound
                                  ? "the command has written no {output}"
                                  : text.error().message));
  }

  void take_junit(const std::string& text) {
    auto junit = read_junit(text, unit_);
    if (!junit) return errors_.push_back(outside(junit.error().message));
    for (const results::TestCase& found : junit->cases) {
      OutputRange output{.from = output_size()};
      print(found.output);
      output.to = output_size();
      take(found, output);
    }
    std::ranges::move(junit->errors, std::back_inserter(errors_));
  }

  void take_whole(bool passed, const std::string& how) {
    results::TestCase whole{.id = unit_.file, .name = unit_.file, .location = unit_.file};
    if (!passed) {
      whole.status = results::CaseStatus::kFailed;
      whole.failure = at_stage("case", how);
    }
    take(whole, std::nullopt);
  }

  const UnitCommand& command_;
  ReadUnit unit_;
  Conversation& conversation_;
  TapReader tap_;
  std::string text_;  ///< The beginning of a line.
  std::size_t bad_cases_ = 0;
  std::vector<results::Failure> errors_;
};

/// Reads what the command prints, until the stream ends or is cancelled, and then says so.
Task<void> read_output(asio::posix::stream_descriptor& from, Results& results,
                       Channel<bool>& done) {
  std::array<char, std::size_t{64} * 1024> bytes;
  for (;;) {
    const auto buffer = asio::buffer(bytes);
    const auto [error, count] = co_await from.async_read_some(buffer, as_value);
    results.add({bytes.data(), count});
    if (error) break;
  }
  done.push(true);
}

/// What is still in the pipe after the command's end; what it has left running may hold it open.
void read_rest(asio::posix::stream_descriptor& from, Results& results) {
  std::array<char, std::size_t{64} * 1024> bytes;
  from.native_non_blocking(true);
  for (;;) {
    const ssize_t count = ::read(from.native_handle(), bytes.data(), bytes.size());
    if (count <= 0) return;
    results.add({bytes.data(), static_cast<std::size_t>(count)});
  }
}

/// Waits until the command has ended; what it prints on `output`, if that is not null, goes to
/// `results`.
Task<ExitStatus> follow(Subprocess& process, asio::posix::stream_descriptor* output,
                        Results& results) {
  if (output == nullptr) {
    const ExitStatus ended = co_await process.wait();
    kill_leftovers();
    co_return ended;
  }
  const auto executor = co_await asio::this_coro::executor;
  Channel<bool> done(executor);
  gorgon::spawn(executor, read_output(*output, results, done));
  const ExitStatus status = co_await process.wait();
  kill_leftovers();
  output->cancel();
  co_await done.pop();
  read_rest(*output, results);
  co_return status;
}

}  // namespace

std::vector<std::string> command_line(const UnitCommand& command, const std::string& file) {
  std::vector<std::string> argv;
  bool has_arguments = false;
  const auto add_arguments = [&] {
    argv.insert(argv.end(), command.arguments.begin(), command.arguments.end());
  };
  for (std::string word : command.command.run) {
    if (word == kArguments) {
      has_arguments = true;
      add_arguments();
      continue;
    }
    replace_all(word, kOutput, command.output_file);
    replace_all(word, kFile, file);
    argv.push_back(std::move(word));
  }
  if (!has_arguments) add_arguments();
  return argv;
}

Task<UnitEnd> run_unit(const UnitCommand& command, results::Unit unit, Conversation& conversation,
                       std::function<void(pid_t)> on_start) {
  UnitEnd end{.errors = refused_selection(unit)};
  if (!end.errors.empty()) co_return end;
  const auto executor = co_await asio::this_coro::executor;
  std::error_code ignored;
  std::filesystem::remove(command.output_file, ignored);
  SpawnOptions options{.argv = command_line(command, unit.file),
                       .descriptors = {{1, STDOUT_FILENO}, {2, STDERR_FILENO}}};
  const bool is_tap = command.command.results == ResultFormat::kTap;
  const bool reads_output = is_tap && !names_output(command.command);
  auto pipe = make_pipe();
  if (reads_output && pipe) options.descriptors.front().second = pipe->write.get();
  auto process = pipe ? Subprocess::spawn(executor, options)
                      : Result<Subprocess>(std::unexpected(pipe.error()));
  if (!process) {
    end.errors.push_back(
        at_stage("framework", "cannot start the test command: " + process.error().message));
    co_return end;
  }
  on_start(process->pid());
  pipe->write.reset();
  Results results(command, unit, conversation);
  asio::posix::stream_descriptor output(executor, pipe->read.release());
  asio::posix::stream_descriptor* const source = reads_output ? &output : nullptr;
  end.status = co_await follow(*process, source, results);
  results.finish(end);
  std::filesystem::remove(command.output_file, ignored);
  co_return end;
}

std::optional<results::Failure> contradiction(const ProgramEnd& end) {
  const std::string ended = fmt::format("the command ended with exit code {}", end.exit_code);
  if (end.exit_code == 0 && end.has_bad_cases)
    return at_stage("exit", ended + ", although a case failed");
  if (end.exit_code == 0 || end.has_errors || end.is_usual_code) return std::nullopt;
  return at_stage("exit", ended + (end.has_bad_cases ? ", which is more than that cases failed"
                                                     : ", although no case failed"));
}

}  // namespace gorgon::command_host
