#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/signature.h"
#include "cli/ask_listeners.h"
#include "cli/commands.h"
#include "cli/secrets.h"
#include "cli/signing_key.h"
#include "config/project_config.h"
#include "protocol/messages.h"
#include "report/display_text.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

/// Installing a gem with extensions takes minutes.
constexpr std::chrono::duration<double> kGemWait{600};

/// How many listeners there are to wait for.
Task<Result<std::size_t>> count_listeners(config::ProjectConfig config) {
  std::size_t count = 0;
  Question question{
      .config = std::move(config),
      .message = [](const std::string& queue) { return protocol::Ping{.reply_queue = queue}; },
      .answered =
          [&](const protocol::Message&) {
            ++count;
            return false;
          },
      .wait = kPingWait};
  GORGON_CO_TRY(co_await ask_listeners(std::move(question)));
  co_return count;
}

/// Prints each answer; gives how many listeners did not do it.
Task<Result<std::size_t>> run_everywhere(config::ProjectConfig config,
                                         std::optional<PrivateKey> signing_key,
                                         std::vector<std::string> arguments) {
  GORGON_CO_TRY_ASSIGN(std::size_t waiting, co_await count_listeners(config));
  if (waiting == 0) co_return fail(ErrorKind::kNotFound, "no listener answered");
  std::size_t failed = 0;
  Question question{.config = std::move(config),
                    .signing_key = std::move(signing_key),
                    .message =
                        [&](const std::string& queue) {
                          return protocol::GemCommand{.reply_queue = queue, .arguments = arguments};
                        },
                    .answered =
                        [&](const protocol::Message& answer) {
                          const auto* output = std::get_if<protocol::CommandOutput>(&answer);
                          if (output == nullptr) return false;
                          std::printf("%s:", report::safe_line(output->host).c_str());
                          for (const std::string& line : report::safe_lines(output->output))
                            std::printf(" %s\n", line.c_str());
                          if (output->exit_code != 0) ++failed;
                          return --waiting == 0;
                        },
                    .wait = kGemWait};
  GORGON_CO_TRY(co_await ask_listeners(std::move(question)));
  co_return failed + waiting;
}

}  // namespace

int gem(const GemCommand& command) {
  auto config = load_project(command.config_file, command.config_is_required);
  if (!config) return complain(config.error());
  if (command.cluster) config->cluster = *command.cluster;
  if (command.arguments.empty())
    return complain({ErrorKind::kUsage,
                     "gorgon gem: what should gem do? For example: gorgon gem install rake"});
  auto key = signing_key(*config, command.config_file);
  if (!key) return complain(key.error());
  asio::io_context io(1);
  const auto failed =
      run_to_completion(io, run_everywhere(*config, *std::move(key), command.arguments));
  if (!failed) return complain(failed.error());
  return *failed == 0 ? 0 : results::kTestsFailed;
}

}  // namespace gorgon::cli
