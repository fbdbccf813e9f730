// A runner's side of what it and its worker say to each other: docs/runner_protocol.md, section 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "results/verdict.h"

namespace gorgon::command_host {

struct RunRequest {
  results::Unit unit;
  std::uint32_t attempt = 1;
};
struct StopRequest {};
using Request = std::variant<RunRequest, StopRequest>;

/// One line of the worker. kProtocol.
[[nodiscard]] Result<Request> parse_request(std::string_view line);

/// Where a case's output stands in the output file.
struct OutputRange {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

class Conversation {
 public:
  Conversation(const asio::any_io_executor& executor, UniqueFd socket);

  /// The next line of the worker, without its end. When there is none any more, because the worker
  /// is gone, the process ends at once, with all that it has started.
  [[nodiscard]] Task<std::string> next_line() { co_return *co_await lines_.pop(); }

  // Each is written before the function returns; when the worker is gone, the process ends.
  void tell_ready();
  void tell_started(const results::TestCase& test_case);
  void tell_case(const results::TestCase& test_case, std::optional<OutputRange> output);
  void tell_finished(const std::string& unit, bool has_passed,
                     const std::vector<results::Failure>& errors, double seconds);
  void tell_stopped();

 private:
  Task<void> read();
  void tell(const std::string& json);

  asio::posix::stream_descriptor socket_;
  Channel<std::string> lines_;
};

/// Kills all that this process has started, and ends it.
[[noreturn]] void end_at_once(int exit_code);

}  // namespace gorgon::command_host
