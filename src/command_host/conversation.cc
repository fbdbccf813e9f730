#include "command_host/conversation.h"

#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/json.h"
#include "base/process_tree.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

/// Messages and displays are capped, as the protocol says.
constexpr std::size_t kMaxMessageBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxBacktraceLines = 200;

std::string capped(std::string text) {
  if (text.size() <= kMaxMessageBytes) return text;
  text.resize(kMaxMessageBytes);
  return text + "\n[cut]";
}

Json json_of(const results::Failure& failure) {
  std::vector<std::string> backtrace = failure.backtrace;
  if (backtrace.size() > kMaxBacktraceLines) {
    backtrace.resize(kMaxBacktraceLines);
    backtrace.emplace_back("[cut]");
  }
  return {{"stage", failure.stage},
          {"class", failure.exception_class},
          {"message", capped(failure.message)},
          {"backtrace", std::move(backtrace)}};
}

}  // namespace

Result<Request> parse_request(std::string_view line) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(line));
  ObjectReader in(json, "worker");
  const std::string type = in.text("type");
  GORGON_TRY(in.status());
  if (type == "stop") return StopRequest{};
  if (type != "run")
    return fail(ErrorKind::kProtocol, "a message of unknown type \"" + type + "\"");
  RunRequest request;
  request.unit = {
      .id = in.text("unit"),
      .file = in.text("file"),
      .only = in.texts("only"),
      .except = in.texts("except"),
      .filter = {
          .places = in.texts("places"), .names = in.texts("names"), .tags = in.texts("tags")}};
  if (json.contains("expression"))
    request.unit.filter.expression = dump_json(json.at("expression"));
  request.attempt =
      static_cast<std::uint32_t>(in.integer_or("attempt", 1, {.least = 1, .most = 1'000'000}));
  GORGON_TRY(in.status());
  return request;
}

Conversation::Conversation(const asio::any_io_executor& executor, UniqueFd socket)
    : socket_(executor, socket.release()), lines_(executor) {
  spawn(executor, read());
}

Task<void> Conversation::read() {
  std::string text;
  for (;;) {
    const auto [error, length] =
        co_await asio::async_read_until(socket_, asio::dynamic_buffer(text), '\n', as_value);
    if (error) end_at_once(1);
    lines_.push(text.substr(0, length - 1));
    text.erase(0, length);
  }
}

void Conversation::tell(const std::string& json) {
  boost::system::error_code error;
  asio::write(socket_, asio::buffer(json + "\n"), error);
  if (error) end_at_once(1);
}

void Conversation::tell_ready() { tell(dump_json({{"type", "ready"}, {"pid", ::getpid()}})); }

void Conversation::tell_started(const results::TestCase& test_case) {
  tell(dump_json({{"type", "case_started"},
                  {"id", test_case.id},
                  {"name", test_case.name},
                  {"location", test_case.location}}));
}

void Conversation::tell_case(const results::TestCase& test_case,
                             std::optional<OutputRange> output) {
  Json json = {{"type", "case"},
               {"id", test_case.id},
               {"name", test_case.name},
               {"location", test_case.location},
               {"status", results::name_of(test_case.status)},
               {"seconds", test_case.seconds},
               {"failure", nullptr},
               {"pending", nullptr},
               {"output", nullptr}};
  if (test_case.failure) json["failure"] = json_of(*test_case.failure);
  if (!test_case.pending_message.empty()) json["pending"] = capped(test_case.pending_message);
  if (output) json["output"] = {output->from, output->to};
  tell(dump_json(json));
}

void Conversation::tell_finished(const std::string& unit, bool has_passed,
                                 const std::vector<results::Failure>& errors, double seconds) {
  Json list = Json::array();
  for (const results::Failure& error : errors) list.push_back(json_of(error));
  tell(dump_json({{"type", "unit_finished"},
                  {"unit", unit},
                  {"verdict", has_passed ? "passed" : "failed"},
                  {"errors", std::move(list)},
                  {"seconds", seconds},
                  {"replace", false}}));
}

void Conversation::tell_stopped() {
  tell(dump_json({{"type", "stopped"}, {"errors", Json::array()}}));
}

void end_at_once(int exit_code) {
  kill_descendants(::getpid());
  std::_Exit(exit_code);
}

}  // namespace gorgon::command_host
