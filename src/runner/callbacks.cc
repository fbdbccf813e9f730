#include "runner/callbacks.h"

#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/asio.h"
#include "base/files.h"
#include "base/json.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/project_config.h"
#include "results/verdict.h"
#include "runner/embedded_files.h"
#include "runner/runner_host.h"
#include "runner/runner_protocol.h"

namespace gorgon::runner {

namespace {

constexpr std::string_view kClusterMark = "cluster=";
constexpr int kResultFd = 3;
constexpr std::size_t kMaxResultBytes = 128 * 1024;

RunOptions run_options(const CallbackOptions& options) {
  RunOptions run;
  run.timeout = options.timeout;
  run.spawn.working_directory = options.directory;
  for (const auto& [name, value] : options.env) run.spawn.environment.emplace_back(name, value);
  return run;
}

/// Why a callback did not run to its end; `what` names it.
std::unexpected<Error> not_finished(const std::string& what, const Error& error,
                                    const CallbackOptions& options) {
  if (error.kind != ErrorKind::kTimeout)
    return fail(ErrorKind::kCallback, what + ": " + error.message);
  return fail(ErrorKind::kCallback, what + " did not end within " +
                                        human_duration(options.timeout) +
                                        " (\"timeouts.callback\") and was killed");
}

std::string output_of(const RunOutput& finished) {
  const std::string text = finished.output + finished.errors;
  return text.empty() ? "" : "\n  output:\n" + last_lines(text, 40);
}

/// What callback_main.rb wrote: {"result": string or null} or {"error": {…}}.
Result<std::optional<std::string>> parse_result(config::Callback callback, const std::string& line,
                                                const RunOutput& finished) {
  const std::string name(name_of(callback));
  const auto json = parse_json(line);
  if (!json) {
    return fail(ErrorKind::kCallback, "callback " + name + " ended with " +
                                          describe(finished.status) + output_of(finished));
  }
  ObjectReader in(*json, name);
  results::Failure failure;
  const bool failed = in.object("error", [&](ObjectReader& error) {
    failure.exception_class = error.text_or("class", "");
    failure.message = error.text_or("message", "");
    failure.backtrace = error.texts("backtrace");
  });
  if (failed) {
    return fail(ErrorKind::kCallback,
                "callback " + name + " failed: " + describe(failure) + output_of(finished));
  }
  return in.optional_text("result");
}

Task<Result<std::optional<std::string>>> run_ruby_method(const std::string& class_file,
                                                         config::Callback callback,
                                                         const CallbackOptions& options) {
  GORGON_CO_TRY_ASSIGN(const TempDir scratch, TempDir::make("gorgon-callback-"));
  GORGON_CO_TRY(unpack_embedded_files(scratch.path()));
  GORGON_CO_TRY_ASSIGN(Pipe result, make_pipe());
  RunOptions run = run_options(options);
  run.spawn.argv = ruby_command(options.directory, scratch.path() / "ruby/callback_main.rb");
  run.spawn.argv.emplace_back(name_of(callback));
  run.spawn.argv.push_back(class_file);
  run.spawn.environment.emplace_back("GORGON_CALLBACK_FD", std::to_string(kResultFd));
  run.spawn.descriptors.emplace_back(kResultFd, result.write.get());
  auto finished = co_await gorgon::run(std::move(run));
  if (!finished) {
    co_return not_finished("callback " + std::string(name_of(callback)), finished.error(), options);
  }
  result.write.reset();
  // The line was written before the exit, and fits the pipe; whatever else holds the pipe open has
  // nothing to say.
  std::string line(kMaxResultBytes, '\0');
  asio::posix::stream_descriptor reader(co_await asio::this_coro::executor, result.read.release());
  reader.native_non_blocking(true);
  boost::system::error_code error;
  line.resize(reader.read_some(asio::buffer(line), error));
  co_return parse_result(callback, line, *finished);
}

}  // namespace

std::chrono::steady_clock::duration callback_limit(std::chrono::duration<double> configured) {
  constexpr auto kForever = std::chrono::years(10);
  if (configured.count() <= 0 || configured > kForever) return kForever;
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(configured);
}

Task<Result<std::optional<std::string>>> run_callback_command(config::Callbacks callbacks,
                                                              config::Callback callback,
                                                              CallbackOptions options) {
  const auto command = callbacks.commands.find(callback);
  if (command == callbacks.commands.end()) co_return std::nullopt;
  const std::string what =
      "callback " + std::string(name_of(callback)) + ": \"" + command->second + "\"";
  RunOptions run = run_options(options);
  run.spawn.argv = {"/bin/sh", "-c", command->second};
  auto finished = co_await gorgon::run(std::move(run));
  if (!finished) co_return not_finished(what, finished.error(), options);
  if (!finished->status.is_success()) {
    co_return fail(ErrorKind::kCallback,
                   what + " ended with " + describe(finished->status) + output_of(*finished));
  }
  const std::string last = last_lines(finished->output, 1);
  if (callback != config::Callback::kBeforeOriginate || !last.starts_with(kClusterMark))
    co_return std::nullopt;
  co_return last.substr(kClusterMark.size());
}

Task<Result<std::optional<std::string>>> run_callback(config::Callbacks callbacks,
                                                      config::Callback callback,
                                                      CallbackOptions options) {
  GORGON_CO_TRY_ASSIGN(std::optional<std::string> result,
                       co_await run_callback_command(callbacks, callback, options));
  if (callbacks.class_file.empty()) co_return result;
  GORGON_CO_TRY_ASSIGN(std::optional<std::string> from_ruby,
                       co_await run_ruby_method(callbacks.class_file, callback, options));
  co_return from_ruby ? from_ruby : result;
}

}  // namespace gorgon::runner
